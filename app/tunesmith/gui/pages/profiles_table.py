"""Own the table of profiles: what can be edited, chosen and filtered out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QItemSelection, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QTableView

from tunesmith.gui.lines_table import Index, LinesModel, LinesProxy, lay_out
from tunesmith.presentation.profiles import COLUMNS, NAME_COLUMN, SPEED_COLUMN, ProfileLine, matches
from tunesmith.wording import tr

_WIDTHS = (192, 138, 150, 100, 110, 170, 240, 90)


class ProfilesModel(LinesModel):
    """The lines; a changed name is asked for, not set."""

    lines: Sequence[ProfileLine]
    rename_asked = Signal(str, str)

    def __init__(self) -> None:
        super().__init__(COLUMNS, figures=(SPEED_COLUMN, len(COLUMNS) - 1))

    def tip(self, line: ProfileLine, column: int) -> str:
        """How the speed was compared."""
        return line.speed_tip if column == SPEED_COLUMN else super().tip(line, column)

    def setData(  # noqa: N802 (Qt's name)
        self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        """Ask for another name; the list is read again once it is stored."""
        line = self.lines[index.row()]
        name = " ".join(str(value).split())[:200]
        if role != Qt.ItemDataRole.EditRole or not name or name == line.name:
            return False
        self.rename_asked.emit(line.id, name)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Names can be edited."""
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == NAME_COLUMN else flags


class ProfilesProxy(LinesProxy):
    """Filters by words, model and machine class."""

    def __init__(self, source: ProfilesModel) -> None:
        super().__init__(source)
        self._search = ""
        self._model: str | None = None
        self._machine: str | None = None

    def narrow(self, search: str, *, model: str | None, machine: str | None) -> None:
        """Show only what matches."""
        self._search, self._model, self._machine = search, model or None, machine or None
        self.invalidate()

    def accepts(self, line: ProfileLine) -> bool:
        """Whether a line matches."""
        return matches(line, self._search, model=self._model, machine=self._machine)


class ProfilesTable(QTableView):
    """The table; several rows can be chosen."""

    def __init__(self, proxy: ProfilesProxy, source: ProfilesModel) -> None:
        super().__init__()
        self._proxy, self._source = proxy, source
        self.setModel(proxy)
        self.setAccessibleName(tr("Profiles"))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        lay_out(self, _WIDTHS)
        self.sortByColumn(len(COLUMNS) - 1, Qt.SortOrder.DescendingOrder)

    def chosen(self) -> list[ProfileLine]:
        """The chosen lines, from top to bottom."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self.line(row) for row in rows]

    def line(self, row: int) -> ProfileLine:
        """The line shown in a row."""
        return self._source.lines[self._proxy.mapToSource(self._proxy.index(row, 0)).row()]

    def current_line(self) -> ProfileLine | None:
        """The line that the keyboard is on."""
        index = self.currentIndex()
        return self.line(index.row()) if index.isValid() else None

    def choose(self, wanted: Callable[[ProfileLine], bool]) -> bool:
        """Select the lines that are wanted; False if none is shown."""
        selection = self.selectionModel()
        rows = [row for row in range(self._proxy.rowCount()) if wanted(self.line(row))]
        chosen = QItemSelection()
        for row in rows:
            index = self._proxy.index(row, NAME_COLUMN)
            chosen.select(index, index)
        if rows:
            first = self._proxy.index(rows[0], NAME_COLUMN)
            selection.setCurrentIndex(first, selection.SelectionFlag.NoUpdate)
            self.scrollTo(first)
        selection.select(chosen, selection.SelectionFlag.ClearAndSelect | selection.SelectionFlag.Rows)
        return bool(rows)

    def edit_name(self) -> None:
        """Let the current profile be renamed in place."""
        index = self.currentIndex()
        if index.isValid():
            self.edit(index.siblingAtColumn(NAME_COLUMN))
