"""Own the plot of speed against quality: a dot for each file, the limit, and the set worth having."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyqtgraph as pg  # type: ignore[import-untyped]
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QMouseEvent, QResizeEvent

from tunesmith.gui.line_plot import y_end
from tunesmith.gui.quiet_plot import QuietPlot
from tunesmith.gui.theme import Colours, tabular
from tunesmith.presentation.choice_view import Point
from tunesmith.presentation.numbers import fixed
from tunesmith.wording import tr

_AXIS_PX = 11
_SMALLEST_PX, _LARGEST_PX = 8.0, 22.0
_REACH_PX = 18.0
"""How near to a dot counts as on it."""
_GAP_PX = 3.0
_AXES_PX = 64.0
_BEYOND = 1.6
"""The axis goes on to so many times the limit; what lies further off stands at its edge."""


class ParetoPlot(QuietPlot):
    """Up is faster, left is truer to the source; the table beside it tells the same to the keyboard."""

    chosen = Signal(str)
    """The label of the dot that was clicked."""
    pointed = Signal(str)
    """What is under the mouse, in words; empty for nothing."""

    def __init__(self, colours: Colours) -> None:
        super().__init__(tr("Speed against quality loss"))
        self.setMinimumSize(240, 120)
        self.viewport().setMouseTracking(True)
        self._points: list[Point] = []
        self._limit_kld: float | None = None
        self._selected = ""
        self._line = self._quiet(pg.PlotDataItem())
        self._bars = self._quiet(pg.PlotDataItem(connect="pairs"))
        self._dots = self._quiet(pg.ScatterPlotItem(pxMode=True))
        self._limit = self._quiet(pg.InfiniteLine(angle=90))
        self._limit_text = self._quiet(pg.TextItem(anchor=(1, 0)))
        self._names: list[pg.TextItem] = []
        self._limit.hide()
        self._limit_text.hide()
        self.recolour(colours)

    def recolour(self, colours: Colours) -> None:
        """Draw in the theme's colours."""
        self._colours = colours
        self.setBackground(QColor(colours.surface))
        for axis, name in (
            (self._left, tr("speed, times the source's")), (self._bottom, tr("quality loss, mean KLD")),
        ):  # fmt: skip
            axis.setPen(pg.mkPen(QColor(colours.line), width=1))
            axis.setTextPen(QColor(colours.secondary))
            axis.setStyle(tickFont=self._font(), tickLength=0)
            axis.setLabel(name, **{"color": colours.secondary, "font-size": f"{_AXIS_PX}px"})
            axis.enableAutoSIPrefix(False)  # noqa: FBT003 (pyqtgraph's)
        self._limit.setPen(pg.mkPen(QColor(colours.limit), width=1, style=Qt.PenStyle.DotLine))
        self._bars.setPen(pg.mkPen(QColor(colours.limit), width=1))
        self._line.setPen(pg.mkPen(QColor(colours.accent), width=1))
        self._behind = QColor(colours.surface)
        self._behind.setAlpha(220)
        self._redraw()

    @staticmethod
    def _font(*, bold: bool = False) -> QFont:
        return tabular(QFont(), pixels=_AXIS_PX, bold=bold)

    # ------------------------------------------------------------- data

    def draw(self, points: Sequence[Point], *, limit_kld: float | None, selected: str) -> None:
        """Draw these.

        Args:
            points: those whose quality is known; what has no speed yet stands at the foot.
            limit_kld: what was asked for, nats per token; None draws no line.
            selected: label of the one whose details are shown.
        """
        self._points, self._limit_kld, self._selected = list(points), limit_kld, selected
        self.setAccessibleDescription(
            "; ".join(f"{one.label}: {fixed(one.kld, 4)}, {_speed(one)}" for one in self._points)
        )
        self._redraw()

    @property
    def x_end(self) -> float:
        """The end of the axis of quality."""
        raced = [one.kld for one in self._points if one.speed is not None]
        highest = max(raced or [one.kld for one in self._points] or [0.0])
        if self._limit_kld is not None:
            highest = max(self._limit_kld * 1.25, min(highest * 1.1, self._limit_kld * _BEYOND))
        return y_end(highest) if highest > 0 else 0.1

    def place(self, point: Point) -> tuple[float, float]:
        """Where a dot stands; what lies beyond the axis stands at its edge."""
        return min(point.kld, self.x_end), point.speed or 0.0

    def _redraw(self) -> None:
        c, end = self._colours, self.x_end
        tops = [one.high or one.speed or 0.0 for one in self._points if one.speed is not None]
        top = y_end(max(tops, default=1.0))
        aside = end * _LARGEST_PX * 0.7 / max(100.0, self.width() - _AXES_PX)
        self.setRange(xRange=(-aside, end + aside), yRange=(-top * 0.06, top * 1.04), padding=0)
        self._left.setTicks([_ticks(top)])
        self._bottom.setTicks([_ticks(end)])
        largest = max((one.size_bytes for one in self._points), default=1) or 1
        spots, bars = [], []
        for one in self._points:
            x, y = self.place(one)
            if one.low is not None and one.high is not None:
                bars += [(x, one.low), (x, min(one.high, top * 1.04))]
            spots.append(self._spot(one, (x, y), largest))
        self._dots.setData(spots)
        self._bars.setData([x for x, _y in bars], [y for _x, y in bars])
        worth = sorted((one for one in self._points if one.pareto and one.speed), key=lambda one: one.kld)
        self._line.setData([self.place(one)[0] for one in worth], [one.speed for one in worth])
        shown = self._limit_kld is not None and self._limit_kld <= end
        self._limit.setVisible(shown)
        self._limit_text.setVisible(shown)
        if shown and self._limit_kld is not None:
            self._limit.setPos(self._limit_kld)
            self._limit_text.setFont(self._font())
            self._limit_text.setColor(QColor(c.secondary))
            self._limit_text.setText(tr("your limit {limit}", limit=f"{self._limit_kld:g}"))
            self._limit_text.setPos(self._limit_kld, top * 1.04)
        self._name_all(largest)

    def _diameter(self, one: Point, largest: int) -> float:
        """By area, as the file is large."""
        return _SMALLEST_PX + (_LARGEST_PX - _SMALLEST_PX) * math.sqrt(one.size_bytes / largest)

    def _spot(self, one: Point, at: tuple[float, float], largest: int) -> dict[str, object]:
        c = self._colours
        colour = c.accent if one.picked or one.pareto else c.prefill
        if one.out or one.speed is None:
            colour = c.limit
        fill = QColor(colour)
        if not one.picked:
            fill.setAlpha(0 if one.out or one.speed is None else 90)
        ring = QColor(c.text if one.label == self._selected else colour)
        pen = pg.mkPen(ring, width=2 if one.picked or one.label == self._selected else 1)
        return {"pos": at, "size": self._diameter(one, largest), "brush": pg.mkBrush(fill), "pen": pen}

    # ------------------------------------------------------------- names beside their dots

    def _name_all(self, largest: int) -> None:
        """Write each name where it covers no dot and no other name, the most telling first."""
        for one in self._names:
            self.removeItem(one)
        self._names = []
        view = self.getPlotItem().getViewBox()
        room = view.sceneBoundingRect()
        if room.width() < 2 or room.height() < 2:
            return
        shown_limit = self._limit_text.isVisible()
        radii = {one.label: self._diameter(one, largest) / 2 for one in self._points}
        spots = {one.label: view.mapViewToScene(QPointF(*self.place(one))) for one in self._points}
        taken = [self._limit_text.mapRectToScene(self._limit_text.boundingRect())] if shown_limit else []
        taken += [
            QRectF(at.x() - radii[label], at.y() - radii[label], 2 * radii[label], 2 * radii[label])
            for label, at in spots.items()
        ]
        for one in sorted(self._points, key=lambda one: (not one.picked, one.out, not one.pareto)):
            font = self._font(bold=one.picked)
            text = self._name(one)
            width = QFontMetricsF(font).horizontalAdvance(text) + 2
            height = QFontMetricsF(font).height()
            found = _free_place(spots[one.label], radii[one.label], (width, height), taken, room)
            if found is None:
                continue
            taken.append(found)
            made = self._quiet(pg.TextItem(text, anchor=(0, 0)))
            made.setFont(font)
            made.setColor(QColor(self._colours.text if one.speed is not None else self._colours.secondary))
            made.textItem.document().setDocumentMargin(0)
            made.fill = pg.mkBrush(self._behind)
            made.setPos(view.mapSceneToView(found.topLeft()))
            self._names.append(made)

    def _name(self, one: Point) -> str:
        if one.kld > self.x_end:
            return tr("{label} {kld} →", label=one.label, kld=fixed(one.kld, 3))
        return tr("{label}, the pick", label=one.label) if one.picked else one.label

    # ------------------------------------------------------------- the mouse

    def label_at(self, position: QPointF) -> str:
        """The dot under a place of the widget; empty if there is none."""
        view = self.getPlotItem().getViewBox()
        at = self.mapToScene(position.toPoint())
        nearest, found = _REACH_PX, ""
        for one in self._points:
            spot = view.mapViewToScene(QPointF(*self.place(one)))
            distance = math.hypot(spot.x() - at.x(), spot.y() - at.y())
            if distance <= nearest:
                nearest, found = distance, one.label
        return found

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 (Qt's name)
        """Choose the dot under the mouse."""
        label = self.label_at(event.position())
        if label:
            self.chosen.emit(label)
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 (Qt's name)
        """Nothing is dragged here."""
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 (Qt's name)
        """Say what is under the mouse."""
        label = self.label_at(event.position())
        found = next((one for one in self._points if one.label == label), None)
        self.pointed.emit("" if found is None else _reading(found))
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if label else Qt.CursorShape.ArrowCursor)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 (Qt's name)
        """Nothing is under the mouse."""
        super().leaveEvent(event)
        self.pointed.emit("")

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Names find other places."""
        super().resizeEvent(event)
        if hasattr(self, "_colours"):  # pyqtgraph resizes while it is being made
            self._redraw()


def _speed(one: Point) -> str:
    return tr("speed not measured") if one.speed is None else f"{fixed(one.speed, 2)}×"


def _reading(one: Point) -> str:
    return tr("{label}: mean KLD {kld}, {speed}", label=one.label, kld=fixed(one.kld, 4), speed=_speed(one))


def _ticks(end: float) -> list[tuple[float, str]]:
    """Zero, a few round steps, and the end."""
    raw = end / 4
    scale = 10.0 ** math.floor(math.log10(raw))
    step = next(round_ * scale for round_ in (1, 2, 2.5, 5, 10) if raw <= round_ * scale * 1.0001)
    places = max(0, -math.floor(math.log10(step) + 1e-9) + (1 if step / scale == 2.5 else 0))
    return [(n * step, fixed(n * step, places)) for n in range(int(end / step + 1e-6) + 1)]


def _free_place(
    at: QPointF, radius: float, size: tuple[float, float], taken: Sequence[QRectF], room: QRectF
) -> QRectF | None:
    """Where a name covers nothing: above, below or beside its dot; None where it would."""
    width, height = size
    gap, aside = radius + _GAP_PX, radius * 0.7
    for x, y in (
        (at.x() - width / 2, at.y() - gap - height), (at.x() - width / 2, at.y() + gap),
        (at.x() + gap, at.y() - height / 2), (at.x() - gap - width, at.y() - height / 2),
        (at.x() + aside, at.y() - radius - height), (at.x() - aside - width, at.y() - radius - height),
        (at.x() + aside, at.y() + radius), (at.x() - aside - width, at.y() + radius),
    ):  # fmt: skip
        wanted = QRectF(x, y, width, height)
        if room.contains(wanted) and not any(wanted.intersects(one) for one in taken):
            return wanted
    return None
