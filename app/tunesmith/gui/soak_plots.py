"""Own the plots of a soak: decode and prefill over time, and afterwards what was found drawn into them.

Nothing is drawn while nobody sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyqtgraph as pg  # type: ignore[import-untyped]
from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from tunesmith.domain.event_base import Part
from tunesmith.gui.line_plot import LinePlot, clock_text, x_end
from tunesmith.gui.plots import Reading
from tunesmith.gui.theme import Colours
from tunesmith.presentation.kept_soak_text import part_name
from tunesmith.presentation.series import Series
from tunesmith.presentation.soak_live import PARTS, SoakLive
from tunesmith.presentation.soak_view import ChangeMark, PartView, SoakView, Stretch
from tunesmith.presentation.tune_result_view import spoken_number
from tunesmith.wording import tr, trc

_ROOM = 1.02
"""The x axis of a soak goes this far beyond its planned end."""
_BESIDE_PX = 5
"""A label stands so far from its line."""
_LEAST_GAP_S, _GAP = 5.0, 4.0
"""A pause is no line: longer than this, and so many times what lies between two samples otherwise."""


class SoakPlot(LinePlot):
    """A part's speed over the time of a soak; once it is over, its changes and the mean between them."""

    def __init__(self, name: str) -> None:
        self._planned = 0.0
        self._stretches: Sequence[Stretch] = ()
        self._changes: Sequence[ChangeMark] = ()
        self._labels: list[pg.TextItem] = []
        super().__init__(name, show_times=True)
        self._edges = self._quiet(pg.PlotDataItem(connect="pairs"))
        self._means = self._quiet(pg.PlotDataItem(connect="pairs"))
        self._edges.setZValue(10)
        self._means.setZValue(11)

    def _x_end(self, seconds: float) -> float:
        """No further than the soak was planned to go, for as long as it keeps to that."""
        planned = self._planned * _ROOM
        return planned if seconds <= planned < x_end(seconds) else x_end(seconds)

    def plan(self, seconds: float) -> None:
        """Begin anew: a soak of so many seconds is shown."""
        self._planned = seconds
        self.mark((), ())
        self.forget()

    def mark(self, stretches: Sequence[Stretch], changes: Sequence[ChangeMark]) -> None:
        """Draw the mean of each stretch, and a line with its change where one ends."""
        self._stretches, self._changes = stretches, changes
        self._draw_marks()

    def _draw_marks(self) -> None:
        top = self._top
        times = np.array([t for one in self._stretches for t in (one.begun_s, one.ended_s)], dtype=float)
        self._means.setData(times, np.repeat([float(one.tokens_per_s) for one in self._stretches], 2))
        edges = np.repeat(np.array([one.at_s for one in self._changes], dtype=float), 2)
        self._edges.setData(edges, np.tile([0.0, top], len(self._changes)))
        for label in self._labels:
            self.removeItem(label)
        self._labels = []
        taken = 0.0
        for one, (before, after) in zip(self._changes, pairwise(self._stretches), strict=True):
            left, width = self._place(one)
            if left >= taken:
                beside = after if left > one.at_s else before
                self._labels.append(self._label(one, left, low=beside.tokens_per_s > top / 2))
                taken = left + width

    def _place(self, one: ChangeMark) -> tuple[float, float]:
        """Where its label begins and how wide it is, seconds; at the left of its line for lack of room."""
        metrics = QFontMetrics(self._axis_font())
        per_pixel = self._end / max(1, self.width() - self._left.width())
        beside = _BESIDE_PX * per_pixel
        width = metrics.horizontalAdvance(one.text) * per_pixel + 2 * beside
        right = one.at_s + beside
        return (right if right + width <= self._end else one.at_s - beside - width), width

    def _label(self, one: ChangeMark, left: float, *, low: bool) -> pg.TextItem:
        """At the foot or at the top, where the line is not."""
        made = self._quiet(pg.TextItem(one.text, anchor=(0, 1 if low else 0)))
        self._style(made)
        made.setColor(self._mark_colour)
        made.setZValue(12)
        made.setPos(left, 0 if low else self._top)
        return made

    def _set_line(self, series: Series, seconds: float, scale: float) -> None:
        """Draw the line; a gap is where the samples lie much further apart than they use to."""
        del seconds
        times = np.array(series.seconds)
        apart = np.diff(times)
        joined = np.ones(len(times), dtype=np.int32)
        if len(apart):
            joined[:-1] = apart < max(_LEAST_GAP_S, _GAP * float(np.median(apart)))
        self.curve.setData(times, np.array(series.values) * scale, connect=joined)

    def recolour(self, colours: Colours, line: str) -> None:
        """Draw in the theme's colours."""
        super().recolour(colours, line)
        self._mark_colour = QColor(colours.text)
        self._edges.setPen(pg.mkPen(self._mark_colour, width=1, style=Qt.PenStyle.DashLine))
        self._means.setPen(pg.mkPen(self._mark_colour, width=1))
        self._draw_marks()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Labels may find room, or lose it."""
        super().resizeEvent(event)
        if self._changes:
            self._draw_marks()


class SoakPlots(QWidget):
    """Decode over prefill, with one time axis; only what is soaked is shown."""

    pointed = Signal(str)
    """What is under the mouse, in words; empty when it leaves."""

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._live = SoakLive()
        self._drawn = -1
        self.plots: dict[Part, SoakPlot] = {
            "decode": SoakPlot(tr("Decode, tokens per second over time")),
            "prefill": SoakPlot(tr("Prefill, tokens per second over time")),
        }
        self.readings: dict[Part, Reading] = {
            "decode": Reading(tr("Decode"), "tok/s"), "prefill": Reading(tr("Prefill"), "tok/s")
        }  # fmt: skip
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self._rows: dict[Part, QWidget] = {}
        for part in PARTS:
            plot, holder = self.plots[part], QWidget()
            row = QHBoxLayout(holder)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(0)
            row.addWidget(plot, 1)
            row.addWidget(self.readings[part])
            column.addWidget(holder, 1)
            self._rows[part] = holder
            plot.viewport().setMouseTracking(True)
            plot.viewport().installEventFilter(self)
        self.recolour(colours)

    def recolour(self, colours: Colours) -> None:
        """Draw in the theme's colours."""
        lines: dict[Part, str] = {"decode": colours.decode, "prefill": colours.prefill}
        for part in PARTS:
            self.plots[part].recolour(colours, lines[part])
            self.readings[part].recolour(lines[part])

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """No more than it takes to read them."""
        return self.minimumSize()

    # ------------------------------------------------------------- showing

    def show_run(self, live: SoakLive, parts: Sequence[Part], seconds: float) -> None:
        """Show a soak from now on.

        Args:
            parts: what is soaked.
            seconds: how long it is planned to take.
        """
        self._live, self._drawn = live, -1
        for part in PARTS:
            self._rows[part].setVisible(part in parts)
            self.readings[part].rename(part_name(part))
            self.plots[part].plan(seconds)
            self.plots[part].setAccessibleDescription("")
        self.refresh()

    def refresh(self) -> None:
        """Draw what is new; nothing where nobody sees it."""
        live = self._live
        if live.samples == self._drawn or not self.isVisible() or self.window().isMinimized():
            return
        self._drawn = live.samples
        for part in PARTS:
            self.plots[part].draw(live.lines[part], seconds=live.seconds, baseline=None, unit="tok/s")
            self.readings[part].show_value(live.lines[part].latest)

    def show_result(self, view: SoakView) -> None:
        """Draw what was found into the lines; the axes end where the soak did."""
        self._drawn = -1
        found = {one.part: one for one in view.parts}
        sustained: dict[Part, str] = {
            "decode": tr("Decode, sustained"), "prefill": tr("Prefill, sustained")
        }  # fmt: skip
        for part in PARTS:
            plot, one = self.plots[part], found.get(part)
            plot.plan(view.seconds)
            plot.draw(self._live.lines[part], seconds=view.seconds, baseline=None, unit="tok/s")
            if one is not None:
                plot.mark(one.stretches, one.changes)
                plot.setAccessibleDescription(_spoken(one))
                self.readings[part].rename(sustained[part])
                self.readings[part].value.setText(one.sustained)

    # ------------------------------------------------------------- reading with the mouse

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Follow the mouse over either of the plots."""
        if isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseMove:
            plot = next((one for one in self.plots.values() if one.viewport() is watched), None)
            if plot is not None:
                self.point_at(plot.time_at(event.position().x()))
        elif event.type() == QEvent.Type.Leave:
            self.point_at(None)
        return super().eventFilter(watched, event)

    def point_at(self, seconds: float | None) -> None:
        """Read both lines at a time; None ends it."""
        if seconds is None or not self._live.samples:
            for plot in self.plots.values():
                plot.stop_pointing()
            self.pointed.emit("")
            return
        names = {"decode": trc("reading", "decode"), "prefill": trc("reading", "prefill")}
        pieces = [clock_text(seconds)]
        for part in PARTS:
            self.plots[part].point_at(seconds)
            value = self._live.lines[part].near(seconds, within=max(2.0, x_end(self._live.seconds) / 100))
            if value is not None:
                pieces.append(f"{names[part]} {spoken_number(value)} tok/s")
        self.pointed.emit(" · ".join(pieces))


def _spoken(one: PartView) -> str:
    """What the picture says, for those who do not see it."""
    rows = "; ".join(f"{name}: {value}" for name, value in one.rows)
    return " ".join((f"{rows}.", *one.sentences))
