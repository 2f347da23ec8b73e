"""Own the commands of the profiles page: their names, their keys, and when each can be used."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from tunesmith.gui.pages.profile_deeds import ProfileDeeds
from tunesmith.presentation.compare import FEWEST, MOST
from tunesmith.wording import tr


class ProfileActions(QObject):
    """Actions on what is chosen in the table, and two that need nothing chosen."""

    def __init__(
        self,
        page: QWidget,
        table: QWidget,
        deeds: ProfileDeeds,
        *,
        of_one: Callable[[Callable[..., object]], Callable[[], None]],
        rename: Callable[[], object],
        compare: Callable[[], object],
        delete: Callable[[], object],
        export: Callable[[], object],
        find: Callable[[], object],
        explain: Callable[[], object],
        cost: Callable[[], object],
    ) -> None:
        """Make them.

        Args:
            page: while it is shown the keys are its own, wherever in the window the keyboard is.
            table: what Delete belongs to, so that it is not the search's or the notes'.
            of_one: makes a call without arguments of a deed on the profile that is shown.
        """
        super().__init__(page)
        self.rename = _action(tr("Rename"), "F2", rename, page)
        self.duplicate = _action(tr("Duplicate"), "Ctrl+D", of_one(deeds.duplicate), page)
        self.compare = _action(tr("Compare"), "Ctrl+Return", compare, page)
        self.copy_command = _action(
            tr("Copy llama-server command"), "Ctrl+Shift+C", of_one(deeds.copy_command), page
        )
        self.explain = _action(tr("Why these settings"), "Ctrl+Shift+E", explain, page)
        self.cost = _action(tr("What tokens cost"), "Ctrl+Shift+K", cost, page)
        self.soak = _action(tr("How long the speed holds"), "Ctrl+Shift+S", of_one(deeds.soak), page)
        self.export = _action(tr("Export…"), "Ctrl+E", export, page)
        self.delete = _action(tr("Delete"), "Del", delete, table)
        self.delete.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.import_files = _action(tr("Import…"), "Ctrl+I", deeds.ask_what, page)
        self.find = _action(tr("Find"), "Ctrl+F", find, page)

    @property
    def _of_one(self) -> Sequence[QAction]:
        return (self.explain, self.cost, self.soak, self.rename, self.duplicate, self.copy_command)

    def enable(self, chosen: int) -> None:
        """Offer what can be done with this many profiles."""
        for action in self._of_one:
            action.setEnabled(chosen == 1)
        self.export.setEnabled(chosen > 0)
        self.delete.setEnabled(chosen > 0)
        self.compare.setEnabled(comparable(chosen))

    def menu(self, parent: QWidget) -> QMenu:
        """What can be done with one profile beside what has a button."""
        made = QMenu(parent)
        made.addActions((*self._of_one, self.export))
        made.addSeparator()
        made.addAction(self.delete)
        return made


def comparable(chosen: int) -> bool:
    """Whether this many profiles can be set side by side."""
    return FEWEST <= chosen <= MOST


def _action(text: str, keys: str, call: Callable[[], object], owner: QWidget) -> QAction:
    made = QAction(text, owner)
    made.setShortcut(QKeySequence(keys))
    made.triggered.connect(lambda _checked=False: call())
    owner.addAction(made)
    return made
