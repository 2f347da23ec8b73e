"""Own what is seen while a quantization is chosen, and when it was: plot, details and table together."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from tunesmith.domain.quality import QualityLimits
from tunesmith.gui.choice_details import ChoiceDetails
from tunesmith.gui.choice_table import ChoiceTable
from tunesmith.gui.page import button, label
from tunesmith.gui.pareto_plot import ParetoPlot
from tunesmith.gui.theme import GRID, Colours, tabular
from tunesmith.gui.widgets.elided import ElidedLabel
from tunesmith.gui.widgets.unchanged import say
from tunesmith.presentation.choice_result_view import ChoiceHeadline
from tunesmith.presentation.choice_view import ChoiceView
from tunesmith.wording import tr

_PARTS = 1000
_PLOT_PX, _TABLE_PX = 216, 184
_NARROW = 760
_HINT = tr(
    "Up is faster, left is truer. Larger dots are larger files; hollow ones at the foot have no speed yet."
)


class ChoiceBoard(QScrollArea):
    """A head that says how far it is or what came of it; under it a dot and a row for each file."""

    chosen = Signal(str)
    """The label of the file whose details are to be shown."""
    discard_others = Signal()

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._view = ChoiceView(QualityLimits())
        self._drawn = (-1, "")
        self.selected = ""
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        self._running = self._running_head()
        self._result = self._result_head()
        column.addWidget(self._running)
        column.addWidget(self._result)
        column.addWidget(self._body(colours), 1)
        self._result.hide()
        self.setWidget(inner)

    # ------------------------------------------------------------- building

    def _running_head(self) -> QWidget:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        self.step = ElidedLabel(role="section")
        self.left = label("", "secondary")
        self.left.setFont(tabular(self.left.font()))
        row.addWidget(self.step, 1)
        row.addWidget(self.left, alignment=Qt.AlignmentFlag.AlignBottom)
        self.progress = QProgressBar()
        self.progress.setRange(0, _PARTS)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(tr("Progress of the choice"))
        column.addLayout(row)
        column.addWidget(self.progress)
        return holder

    def _result_head(self) -> QFrame:
        frame = QFrame()
        frame.setProperty("role", "surface")
        column = QVBoxLayout(frame)
        column.setContentsMargins(GRID * 3, GRID * 2, GRID * 2, GRID)
        column.setSpacing(4)
        self.sentence = label("", "title", wrap=True, selectable=True)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        self.big = label("", "result", selectable=True)
        self.note = label("", "secondary", wrap=True, selectable=True)
        row.addWidget(self.big)
        row.addWidget(self.note, 1)
        foot = QHBoxLayout()
        foot.setSpacing(GRID)
        self.made = ElidedLabel(role="small")
        self.others_button = button(
            tr("Discard all but the pick"), "quiet",
            tip=tr("Remove the files that this run has made and that were not picked."),
        )  # fmt: skip
        self.others_button.clicked.connect(lambda _checked=False: self.discard_others.emit())
        foot.addWidget(self.made, 1)
        foot.addWidget(self.others_button)
        self.warnings = label("", "small", wrap=True, selectable=True)
        column.addWidget(self.sentence)
        column.addLayout(row)
        column.addWidget(self.warnings)
        column.addLayout(foot)
        return frame

    def _body(self, colours: Colours) -> QSplitter:
        self.plot = ParetoPlot(colours)
        self.details = ChoiceDetails()
        self.table = ChoiceTable(colours)
        self.table.setMinimumHeight(_TABLE_PX)
        self.plot.chosen.connect(self.select)
        self.table.chosen.connect(self.select)
        frame = QFrame()
        frame.setProperty("role", "surface")
        inner = QVBoxLayout(frame)
        inner.setContentsMargins(GRID, GRID, GRID, 4)
        inner.setSpacing(2)
        self.reading = ElidedLabel(_HINT, "small")
        self.plot.pointed.connect(lambda text: self.reading.setText(text or _HINT))
        inner.addWidget(self.plot, 1)
        inner.addWidget(self.reading)
        top = QWidget()
        top.setMinimumHeight(_PLOT_PX)
        row = QHBoxLayout(top)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        row.addWidget(frame, 1)
        row.addWidget(self.details)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setHandleWidth(GRID)
        split.setChildrenCollapsible(False)
        split.addWidget(top)
        split.addWidget(self.table)
        split.setStretchFactor(0, 5)
        split.setStretchFactor(1, 4)
        split.setSizes([340, 280])
        return split

    # ------------------------------------------------------------- showing

    def show_run(self, view: ChoiceView) -> None:
        """Show a run from now on."""
        self._view, self.selected = view, ""
        self._result.hide()
        self._running.show()
        self.details.show_nothing()
        self._drawn = (-1, "")
        self.refresh()

    def show_headline(self, head: ChoiceHeadline, warnings: tuple[str, ...]) -> None:
        """Show what came of the run."""
        self._running.hide()
        self.sentence.setText(head.sentence)
        self.sentence.setAccessibleName(head.sentence)
        self.big.setText(head.big)
        self.big.setVisible(bool(head.big))
        self.note.setText(head.note)
        self.warnings.setText("\n".join(warnings))
        self.warnings.setVisible(bool(warnings))
        self._result.show()

    def show_stopped(self) -> None:
        """Show what was measured by a run that has no result."""
        self._running.hide()
        self._result.hide()
        self.refresh()

    def show_made(self, text: str, *, others: bool) -> None:
        """Say what was made and is there, and whether some of it was not picked."""
        self.made.setText(text)
        self.made.setVisible(bool(text))
        self.others_button.setVisible(others)

    def select(self, label_: str) -> None:
        """Show the details of a file."""
        self.selected = label_
        self.chosen.emit(label_)
        self.refresh()

    def refresh(self, *, paused: bool = False) -> None:
        """Draw what is new; nothing where nobody sees it."""
        if not self.isVisible() or self.window().isMinimized():
            return
        view = self._view
        say(self.step, tr("Paused after this step") if paused else view.step)
        say(self.left, view.progress_text if view.changed else "")
        self.progress.setValue(round(view.fraction * _PARTS))
        if self._drawn == (view.changed, self.selected):
            return
        self._drawn = (view.changed, self.selected)
        self.table.show_rows(view.rows, selected=self.selected)
        self.plot.draw(view.points, limit_kld=view.limits.max_kld, selected=self.selected)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """The details make room for the plot where there is little."""
        super().resizeEvent(event)
        self.details.set_narrow(narrow=self.width() < _NARROW)

    def recolour(self, colours: Colours) -> None:
        """Draw in the theme's colours."""
        self.plot.recolour(colours)
        self.table.recolour(colours)
