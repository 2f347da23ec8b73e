"""Own one live plot: a line over time with its baseline, drawn at little cost.

One-pixel lines without antialiasing, and axes that are stepped rarely instead of scrolled.
"""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg  # type: ignore[import-untyped]
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QResizeEvent

from tunesmith.gui.quiet_plot import QuietPlot
from tunesmith.gui.theme import Colours
from tunesmith.presentation.series import Series, Ticks
from tunesmith.presentation.tune_result_view import spoken_number
from tunesmith.wording import decimal_mark, tr

_AXIS_WIDTH = 48
_AXIS_PX = 11
_LABELS_PX = 36
"""Lines nearer than this have no room for the labels of both at one edge."""
_SPANS = (30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 86_400, 604_800)
"""Ends of the x axis, seconds."""
_TICK_STEPS = (5, 10, 20, 60, 120, 300, 600, 1200, 3600, 7200, 21_600, 86_400)


def x_end(seconds: float) -> float:
    """The end of the x axis for a run that has gone on for so long: a whole step beyond it."""
    return float(next((span for span in _SPANS if seconds < span), seconds * 1.25))


def y_end(highest: float) -> float:
    """The end of the y axis: a round number with some room above the highest value."""
    if highest <= 0:
        return 1.0
    scale = 10.0 ** np.floor(np.log10(highest * 1.08))
    return float(
        next(step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if highest * 1.08 <= step * scale) * scale
    )


def axis_text(value: float) -> str:
    """Such as ``0.75``, ``80`` or ``20,000``, with the marks of the language spoken."""
    text = f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
    return text.translate({ord(","): ".", ord("."): ","}) if decimal_mark() == "," else text


def clock_text(seconds: float) -> str:
    """Such as ``0:34`` or ``1:02:00``."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


class LinePlot(QuietPlot):
    """One line over time with its baseline, from zero upwards; no mouse but for reading."""

    def __init__(self, name: str, *, show_times: bool = False, named: bool = False) -> None:
        self._top = 0.0
        super().__init__(name)
        self.setMinimumHeight(56)
        self._show_times, self._named = show_times, named
        self._end, self._highest = 0.0, 0.0
        self._drawn = -1
        self._ticks_drawn: tuple[int, float, int] = (-1, 0.0, 0)
        self._left.setWidth(_AXIS_WIDTH)
        if show_times:
            self._bottom.setHeight(20)
        else:
            self._bottom.setHeight(18 if named else 4)
            self._bottom.setStyle(showValues=named)
            self._bottom.setTicks([[]])
        self._grid = [self._quiet(pg.InfiniteLine(angle=0)) for _ in range(4)]
        self._marks = self._quiet(pg.PlotDataItem(connect="pairs"))
        self.curve = self._quiet(pg.PlotDataItem())
        self._baseline = self._quiet(pg.InfiniteLine(angle=0))
        self._limit = self._quiet(pg.InfiniteLine(angle=0))
        self._cursor = self._quiet(pg.InfiniteLine(angle=90))
        self._baseline_text = self._quiet(pg.TextItem(anchor=(1, 1)))
        self._limit_label = self._quiet(pg.TextItem(anchor=(1, 0)))
        for one in self._grid:
            one.setZValue(-20)
        for text in (self._baseline_text, self._limit_label):
            text.setZValue(-10)  # hides the grid, never a line
        for hidden in (self._baseline, self._limit, self._cursor, self._baseline_text, self._limit_label):
            hidden.hide()
        self.step_axes(0.0, 0.0)

    def recolour(self, colours: Colours, line: str) -> None:
        """Draw in the theme's colours."""
        self.setBackground(QColor(colours.surface))
        font = self._axis_font()
        faint = QColor(colours.line)
        for axis in (self._left, self._bottom):
            axis.setPen(pg.mkPen(faint, width=1))
            axis.setTextPen(QColor(colours.secondary))
            axis.setStyle(tickFont=font, tickLength=0)
        for one in self._grid:
            one.setPen(pg.mkPen(faint, width=1))
        mark = QColor(colours.limit)
        mark.setAlpha(150)
        self._marks.setPen(pg.mkPen(mark, width=1))
        self.curve.setPen(pg.mkPen(QColor(line), width=1))
        self._baseline.setPen(pg.mkPen(QColor(colours.limit), width=1, style=Qt.PenStyle.DashLine))
        self._limit.setPen(pg.mkPen(QColor(colours.limit), width=1, style=Qt.PenStyle.DotLine))
        self._cursor.setPen(pg.mkPen(QColor(colours.secondary), width=1))
        self._text_colour, self._fill = QColor(colours.secondary), QColor(colours.surface)
        self._fill.setAlpha(220)
        for text in (self._baseline_text, self._limit_label):
            self._style(text)

    def _style(self, text: pg.TextItem) -> None:
        text.setFont(self._axis_font())
        text.setColor(self._text_colour)
        text.fill = pg.mkBrush(self._fill)

    # ------------------------------------------------------------- data

    def draw(
        self,
        series: Series,
        *,
        seconds: float,
        baseline: float | None,
        unit: str,
        reach: float | None = None,
        scale: float = 1.0,
    ) -> None:
        """Draw what is new of a line, if anything is.

        Args:
            seconds: the time of the newest event of the run.
            baseline: where the dashed line lies; None for none.
            unit: of all values.
            reach: a value that has to be on the axis as well, such as a limit; None for none.
            scale: what the line's values are multiplied with to be in that unit; the others are already.
        """
        if series.added != self._drawn:
            self._drawn = series.added
            self._highest = max(self._highest, series.highest * scale, baseline or 0.0, reach or 0.0)
            self._set_line(series, seconds, scale)
        self.step_axes(seconds, self._highest)
        self._set_baseline(baseline, unit)

    def _set_line(self, series: Series, seconds: float, scale: float) -> None:
        """Draw the line, with gaps where for long nothing of its kind was measured."""
        times = np.array(series.seconds)
        joined = np.ones(len(times), dtype=np.int32)
        joined[:-1] = np.diff(times) < max(5.0, x_end(seconds) / 20)
        self.curve.setData(times, np.array(series.values) * scale, connect=joined)

    def _reach_up(self) -> None:
        """Leave room for half of the uppermost label."""
        room = 9 / max(40, self.height() - self._bottom.height())
        self.setYRange(0, self._top / (1 - room), padding=0)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Keep the uppermost label whole."""
        super().resizeEvent(event)
        if self._top:
            self._reach_up()

    def show_times(self, *, shown: bool) -> None:
        """Write the times at the foot, or leave that to a plot below."""
        if shown != self._show_times:
            self._show_times, self._end = shown, 0.0
            self._bottom.setHeight(20 if shown else 4)
            self._bottom.setStyle(showValues=shown)
            self._bottom.setTicks([[]])

    def forget(self) -> None:
        """Begin anew: another run is shown."""
        self._drawn, self._highest, self._end = -1, 0.0, 0.0
        self.curve.setData([], [])
        self._baseline.hide()
        self._baseline_text.hide()
        self.step_axes(0.0, 0.0)

    def step_axes(self, seconds: float, highest: float) -> None:
        """Widen the axes by whole steps where what is to be shown has outgrown them."""
        end, top = max(self._x_end(seconds), self._end), y_end(highest)
        if end != self._end:
            self._end = end
            if self._show_times:
                step = next((s for s in _TICK_STEPS if end / s <= 8), end / 6)
                times = np.arange(step, end - step / 2, step)
                self._bottom.setTicks([[(float(t), clock_text(t)) for t in times]])
            self.setXRange(0, end, padding=0)
        if top != self._top:
            self._top = top
            lines = [top / 2, top] if self.height() < 90 else [top / 4, top / 2, 3 * top / 4, top]
            self._left.setTicks([[(0.0, "0"), *((v, axis_text(v)) for v in (top / 2, top))]])
            for one, value in zip(self._grid, [*lines, *[0.0] * 4], strict=False):
                one.setValue(value)
            self._reach_up()

    def _x_end(self, seconds: float) -> float:
        """Where the x axis ends for a run that has gone on for so long."""
        return x_end(seconds)

    def _set_baseline(self, value: float | None, unit: str) -> None:
        shown = value is not None
        self._baseline.setVisible(shown)
        self._baseline_text.setVisible(shown)
        if value is not None and self._baseline.value() != value:
            self._baseline.setValue(value)
            self._baseline_text.setText(tr("defaults {value} {unit}", value=spoken_number(value), unit=unit))
        if value is not None:
            self._baseline_text.setPos(self._end, value)
            above = value < 0.75 * self._top
            self._baseline_text.setAnchor((1, 1 if above else 0))

    def set_limit(self, value: float | None, text: str) -> None:
        """A dotted line that must not be crossed; None for none."""
        self._limit.setVisible(value is not None)
        self._limit_label.setVisible(value is not None)
        if value is not None:
            self._limit.setValue(value)
            self._limit_label.setText(text)
            left = self._baseline.isVisible() and self._pixels(value - self._baseline.value()) < _LABELS_PX
            self._limit_label.setAnchor((0 if left else 1, 0))
            self._limit_label.setPos(0 if left else self._end, value)

    def _pixels(self, distance: float) -> float:
        """How far two values lie apart on the screen."""
        return float(abs(distance) / self._top * max(1, self.height() - self._bottom.height()))

    def draw_ticks(self, ticks: Ticks) -> None:
        """Short marks at the foot where the candidate changed, and names where there is room for them."""
        key = (ticks.added, self._end, self.width())
        if key == self._ticks_drawn:
            return
        self._ticks_drawn = key
        times = np.repeat(np.array([t for t, _ in ticks.marks], dtype=float), 2)
        heights = np.tile(np.array([0.0, self._top * 0.05]), len(ticks.marks))
        self._marks.setData(times, heights)
        if self._named:
            self._name_ticks(ticks)

    def _name_ticks(self, ticks: Ticks) -> None:
        """Name as many as there is room for under the plot; the newest is worth most."""
        metrics = QFontMetrics(self._axis_font())
        per_pixel = self._end / max(1, self.width() - _AXIS_WIDTH)
        chosen: list[tuple[float, str]] = []
        taken = self._end
        for seconds, text in reversed(ticks.marks):
            half = (metrics.horizontalAdvance(text) / 2 + 6) * per_pixel
            if seconds + half <= taken and seconds - half >= 0:
                chosen.append((seconds, text))
                taken = seconds - half
        self._bottom.setTicks([chosen])

    def _axis_font(self) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(_AXIS_PX)
        return font

    # ------------------------------------------------------------- reading

    def time_at(self, x: float) -> float | None:
        """The time under a widget's x coordinate; None beside the plot."""
        box = self.getPlotItem().getViewBox()
        seconds = float(box.mapSceneToView(self.mapToScene(int(x), 0)).x())
        return seconds if 0 <= seconds <= self._end else None

    def point_at(self, seconds: float) -> None:
        """Show the cursor at a time."""
        self._cursor.setValue(seconds)
        self._cursor.show()

    def stop_pointing(self) -> None:
        """Hide the cursor."""
        self._cursor.hide()
