"""Own the drawing of bars with their intervals, on the screen and into a file."""

from __future__ import annotations

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QSizePolicy, QWidget

from tunesmith.gui.theme import BODY_PX, GRID, TABLE_PX, Colours, tabular
from tunesmith.presentation.compare import Bar, BarGroup, Comparison
from tunesmith.wording import tr

_ROW, _TITLE, _GAP = 42, 30, 24
_BAR, _CAP = 10, 6
_TWO_COLUMNS = 560
_EXPORT_WIDTH = 960
_LEGEND = tr(
    "Whiskers show where 95% of repeated measurements are expected. "
    "Dashed marks are llama.cpp's defaults in the same run."
)


class ChartPainter:
    """Draws a comparison's bars; knows nothing of where."""

    def __init__(self, comparison: Comparison, colours: Colours, font: QFont) -> None:
        self._comparison = comparison
        self._colours = colours
        self._title = tabular(font, pixels=BODY_PX, bold=True)
        self._small = tabular(font, pixels=TABLE_PX)
        self._strong = tabular(font, pixels=TABLE_PX, bold=True)

    def _columns(self, width: int) -> int:
        return 2 if width >= _TWO_COLUMNS and len(self._comparison.groups) > 1 else 1

    def _group_height(self) -> int:
        return _TITLE + _ROW * len(self._comparison.names)

    def _notes(self) -> list[str]:
        return [_LEGEND, *self._comparison.warnings]

    def _note_height(self, text: str, width: int) -> int:
        room = QRect(0, 0, width, 10_000)
        return QFontMetrics(self._small).boundingRect(room, Qt.TextFlag.TextWordWrap, text).height() + 4

    def height(self, width: int, *, warnings: bool) -> int:
        """How high the chart is at a width, pixels."""
        columns = self._columns(width)
        rows = -(-len(self._comparison.groups) // columns)
        notes = self._notes() if warnings else self._notes()[:1]
        return rows * (self._group_height() + _GAP) + sum(self._note_height(note, width) for note in notes)

    def paint(self, painter: QPainter, width: int, *, warnings: bool) -> None:
        """Draw with the origin at the top left."""
        columns = self._columns(width)
        column_width = (width - (columns - 1) * _GAP) / columns
        top = 0.0
        for index, group in enumerate(self._comparison.groups):
            row, column = divmod(index, columns)
            top = row * (self._group_height() + _GAP)
            self._paint_group(painter, group, column * (column_width + _GAP), top, column_width)
        top += self._group_height() + _GAP
        painter.setFont(self._small)
        for number, note in enumerate(self._notes() if warnings else self._notes()[:1]):
            painter.setPen(QColor(self._colours.warning if number else self._colours.secondary))
            height = self._note_height(note, width)
            room = QRectF(0, top, width, height)
            painter.drawText(room, Qt.TextFlag.TextWordWrap, note)
            top += height

    def _paint_group(self, painter: QPainter, group: BarGroup, left: float, top: float, width: float) -> None:
        c = self._colours
        painter.setFont(self._title)
        painter.setPen(QColor(c.text))
        painter.drawText(QPointF(left, top + 14), group.title)
        at = left + QFontMetrics(self._title).horizontalAdvance(group.title) + GRID
        painter.setFont(self._small)
        painter.setPen(QColor(c.secondary))
        direction = (
            tr("{unit}, more is better", unit=group.unit)
            if group.more_is_better
            else tr("{unit}, less is better", unit=group.unit)
        )
        painter.drawText(QPointF(at, top + 14), direction)
        colour = {"decode": c.decode, "prefill": c.prefill, "ttft": c.limit, "memory": c.memory}[group.role]
        scale = (width - _CAP) / group.highest
        for number, bar in enumerate(group.bars):
            self._paint_bar(painter, bar, left, top + _TITLE + number * _ROW, width, scale, colour)

    def _paint_bar(
        self, painter: QPainter, bar: Bar, left: float, top: float, width: float, scale: float, colour: str
    ) -> None:
        c = self._colours
        figures, names = QFontMetrics(self._strong), QFontMetrics(self._small)
        value_width = figures.horizontalAdvance(bar.text)
        name = names.elidedText(
            f"{bar.letter} · {bar.name}", Qt.TextElideMode.ElideRight, int(width - value_width - 2 * GRID)
        )
        painter.setFont(self._small)
        painter.setPen(QColor(c.secondary))
        painter.drawText(QPointF(left, top + 12), name)
        painter.setFont(self._strong if bar.value is not None else self._small)
        painter.setPen(QColor(c.text if bar.value is not None else c.secondary))
        painter.drawText(QPointF(left + width - value_width, top + 12), bar.text)
        middle = round(top + 18 + _BAR / 2) + 0.5
        painter.fillRect(QRectF(left, middle - _BAR / 2, width, _BAR), QColor(c.window))
        if bar.value is not None:
            painter.fillRect(QRectF(left, middle - _BAR / 2, bar.value * scale, _BAR), QColor(colour))
        if bar.baseline is not None:
            at = left + bar.baseline * scale
            painter.setPen(QPen(QColor(c.text), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(at, middle - _BAR * 0.8), QPointF(at, middle + _BAR * 0.8))
        if bar.value is None or bar.low is None or bar.high is None:
            return
        low, high = left + max(0.0, bar.low) * scale, left + bar.high * scale
        for line_colour, pen_width in ((c.surface, 3.0), (c.text, 1.0)):  # a rim keeps it apart from the bar
            painter.setPen(QPen(QColor(line_colour), pen_width))
            painter.drawLine(QPointF(low, middle), QPointF(high, middle))
            for end in (low, high):
                painter.drawLine(QPointF(end, middle - _CAP / 2), QPointF(end, middle + _CAP / 2))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(c.text))
        painter.drawEllipse(QPointF(left + bar.value * scale, middle), 2.5, 2.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # noqa: FBT003 (Qt's name)


class BarChart(QWidget):
    """A comparison's bars."""

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._colours = colours
        self._comparison: Comparison | None = None
        self.setAccessibleName(tr("Bars with intervals"))
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_comparison(self, comparison: Comparison) -> None:
        """Draw another comparison."""
        self._comparison = comparison
        self.setAccessibleDescription(
            "; ".join(
                f"{group.title}: {', '.join(f'{bar.name} {bar.text}' for bar in group.bars)}"
                for group in comparison.groups
            )
        )
        self.updateGeometry()
        self.update()

    def recolour(self, colours: Colours) -> None:
        """Draw in another theme."""
        self._colours = colours
        self.update()

    def _painter(self) -> ChartPainter | None:
        comparison = self._comparison
        return None if comparison is None else ChartPainter(comparison, self._colours, self.font())

    def hasHeightForWidth(self) -> bool:  # noqa: N802 (Qt's name)
        """A narrow chart is a high one."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 (Qt's name)
        """As high as its bars."""
        painter = self._painter()
        return painter.height(width, warnings=False) if painter else 0

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """At the width it has."""
        width = max(320, self.width())
        return QSize(width, self.heightForWidth(width))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Draw."""
        del event
        chart = self._painter()
        if chart is not None:
            painter = QPainter(self)
            chart.paint(painter, self.width(), warnings=False)
            painter.end()

    def to_png(self) -> bytes:
        """The chart with its warnings as a PNG picture, at twice the size of the screen's."""
        image = QImage(self._export_size() * 2, QImage.Format.Format_ARGB32)
        image.setDevicePixelRatio(2)
        self._export_to(image)
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        image.save(buffer, "PNG")  # type: ignore[call-overload]  # the stubs know only file names
        return bytes(buffer.data().data())

    def to_svg(self) -> bytes:
        """The chart with its warnings as an SVG drawing."""
        content = QByteArray()
        buffer = QBuffer(content)
        size = self._export_size()
        generator = QSvgGenerator()
        generator.setOutputDevice(buffer)
        generator.setSize(size)
        generator.setViewBox(QRect(0, 0, size.width(), size.height()))
        generator.setTitle(tr("Comparison of tuned profiles"))
        self._export_to(generator)
        return bytes(content.data())

    def _export_size(self) -> QSize:
        chart = self._painter()
        height = chart.height(_EXPORT_WIDTH, warnings=True) if chart else 0
        return QSize(_EXPORT_WIDTH + 6 * GRID, height + 6 * GRID)

    def _export_to(self, device: QImage | QSvgGenerator) -> None:
        chart = self._painter()
        painter = QPainter(device)
        painter.fillRect(QRect(0, 0, *self._export_size().toTuple()), QColor(self._colours.surface))
        painter.translate(3 * GRID, 3 * GRID)
        if chart is not None:
            chart.paint(painter, _EXPORT_WIDTH, warnings=True)
        painter.end()
