"""Own one live plot: a line over time with its baseline, drawn at little cost.

What it costs is taken from the model that decodes beside it. So: one-pixel lines without antialiasing, axes
that are stepped rarely instead of scrolled, everything but the line drawn once into a picture, and of the
line only what is new is computed and painted.
"""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QWidget

from tunesmith.gui.theme import LIGHT, Colours
from tunesmith.presentation.series import Series, Ticks
from tunesmith.presentation.tune_result_view import spoken_number
from tunesmith.wording import decimal_mark, tr

_AXIS_WIDTH = 48
_AXIS_PX = 11
_TIMES_PX, _NAMES_PX, _BARE_PX = 20, 18, 4
"""Height below the plot: for times, for names of candidates, for neither."""
_LABEL_PAD_PX = 4
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
    scale = 10.0 ** math.floor(math.log10(highest * 1.08))
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


class LinePlot(QWidget):
    """One line over time with its baseline, from zero upwards; no mouse but for reading."""

    def __init__(self, name: str, *, show_times: bool = False, named: bool = False) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setMinimumHeight(56)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # spares painting all that lies behind it
        self._named = named
        self._show_times = show_times
        self._foot = _TIMES_PX if show_times else _NAMES_PX if named else _BARE_PX
        self._colours, self._line = LIGHT, LIGHT.text
        self.end, self.top = 0.0, 0.0
        """Ends of both axes; seconds, and the unit of the values."""
        self.baseline: float | None = None
        self.baseline_text = ""
        self.limit: float | None = None
        self.limit_text = ""
        self.limit_at_left = False
        self.cursor_at: float | None = None
        self.names: list[tuple[float, str]] = []
        """The candidates named at the foot and when they began, the newest first."""
        self._highest = 0.0
        self._ticks: list[tuple[float, str]] = []
        self._ticks_drawn: tuple[int, float, int] = (-1, 0.0, 0)
        self._series, self._scale = Series(), 1.0
        self.drawn = -1
        """Points ever added to the series when it was drawn last."""
        self.pieces: list[QPolygonF] = []
        """The line in pixels, with gaps where for long nothing of its kind was measured."""
        self._last = (0.0, 0)
        self._ground: QPixmap | None = None
        self.step_axes(0.0, 0.0)

    def recolour(self, colours: Colours, line: str) -> None:
        """Draw in the theme's colours."""
        self._colours, self._line = colours, line
        self._draw_anew()

    @property
    def line_pen(self) -> QPen:
        """What the line is drawn with."""
        return QPen(QColor(self._line), 1)

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
        new = series.added != self.drawn
        if new:
            self._highest = max(self._highest, series.highest * scale, baseline or 0.0, reach or 0.0)
        stepped = self.step_axes(seconds, self._highest)
        self._set_baseline(baseline, unit)
        if new or stepped:
            self._set_line(series, scale, anew=stepped)

    def _set_line(self, series: Series, scale: float, *, anew: bool) -> None:
        """Add what is new to the line, or compute all of it where the axes or older points have changed."""
        came = series.added - self.drawn
        known = self._last[1]
        anew = anew or series is not self._series or scale != self._scale or len(series) != known + came
        self._series, self._scale, self.drawn = series, scale, series.added
        if anew:
            self._compute_line()
            self.update()
            return
        left = self._x(self._last[0])
        self._append(known)
        self.update(QRect(math.floor(left) - 2, 0, self.width() - math.floor(left) + 2, self.height()))

    def _compute_line(self) -> None:
        self.pieces, self._last = [], (-math.inf, 0)
        self._append(0)

    def _append(self, first: int) -> None:
        """Add the series' points from a place on."""
        gap, before = max(5.0, self.end / 20), self._last[0]
        left, bottom, across, up = self._measures()
        up *= self._scale
        seconds, values = self._series.seconds, self._series.values
        for place in range(first, len(seconds)):
            at = seconds[place]
            if at - before >= gap or not self.pieces:
                self.pieces.append(QPolygonF())
            self.pieces[-1].append(QPointF(left + at * across, bottom - values[place] * up))
            before = at
        self._last = (before, len(seconds))

    def forget(self) -> None:
        """Begin anew: another run is shown."""
        self.drawn, self._highest, self.end = -1, 0.0, 0.0
        self._series, self.pieces, self._last = Series(), [], (-math.inf, 0)
        self.baseline = None
        self.names, self._ticks, self._ticks_drawn = [], [], (-1, 0.0, 0)
        self.step_axes(0.0, 0.0)
        self._draw_anew()

    def step_axes(self, seconds: float, highest: float) -> bool:
        """Widen the axes by whole steps where what is to be shown has outgrown them; whether it has."""
        end, top = max(x_end(seconds), self.end), y_end(highest)
        if (end, top) == (self.end, self.top):
            return False
        self.end, self.top = end, top
        self._draw_anew()
        return True

    def _set_baseline(self, value: float | None, unit: str) -> None:
        if value == self.baseline:
            return
        before = self._look_of_baseline()
        self.baseline = value
        if value is not None:
            self.baseline_text = tr("defaults {value} {unit}", value=spoken_number(value), unit=unit)
        if self._look_of_baseline() != before:
            self._draw_anew()

    def _look_of_baseline(self) -> tuple[int | None, str]:
        """Where it lies, pixels, and its name: what it moves by less is not worth drawing."""
        if self.baseline is None:
            return None, ""
        return round(self.baseline * self._measures()[3]), self.baseline_text

    def set_limit(self, value: float | None, text: str) -> None:
        """A dotted line that must not be crossed; None for none."""
        left = (
            value is not None
            and self.baseline is not None
            and abs(value - self.baseline) * self._measures()[3] < _LABELS_PX
        )
        if (value, text, left) != (self.limit, self.limit_text, self.limit_at_left):
            self.limit, self.limit_text, self.limit_at_left = value, text, left
            self._draw_anew()

    def draw_ticks(self, ticks: Ticks) -> None:
        """Short marks at the foot where the candidate changed, and names where there is room for them."""
        key = (ticks.added, self.end, self.width())
        if key == self._ticks_drawn:
            return
        came = ticks.added - self._ticks_drawn[0]
        only_more = key[1:] == self._ticks_drawn[1:] and len(ticks.marks) == len(self._ticks) + came
        self._ticks_drawn, self._ticks = key, list(ticks.marks)
        if self._named:
            self._name_ticks()
        elif only_more and self._ground is not None:
            painter = QPainter(self._ground)
            self._draw_marks(painter, self._ticks[-came:])
            painter.end()
            first = math.floor(self._x(self._ticks[-came][0])) - 1
            self.update(QRect(first, 0, self.width() - first, self.height()))
            return
        self._draw_anew()

    def _name_ticks(self) -> None:
        """Name as many as there is room for under the plot; the newest is worth most."""
        metrics = QFontMetrics(self._axis_font())
        per_pixel = self.end / max(1, self.width() - _AXIS_WIDTH)
        self.names = []
        taken = self.end
        for seconds, text in reversed(self._ticks):
            half = (metrics.horizontalAdvance(text) / 2 + 6) * per_pixel
            if seconds + half <= taken and seconds - half >= 0:
                self.names.append((seconds, text))
                taken = seconds - half

    # ------------------------------------------------------------- geometry

    def _measures(self) -> tuple[float, float, float, float]:
        """Left and bottom, pixels; pixels a second and a unit. Half a label fits above the top."""
        height = max(1, self.height() - self._foot)
        room = 9 / max(40, height)
        bottom = self.height() - self._foot - 1
        across = max(1, self.width() - _AXIS_WIDTH - 1) / self.end
        return _AXIS_WIDTH, bottom, across, (height - 1) * (1 - room) / self.top

    def _x(self, seconds: float) -> float:
        left, _bottom, across, _up = self._measures()
        return left + max(0.0, seconds) * across

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Lay all out again."""
        super().resizeEvent(event)
        self._compute_line()
        self._draw_anew()

    def _draw_anew(self) -> None:
        self._ground = None
        self.update()

    def _axis_font(self) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(_AXIS_PX)
        return font

    # ------------------------------------------------------------- painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Draw the picture behind the line, then the line."""
        if self._ground is None:
            self._ground = self._draw_ground()
        painter = QPainter(self)
        painter.setClipRect(event.rect())
        painter.drawPixmap(0, 0, self._ground)
        painter.setPen(self.line_pen)
        for piece in self.pieces:
            painter.drawPolyline(piece)
        if self.cursor_at is not None:
            painter.setPen(QPen(QColor(self._colours.secondary), 1))
            x = round(self._x(self.cursor_at))
            painter.drawLine(x, 0, x, self.height() - self._foot - 1)
        painter.end()

    def _draw_ground(self) -> QPixmap:
        """Grid, axes, marks, baseline and limit, as they are until one of them changes."""
        ratio = self.devicePixelRatioF()
        ground = QPixmap(self.size() * ratio)
        ground.setDevicePixelRatio(ratio)
        ground.fill(QColor(self._colours.surface))
        painter = QPainter(ground)
        painter.setFont(self._axis_font())
        self._draw_grid(painter)
        self._draw_foot(painter)
        self._draw_marks(painter, self._ticks)
        self._draw_labels(painter)
        painter.end()
        return ground

    def _draw_grid(self, painter: QPainter) -> None:
        left, bottom, _across, up = self._measures()
        painter.setPen(QPen(QColor(self._colours.line), 1))
        lines = 2 if self.height() < 90 else 4
        for share in range(1, lines + 1):
            y = round(bottom - self.top * share / lines * up)
            painter.drawLine(int(left), y, self.width() - 1, y)
        painter.drawLine(int(left), 0, int(left), int(bottom))
        painter.drawLine(int(left), int(bottom), self.width() - 1, int(bottom))
        painter.setPen(QColor(self._colours.secondary))
        for value in (0.0, self.top / 2, self.top):
            middle = bottom - value * up
            place = QRectF(0, min(middle + 6, self.height() + 1) - 12, left - _LABEL_PAD_PX - 1, 12)
            side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(place, int(side), axis_text(value))

    def _draw_foot(self, painter: QPainter) -> None:
        """Times, or names of candidates, under the plot."""
        for seconds, text in self._times() if self._show_times else self.names:
            place = QRectF(self._x(seconds) - 150, self.height() - self._foot, 300, self._foot - 2)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), text)

    def _times(self) -> list[tuple[float, str]]:
        step = next((s for s in _TICK_STEPS if self.end / s <= 8), self.end / 6)
        count = math.ceil((self.end - step / 2) / step) - 1
        return [(step * place, clock_text(step * place)) for place in range(1, count + 1)]

    def _draw_marks(self, painter: QPainter, ticks: list[tuple[float, str]]) -> None:
        _left, bottom, _across, up = self._measures()
        mark = QColor(self._colours.limit)
        mark.setAlpha(150)
        painter.setPen(QPen(mark, 1))
        high = round(bottom - self.top * 0.05 * up)
        for seconds, _text in ticks:
            x = round(self._x(seconds))
            painter.drawLine(x, high, x, int(bottom))

    def _draw_labels(self, painter: QPainter) -> None:
        """The baseline and the limit with their names; a name hides the grid, never the line."""
        for value, style, text, above, at_left in (
            (
                self.baseline, Qt.PenStyle.DashLine, self.baseline_text,
                self.baseline is not None and self.baseline < 0.75 * self.top, False,
            ),
            (self.limit, Qt.PenStyle.DotLine, self.limit_text, False, self.limit_at_left),
        ):  # fmt: skip
            if value is None:
                continue
            left, bottom, _across, up = self._measures()
            y = round(bottom - value * up)
            metrics = painter.fontMetrics()
            wide, high = metrics.horizontalAdvance(text) + 2 * _LABEL_PAD_PX, metrics.height() + 4
            place = QRectF(left if at_left else self.width() - wide, y - high if above else y, wide, high)
            fill = QColor(self._colours.surface)
            fill.setAlpha(220)
            painter.fillRect(place, fill)
            painter.setPen(QColor(self._colours.secondary))
            painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), text)
            painter.setPen(QPen(QColor(self._colours.limit), 1, style))
            painter.drawLine(int(left), y, self.width() - 1, y)

    # ------------------------------------------------------------- reading

    def time_at(self, x: float) -> float | None:
        """The time under a widget's x coordinate; None beside the plot."""
        left, _bottom, across, _up = self._measures()
        seconds = (x - left) / across
        return seconds if 0 <= seconds <= self.end else None

    def point_at(self, seconds: float) -> None:
        """Show the cursor at a time."""
        self.cursor_at = seconds
        self.update()

    def stop_pointing(self) -> None:
        """Hide the cursor."""
        if self.cursor_at is not None:
            self.cursor_at = None
            self.update()
