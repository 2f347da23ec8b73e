"""Own what our plots share: pyqtgraph set up to be cheap, and deaf to the mouse but for reading."""

from __future__ import annotations

import pyqtgraph as pg  # type: ignore[import-untyped]
from PySide6.QtCore import Qt


class QuietPlot(pg.PlotWidget):  # type: ignore[misc]
    """A plot that nobody can drag, zoom or reset, and that never looks for ranges by itself."""

    def __init__(self, name: str) -> None:
        """An empty plot.

        Args:
            name: for those who hear the window.
        """
        pg.setConfigOptions(antialias=False, useOpenGL=False, enableExperimental=False)
        super().__init__()
        self.setAccessibleName(name)
        self.setFrameShape(self.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        item = self.getPlotItem()
        item.hideButtons()
        item.setMenuEnabled(False)
        item.ctrlMenu.setParent(self, item.ctrlMenu.windowFlags())  # else it outlives the plot
        item.getViewBox().setMouseEnabled(x=False, y=False)
        item.getViewBox().setDefaultPadding(0)
        item.disableAutoRange()
        item.layout.setContentsMargins(0, 0, 0, 0)
        self._left, self._bottom = item.getAxis("left"), item.getAxis("bottom")

    def _quiet(self, item: object) -> pg.GraphicsObject:
        """Add an item that never counts when a range is computed."""
        self.addItem(item, ignoreBounds=True)
        return item
