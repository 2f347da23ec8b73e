"""Own the plot of speed against what it takes: a dot for each candidate, and a line through the best."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg  # type: ignore[import-untyped]
from PySide6.QtGui import QColor

from tunesmith.gui.dot_plot import DotPlot, Dotted
from tunesmith.gui.theme import Colours
from tunesmith.presentation.axis import Axis
from tunesmith.presentation.tradeoff import TradeDot, TradeView
from tunesmith.wording import tr

_ROOM = 0.03
"""Beyond the outermost ticks, so that their numbers and dots on them are whole; part of the axis."""


class TradeoffPlot(DotPlot):
    """Up is faster, left takes less."""

    def __init__(self, colours: Colours) -> None:
        super().__init__(tr("Pareto plot"), colours)
        self._view: TradeView | None = None
        self._line = self._quiet(pg.PlotDataItem())
        self._bars = self._quiet(pg.PlotDataItem(connect="pairs"))
        self._begin()

    def recolour(self, colours: Colours) -> None:
        """Draw in the theme's colours."""
        self._line.setPen(pg.mkPen(QColor(colours.accent), width=1))
        self._bars.setPen(pg.mkPen(QColor(colours.limit), width=1))
        super().recolour(colours)

    def draw(self, view: TradeView) -> None:
        """Draw this."""
        self._view, self._chosen = view, None
        told = [*view.sentences, view.note, *(dot.reading for dot in view.dots if dot.name)]
        self.setAccessibleDescription(" ".join(filter(None, told)))
        self._name_axes()
        self._redraw()

    def _redraw(self) -> None:
        view = self._view
        if view is None:
            return
        self.setRange(xRange=_with_room(view.x), yRange=_with_room(view.y), padding=0)
        self._bottom.setTicks([list(view.x.ticks)])
        self._left.setTicks([list(view.y.ticks)])
        self._line.setData([x for x, _y in view.line], [y for _x, y in view.line])
        bars = [end for dot in view.dots if dot.standing != "other" or dot.worth for end in _bars(dot)]
        self._bars.setData([x for x, _y in bars], [y for _x, y in bars])
        self._draw_dots()
        self._name_all()

    def _shown(self) -> Sequence[TradeDot]:
        return () if self._view is None else self._view.dots

    def _look(self, dot: Dotted) -> tuple[str, str, int]:
        worth = isinstance(dot, TradeDot) and dot.worth
        alpha = {"chosen": 255, "baseline": 0, "other": 110 if worth else 0}[dot.standing]
        return "o", self._colours.accent if worth or dot.standing == "chosen" else self._colours.limit, alpha

    def _axis_names(self) -> tuple[str, str]:
        return ("", "") if self._view is None else (self._view.y.name, self._view.x.name)


def _with_room(axis: Axis) -> tuple[float, float]:
    room = (axis.end - axis.start) * _ROOM
    return axis.start - room, axis.end + room


def _bars(dot: TradeDot) -> list[tuple[float, float]]:
    """Ends of its intervals, pair by pair."""
    (x, y), found = dot.at, []
    if dot.x_ends is not None:
        found += [(dot.x_ends[0], y), (dot.x_ends[1], y)]
    if dot.y_ends is not None:
        found += [(x, dot.y_ends[0]), (x, dot.y_ends[1])]
    return found
