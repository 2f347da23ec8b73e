"""Own the table of a fleet's devices: its lines, their order and what is filtered out."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from tunesmith.domain.verification import Answer
from tunesmith.gui.theme import TABLE_PX, tabular
from tunesmith.presentation.fleet_lines import COLUMNS, SPEED_COLUMN, FleetLine, matches
from tunesmith.wording import tr

Index = QModelIndex | QPersistentModelIndex
_WIDTHS = (160, 96, 80, 220, 180, 170, 120)
_NOWHERE = QModelIndex()
_ROW_HEIGHT = 30


class FleetModel(QAbstractTableModel):
    """The lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: Sequence[FleetLine] = ()
        self._figures = tabular(QFont(), pixels=TABLE_PX)

    def replace(self, lines: Sequence[FleetLine]) -> None:
        """Show other lines."""
        self.beginResetModel()
        self.lines = lines
        self.endResetModel()

    def rowCount(self, parent: Index = _NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """How many devices there are."""
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index = _NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """As many as there are headings."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Text, tool tip, font; sort keys are asked of the lines."""
        line = self.lines[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return line.cells[index.column()]
            case Qt.ItemDataRole.ToolTipRole:
                return line.tip if index.column() in (1, SPEED_COLUMN) else line.cells[index.column()]
            case Qt.ItemDataRole.FontRole if index.column() in (SPEED_COLUMN, len(COLUMNS) - 1):
                return self._figures
            case _:
                return None

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


class FleetProxy(QSortFilterProxyModel):
    """Orders by the lines' keys and filters by words and answer."""

    def __init__(self, source: FleetModel) -> None:
        super().__init__()
        self._source = source
        self._search = ""
        self._answer: Answer | None = None
        self.setSourceModel(source)

    def narrow(self, search: str, answer: Answer | None) -> None:
        """Show only what matches."""
        self._search, self._answer = search, answer
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:  # noqa: N802 (Qt's name)
        """Whether a line matches."""
        del parent
        return matches(self._source.lines[row], self._search, self._answer)

    def lessThan(self, left: Index, right: Index) -> bool:  # noqa: N802 (Qt's name)
        """Order by the keys, so that numbers are ordered as numbers."""
        one, other = (self._source.lines[index.row()].keys[index.column()] for index in (left, right))
        return str(one) < str(other) if isinstance(one, str) else float(one) < float(other)


class FleetTable(QTableView):
    """The table; the slowest come first."""

    def __init__(self, proxy: FleetProxy) -> None:
        super().__init__()
        self.setModel(proxy)
        self.setAccessibleName(tr("Results"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsMovable(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        for column, width in enumerate(_WIDTHS):
            self.setColumnWidth(column, width)
        self.setSortingEnabled(True)
        self.sortByColumn(SPEED_COLUMN, Qt.SortOrder.AscendingOrder)
