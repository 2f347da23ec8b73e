"""Own what tables of whole lines share: a model over lines with cells and keys, their order, a look."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from tunesmith.gui.theme import TABLE_PX, tabular

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()
ROW_HEIGHT = 30


class Line(Protocol):
    """What a row shows, and what it is ordered by."""

    @property
    def cells(self) -> Sequence[str]:
        """The text of each column."""

    @property
    def keys(self) -> Sequence[Any]:
        """What each column is ordered by: of one kind within a column."""


class LinesModel(QAbstractTableModel):
    """Lines that are replaced as a whole."""

    lines: Sequence[Any] = ()

    def __init__(self, headings: Sequence[str], *, figures: Collection[int]) -> None:
        """Without lines.

        Args:
            figures: columns of numbers, whose digits are of one width.
        """
        super().__init__()
        self._headings, self._figures = headings, frozenset(figures)
        self._figures_font = tabular(QFont(), pixels=TABLE_PX)

    def replace(self, lines: Sequence[Line]) -> None:
        """Show other lines."""
        self.beginResetModel()
        self.lines = lines
        self.endResetModel()

    def tip(self, line: Any, column: int) -> str:
        """What is said of a cell under the mouse: its whole text."""
        return str(line.cells[column])

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """How many lines there are."""
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """As many as there are headings."""
        return 0 if parent.isValid() else len(self._headings)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Text, tool tip, font; sort keys are asked of the lines."""
        line, column = self.lines[index.row()], index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole:
                return line.cells[column]
            case Qt.ItemDataRole.ToolTipRole:
                return self.tip(line, column)
            case Qt.ItemDataRole.FontRole if column in self._figures:
                return self._figures_font
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
                return self._headings[section]
            case Qt.ItemDataRole.TextAlignmentRole:
                return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            case _:
                return None


class LinesProxy(QSortFilterProxyModel):
    """Orders by the lines' keys; which lines are shown is its heirs' to say."""

    def __init__(self, source: LinesModel) -> None:
        super().__init__()
        self._source = source
        self.setSourceModel(source)

    def accepts(self, line: Any) -> bool:
        """Whether a line is shown."""
        raise NotImplementedError

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:  # noqa: N802 (Qt's name)
        """Whether a line matches."""
        del parent
        return self.accepts(self._source.lines[row])

    def lessThan(self, left: Index, right: Index) -> bool:  # noqa: N802 (Qt's name)
        """Order by the keys, so that numbers are ordered as numbers."""
        lines = self._source.lines
        return bool(lines[left.row()].keys[left.column()] < lines[right.row()].keys[right.column()])


def lay_out(table: QTableView, widths: Sequence[int]) -> None:
    """Whole rows, columns that can be moved and widened, no grid; long names are cut in the middle.

    Args:
        table: with its model.
        widths: of the columns, in pixels; the last one takes what is left.
    """
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names often differ at their ends
    table.setTabKeyNavigation(False)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setSectionsMovable(True)
    header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    header.setStretchLastSection(True)
    for column, width in enumerate(widths):
        table.setColumnWidth(column, width)
    table.setSortingEnabled(True)
