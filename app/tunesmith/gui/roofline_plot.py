"""Own the roofline plot: a slope for memory, a level for matrices, and a dot for each candidate's parts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyqtgraph as pg  # type: ignore[import-untyped]
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from tunesmith.gui.dot_plot import DotPlot, Dotted, Spot
from tunesmith.gui.theme import Colours
from tunesmith.presentation.roofline import Dot, RooflineView
from tunesmith.wording import tr

_ROOM_ABOVE = 0.03
"""Above the highest tick, so that its number is whole; part of the axis."""
_SYMBOLS = {"prefill": "s", "decode": "o"}
"""By shape too, never colour alone."""


class RooflinePlot(DotPlot):
    """Right is more computed with each byte, up is faster; both axes are logarithmic."""

    def __init__(self, colours: Colours) -> None:
        super().__init__(tr("Roofline"), colours)
        self._view: RooflineView | None = None
        self._slope = self._quiet(pg.PlotDataItem())
        self._level = self._quiet(pg.PlotDataItem())
        self._begin()

    def recolour(self, colours: Colours) -> None:
        """Draw in the theme's colours."""
        for roof in (self._slope, self._level):
            roof.setPen(pg.mkPen(QColor(colours.limit), width=1, style=Qt.PenStyle.DotLine))
        super().recolour(colours)

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
            spots = [self._place(spot) for spot in ends or ()]
            roof.setData([x for x, _y in spots], [y for _x, y in spots])
        self._draw_dots()
        roofs = ((view.slope_name, view.slope, 0.25), (view.level_name, view.level, 0.6))
        self._name_all([(name, *ends, share) for name, ends, share in roofs if ends is not None])

    def _shown(self) -> Sequence[Dot]:
        return () if self._view is None else self._view.dots

    def _place(self, spot: Spot) -> Spot:
        return math.log10(spot[0]), math.log10(spot[1])

    def _look(self, dot: Dotted) -> tuple[str, str, int]:
        part = dot.part if isinstance(dot, Dot) else "decode"
        colour = self._colours.prefill if part == "prefill" else self._colours.accent
        return _SYMBOLS[part], colour, {"chosen": 255, "baseline": 0, "other": 60}[dot.standing]

    def _axis_names(self) -> tuple[str, str]:
        return tr("GFLOPS"), tr("operations per byte")
