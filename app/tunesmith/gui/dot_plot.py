"""Own what plots of dots share: names that cover nothing, and reading each by mouse and keyboard."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import pyqtgraph as pg  # type: ignore[import-untyped]
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QKeyEvent, QMouseEvent, QResizeEvent

from tunesmith.domain.roofline import Standing
from tunesmith.gui.quiet_plot import QuietPlot
from tunesmith.gui.theme import Colours, tabular

AXIS_PX = 11
OTHER_PX, MARKED_PX = 7.0, 11.0
_REACH_PX = 14.0
"""How near to a dot counts as on it."""
_GAP_PX = 5.0
Spot = tuple[float, float]


class Dotted(Protocol):
    """One candidate in a plot."""

    @property
    def standing(self) -> Standing:
        """What it is in its run."""

    @property
    def at(self) -> Spot:
        """Where it stands, in the units of the axes."""

    @property
    def name(self) -> str:
        """Written beside it; empty for one that only the reading names."""

    @property
    def reading(self) -> str:
        """All of it in a sentence."""


class DotPlot(QuietPlot):
    """Arrow keys go from dot to dot; what is pointed at is told in words."""

    pointed = Signal(str)
    """What is under the mouse or chosen by the keyboard, in words; empty for nothing."""

    def __init__(self, name: str, colours: Colours) -> None:
        super().__init__(name)
        self.setMinimumSize(240, 160)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self._colours = colours
        self._chosen: int | None = None
        self._names: list[pg.TextItem] = []
        self._made = False

    def _begin(self) -> None:
        """To be called when all items are made: dots lie above them."""
        self._dots = self._quiet(pg.ScatterPlotItem(pxMode=True))
        self._made = True
        self.recolour(self._colours)

    # ------------------------------------------------------------- what a plot says of itself

    def _shown(self) -> Sequence[Dotted]:
        """The dots, those on top last."""
        raise NotImplementedError

    def _place(self, spot: Spot) -> Spot:
        """Where a spot lies on the axes."""
        return spot

    def _look(self, dot: Dotted) -> tuple[str, str, int]:
        """A dot's symbol, its colour, and how much of that fills it, 0 to 255."""
        raise NotImplementedError

    def _axis_names(self) -> tuple[str, str]:
        """Of the left and of the bottom axis."""
        raise NotImplementedError

    def _redraw(self) -> None:
        """Draw all of it again."""
        raise NotImplementedError

    def recolour(self, colours: Colours) -> None:
        """Draw in the theme's colours."""
        self._colours = colours
        self.setBackground(QColor(colours.surface))
        self._name_axes()
        self._behind = QColor(colours.surface)
        self._behind.setAlpha(220)
        self._redraw()

    def _name_axes(self) -> None:
        c = self._colours
        for axis, name in zip((self._left, self._bottom), self._axis_names(), strict=True):
            axis.setPen(pg.mkPen(QColor(c.line), width=1))
            axis.setTextPen(QColor(c.secondary))
            axis.setStyle(tickFont=self._font(), tickLength=0)
            axis.setLabel(name, **{"color": c.secondary, "font-size": f"{AXIS_PX}px"})
            axis.enableAutoSIPrefix(False)  # noqa: FBT003 (pyqtgraph's)

    @staticmethod
    def _font(*, bold: bool = False) -> QFont:
        return tabular(QFont(), pixels=AXIS_PX, bold=bold)

    # ------------------------------------------------------------- dots and names

    def _draw_dots(self) -> None:
        self._dots.setData([self._spot(number, dot) for number, dot in enumerate(self._shown())])

    def _spot(self, number: int, dot: Dotted) -> dict[str, object]:
        symbol, colour, alpha = self._look(dot)
        marked, chosen = dot.standing != "other", number == self._chosen
        fill = QColor(colour)
        fill.setAlpha(alpha)
        ring = QColor(self._colours.text if chosen else colour)
        return {
            "pos": self._place(dot.at), "symbol": symbol, "size": MARKED_PX if marked else OTHER_PX,
            "brush": pg.mkBrush(fill), "pen": pg.mkPen(ring, width=2 if marked or chosen else 1),
        }  # fmt: skip

    def _name_all(self, lines: Sequence[tuple[str, Spot, Spot, float]] = ()) -> None:
        """Write the names of dots, and of lines, where they cover nothing.

        Args:
            lines: a name, two ends, and at which share of the way it is written.
        """
        for one in self._names:
            self.removeItem(one)
        self._names = []
        room = self.getPlotItem().getViewBox().sceneBoundingRect()
        if room.width() < 2 or room.height() < 2:
            return
        taken: list[QRectF] = []
        for dot in self._shown():
            at, radius = self._on_scene(dot.at), (MARKED_PX if dot.standing != "other" else OTHER_PX) / 2 + 1
            taken.append(QRectF(at.x() - radius, at.y() - radius, 2 * radius, 2 * radius))
        for dot in reversed(self._shown()):
            if dot.name:
                bold, near = dot.standing == "chosen", dot.standing == "other"
                self._write(dot.name, self._on_scene(dot.at), taken, room, bold=bold, near=near)
        for name, begin, end, share in lines:
            start, stop = self._on_scene(begin), self._on_scene(end)
            self._write(name, start + (stop - start) * share, taken, room, quiet=True)

    def _write(
        self, text: str, at: QPointF, taken: list[QRectF], room: QRectF, *, bold: bool = False,
        quiet: bool = False, near: bool = False,
    ) -> None:  # fmt: skip
        font = self._font(bold=bold)
        size = QFontMetricsF(font).horizontalAdvance(text) + 2, QFontMetricsF(font).height()
        found = _free_place(at, size, taken, room, near=near)
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
        found: QPointF = self.getPlotItem().getViewBox().mapViewToScene(QPointF(*self._place(spot)))
        return found

    # ------------------------------------------------------------- mouse and keyboard

    def dot_at(self, position: QPointF) -> int | None:
        """The number of the dot under a place of the widget; None if there is none."""
        at = self.mapToScene(position.toPoint())
        nearest, found = _REACH_PX, None
        for number, dot in enumerate(self._shown()):
            spot = self._on_scene(dot.at)
            distance = math.hypot(spot.x() - at.x(), spot.y() - at.y())
            if distance <= nearest:
                nearest, found = distance, number
        return found

    def _point(self, number: int | None) -> None:
        if number == self._chosen or not self._shown():
            return
        self._chosen = number
        self.pointed.emit("" if number is None else self._shown()[number].reading)
        self._draw_dots()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Go to the dot on the right or left, or above or below, in the order of their places."""
        steps = {
            Qt.Key.Key_Right: 1, Qt.Key.Key_Up: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Down: -1,
        }  # fmt: skip
        step, dots = steps.get(Qt.Key(event.key())), self._shown()
        if step is None or not dots:
            event.ignore()
            return
        order = sorted(range(len(dots)), key=lambda number: dots[number].at)
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
        if getattr(self, "_made", False):  # pyqtgraph resizes while it is being made
            self._redraw()


def _free_place(
    at: QPointF, size: tuple[float, float], taken: Sequence[QRectF], room: QRectF, *, near: bool
) -> QRectF | None:
    """Where a name covers nothing: beside its place, above or below; None where it would.

    Args:
        near: no further off, where it might be taken for the name of something else.
    """
    width, height = size
    gap = MARKED_PX / 2 + _GAP_PX
    sides = at.x() + gap, at.x() - gap - width
    rows = [at.y() - height / 2 + height * each for each in (0, 1, -1, 2, -2)]
    beside = [(x, rows[0]) for x in sides]
    over = [(at.x() - width / 2, at.y() - gap - height), (at.x() - width / 2, at.y() + gap)]
    further = [] if near else [(x, y) for y in rows[1:] for x in sides]
    for x, y in (*beside, *over, *further):
        wanted = QRectF(x, y, width, height)
        if room.contains(wanted) and not any(wanted.intersects(one) for one in taken):
            return wanted
    return None
