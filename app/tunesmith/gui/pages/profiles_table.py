"""Own the table of profiles: its rows, their order and what is filtered out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from tunesmith.gui.theme import TABLE_PX, tabular
from tunesmith.presentation.profiles import COLUMNS, NAME_COLUMN, SPEED_COLUMN, ProfileLine, matches
from tunesmith.wording import tr

Index = QModelIndex | QPersistentModelIndex
_WIDTHS = (192, 138, 150, 100, 110, 170, 240, 90)
_NOWHERE = QModelIndex()
ROW_HEIGHT = 30


class ProfilesModel(QAbstractTableModel):
    """The lines; a changed name is asked for, not set."""

    rename_asked = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self.lines: Sequence[ProfileLine] = ()
        self._figures = tabular(QFont(), pixels=TABLE_PX)

    def replace(self, lines: Sequence[ProfileLine]) -> None:
        """Show other lines."""
        self.beginResetModel()
        self.lines = lines
        self.endResetModel()

    def rowCount(self, parent: Index = _NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """How many profiles there are."""
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index = _NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """As many as there are headings."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Text, tool tip, font; sort keys are asked of the lines."""
        line = self.lines[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole:
                return line.cells[index.column()]
            case Qt.ItemDataRole.ToolTipRole:
                return line.speed_tip if index.column() == SPEED_COLUMN else line.cells[index.column()]
            case Qt.ItemDataRole.FontRole if index.column() in (SPEED_COLUMN, len(COLUMNS) - 1):
                return self._figures
            case _:
                return None

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

    def headerData(  # noqa: N802 (Qt's name)
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """The columns' names."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return COLUMNS[section]
            case Qt.ItemDataRole.TextAlignmentRole:
                return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            case _:
                return None


class ProfilesProxy(QSortFilterProxyModel):
    """Orders by the lines' keys and filters by words, model and machine class."""

    def __init__(self, source: ProfilesModel) -> None:
        super().__init__()
        self._source = source
        self._search, self._model, self._machine = "", "", ""
        self.setSourceModel(source)

    def narrow(self, search: str, *, model: str | None, machine: str | None) -> None:
        """Show only what matches."""
        self._search, self._model, self._machine = search, model or "", machine or ""
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:  # noqa: N802 (Qt's name)
        """Whether a line matches."""
        del parent
        line = self._source.lines[row]
        return matches(line, self._search, model=self._model or None, machine=self._machine or None)

    def lessThan(self, left: Index, right: Index) -> bool:  # noqa: N802 (Qt's name)
        """Order by the keys, so that numbers are ordered as numbers."""
        lines = self._source.lines
        return lines[left.row()].keys[left.column()] < lines[right.row()].keys[right.column()]


class ProfilesTable(QTableView):
    """The table; several rows can be chosen."""

    def __init__(self, proxy: ProfilesProxy, source: ProfilesModel) -> None:
        super().__init__()
        self._proxy, self._source = proxy, source
        self.setModel(proxy)
        self.setAccessibleName(tr("Profiles"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names often differ at their ends
        self.setTabKeyNavigation(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsMovable(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        for column, width in enumerate(_WIDTHS):
            self.setColumnWidth(column, width)
        self.setSortingEnabled(True)
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
