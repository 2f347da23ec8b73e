"""Own the roofline plot: a slope for memory, a level for matrices, and a dot for each candidate's parts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyqtgraph as pg  # type: ignore[import-untyped]
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QKeyEvent, QMouseEvent, QResizeEvent

from tunesmith.gui.quiet_plot import QuietPlot
from tunesmith.gui.theme import Colours, tabular
from tunesmith.presentation.roofline import Dot, RooflineView, Spot
from tunesmith.wording import tr

_AXIS_PX = 11
_OTHER_PX, _MARKED_PX = 7.0, 11.0
_REACH_PX = 14.0
"""How near to a dot counts as on it."""
_GAP_PX = 5.0
_ROOM_ABOVE = 0.03
"""Above the highest tick, so that its number is whole; part of the axis."""
_SYMBOLS = {"prefill": "s", "decode": "o"}
"""By shape too, never colour alone."""


class RooflinePlot(QuietPlot):
    """Right is more computed with each byte, up is faster; arrow keys go from dot to dot."""

    pointed = Signal(str)
    """What is under the mouse or chosen by the keyboard, in words; empty for nothing."""

    def __init__(self, colours: Colours) -> None:
        super().__init__(tr("Roofline"))
        self.setMinimumSize(240, 160)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self._view: RooflineView | None = None
        self._chosen: int | None = None
        self._slope = self._quiet(pg.PlotDataItem())
        self._level = self._quiet(pg.PlotDataItem())
        self._dots = self._quiet(pg.ScatterPlotItem(pxMode=True))
        self._names: list[pg.TextItem] = []
        self.recolour(colours)

    def recolour(self, colours: Colours) -> None:
        """Draw in the theme's colours."""
        self._colours = colours
        self.setBackground(QColor(colours.surface))
        for axis, name in ((self._left, tr("GFLOPS")), (self._bottom, tr("operations per byte"))):
            axis.setPen(pg.mkPen(QColor(colours.line), width=1))
            axis.setTextPen(QColor(colours.secondary))
            axis.setStyle(tickFont=self._font(), tickLength=0)
            axis.setLabel(name, **{"color": colours.secondary, "font-size": f"{_AXIS_PX}px"})
            axis.enableAutoSIPrefix(False)  # noqa: FBT003 (pyqtgraph's)
        for roof in (self._slope, self._level):
            roof.setPen(pg.mkPen(QColor(colours.limit), width=1, style=Qt.PenStyle.DotLine))
        self._behind = QColor(colours.surface)
        self._behind.setAlpha(220)
        self._redraw()

    @staticmethod
    def _font(*, bold: bool = False) -> QFont:
        return tabular(QFont(), pixels=_AXIS_PX, bold=bold)

    # ------------------------------------------------------------- data

    def draw(self, view: RooflineView) -> None:
        """Draw this."""
        self._view, self._chosen = view, None
        told = [*view.sentences, view.note, *(dot.reading for dot in view.dots if dot.name)]
        self.setAccessibleDescription(" ".join(filter(None, told)))
        self._redraw()

    def _redraw(self) -> None:
        view = self._view
        if view is None:
            return
        (left, right), (low, high) = (tuple(map(math.log10, ends)) for ends in (view.x, view.y))
        above = (high - low) * _ROOM_ABOVE
        self.setRange(xRange=(left, right), yRange=(low, high + above), padding=0)
        self._bottom.setTicks([[(math.log10(value), text) for value, text in view.x_ticks]])
        self._left.setTicks([[(math.log10(value), text) for value, text in view.y_ticks]])
        for roof, ends in ((self._slope, view.slope), (self._level, view.level)):
            spots = [_place(spot) for spot in ends or ()]
            roof.setData([x for x, _y in spots], [y for _x, y in spots])
        self._dots.setData([self._spot(number, dot) for number, dot in enumerate(view.dots)])
        self._name_all(view)

    def _spot(self, number: int, dot: Dot) -> dict[str, object]:
        c = self._colours
        colour = QColor(c.prefill if dot.part == "prefill" else c.accent)
        marked = dot.standing != "other"
        fill = QColor(colour)
        fill.setAlpha({"chosen": 255, "baseline": 0, "other": 60}[dot.standing])
        ring = QColor(c.text) if number == self._chosen else colour
        return {
            "pos": _place(dot.at), "symbol": _SYMBOLS[dot.part],
            "size": _MARKED_PX if marked else _OTHER_PX, "brush": pg.mkBrush(fill),
            "pen": pg.mkPen(ring, width=2 if marked or number == self._chosen else 1),
        }  # fmt: skip

    # ------------------------------------------------------------- names

    def _name_all(self, view: RooflineView) -> None:
        """Write the roof's names and those of marked dots where they cover nothing."""
        for one in self._names:
            self.removeItem(one)
        self._names = []
        box = self.getPlotItem().getViewBox()
        room = box.sceneBoundingRect()
        if room.width() < 2 or room.height() < 2:
            return
        taken: list[QRectF] = []
        for dot in view.dots:
            at, radius = self._on_scene(dot.at), (_MARKED_PX if dot.name else _OTHER_PX) / 2 + 1
            taken.append(QRectF(at.x() - radius, at.y() - radius, 2 * radius, 2 * radius))
        roofs = ((view.slope, view.slope_name, 0.25), (view.level, view.level_name, 0.6))
        for dot in reversed(view.dots):
            if dot.name:
                self._write(dot.name, self._on_scene(dot.at), taken, room, bold=dot.standing == "chosen")
        for ends, name, share in roofs:
            if ends is not None:
                start, end = (self._on_scene(spot) for spot in ends)
                at = start + (end - start) * share
                self._write(name, at, taken, room, quiet=True)

    def _write(
        self, text: str, at: QPointF, taken: list[QRectF], room: QRectF, *, bold: bool = False,
        quiet: bool = False,
    ) -> None:  # fmt: skip
        font = self._font(bold=bold)
        size = QFontMetricsF(font).horizontalAdvance(text) + 2, QFontMetricsF(font).height()
        found = _free_place(at, size, taken, room)
        if found is None:
            return
        taken.append(found)
        made = self._quiet(pg.TextItem(text, anchor=(0, 0)))
        made.setFont(font)
        made.setColor(QColor(self._colours.secondary if quiet else self._colours.text))
        made.textItem.document().setDocumentMargin(0)
        made.fill = pg.mkBrush(self._behind)
        made.setPos(self.getPlotItem().getViewBox().mapSceneToView(found.topLeft()))
        self._names.append(made)

    def _on_scene(self, spot: Spot) -> QPointF:
        found: QPointF = self.getPlotItem().getViewBox().mapViewToScene(QPointF(*_place(spot)))
        return found

    # ------------------------------------------------------------- mouse and keyboard

    def dot_at(self, position: QPointF) -> int | None:
        """The number of the dot under a place of the widget; None if there is none."""
        at = self.mapToScene(position.toPoint())
        nearest, found = _REACH_PX, None
        for number, dot in enumerate(self._view.dots if self._view is not None else ()):
            spot = self._on_scene(dot.at)
            distance = math.hypot(spot.x() - at.x(), spot.y() - at.y())
            if distance <= nearest:
                nearest, found = distance, number
        return found

    def _point(self, number: int | None) -> None:
        view = self._view
        if number == self._chosen or view is None:
            return
        self._chosen = number
        self.pointed.emit("" if number is None else view.dots[number].reading)
        self._dots.setData([self._spot(n, dot) for n, dot in enumerate(view.dots)])

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Go to the dot on the right or left, or above or below, in the order of their places."""
        steps = {
            Qt.Key.Key_Right: 1, Qt.Key.Key_Up: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Down: -1,
        }  # fmt: skip
        step = steps.get(Qt.Key(event.key()))
        view = self._view
        if step is None or view is None or not view.dots:
            event.ignore()
            return
        order = sorted(range(len(view.dots)), key=lambda number: view.dots[number].at)
        place = order.index(self._chosen) + step if self._chosen is not None else 0
        self._point(order[place % len(order)])
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 (Qt's name)
        """Nothing is dragged here."""
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 (Qt's name)
        """Nothing is dragged here."""
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 (Qt's name)
        """Say what is under the mouse."""
        self._point(self.dot_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 (Qt's name)
        """Nothing is under the mouse."""
        super().leaveEvent(event)
        self._point(None)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Names find other places."""
        super().resizeEvent(event)
        if hasattr(self, "_colours"):  # pyqtgraph resizes while it is being made
            self._redraw()


def _place(spot: Spot) -> tuple[float, float]:
    return math.log10(spot[0]), math.log10(spot[1])


def _free_place(
    at: QPointF, size: tuple[float, float], taken: Sequence[QRectF], room: QRectF
) -> QRectF | None:
    """Where a name covers nothing: beside its place, above or below; None where it would."""
    width, height = size
    gap = _MARKED_PX / 2 + _GAP_PX
    sides = at.x() + gap, at.x() - gap - width
    rows = [at.y() - height / 2 + height * each for each in (0, 1, -1, 2, -2)]
    beside = [(x, rows[0]) for x in sides]
    over = [(at.x() - width / 2, at.y() - gap - height), (at.x() - width / 2, at.y() + gap)]
    further = [(x, y) for y in rows[1:] for x in sides]
    for x, y in (*beside, *over, *further):
        wanted = QRectF(x, y, width, height)
        if room.contains(wanted) and not any(wanted.intersects(one) for one in taken):
            return wanted
    return None
