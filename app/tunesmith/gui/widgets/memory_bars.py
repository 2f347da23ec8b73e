"""Own the drawing of projected memory: one stacked bar for each device against what is free."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from tunesmith.gui.theme import GRID, TABLE_PX, Colours, tabular
from tunesmith.presentation.memory_facts import Bar
from tunesmith.presentation.numbers import rough_bytes_text
from tunesmith.wording import tr

_ROW, _BAR, _LEGEND = 40, 12, 20
_MARK = 8


class MemoryBars(QWidget):
    """Stacked bars: weights, caches, computing; a dashed mark is what is free."""

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._colours = colours
        self._bars: Sequence[Bar] = ()
        self.setAccessibleName(tr("Memory by device"))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    @property
    def texts(self) -> tuple[str, ...]:
        """The bars in words."""
        return tuple(bar.text for bar in self._bars)

    def show_bars(self, bars: Sequence[Bar]) -> None:
        """Draw other bars."""
        self._bars = bars
        self.setAccessibleDescription("; ".join(self.texts))
        self.setToolTip("\n".join(self.texts))
        self.updateGeometry()
        self.update()

    def recolour(self, colours: Colours) -> None:
        """Draw in another theme."""
        self._colours = colours
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """As high as its bars."""
        return QSize(200, _ROW * len(self._bars) + (_LEGEND if self._bars else 0))

    def _colour_of(self, index: int) -> str:
        c = self._colours
        return (c.prefill, c.decode, c.memory, c.limit)[index % 4]

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Draw."""
        del event
        names = list(dict.fromkeys(part.name for bar in self._bars for part in bar.parts))
        painter = QPainter(self)
        painter.setFont(tabular(self.font(), pixels=TABLE_PX))
        for number, bar in enumerate(self._bars):
            self._paint_bar(painter, bar, names, number * _ROW)
        self._paint_legend(painter, names, _ROW * len(self._bars))
        painter.end()

    def _paint_bar(self, painter: QPainter, bar: Bar, names: Sequence[str], top: float) -> None:
        c, width = self._colours, self.width()
        figures = QFontMetrics(painter.font())
        free = rough_bytes_text(bar.free_bytes)
        said = tr("{most} of {free} free", most=rough_bytes_text(bar.total_bytes), free=free)
        painter.setPen(QColor(c.secondary))
        painter.drawText(QPointF(0, top + 12), bar.label)
        painter.setPen(QColor(c.text if bar.fits else c.worse))
        painter.drawText(QPointF(width - figures.horizontalAdvance(said), top + 12), said)
        most = max(bar.total_bytes, bar.free_bytes or 0, 1)
        painter.fillRect(QRectF(0, top + 18, width, _BAR), QColor(c.window))
        left = 0.0
        for part in bar.parts:
            length = part.size_bytes / most * width
            colour = QColor(self._colour_of(names.index(part.name)))
            painter.fillRect(QRectF(left, top + 18, length, _BAR), colour)
            left += length
        if bar.free_bytes is not None:
            at = min(width - 1.0, bar.free_bytes / most * width)
            painter.setPen(QPen(QColor(c.text), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(at, top + 15), QPointF(at, top + 21 + _BAR))

    def _paint_legend(self, painter: QPainter, names: Sequence[str], top: float) -> None:
        figures = QFontMetrics(painter.font())
        left = 0.0
        for index, name in enumerate(names):
            painter.fillRect(QRectF(left, top + 4, _MARK, _MARK), QColor(self._colour_of(index)))
            painter.setPen(QColor(self._colours.secondary))
            painter.drawText(QPointF(left + _MARK + 4, top + 12), name)
            left += _MARK + 4 + figures.horizontalAdvance(name) + GRID
