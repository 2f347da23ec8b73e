"""Own the table of what differs between profiles."""

from __future__ import annotations

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from tunesmith.gui.columns import RememberedColumns
from tunesmith.gui.theme import TABLE_PX, Colours, tabular
from tunesmith.presentation.compare import Comparison, Difference, table
from tunesmith.wording import tr

_NAMES_WIDTH = 132
_ROW_HEIGHT = 28


class CompareTable(QTableWidget):
    """A line for each setting and quantity, a column for each profile; as high as its lines."""

    def __init__(self, colours: Colours, settings: QSettings) -> None:
        """An empty table.

        Args:
            settings: where the width of the names is remembered.
        """
        super().__init__()
        self._colours = colours
        self._comparison: Comparison | None = None
        self._only_differences = True
        self.setAccessibleName(tr("Differences"))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ContiguousSelection)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        self.horizontalHeader().setHighlightSections(False)
        self.columns = RememberedColumns(self.horizontalHeader(), settings, "differences")

    def show_comparison(self, comparison: Comparison, *, only_differences: bool) -> None:
        """Fill with another comparison."""
        self._comparison, self._only_differences = comparison, only_differences
        self._fill()

    def recolour(self, colours: Colours) -> None:
        """Draw in another theme."""
        self._colours = colours
        self._fill()

    def _fill(self) -> None:
        comparison = self._comparison
        if comparison is None:
            return
        lines = table(comparison, only_differences=self._only_differences)
        self.clear()
        self.clearSpans()
        self._set_columns(1 + len(comparison.names))
        self.setHorizontalHeaderLabels(["", *comparison.headings])
        for column in range(self.columnCount()):
            item = self.horizontalHeaderItem(column)
            if item is not None:
                item.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(item.text())
        sections = list(dict.fromkeys(line.section for line in lines))
        self.setRowCount(len(lines) + len(sections))
        row, section = 0, ""
        for line in lines:
            if line.section != section:
                section = line.section
                self._put_section(row, section)
                row += 1
            self._put_line(row, line)
            row += 1
        height = self.horizontalHeader().sizeHint().height()
        self.setFixedHeight(height + self.rowCount() * _ROW_HEIGHT + 2)

    def _set_columns(self, count: int) -> None:
        """Have this many; the profiles share what the names, as wide as the user wants, leave."""
        if self.columnCount() == count:
            return
        self.columns.save()
        header = self.horizontalHeader()
        with self.columns.arranging():
            self.setColumnCount(count)
            header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
            header.resizeSection(0, _NAMES_WIDTH)
        self.columns.restore()

    def _put_section(self, row: int, section: str) -> None:
        item = QTableWidgetItem(section)
        item.setFont(tabular(self.font(), pixels=TABLE_PX, bold=True))
        item.setFlags(Qt.ItemFlag.ItemIsEnabled)
        self.setItem(row, 0, item)
        self.setSpan(row, 0, 1, self.columnCount())

    def _put_line(self, row: int, line: Difference) -> None:
        figures = tabular(self.font(), pixels=TABLE_PX)
        for column, text in enumerate((line.name, *line.cells)):
            item = QTableWidgetItem(text)
            item.setFont(figures)
            item.setToolTip(line.tip if column == 0 and line.tip else text)
            if column == 0 or not line.differs:
                item.setForeground(QColor(self._colours.secondary))
            self.setItem(row, column, item)
