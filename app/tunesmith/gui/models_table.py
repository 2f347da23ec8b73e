"""Own the table of models: rows of the library, sorted and filtered, ten thousand of them at ease."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QSettings,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QBrush, QColor, QHideEvent, QIcon, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from tunesmith.gui.columns import RememberedColumns
from tunesmith.gui.icons import icon
from tunesmith.gui.theme import TABLE_PX, Colours, tabular
from tunesmith.presentation.library import COLUMNS, INDEX, Column, Row, search_words
from tunesmith.wording import tr

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
ROW_HEIGHT = 30
_NAME_WIDTH = 190
"""Below this the less telling columns make room; the details show them."""
_WIDTHS: dict[Column, int] = {
    "parameters": 92, "quantization": 118, "size": 104, "fits": 64, "tuned": 76, "architecture": 104,
    "context": 80, "bits": 88,
}  # fmt: skip
_YIELDING: tuple[Column, ...] = ("bits", "context", "architecture", "parameters", "tuned")
_LEAST_WIDTH, _MOST_WIDTH = 48, 600


class LibraryModel(QAbstractTableModel):
    """The rows in their order; texts and sort keys are computed beforehand."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self._by_name: Sequence[Row] = ()
        self._column, self._descending = 0, False
        self._brushes: dict[str, QBrush] = {}
        self._warning = QIcon()

    def set_colours(self, colours: Colours) -> None:
        """Draw in the theme's colours."""
        tones = {"good": colours.better, "caution": colours.warning, "bad": colours.worse}
        self._brushes = {tone: QBrush(QColor(colour)) for tone, colour in tones.items()}
        self._brushes["muted"] = QBrush(QColor(colours.secondary))
        self._warning = icon("warning", colours.warning)
        if self.rows:
            last = self.index(len(self.rows) - 1, len(COLUMNS) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows, given by name, in the order that was chosen."""
        self.beginResetModel()
        self._by_name = rows
        self.rows = self._ordered()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order by a column; what is unknown stays last, equal rows keep their order by name."""
        self._column, self._descending = max(0, column), order == Qt.SortOrder.DescendingOrder
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        kept = [(self.rows[index.row()].entry.path, index.column()) for index in before]
        self.rows = self._ordered()
        places = {row.entry.path: number for number, row in enumerate(self.rows)}
        after = [self.index(places[path], number) for path, number in kept]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _ordered(self) -> list[Row]:
        column = self._column
        known = [row for row in self._by_name if not row.keys[column][0]]
        unknown = [row for row in self._by_name if row.keys[column][0]]
        if column or self._descending:
            known.sort(key=lambda row: row.keys[column], reverse=self._descending)
        return known + unknown

    # ------------------------------------------------------------- what Qt asks

    def rowCount(self, parent: Index = _NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """How many rows there are."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = _NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """How many columns there are."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, colour, alignment; nothing is computed here."""
        row, column = self.rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return row.cells[column]
        if role == Qt.ItemDataRole.ForegroundRole:
            if not row.usable:
                return self._brushes.get("muted")
            return self._brushes.get(row.fits_tone) if column == INDEX["fits"] else None
        if role == Qt.ItemDataRole.TextAlignmentRole and COLUMNS[column].numeric:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.DecorationRole and column == 0 and row.entry.kind == "broken":
            return self._warning
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{row.cells[0]}\n{row.tip}" if column == 0 else row.tip
        return None

    def headerData(  # noqa: N802 (Qt's name)
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """The columns' titles and what they mean."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title
        if role == Qt.ItemDataRole.ToolTipRole:
            return COLUMNS[section].tip
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if COLUMNS[section].numeric else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None


class LibraryFilter(QSortFilterProxyModel):
    """Shows the rows that match what is typed; the order is the model's own."""

    def __init__(self, model: LibraryModel) -> None:
        super().__init__()
        self._model = model
        self._words: tuple[str, ...] = ()
        self.setSourceModel(model)

    def set_text(self, text: str) -> None:
        """Show rows that have every word of the text."""
        self._words = search_words(text)
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:  # noqa: N802 (Qt's name)
        """Whether a row is shown."""
        del parent
        return not self._words or self._model.rows[row].matches(self._words)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the model itself, by its keys."""
        self._model.sort(column, order)


class ModelsTable(QTableView):
    """The table; tells which row is chosen and which is to be tuned."""

    chosen = Signal(object)
    """A Row, or None."""
    opened = Signal()
    """Enter or a double click on the chosen row."""

    def __init__(self, settings: QSettings) -> None:
        super().__init__()
        self._widths = dict(_WIDTHS)
        self.library = LibraryModel()
        self.filter = LibraryFilter(self.library)
        self.setModel(self.filter)
        self.setAccessibleName(tr("Models"))
        self.setFont(tabular(self.font(), pixels=TABLE_PX))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(_LEAST_WIDTH)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(INDEX["name"], QHeaderView.ResizeMode.Stretch)
        for key, usual in _WIDTHS.items():
            self.setColumnWidth(INDEX[key], usual)
        header.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        self.columns = RememberedColumns(header, settings, "models")
        self._take_widths()
        self.setSortingEnabled(True)
        header.sectionResized.connect(self._resized)
        self.selectionModel().currentRowChanged.connect(self._tell)
        self.doubleClicked.connect(lambda _index: self.opened.emit())

    # ------------------------------------------------------------- rows

    def show_rows(self, rows: Sequence[Row], *, select: str | None = None) -> None:
        """Show rows; the chosen one stays chosen, unless another path is to be."""
        current = self.current()
        wanted = select or (current.entry.path if current else None)
        place = self.verticalScrollBar().value()
        self.library.set_rows(rows)
        self.verticalScrollBar().setValue(place)
        if not (wanted and self.select(wanted, scroll=select is not None)):
            self.select_first()

    def current(self) -> Row | None:
        """The chosen row."""
        index = self.currentIndex()
        return self.library.rows[self.filter.mapToSource(index).row()] if index.isValid() else None

    def select(self, path: str, *, scroll: bool = True) -> bool:
        """Choose the row that holds a path; False if it is not shown."""
        for number, row in enumerate(self.library.rows):
            if path in row.paths:
                index = self.filter.mapFromSource(self.library.index(number, 0))
                if not index.isValid():
                    return False
                self.selectRow(index.row())
                if scroll:
                    self.scrollTo(index)
                return True
        return False

    def select_first(self) -> None:
        """Choose the first row that is shown, or none."""
        if self.filter.rowCount():
            self.selectRow(0)
        else:
            self.chosen.emit(None)

    def _tell(self) -> None:
        self.chosen.emit(self.current())

    # ------------------------------------------------------------- columns

    def _take_widths(self) -> None:
        """Know the widths that were remembered, those of columns that were hidden as well."""
        with self.columns.arranging():
            for key in self._widths:
                self.setColumnHidden(INDEX[key], False)  # noqa: FBT003 (Qt's name)
                width = self.columnWidth(INDEX[key])
                self._widths[key] = max(_LEAST_WIDTH, min(width, _MOST_WIDTH))
                self.setColumnWidth(INDEX[key], self._widths[key])

    def _resized(self, section: int, before: int, after: int) -> None:
        key = COLUMNS[section].key
        if key in self._widths and before and after:
            self._widths[key] = after

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 (Qt's name)
        """Keep what was changed last."""
        self.columns.save()
        super().hideEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Let less telling columns make room for the name."""
        self._arrange(event.size().width())
        super().resizeEvent(event)

    def _arrange(self, width: int) -> None:
        room = width - _NAME_WIDTH - sum(self._widths.values())
        with self.columns.arranging():
            for key in _YIELDING:
                self.setColumnHidden(INDEX[key], room < 0)
                if room < 0:
                    room += self._widths[key]

    # ------------------------------------------------------------- keys

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Enter tunes the chosen model."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit()
            return
        super().keyPressEvent(event)
