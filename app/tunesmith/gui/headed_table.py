"""Own what the tables of candidates share: headings with explanations, where figures stand, a quiet look."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QAbstractItemView, QTableView

from tunesmith.gui.theme import TABLE_PX, Colours

Index = QModelIndex | QPersistentModelIndex


class HeadedModel(QAbstractTableModel):
    """A model whose columns have names, an explanation on hover, and a side on which their texts stand."""

    def __init__(
        self, colours: Colours, headings: Sequence[str], tips: Sequence[str], *, figures: Collection[int]
    ) -> None:
        """Without lines.

        Args:
            figures: columns of numbers, which stand at the right.
        """
        super().__init__()
        self.colours = colours
        self._headings, self._tips, self._figures = headings, tips, frozenset(figures)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 (Qt's)
        """As many as there are headings."""
        return 0 if parent.isValid() else len(self._headings)

    def headerData(  # noqa: N802 (Qt's name)
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Names of the columns, with an explanation on hover."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._headings[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tips[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(section)
        return None

    def alignment(self, column: int) -> Qt.AlignmentFlag:
        """Where a column's texts stand."""
        side = Qt.AlignmentFlag.AlignRight if column in self._figures else Qt.AlignmentFlag.AlignLeft
        return side | Qt.AlignmentFlag.AlignVCenter

    def of_title(self, role: int) -> Any:
        """How a line looks that is the title of those under it."""
        if role == Qt.ItemDataRole.FontRole:
            font = QFont()
            font.setPixelSize(TABLE_PX)
            font.setWeight(QFont.Weight.DemiBold)
            return font
        if role == Qt.ItemDataRole.BackgroundRole:
            return QColor(self.colours.window)
        return None


def look_quiet(table: QTableView) -> None:
    """No grid, no edits, no jumps; what is too long ends in an ellipsis."""
    table.setShowGrid(False)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    table.verticalHeader().hide()
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setSectionsClickable(False)
    header.setMinimumSectionSize(40)
