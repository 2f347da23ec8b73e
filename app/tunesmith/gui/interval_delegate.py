"""Own how a candidate's interval is drawn in a table: a bar with a dot on an axis around 1."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from tunesmith.gui.theme import Colours, tabular
from tunesmith.presentation.candidates import CandidateRow

ROW_ROLE = Qt.ItemDataRole.UserRole + 1
REACH_ROLE = Qt.ItemDataRole.UserRole + 2
TEXT_WIDTH = 84
_PAD = 8


class IntervalDelegate(QStyledItemDelegate):
    """The change in figures, then its interval; better to the right, worse to the left of the middle."""

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self.colours = colours

    def sizeHint(  # noqa: N802 (Qt's name)
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """Room for the figures and a bar."""
        del option, index
        return QSize(TEXT_WIDTH + 160, 28)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw one cell."""
        row = index.data(ROW_ROLE)
        if not isinstance(row, CandidateRow):
            super().paint(painter, option, index)
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(option.rect)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(self.colours.selection))
        self._write(painter, rect, row)
        self._draw(painter, rect.adjusted(TEXT_WIDTH + _PAD, 0, -_PAD, 0), row, float(index.data(REACH_ROLE)))
        painter.restore()

    def _write(self, painter: QPainter, rect: QRectF, row: CandidateRow) -> None:
        c = self.colours
        painter.setFont(tabular(painter.font(), pixels=12))
        painter.setPen(QColor(c.secondary if row.out or row.held else c.text))
        text = QFontMetrics(painter.font()).elidedText(
            row.change_text, Qt.TextElideMode.ElideRight, TEXT_WIDTH
        )
        place = QRectF(rect.left() + _PAD, rect.top(), TEXT_WIDTH - _PAD, rect.height())
        painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), text)

    def _draw(self, painter: QPainter, rect: QRectF, row: CandidateRow, reach: float) -> None:
        c, middle = self.colours, rect.center().y()

        def x(ratio: float) -> float:
            share = max(-1.0, min(1.0, (ratio - 1) / reach))
            return round(rect.center().x() + share * (rect.width() / 2 - 6)) + 0.5

        painter.setPen(QPen(QColor(c.line), 1))
        painter.drawLine(int(rect.center().x()), int(rect.top()), int(rect.center().x()), int(rect.bottom()))
        if row.held:
            self._dot(painter, x(1.0), middle, QColor(c.limit))
            return
        if row.ratio is None or not row.rounds:
            return
        colour = QColor(self._colour(row))
        if row.low is not None and row.high is not None:
            painter.setPen(QPen(colour, 2))
            painter.drawLine(
                QRectF(x(row.low), middle, 0, 0).topLeft(), QRectF(x(row.high), middle, 0, 0).topLeft()
            )
            painter.setPen(QPen(colour, 1))
            for end in (row.low, row.high):
                painter.drawLine(
                    QRectF(x(end), middle - 4, 0, 0).topLeft(), QRectF(x(end), middle + 4, 0, 0).topLeft()
                )
        self._dot(painter, x(row.ratio), middle, colour)

    @staticmethod
    def _dot(painter: QPainter, x: float, y: float, colour: QColor) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(QRectF(x - 4, y - 4, 8, 8))

    def _colour(self, row: CandidateRow) -> str:
        c = self.colours
        if row.out:
            return c.limit
        if row.low is not None and row.low > 1:
            return c.better
        if row.high is not None and row.high < 1:
            return c.worse
        return c.secondary
