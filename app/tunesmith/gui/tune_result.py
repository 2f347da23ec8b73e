"""Own the page of a tune's result: a sentence, one number, the proof, and what to do with it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from tunesmith.gui.figure_grid import explained, figure_grid, figures, framed, judged, pair
from tunesmith.gui.guide import HelpButton
from tunesmith.gui.page import button, label
from tunesmith.gui.theme import GRID
from tunesmith.gui.widgets.button_rows import ButtonRows
from tunesmith.presentation.setting_help import WORD_ANCHORS, setting_help
from tunesmith.presentation.tune_result_view import ChangeRow, QuantityRow, ResultView
from tunesmith.wording import tr

_AROUND_BUTTONS = GRID * 9
"""A card's own margins, and the scroll bar beside it, pixels."""


class TuneResultView(QScrollArea):
    """A finished tune."""

    show_profile = Signal()
    explain = Signal()
    roofline = Signal()
    tradeoff = Signal()
    energy = Signal()
    copy_command = Signal()
    try_it = Signal()
    export = Signal()
    tune_again = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._proof: QBoxLayout | None = None
        self._buttons = self._make_buttons()

    def _make_buttons(self) -> ButtonRows:
        holder = ButtonRows()
        for name, text, role, tip, signal in (
            (
                "try_button", tr("Try it"), "primary",
                tr("Chat with the model under these settings."), self.try_it,
            ),
            (
                "why_button", tr("Why these settings"), "",
                tr("Candidate by candidate: why it won or lost."), self.explain,
            ),
            (
                "roofline_button", tr("Roofline"), "",
                tr("What memory and CPU allow, and where each candidate stands below."), self.roofline,
            ),
            (
                "tradeoff_button", tr("Pareto plot"), "",
                tr("The speed of each candidate against the energy or memory it takes."), self.tradeoff,
            ),
            (
                "energy_button", tr("Energy"), "",
                tr("Joules per token and power, of the defaults and tuned, and what told them."), self.energy,
            ),
            ("profile_button", tr("Show profile"), "", tr("Open the saved profile."), self.show_profile),
            (
                "copy_button", tr("Copy llama-server command"), "",
                tr("Copy a command that serves the model with these settings."), self.copy_command,
            ),
            (
                "export_button", tr("Export…"), "",
                tr("Write the saved profile for other programs, or as a file of its own."), self.export,
            ),
            (
                "again_button", tr("Tune again"), "",
                tr("Go back to the form; it keeps its values."), self.tune_again,
            ),
        ):  # fmt: skip
            made = button(text, role, tip=tip)
            made.clicked.connect(lambda _checked=False, signal=signal: signal.emit())
            setattr(self, name, made)
            holder.add(made)
        return holder

    def show_result(self, view: ResultView) -> None:
        """Show a result in place of the one before."""
        self._buttons.setParent(None)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, GRID, GRID * 2)  # apart from the scroll bar
        column.setSpacing(GRID * 2)
        column.addWidget(self._headline(view))
        self._proof = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._proof.setSpacing(GRID * 2)
        if view.changes:
            self._proof.addWidget(framed(tr("What changed"), _changes(view.changes)), 2)
        title = tr("Measured side by side") if view.improved else tr("Measured")
        table = _quantities(view.quantities, both=view.improved)
        self._proof.addWidget(framed(title, table, _about_intervals()), 3)
        self._turn()
        column.addLayout(self._proof)
        column.addWidget(label("\n".join(view.notes), "small", wrap=True))
        column.addStretch()
        self.setWidget(body)

    def _turn(self) -> None:
        """Side by side where there is room."""
        self._buttons.arrange(self.width() - _AROUND_BUTTONS)
        if self._proof is not None:
            self._proof.setDirection(QBoxLayout.Direction.LeftToRight)
            if self._proof.minimumSize().width() > self.width() - GRID * 3:
                self._proof.setDirection(QBoxLayout.Direction.TopToBottom)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Put the tables side by side, or one under the other."""
        super().resizeEvent(event)
        self._turn()

    def _headline(self, view: ResultView) -> QFrame:
        frame = QFrame()
        frame.setProperty("role", "surface")
        column = QVBoxLayout(frame)
        column.setContentsMargins(GRID * 3, GRID * 3, GRID * 3, GRID * 3)
        column.setSpacing(GRID)
        sentence = label(view.headline, "title", wrap=True, selectable=True)
        sentence.setAccessibleName(view.headline)
        column.addWidget(sentence)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        self.big = label(view.big, "result", selectable=True)
        row.addWidget(self.big)
        if view.big_unit:
            row.addWidget(_low(label(view.big_unit, "secondary")), alignment=Qt.AlignmentFlag.AlignBottom)
        row.addWidget(_low(label(view.big_note, "secondary")), alignment=Qt.AlignmentFlag.AlignBottom)
        row.addStretch()
        column.addLayout(row)
        if view.reason:
            column.addWidget(label(view.reason, wrap=True, selectable=True))
        if view.saved:
            column.addWidget(label(view.saved, "secondary", wrap=True, selectable=True))
        column.addSpacing(GRID)
        column.addWidget(self._buttons)
        return frame


def _low(made: QLabel) -> QLabel:
    """Stand on about the same line as the large number."""
    made.setContentsMargins(0, 0, 0, 7)
    return made


def _about_intervals() -> HelpButton:
    sentence = tr("The two numbers beside a measured one say how sure it is.")
    return HelpButton(tr("intervals"), sentence, WORD_ANCHORS["Interval"])


def _changes(changes: tuple[ChangeRow, ...]) -> QGridLayout:
    grid = figure_grid((tr("Setting"), tr("From"), tr("To"), tr("Effect when it was chosen")))
    for row, change in enumerate(changes, start=2):
        found = setting_help(change.setting)
        name = label(change.setting)
        name.setToolTip(found.sentence if found is not None else "")
        help_ = HelpButton(change.setting, found.sentence, found.anchor) if found is not None else None
        grid.addWidget(explained(name, help_), row, 0)
        grid.addWidget(figures(change.before, "secondary"), row, 1)
        grid.addWidget(figures(change.after), row, 2)
        grid.addWidget(pair((change.effect, change.interval)), row, 3)
    return grid


def _quantities(rows: tuple[QuantityRow, ...], *, both: bool) -> QGridLayout:
    before = tr("llama.cpp's defaults")
    grid = figure_grid(("", before, tr("Tuned"), tr("Change")) if both else ("", before))
    for place, row in enumerate(rows, start=2):
        name = label(row.name, "secondary")
        name.setToolTip(row.explanation)
        anchor = WORD_ANCHORS.get(row.name)
        help_ = HelpButton(row.name, row.explanation, anchor) if anchor is not None else None
        grid.addWidget(explained(name, help_), place, 0)
        grid.addWidget(pair(row.before), place, 1)
        if both:
            grid.addWidget(pair(row.after), place, 2)
            role = {True: "better", False: "worse", None: "secondary"}[row.better]
            grid.addWidget(figures(judged(row), role), place, 3)
    return grid
