"""Own the remembering of a table's columns: widths, order and what it is sorted by.

Once its model is set and its columns have their usual widths, a table says::

    self.columns = RememberedColumns(self.horizontalHeader(), settings, "profiles")

and nothing more: what was stored is taken at once, what the user changes is stored soon after. The page
calls ``self.columns.save()`` when it closes, so that a change of the last moment is not lost. Widths that
the table itself sets later, as in ``resizeEvent``, belong in ``with self.columns.arranging():`` and are
left alone where ``self.columns.chosen`` says that the user has set them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QByteArray, QObject, QSettings, QTimer
from PySide6.QtWidgets import QHeaderView

_SAVE_MS = 300


def window_settings(config: Path, parent: QObject) -> QSettings:
    """What the window remembers between starts.

    Args:
        config: the folder of the settings, as in ``context.folders.config``.
        parent: who needs it; it goes with them.
    """
    return QSettings(str(config / "window.ini"), QSettings.Format.IniFormat, parent)


class RememberedColumns(QObject):
    """One header's columns, kept in the settings under the table's name.

    States of another version, or of another number of columns, are kept apart: they are neither taken
    nor overwritten.
    """

    def __init__(self, header: QHeaderView, settings: QSettings, table: str, *, version: int = 1) -> None:
        """Take what was stored, if anything, and store what changes from now on.

        Args:
            header: of a table whose columns are there, with their usual widths.
            table: a name for the settings, such as ``profiles``.
            version: to be raised when the columns, their order or their resize modes change.
        """
        super().__init__(header)
        self._header, self._settings = header, settings
        self._table, self._version = table, version
        self._arranging = False
        self.chosen = False
        """Whether widths, order or sorting are the user's: stored before, or changed since."""
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(_SAVE_MS)
        self._late.timeout.connect(self._store)
        self.restore()
        header.sectionResized.connect(self._resized)
        header.sectionMoved.connect(self._changed)
        header.sortIndicatorChanged.connect(self._changed)

    @contextmanager
    def arranging(self) -> Iterator[None]:
        """Changes made meanwhile are the table's own and are not remembered."""
        before, self._arranging = self._arranging, True
        try:
            yield
        finally:
            self._arranging = before

    def restore(self) -> bool:
        """Take what was stored; False if nothing was, or nothing of use. Again after columns changed."""
        state = self._settings.value(self._key())
        with self.arranging():
            self.chosen = (
                isinstance(state, QByteArray) and not state.isEmpty() and self._header.restoreState(state)
            )
        return self.chosen

    def save(self) -> None:
        """Store a change that is not stored yet."""
        if self._late.isActive():
            self._late.stop()
            self._store()

    def _key(self) -> str:
        return f"columns/{self._table}/{self._version}.{self._header.count()}"

    def _store(self) -> None:
        self._settings.setValue(self._key(), self._header.saveState())

    def _resized(self, section: int, before: int, after: int) -> None:
        if before and after and not self._stretched(section):  # else hidden, shown, or along with the window
            self._changed()

    def _stretched(self, section: int) -> bool:
        header = self._header
        if header.sectionResizeMode(section) == QHeaderView.ResizeMode.Stretch:
            return True
        return header.stretchLastSection() and header.visualIndex(section) == header.count() - 1

    def _changed(self) -> None:
        if not self._arranging:
            self.chosen = True
            self._late.start()
