"""Own the bars of a token's energy: the idle machine's share, what lies above it, and the interval."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tunesmith.gui.theme import BODY_PX, GRID, TABLE_PX, Colours, tabular
from tunesmith.presentation.energy_view import EnergyBar, EnergyBars
from tunesmith.wording import tr

_TITLE, _ROW, _GAP, _LEGEND = 26, 40, 16, 20
_BAR, _CAP, _SWATCH = 12, 6, 10


class EnergyBarsView(QWidget):
    """Prefill and decode one under the other, each on a scale of its own."""

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._colours = colours
        self._groups: tuple[EnergyBars, ...] = ()
        self.setAccessibleName(tr("Joules per token as bars"))
        self.setMinimumWidth(240)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_bars(self, groups: Sequence[EnergyBars]) -> None:
        """Draw these."""
        self._groups = tuple(groups)
        self.setAccessibleDescription(
            "; ".join(
                f"{group.title}: {', '.join(f'{bar.name} {bar.text}' for bar in group.bars)}"
                for group in groups
            )
        )
        self.setVisible(bool(groups))
        self.updateGeometry()
        self.update()

    def recolour(self, colours: Colours) -> None:
        """Draw in the theme's colours."""
        self._colours = colours
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """As high as its bars."""
        rows = sum(_TITLE + _ROW * len(group.bars) + _GAP for group in self._groups)
        return QSize(320, rows + _LEGEND)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Draw."""
        del event
        painter = QPainter(self)
        top = 0.0
        for group in self._groups:
            top = self._paint_group(painter, group, top, self._colour(group)) + _GAP
        self._paint_legend(painter, top)
        painter.end()

    def _colour(self, group: EnergyBars) -> str:
        return self._colours.prefill if group.phase == "prefill" else self._colours.decode

    def _paint_group(self, painter: QPainter, group: EnergyBars, top: float, colour: str) -> float:
        painter.setFont(tabular(self.font(), pixels=BODY_PX, bold=True))
        painter.setPen(QColor(self._colours.text))
        painter.drawText(QPointF(0, top + 15), group.title)
        highest = max(value for bar in group.bars for value in (bar.joules, bar.high or 0.0))
        scale = (self.width() - _CAP) / highest
        for number, bar in enumerate(group.bars):
            self._paint_bar(painter, bar, top + _TITLE + number * _ROW, scale, colour)
        return top + _TITLE + len(group.bars) * _ROW

    def _paint_bar(self, painter: QPainter, bar: EnergyBar, top: float, scale: float, colour: str) -> None:
        c, strong = self._colours, tabular(self.font(), pixels=TABLE_PX, bold=True)
        painter.setFont(tabular(self.font(), pixels=TABLE_PX))
        painter.setPen(QColor(c.secondary))
        painter.drawText(QPointF(0, top + 12), bar.name)
        painter.setFont(strong)
        painter.setPen(QColor(c.text))
        figures = QFontMetrics(strong).horizontalAdvance(bar.text)
        painter.drawText(QPointF(self.width() - figures, top + 12), bar.text)
        middle = round(top + 18 + _BAR / 2) + 0.5
        painter.fillRect(QRectF(0, middle - _BAR / 2, self.width(), _BAR), QColor(c.window))
        idle = (bar.idle_joules or 0.0) * scale
        painter.fillRect(QRectF(0, middle - _BAR / 2, bar.joules * scale, _BAR), QColor(colour))
        painter.fillRect(QRectF(0, middle - _BAR / 2, idle, _BAR), QColor(c.limit))
        if bar.low is None or bar.high is None:
            return
        low, high = bar.low * scale, bar.high * scale
        for line_colour, pen_width in ((c.surface, 3), (c.text, 1)):  # a rim keeps it apart from the bar
            pen = painter.pen()
            pen.setColor(QColor(line_colour))
            pen.setWidth(pen_width)
            painter.setPen(pen)
            painter.drawLine(QPointF(low, middle), QPointF(high, middle))
            for end in (low, high):
                painter.drawLine(QPointF(end, middle - _CAP / 2), QPointF(end, middle + _CAP / 2))

    def _paint_legend(self, painter: QPainter, top: float) -> None:
        """What the parts of a bar are, where idle power is known at all."""
        if not any(bar.idle_joules is not None for group in self._groups for bar in group.bars):
            return
        painter.setFont(tabular(self.font(), pixels=TABLE_PX))
        left = 0.0
        for colours, text in (
            ((self._colours.limit,), tr("the idle machine's share")),
            (tuple(self._colour(group) for group in self._groups), tr("above idle")),
        ):
            for colour in colours:
                painter.fillRect(QRectF(left, top + 3, _SWATCH, _SWATCH), QColor(colour))
                left += _SWATCH + 2
            painter.setPen(QColor(self._colours.secondary))
            painter.drawText(QPointF(left + 4, top + 12), text)
            left += 4 + painter.fontMetrics().horizontalAdvance(text) + 2 * GRID
        painter.setPen(Qt.PenStyle.NoPen)
