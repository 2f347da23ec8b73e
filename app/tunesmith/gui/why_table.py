"""Own the table of an explanation: each question, its candidates with their intervals, and the reasons."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from tunesmith.gui.headed_table import HeadedModel, Index, look_quiet
from tunesmith.gui.interval_delegate import REACH_ROLE, ROW_ROLE, IntervalDelegate
from tunesmith.gui.theme import TABLE_PX, Colours, tabular
from tunesmith.presentation.why import HEADINGS, WhyQuestion, WhyRow, WhyView, rows_text
from tunesmith.wording import tr

CANDIDATE, EFFECT, ROUNDS, RESULT, WHY = range(5)
_TIPS = (
    tr("An answer to the question above it."),
    tr(
        "How much better (right) or worse (left) in what is made best: the dot is the best estimate, "
        "the bar where the truth lies."
    ),
    tr("How often it was measured, always in turn with the others."),
    tr("How it ended for this candidate."),
    tr("The reason, from what was measured."),
)
_NARROW = 760
"""Below this width, pixels, the rounds are told on hover only."""
_PAD_PX = 12
_ABOVE_PX = 7
_TALL_PX = 10_000


class WhyModel(HeadedModel):
    """Questions in the order they were put, each with its candidates under it."""

    def __init__(self, colours: Colours) -> None:
        super().__init__(colours, HEADINGS, _TIPS, figures=(ROUNDS,))
        self.lines: list[WhyQuestion | WhyRow] = []

    def show_view(self, view: WhyView) -> None:
        """Show another explanation."""
        self.beginResetModel()
        self.lines = []
        for question in view.questions:
            self.lines += [question, *question.rows]
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 (Qt's)
        """Questions and candidates."""
        return 0 if parent.isValid() else len(self.lines)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Candidates can be chosen; questions are reached by the keys, and copied with their candidates."""
        del index
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        line = self.lines[index.row()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(index.column())
        if isinstance(line, WhyQuestion):
            return self._of_question(line, index.column(), role)
        return self._of_row(line, index.column(), role)

    def _of_question(self, line: WhyQuestion, column: int, role: int) -> Any:
        told = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole)
        if column == CANDIDATE and role in told:
            return f"{line.title} · {line.note}" if line.note else line.title
        return self.of_title(role)

    def _of_row(self, row: WhyRow, column: int, role: int) -> Any:
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return row.effect if column == EFFECT else row.cells[column]
            case Qt.ItemDataRole.ToolTipRole:
                return row.sentence if column == EFFECT else row.cells[column]
            case Qt.ItemDataRole.AccessibleTextRole:
                return row.sentence if column == CANDIDATE else row.cells[column]
            case Qt.ItemDataRole.ForegroundRole:
                return QColor(self.colours.text if row.won else self.colours.secondary)
            case Qt.ItemDataRole.FontRole:
                font = tabular(QFont(), pixels=TABLE_PX)
                if row.won and column in (CANDIDATE, RESULT):
                    font.setWeight(QFont.Weight.DemiBold)
                return font
            case int() if role == ROW_ROLE:
                return row.drawn
            case int() if role == REACH_ROLE:
                return row.reach
            case _:
                return None


class _Wrapped(QStyledItemDelegate):
    """Knows how high a text is that is wrapped in its column."""

    def __init__(self, table: QTableView) -> None:
        super().__init__(table)
        self._table = table

    def sizeHint(  # noqa: N802 (Qt's name)
        self, option: QStyleOptionViewItem, index: Index
    ) -> QSize:
        """As wide as its column, as high as its lines."""
        del option
        place = self._table.columnSpan(index.row(), index.column())
        columns = range(index.column(), index.column() + place)
        width = sum(self._table.columnWidth(column) for column in columns)
        font = index.data(Qt.ItemDataRole.FontRole) or self._table.font()
        words = QRect(0, 0, max(1, width - 2 * _PAD_PX), _TALL_PX)
        lines = QFontMetrics(font).boundingRect(words, int(Qt.TextFlag.TextWordWrap), str(index.data() or ""))
        return QSize(width, lines.height() + 2 * _ABOVE_PX)


class WhyTable(QTableView):
    """The table itself; its rows are as high as their reasons need."""

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self.setAccessibleName(tr("Candidates and reasons"))
        self.rows = WhyModel(colours)
        self._counted = True
        self._delegate = IntervalDelegate(colours)
        self.setModel(self.rows)
        self.setItemDelegate(_Wrapped(self))
        self.setItemDelegateForColumn(EFFECT, self._delegate)
        look_quiet(self)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setTabKeyNavigation(False)
        self.setWordWrap(True)
        self.setCornerButtonEnabled(False)
        self.verticalHeader().setMinimumSectionSize(28)
        header = self.horizontalHeader()
        header.setSectionResizeMode(WHY, QHeaderView.ResizeMode.Stretch)
        header.sectionResized.connect(lambda *_sizes: self._fit_rows())

    def show_view(self, view: WhyView) -> None:
        """Show another explanation, from its beginning."""
        self.rows.show_view(view)
        self._counted = any(row.rounds for question in view.questions for row in question.rows)
        self.setColumnHidden(ROUNDS, self.viewport().width() < _NARROW or not self._counted)
        self.clearSpans()
        for place, line in enumerate(self.rows.lines):
            if isinstance(line, WhyQuestion):
                self.setSpan(place, 0, 1, len(HEADINGS))
        self._fit_rows()
        self.scrollToTop()
        if self.rows.lines:
            self.setCurrentIndex(self.rows.index(0, 0))
            self.clearSelection()

    def selected(self) -> list[WhyRow]:
        """The chosen candidates, from top to bottom."""
        places = sorted({index.row() for index in self.selectionModel().selectedRows()})
        return [line for line in (self.rows.lines[place] for place in places) if isinstance(line, WhyRow)]

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Copy what is chosen."""
        if event.matches(QKeySequence.StandardKey.Copy):
            if chosen := self.selected():
                QGuiApplication.clipboard().setText(rows_text(chosen))
            event.accept()
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Give the reasons what the rest leaves."""
        width = self.viewport().width()
        self.setColumnHidden(ROUNDS, width < _NARROW or not self._counted)
        self.setColumnWidth(CANDIDATE, max(132, min(220, width // 5)))
        self.setColumnWidth(EFFECT, max(196, min(300, width // 4)))
        self.setColumnWidth(ROUNDS, 76)
        self.setColumnWidth(RESULT, 112)
        super().resizeEvent(event)
        self._fit_rows()

    def _fit_rows(self) -> None:
        self.resizeRowsToContents()

    def recolour(self, colours: Colours) -> None:
        """Draw in the theme's colours."""
        self.rows.colours = self._delegate.colours = colours
        self.viewport().update()
