"""Own the table of a model's files: what each costs, what it gains, and where it stands."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QColor, QFont, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from tunesmith.gui.headed_table import HeadedModel, Index, look_quiet
from tunesmith.gui.theme import TABLE_PX, Colours, tabular
from tunesmith.presentation.choice_view import FileRow
from tunesmith.wording import tr

NAME, SIZE, BITS, KLD, TOP1, RATIO, SPEED, STATUS = range(8)
_HEADINGS = (
    tr("Quantization"), tr("Size"), tr("Bits/weight"), tr("Mean KLD"), tr("Top-1"), tr("Perplexity"),
    tr("Speed"), tr("Where it stands"),
)  # fmt: skip
_TIPS = (
    tr("How the weights are stored; the source is what the others are made of and compared with."),
    tr("Of the file, foretold until it is there."),
    tr("Bits a weight takes on average: names promise what small models cannot keep."),
    tr("How far the predictions are from the source's, nats per token, with where it lies at 95%."),
    tr("How often both think the same token the likeliest."),
    tr("Perplexity over the source's: 1 is as good, more is worse."),
    tr("Against the source, both at the same settings and not tuned, with the interval."),
    tr("What it is doing now, or why it was left out."),
)
_WIDTHS = {NAME: 104, SIZE: 104, BITS: 100, KLD: 168, TOP1: 64, RATIO: 84, SPEED: 150}
_FIRST_TO_GO = (BITS, RATIO, TOP1)
"""Told in the details where the window is narrow."""
_LEAST_STATUS = 220


class ChoiceModel(HeadedModel):
    """The source, then the files that are compared with it."""

    def __init__(self, colours: Colours) -> None:
        super().__init__(colours, _HEADINGS, _TIPS, figures=(SIZE, BITS, KLD, TOP1, RATIO, SPEED))
        self.rows: list[FileRow] = []

    def show_rows(self, rows: list[FileRow]) -> bool:
        """Show these; True if there are others than before."""
        same = [row.label for row in rows] == [row.label for row in self.rows]
        if same:
            self.rows = rows
            if rows:
                self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, STATUS))
            return False
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()
        return True

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 (Qt's)
        """One for each file."""
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        row, column = self.rows[index.row()], index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return row.cells[column]
            case Qt.ItemDataRole.ToolTipRole:
                return row.cells[column]
            case Qt.ItemDataRole.AccessibleTextRole:
                if column != NAME:
                    return f"{_HEADINGS[column]}: {row.cells[column]}"
                return tr("{label}, {status}", label=row.label, status=row.status)
            case Qt.ItemDataRole.TextAlignmentRole:
                return self.alignment(column)
            case Qt.ItemDataRole.ForegroundRole:
                return QColor(self._colour(row, column))
            case Qt.ItemDataRole.FontRole:
                font = tabular(QFont(), pixels=TABLE_PX)
                if row.picked and column in (NAME, STATUS):
                    font.setWeight(QFont.Weight.DemiBold)
                return font
            case _:
                return None

    def _colour(self, row: FileRow, column: int) -> str:
        if row.tone == "good" and column in (NAME, STATUS):
            return self.colours.better
        if row.tone == "bad" and column == STATUS:
            return self.colours.worse
        return self.colours.secondary if row.tone in ("quiet", "bad") else self.colours.text


class ChoiceTable(QTableView):
    """The table itself; a row that is chosen shows its details."""

    chosen = Signal(str)
    """The label of the row."""

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self.setAccessibleName(tr("Files of the model"))
        self.files = ChoiceModel(colours)
        self.setModel(self.files)
        look_quiet(self)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().setDefaultSectionSize(28)
        header = self.horizontalHeader()
        header.setSectionResizeMode(STATUS, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            self.setColumnWidth(column, width)
        self.selectionModel().currentRowChanged.connect(self._tell)

    def show_rows(self, rows: list[FileRow], *, selected: str) -> None:
        """Show these, one of them chosen."""
        with QSignalBlocker(self.selectionModel()):
            self.files.show_rows(rows)
            place = next((n for n, row in enumerate(rows) if row.label == selected), None)
            if place is not None and self.currentIndex().row() != place:
                self.selectRow(place)
        self.viewport().update()

    def _tell(self, current: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(self.files.rows[current.row()].label)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Leave out what there is no room for."""
        hidden: set[int] = set()
        for column in _FIRST_TO_GO:
            left = self.viewport().width() - sum(w for c, w in _WIDTHS.items() if c not in hidden)
            if left < _LEAST_STATUS:
                hidden.add(column)
        for column in _FIRST_TO_GO:
            self.setColumnHidden(column, column in hidden)
        super().resizeEvent(event)

    def recolour(self, colours: Colours) -> None:
        """Draw in the theme's colours."""
        self.files.colours = colours
        self.viewport().update()
