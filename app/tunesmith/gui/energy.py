"""Own the view of a run's energy; it stands in a page's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from tunesmith.gui.context import AppContext
from tunesmith.gui.figure_grid import figure_grid, figures, framed, judged, pair
from tunesmith.gui.page import label
from tunesmith.gui.run_panel import RunPanel
from tunesmith.gui.theme import GRID
from tunesmith.gui.widgets.energy_bars import EnergyBarsView
from tunesmith.presentation.energy_view import (
    SENSOR_COLUMNS,
    EnergyView,
    SensorRow,
    energy_view,
    to_text,
)
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.store import Store

_LEAST_BARS_PX = 280


class EnergyPanel(RunPanel["EnergyView"]):
    """Joules per token and power, of the defaults and tuned, and what told them."""

    title = tr("Energy")
    copy_tip = tr("Copy all figures as plain text.")
    copied = tr("The energy is on the clipboard.")

    def __init__(self, context: AppContext) -> None:
        self.view: EnergyView | None = None
        self._proof: QBoxLayout | None = None
        super().__init__(context)

    def _make_content(self) -> QWidget:
        self.bars = EnergyBarsView(self.context.theme.colours)
        self.context.theme.changed.connect(self.bars.recolour)
        self._keep_bars()
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        return self.area

    def _read(self, store: Store, run_id: str) -> EnergyView:
        from tunesmith.services.run_energy import read_energy

        return energy_view(read_energy(store, run_id))

    def _forget(self) -> None:
        self.view = None

    def _show_read(self, found: EnergyView) -> None:
        self.show_view(found)

    def _text(self) -> str:
        return "" if self.view is None else to_text(self.view)

    def open_profile(self, profile: TunedProfile) -> None:
        """Show what a profile states, also one whose run is elsewhere; nothing if it states none."""
        from tunesmith.services.run_energy import energy_of_profile

        stated = energy_of_profile(profile)
        if stated is not None:
            self._wanted = ""
            self.show_view(energy_view(stated))
            self.back_button.setFocus()

    def show_view(self, view: EnergyView) -> None:
        """Show this."""
        self.view = view
        self._keep_bars()
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, GRID, GRID * 2)  # apart from the scroll bar
        column.setSpacing(GRID * 2)
        self.sentences = label(" ".join(view.sentences), wrap=True, selectable=True)
        column.addWidget(self.sentences)
        self._proof = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._proof.setSpacing(GRID * 2)
        self.bars.show_bars(view.bars)
        if view.bars:
            self._proof.addWidget(self._bars_frame(view), 2)
            title = tr("Figures (given)") if view.given else tr("Figures")
            self._proof.addWidget(framed(title, _figures(view)), 3)
            column.addLayout(self._proof)
        if view.sensors:
            column.addWidget(framed(tr("Sensors"), _sensors(view.sensors)))
        column.addWidget(label("\n".join(view.notes), "small", wrap=True, selectable=True))
        column.addStretch(1)
        self.area.setWidget(body)
        self._turn()
        self._show_content()

    def _keep_bars(self) -> None:
        """Take the bars out of what goes."""
        self.bars.setParent(self)
        self.bars.hide()

    def _bars_frame(self, view: EnergyView) -> QFrame:
        holder = QGridLayout()
        holder.setContentsMargins(0, GRID, GRID, 0)
        holder.addWidget(self.bars, 0, 0)
        title = tr("Joules per token (given)") if view.given else tr("Joules per token")
        made = framed(title, holder)
        made.setMinimumWidth(_LEAST_BARS_PX)
        return made

    def _turn(self) -> None:
        """Side by side where there is room."""
        if self._proof is not None:
            self._proof.setDirection(QBoxLayout.Direction.LeftToRight)
            if self._proof.minimumSize().width() > self.width() - GRID * 3:
                self._proof.setDirection(QBoxLayout.Direction.TopToBottom)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Put bars and figures side by side, or one under the other."""
        super().resizeEvent(event)
        self._turn()


def _figures(view: EnergyView) -> QGridLayout:
    both = view.both
    titles = ("", view.before_name)
    grid = figure_grid((*titles, tr("Tuned"), tr("Change")) if both else titles)
    for place, figure in enumerate(view.figures, start=2):
        row = figure.row
        name = label(row.name, "secondary")
        name.setToolTip(row.explanation)
        grid.addWidget(name, place, 0)
        grid.addWidget(_cell(row.before, figure.reasons[0]), place, 1)
        if both:
            grid.addWidget(_cell(row.after, figure.reasons[1]), place, 2)
            role = {True: "better", False: "worse", None: "secondary"}[row.better]
            grid.addWidget(figures(judged(row), role), place, 3)
    return grid


def _cell(value: tuple[str, str], reason: str) -> QWidget:
    """A value with its interval, or a dash with its reason."""
    if not reason:
        return pair(value)
    made = label(f"{value[0]} {reason}", "small", wrap=True, selectable=True)
    made.setMinimumWidth(GRID * 15)
    return made


def _sensors(rows: tuple[SensorRow, ...]) -> QGridLayout:
    grid = figure_grid((*SENSOR_COLUMNS, ""))
    for place, row in enumerate(rows, start=2):
        for column, text in enumerate(row.cells):
            grid.addWidget(figures(text, "secondary" if column == 1 or row.note else ""), place, column)
        note = label(row.note, "small", wrap=True, selectable=True)
        grid.addWidget(note, place, len(row.cells), 1, 2)
    return grid
