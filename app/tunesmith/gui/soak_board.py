"""Own what is seen while a model is soaked, and when it was: read-outs, plots, and what was found."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from tunesmith.gui.facts import Facts
from tunesmith.gui.page import button, label
from tunesmith.gui.soak_plots import SoakPlots
from tunesmith.gui.soak_run import SoakPlan
from tunesmith.gui.theme import GRID, TABLE_PX, Colours, tabular
from tunesmith.gui.widgets.button_rows import ButtonRows
from tunesmith.gui.widgets.elided import ElidedLabel
from tunesmith.gui.widgets.unchanged import fill, say
from tunesmith.presentation.numbers import DASH, duration_text
from tunesmith.presentation.soak_live import SoakLive, SoakReadOut
from tunesmith.presentation.soak_view import PartView, SoakView
from tunesmith.wording import tr

_PARTS = 1000
_PLOTS_PX = 300
_SIDE_BY_SIDE_PX = 900
"""From this width on the parts stand beside each other."""
_HINT = tr("Point at a plot to read it.")
_HINT_FOUND = tr("Straight: the mean of a stretch. Dashed: the speed changed. Point at a plot to read it.")


class SoakBoard(QScrollArea):
    """A head that says how far it is or what came of it, the plots, and what was found of each part."""

    save_csv = Signal()
    copy_report = Signal()
    show_profile = Signal()

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._live = SoakLive()
        self._drawn = (-1, False)
        self._hint = _HINT
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(tr("What was found"))
        inner = QWidget()
        column = self._column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        self._running, self._result = self._running_head(), self._result_head()
        self._found = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._found.setSpacing(GRID)
        self._cards: list[QWidget] = []
        column.addWidget(self._running)
        column.addWidget(self._result)
        column.addWidget(self._picture(colours), 1)
        column.addLayout(self._found)
        self.notes = label("", "small", wrap=True, selectable=True)
        column.addWidget(self.notes)
        self.setWidget(inner)

    # ------------------------------------------------------------- building

    def _running_head(self) -> QWidget:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        self.step = label("", "section")
        self.what = ElidedLabel(role="secondary")
        self.left = label("", "secondary")
        self.left.setFont(tabular(self.left.font()))
        row.addWidget(self.step)
        row.addWidget(self.what, 1, Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self.left, alignment=Qt.AlignmentFlag.AlignBottom)
        self.progress = QProgressBar()
        self.progress.setRange(0, _PARTS)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(tr("Progress of the soak"))
        self.read_outs = MachineReadOuts()
        column.addLayout(row)
        column.addWidget(self.progress)
        column.addWidget(self.read_outs)
        return holder

    def _result_head(self) -> QFrame:
        frame = QFrame()
        frame.setProperty("role", "surface")
        column = QVBoxLayout(frame)
        column.setContentsMargins(GRID * 3, GRID * 2, GRID * 2, GRID * 2)
        column.setSpacing(6)
        self.sentence = label("", "title", wrap=True, selectable=True)
        self.facts = label("", "secondary", wrap=True, selectable=True)
        self.kept = label("", "secondary", wrap=True, selectable=True)
        for widget in (self.sentence, self.facts, self.kept):
            column.addWidget(widget)
        self._buttons = ButtonRows()
        self.save_button = button(tr("Save CSV…"), tip=tr("Every sample, with what was read meanwhile."))
        self.copy_button = button(tr("Copy report"), tip=tr("As the command line prints it."))
        self.profile_button = button(tr("Show profile"), tip=tr("Open the saved profile."))
        for made, signal in (
            (self.save_button, self.save_csv), (self.copy_button, self.copy_report),
            (self.profile_button, self.show_profile),
        ):  # fmt: skip
            made.clicked.connect(lambda _checked=False, signal=signal: signal.emit())
            self._buttons.add(made)
        column.addSpacing(4)
        column.addWidget(self._buttons)
        return frame

    def _picture(self, colours: Colours) -> QFrame:
        frame = QFrame()
        frame.setProperty("role", "surface")
        column = QVBoxLayout(frame)
        column.setContentsMargins(GRID, GRID, GRID, 6)
        column.setSpacing(2)
        self.plots = SoakPlots(colours)
        self.plots.setMinimumHeight(_PLOTS_PX)
        self.reading = ElidedLabel(_HINT, "small")
        self.plots.pointed.connect(lambda text: self.reading.setText(text or self._hint))
        column.addWidget(self.plots, 1)
        column.addWidget(self.reading)
        return frame

    # ------------------------------------------------------------- showing

    def show_run(self, live: SoakLive, plan: SoakPlan) -> None:
        """Show a soak from now on."""
        self._live, self._drawn = live, (-1, False)
        self._say_hint(_HINT)
        self._clear()
        self._result.hide()
        self.notes.hide()
        self._running.show()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.what.setText(
            tr("{name} · {time} in all", name=plan.name, time=duration_text(plan.seconds))
        )  # fmt: skip
        self.plots.show_run(live, plan.parts, plan.seconds)
        self.verticalScrollBar().setValue(0)
        self.refresh()

    def refresh(self, *, paused: bool = False) -> None:
        """Draw what is new; nothing where nobody sees it."""
        now = (self._live.changed, paused)
        if now == self._drawn or not self.isVisible() or self.window().isMinimized():
            return
        self._drawn = now
        say(self.step, tr("Paused after this sample") if paused else self._live.step)
        say(self.left, self._live.progress_text)
        fill(self.progress, round(self._live.fraction * _PARTS))
        self.read_outs.show_all(self._live.read_outs)
        self.plots.refresh()

    def show_result(self, view: SoakView) -> None:
        """Show what came of it."""
        self._running.hide()
        self._clear()
        self.sentence.setText(view.headline)
        self.sentence.setAccessibleName(view.headline)
        self.facts.setText(view.facts)
        self.show_kept("", profile=False)
        self._result.show()
        self._column.setContentsMargins(0, 0, GRID, GRID * 2)  # apart from the scroll bar
        self.plots.show_result(view)
        self._say_hint(_HINT_FOUND if view.parts else _HINT)
        for one in view.parts:
            card = _card(one)
            self._cards.append(card)
            self._found.addWidget(card, 1)
        self.notes.setText("\n".join(view.notes))
        self.notes.setVisible(bool(view.notes))
        self._turn()
        self.verticalScrollBar().setValue(0)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # the keys that scroll

    def show_kept(self, sentence: str, *, profile: bool) -> None:
        """Say what became of the figures.

        Args:
            profile: whether there is a profile to show.
        """
        self.kept.setText(sentence)
        self.kept.setVisible(bool(sentence))
        self.profile_button.setVisible(profile)

    def _say_hint(self, text: str) -> None:
        self._hint = text
        self.reading.setText(text)

    def _clear(self) -> None:
        for card in self._cards:
            self._found.removeWidget(card)
            card.hide()
            card.deleteLater()
        self._cards = []

    def _turn(self) -> None:
        """Side by side where there is room."""
        wide = self.width() >= _SIDE_BY_SIDE_PX
        across, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self._found.setDirection(across if wide else down)
        self._buttons.arrange(self.width() - GRID * 9)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Put the parts side by side, or one under the other."""
        super().resizeEvent(event)
        self._turn()

    def recolour(self, colours: Colours) -> None:
        """Draw in the theme's colours."""
        self.plots.recolour(colours)


class MachineReadOuts(QFrame):
    """What is read of the machine while it works: names, values, and why one is missing."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "surface")
        self.setAccessibleName(tr("State of the machine"))
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID * 2, GRID, GRID * 2, GRID)
        row.setSpacing(GRID * 2)
        self._places: list[tuple[QLabel, QLabel, QLabel]] = []
        for one in SoakLive().read_outs:
            column = QVBoxLayout()
            column.setSpacing(0)
            name, value = label(one.name, "small"), label(one.value, wrap=True)
            reason = label(one.reason, "small", wrap=True)
            value.setFont(tabular(value.font()))
            for widget in (name, value, reason):
                column.addWidget(widget)
            column.addStretch()
            row.addLayout(column, 1)
            self._places.append((name, value, reason))

    def show_all(self, found: tuple[SoakReadOut, ...]) -> None:
        """Show these; only what differs is drawn."""
        for (_name, value, reason), one in zip(self._places, found, strict=True):
            say(value, one.value)
            say(reason, one.reason)
            reason.setVisible(bool(one.reason))
            spoken = f"{one.name}: {one.reason if one.value == DASH else one.value}"
            if value.accessibleName() != spoken:
                value.setAccessibleName(spoken)
            role = "warning" if one.warns else ""
            if (value.property("role") or "") != role:
                value.setProperty("role", role)
                value.style().polish(value)


def _card(one: PartView) -> QFrame:
    frame = QFrame()
    frame.setProperty("role", "surface")
    column = QVBoxLayout(frame)
    column.setContentsMargins(GRID * 3, GRID * 2, GRID * 2, GRID * 2)
    column.setSpacing(GRID)
    column.addWidget(label(one.name, "section"))
    rows = Facts()
    rows.setFont(tabular(rows.font(), pixels=TABLE_PX))
    rows.show_rows(list(one.rows))
    column.addWidget(rows)
    for sentence in one.sentences:
        column.addWidget(label(sentence, "secondary", wrap=True, selectable=True))
    column.addStretch()
    return frame
