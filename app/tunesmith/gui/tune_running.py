"""Own what is seen while a tune runs, and when a stored one is replayed."""

from __future__ import annotations

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QSlider,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from tunesmith.gui.candidates_table import CandidatesTable
from tunesmith.gui.page import button, label
from tunesmith.gui.plots import LivePlots
from tunesmith.gui.read_outs import ReadOutRow
from tunesmith.gui.theme import GRID, Colours, tabular
from tunesmith.gui.widgets.elided import ElidedLabel
from tunesmith.gui.widgets.unchanged import fill, say
from tunesmith.presentation.live import LiveView
from tunesmith.wording import tr

_PARTS = 1000
PLOTS_HELD = 4
"""While a sample is timed the plots, the dearest to draw, are drawn at every so manyth look at the run: few
samples take so long, and between two samples they are drawn anyway."""
_HINT = tr("Dashed: the defaults. Marks at the foot: another candidate. Point at a plot to read it.")


class TuneRunning(QWidget):
    """The step in words, progress, plots and candidates of one run."""

    replay_moved = Signal(float)
    """The slider of a replay was moved: a share of the run, 0 to 1."""

    def __init__(self, colours: Colours, settings: QSettings | None = None) -> None:
        """The view of a run.

        Args:
            settings: where the columns of the candidates are remembered; None forgets them.
        """
        super().__init__()
        self._settings = settings
        self._view = LiveView()
        self._frozen = False
        self._held = PLOTS_HELD
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(self._head())
        self.progress = QProgressBar()
        self.progress.setRange(0, _PARTS)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(tr("Progress of the tune"))
        column.addWidget(self.progress)
        column.addWidget(self._body(colours), 1)

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(GRID)
        self.step = label("", "section")
        self.candidate = ElidedLabel(role="secondary")
        self.left = label("", "secondary")
        self.left.setFont(tabular(self.left.font()))
        row.addWidget(self.step)
        row.addWidget(self.candidate, 1, Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self.left, alignment=Qt.AlignmentFlag.AlignBottom)
        return row

    def _body(self, colours: Colours) -> QSplitter:
        split = QSplitter(Qt.Orientation.Vertical)
        split.setHandleWidth(GRID)
        split.setChildrenCollapsible(False)
        frame = QFrame()
        frame.setProperty("role", "surface")
        column = QVBoxLayout(frame)
        column.setContentsMargins(GRID, GRID, GRID, 4)
        column.setSpacing(2)
        self.read_outs = ReadOutRow()
        column.addWidget(self.read_outs)
        self.plots = LivePlots(colours)
        column.addWidget(self.plots, 1)
        column.addLayout(self._foot())
        self.table = CandidatesTable(colours, self._settings)
        self.table.setMinimumHeight(96)
        split.addWidget(frame)
        split.addWidget(self.table)
        split.setStretchFactor(0, 5)
        split.setStretchFactor(1, 4)
        split.setSizes([380, 240])
        return split

    def _foot(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(GRID)
        self.reading = ElidedLabel(_HINT, "small")
        self.freeze = button(tr("Freeze view"), "quiet", tip=tr("Hold the view still; the run goes on."))
        self.freeze.setCheckable(True)
        self.freeze.toggled.connect(self._set_frozen)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _PARTS)
        self.slider.setValue(_PARTS)
        self.slider.setAccessibleName(tr("Time in the run"))
        self.slider.setFixedWidth(GRID * 20)
        self.slider.hide()
        self.slider.valueChanged.connect(lambda value: self.replay_moved.emit(value / _PARTS))
        self.plots.pointed.connect(lambda text: self.reading.setText(text or _HINT))
        row.addWidget(self.reading, 1)
        row.addWidget(self.slider)
        row.addWidget(self.freeze)
        return row

    # ------------------------------------------------------------- showing

    def show_run(
        self,
        view: LiveView,
        *,
        memory_limit_mib: float | None = None,
        replay: bool = False,
    ) -> None:
        """Show another run from now on.

        Args:
            memory_limit_mib: what the run may use at most; None for no limit.
            replay: a stored run, with a slider over its time.
        """
        self._view = view
        self.freeze.setChecked(False)
        self.freeze.setVisible(not replay)
        self.slider.setVisible(replay)
        self.slider.blockSignals(True)  # noqa: FBT003 (Qt's name)
        self.slider.setValue(_PARTS)
        self.slider.blockSignals(False)  # noqa: FBT003 (Qt's name)
        self.plots.show_run(view, memory_limit_mib=memory_limit_mib)
        self.table.show_run(view.candidates)
        self._tell()

    def move_replay(self, view: LiveView) -> None:
        """Show the same run at another time."""
        self._view = view
        self.plots.show_at(view)
        self.table.show_run(view.candidates)
        self._tell()

    def refresh(self, *, paused: bool = False) -> None:
        """Draw what is new; nothing where nobody sees it."""
        if self._frozen or not self.isVisible() or self.window().isMinimized():
            self._held = PLOTS_HELD  # what comes next is drawn at once
            return
        self._held = self._held + 1 if self._view.timing and not paused else PLOTS_HELD
        if self._held >= PLOTS_HELD:
            self._held = 0
            self.plots.refresh()
        self.table.refresh()
        self._tell(paused=paused)

    def _tell(self, *, paused: bool = False) -> None:
        view = self._view
        say(self.step, tr("Paused after this sample") if paused else view.step)
        say(self.candidate, view.candidate if view.end is None else "")
        say(self.left, view.progress_text if view.taken else "")
        fill(self.progress, round(view.fraction * _PARTS))
        self.read_outs.show_all(view.read_outs)

    def _set_frozen(self, on: bool) -> None:  # noqa: FBT001 (a slot)
        self._frozen = on
        self.refresh()

    def recolour(self, colours: Colours) -> None:
        """Draw in the theme's colours."""
        self.plots.recolour(colours)
        self.table.recolour(colours)
