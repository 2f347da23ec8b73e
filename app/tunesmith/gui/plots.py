"""Own the live plots of a run: decode, prefill, memory, and power where it is told, with one time axis.

Nothing is drawn while nobody sees it.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from tunesmith.domain.event_base import Part
from tunesmith.gui.line_plot import LinePlot, clock_text, x_end, y_end
from tunesmith.gui.page import label
from tunesmith.gui.theme import GRID, Colours, tabular
from tunesmith.presentation.live import MIB, LiveView
from tunesmith.presentation.numbers import memory_scale
from tunesmith.presentation.series import Series
from tunesmith.presentation.tune_result_view import spoken_number
from tunesmith.wording import tr, trc

READING_WIDTH = 124
_LIMIT_REACH = 4.0
"""A limit this many times above what was measured is still drawn."""


class Reading(QWidget):
    """The name of a line and its current value, large, beside its plot."""

    def __init__(self, name: str, unit: str) -> None:
        super().__init__()
        self.setFixedWidth(READING_WIDTH)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, 2, 0, 0)
        column.setSpacing(0)
        self._name = label(name, "small")
        self.value = label("–")
        self.value.setFont(tabular(self.value.font(), pixels=22, bold=True))
        self.value.setAccessibleName(tr("{name} now", name=name))
        self._unit = label(unit, "small")
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.value)
        row.addWidget(self._unit, alignment=Qt.AlignmentFlag.AlignBottom)
        row.addStretch()
        column.addWidget(self._name)
        column.addLayout(row)
        column.addStretch()

    def rename(self, name: str) -> None:
        """Call the value otherwise from now on."""
        self._name.setText(name)
        self.value.setAccessibleName(tr("{name} now", name=name))

    def recolour(self, colour: str) -> None:
        """Write the value in its line's colour."""
        self.value.setStyleSheet(f"color: {colour}; font-size: 22px; font-weight: 600;")

    def show_value(self, value: float | None) -> None:
        """Show the current value."""
        text = spoken_number(value)
        if text != self.value.text():
            self.value.setText(text)


class LivePlots(QWidget):
    """Decode, prefill, memory and perhaps power one under the other, with one time axis."""

    pointed = Signal(str)
    """What is under the mouse, in words; empty when it leaves."""

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._view = LiveView()
        self._memory_limit_mib: float | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.decode = LinePlot(tr("Decode, tokens per second over time"), named=True)
        self.prefill = LinePlot(tr("Prefill, tokens per second over time"))
        self._mega, mega_bytes = memory_scale("mega")
        self._memory_scale = MIB / mega_bytes
        self.memory = LinePlot(
            tr("Memory of the process over time, {unit}", unit=self._mega), show_times=True
        )
        self.power = LinePlot(tr("Power over time, watts"))
        self._all = (self.decode, self.prefill, self.memory, self.power)
        self.readings = [
            Reading(tr("Decode"), "tok/s"),
            Reading(tr("Prefill"), "tok/s"),
            Reading(tr("Memory"), self._mega),
            Reading(tr("Power"), "W"),
        ]
        self._power_row = QWidget()
        rows = (QWidget(), QWidget(), QWidget(), self._power_row)
        for plot, reading, holder, share in zip(self._all, self.readings, rows, (4, 4, 3, 3), strict=True):
            row = QHBoxLayout(holder)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(0)
            row.addWidget(plot, 1)
            row.addWidget(reading)
            column.addWidget(holder, share)
            plot.viewport().setMouseTracking(True)
            plot.viewport().installEventFilter(self)
        self._power_row.hide()
        self.recolour(colours)

    @property
    def plots(self) -> tuple[LinePlot, ...]:
        """Those that are shown, from the top."""
        return self._all[:3] if self._power_row.isHidden() else self._all

    def recolour(self, colours: Colours) -> None:
        """Draw in the theme's colours."""
        lines = (colours.decode, colours.prefill, colours.memory, colours.power)
        for plot, reading, line in zip(self._all, self.readings, lines, strict=True):
            plot.recolour(colours, line)
            reading.recolour(line)

    def show_run(self, view: LiveView, *, memory_limit_mib: float | None = None) -> None:
        """Show another run from now on.

        Args:
            memory_limit_mib: what the run may use at most; None for no limit.
        """
        self._memory_limit_mib = memory_limit_mib
        self.show_at(view)

    def show_at(self, view: LiveView) -> None:
        """Show the same run at another time."""
        self._view = view
        for plot in self._all:
            plot.forget()
        self.refresh()

    def refresh(self) -> None:
        """Draw what is new; nothing where nobody sees it."""
        if not self.isVisible() or self.window().isMinimized():
            return
        view, seconds = self._view, self._view.seconds
        self._make_room_for_power(shown=len(view.power_watts) > 0)
        speeds: tuple[tuple[Part, LinePlot, Series], ...] = (
            ("decode", self.decode, view.decode), ("prefill", self.prefill, view.prefill)
        )  # fmt: skip
        for part, plot, line in speeds:
            limit = self._limit_in_reach(part, line)
            plot.draw(line, seconds=seconds, baseline=view.baseline_speed(part), unit="tok/s", reach=limit)
            plot.set_limit(limit, _limit_text(limit))
        self.memory.draw(
            view.memory_mib, seconds=seconds, baseline=None, unit=self._mega, scale=self._memory_scale
        )
        self.memory.set_limit(self._memory_limit_in_reach(), tr("your limit"))
        self.power.draw(view.power_watts, seconds=seconds, baseline=None, unit="W")
        for plot in self.plots:
            plot.draw_ticks(view.ticks)
        lines = (view.decode, view.prefill, view.memory_mib, view.power_watts)
        scales = (1.0, 1.0, self._memory_scale, 1.0)
        for reading, line, scale in zip(self.readings, lines, scales, strict=True):
            reading.show_value(None if line.latest is None else line.latest * scale)

    def _make_room_for_power(self, *, shown: bool) -> None:
        """A plot of power where a sensor tells it, and none where none does."""
        if shown == self._power_row.isHidden():
            self._power_row.setVisible(shown)
            self.memory.show_times(shown=not shown)
            self.power.show_times(shown=shown)

    def _memory_limit_in_reach(self) -> float | None:
        """The memory limit, unless it lies far above everything measured."""
        if self._memory_limit_mib is None:
            return None
        limit = self._memory_limit_mib * self._memory_scale
        return limit if limit <= y_end(self._view.memory_mib.highest * self._memory_scale) else None

    def _limit_in_reach(self, part: Part, line: Series) -> float | None:
        """The physical limit, unless the line would lie flat at the foot under it."""
        limit = self._view.limits[part]
        return limit if limit is not None and limit <= _LIMIT_REACH * line.highest else None

    # ------------------------------------------------------------- reading with the mouse

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Follow the mouse over any of the plots."""
        if isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseMove:
            plot = next((one for one in self.plots if one.viewport() is watched), None)
            if plot is not None:
                self.point_at(plot.time_at(event.position().x()))
        elif event.type() == QEvent.Type.Leave:
            self.point_at(None)
        return super().eventFilter(watched, event)

    def point_at(self, seconds: float | None) -> None:
        """Read all lines at a time; None ends it."""
        if seconds is None or not len(self._view.decode) + len(self._view.prefill):
            for plot in self.plots:
                plot.stop_pointing()
            self.pointed.emit("")
            return
        for plot in self.plots:
            plot.point_at(seconds)
        within = max(1.0, x_end(self._view.seconds) / 100)
        pieces = [clock_text(seconds), self._view.ticks.at(seconds)]
        for name, line, unit, scale in (
            (trc("reading", "decode"), self._view.decode, "tok/s", 1.0),
            (trc("reading", "prefill"), self._view.prefill, "tok/s", 1.0),
            (trc("reading", "memory"), self._view.memory_mib, self._mega, self._memory_scale),
            (trc("reading", "power"), self._view.power_watts, "W", 1.0),
        ):
            value = line.near(seconds, within=within)
            if value is not None:
                pieces.append(f"{name} {spoken_number(value * scale)} {unit}")
        self.pointed.emit(" · ".join(piece for piece in pieces if piece))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Names of candidates may find room, or lose it."""
        super().resizeEvent(event)
        self.refresh()


def _limit_text(value: float | None) -> str:
    return "" if value is None else tr("limit {value} {unit}", value=spoken_number(value), unit="tok/s")
