"""Own the table of candidates: each question, its answers, their intervals, and why one is out."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from PySide6.QtCore import QModelIndex, QSettings, Qt
from PySide6.QtGui import QColor, QFont, QHideEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from tunesmith.gui.columns import RememberedColumns
from tunesmith.gui.headed_table import HeadedModel, Index, look_quiet
from tunesmith.gui.interval_delegate import REACH_ROLE, ROW_ROLE, IntervalDelegate
from tunesmith.gui.theme import TABLE_PX, Colours, tabular
from tunesmith.presentation.candidates import CandidateRow, Candidates, StageRows
from tunesmith.wording import tr

_COLUMNS = (tr("Candidate"), tr("Against what held before"), tr("Rounds"), tr("Where it stands"))
_TIPS = (
    tr("An answer to the question above it."),
    tr(
        "How much better (right) or worse (left) in what is made best: the dot is the best estimate, "
        "the bar where the truth lies."
    ),
    tr("How often it was measured, always in turn with the others."),
    tr("Whether it is still measured, and if not, why."),
)
CANDIDATE, INTERVAL, ROUNDS, STATE = range(4)


def _said(line: StageRows | tuple[StageRows, CandidateRow]) -> tuple[object, ...]:
    """All that a line's look depends on."""
    if isinstance(line, StageRows):
        return line.title, line.sentence
    stage, row = line
    return stage.reach, *(getattr(row, one.name) for one in fields(row))


class CandidatesModel(HeadedModel):
    """Questions, the newest first, each with its candidates under it."""

    def __init__(self, colours: Colours) -> None:
        super().__init__(colours, _COLUMNS, _TIPS, figures=(ROUNDS,))
        self.lines: list[StageRows | tuple[StageRows, CandidateRow]] = []
        self._told: list[tuple[object, ...]] = []
        self._candidates = Candidates()
        self._changed = -1

    def show_run(self, candidates: Candidates) -> None:
        """Show another run's candidates from now on."""
        self._candidates, self._changed = candidates, -1
        self.refresh()

    def refresh(self) -> bool:
        """Look again if anything has changed; True if there are other lines than before."""
        if self._changed == self._candidates.changed:
            return False
        self._changed = self._candidates.changed
        lines: list[StageRows | tuple[StageRows, CandidateRow]] = []
        for stage in reversed(self._candidates.stages):
            lines.append(stage)
            lines += [(stage, row) for row in stage.rows.values()]
        if [id(line) if isinstance(line, StageRows) else id(line[1]) for line in lines] == [
            id(line) if isinstance(line, StageRows) else id(line[1]) for line in self.lines
        ]:
            self._tell_changes()
            return False
        self.beginResetModel()
        self.lines = lines
        self.endResetModel()
        self._told = [_said(line) for line in lines]
        return True

    def _tell_changes(self) -> None:
        """Have those lines drawn again that say something else than before."""
        for place, line in enumerate(self.lines):
            said = _said(line)
            if said != self._told[place]:
                self._told[place] = said
                self.dataChanged.emit(self.index(place, 0), self.index(place, STATE))

    # ------------------------------------------------------------- Qt's questions

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 (Qt's)
        """Questions and candidates."""
        return 0 if parent.isValid() else len(self.lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        line = self.lines[index.row()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(index.column())
        if isinstance(line, StageRows):
            return self._of_stage(line, index.column(), role)
        stage, row = line
        return self._of_candidate(stage, row, index.column(), role)

    def _of_stage(self, stage: StageRows, column: int, role: int) -> Any:
        text = stage.title
        if stage.sentence:
            text = tr("{question}: {answer}", question=stage.title, answer=stage.sentence)
        if column == 0 and role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return text
        return self.of_title(role)

    def _of_candidate(self, stage: StageRows, row: CandidateRow, column: int, role: int) -> Any:
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return (row.label, row.change_text, str(row.rounds) if row.rounds else "", row.state_text)[
                    column
                ]
            case Qt.ItemDataRole.ToolTipRole:
                return row.state_text if column == STATE else row.change_text
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{row.label}, {row.change_text}, {row.state_text}"
            case Qt.ItemDataRole.ForegroundRole:
                quiet = row.out or (column == STATE and row.state == "racing")
                return QColor(self.colours.secondary if quiet else self.colours.text)
            case Qt.ItemDataRole.FontRole:
                font = tabular(QFont(), pixels=TABLE_PX)
                if row.state == "won" and column in (CANDIDATE, STATE):
                    font.setWeight(QFont.Weight.DemiBold)
                return font
            case int() if role == ROW_ROLE:
                return row
            case int() if role == REACH_ROLE:
                return stage.reach
            case _:
                return None


class CandidatesTable(QTableView):
    """The table itself."""

    def __init__(self, colours: Colours, settings: QSettings | None = None) -> None:
        """The table.

        Args:
            settings: where its columns are remembered; None forgets them.
        """
        super().__init__()
        self.setAccessibleName(tr("Candidates"))
        self.rows = CandidatesModel(colours)
        self._delegate = IntervalDelegate(colours)
        self.setModel(self.rows)
        self.setItemDelegateForColumn(INTERVAL, self._delegate)
        look_quiet(self)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setWordWrap(False)
        self.verticalHeader().setDefaultSectionSize(28)
        header = self.horizontalHeader()
        header.setSectionResizeMode(STATE, QHeaderView.ResizeMode.Stretch)
        self.columns = RememberedColumns(header, settings, "candidates") if settings is not None else None

    def show_run(self, candidates: Candidates) -> None:
        """Show another run's candidates from now on."""
        self.rows.show_run(candidates)
        self._span()

    def refresh(self) -> None:
        """Draw what is new; nothing where nobody sees it."""
        if self.isVisible() and self.rows.refresh():
            self._span()
            self.scrollToTop()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Give the words what the figures leave."""
        if self.columns is None:
            self._fit_columns()
        elif not self.columns.chosen:
            with self.columns.arranging():
                self._fit_columns()
        super().resizeEvent(event)

    def _fit_columns(self) -> None:
        width = self.viewport().width()
        self.setColumnWidth(CANDIDATE, max(136, min(190, width // 5)))
        self.setColumnWidth(INTERVAL, max(206, min(300, width // 4)))
        self.setColumnWidth(ROUNDS, 76)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 (Qt's name)
        """Keep what was changed last."""
        if self.columns is not None:
            self.columns.save()
        super().hideEvent(event)

    def recolour(self, colours: Colours) -> None:
        """Draw in the theme's colours."""
        self.rows.colours = self._delegate.colours = colours
        self.viewport().update()

    def _span(self) -> None:
        self.clearSpans()
        for place, line in enumerate(self.rows.lines):
            if isinstance(line, StageRows):
                self.setSpan(place, 0, 1, len(_COLUMNS))
