"""Own choices with a letter before each: in one row where there is room, else in rows of two."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QWidget

from tunesmith.gui.page import label
from tunesmith.gui.theme import GRID

_LEAST_PX = 200
"""A letter and a choice in which a profile's name can be told from another."""


class ChoiceGrid(QWidget):
    """Tab goes over them in their order, however they stand."""

    def __init__(self, letters: Sequence[str], boxes: Sequence[QComboBox]) -> None:
        super().__init__()
        self._pairs: list[tuple[QLabel, QComboBox]] = []
        self._columns = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GRID)
        for letter, box in zip(letters, boxes, strict=True):
            named = label(letter, "secondary")
            named.setBuddy(box)
            self._pairs.append((named, box))
        self._arrange(len(self._pairs))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Go on in a second row where the boxes would be too narrow."""
        super().resizeEvent(event)
        enough = self.width() >= len(self._pairs) * _LEAST_PX
        self._arrange(len(self._pairs) if enough else 2)

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        for place, pair in enumerate(self._pairs):
            row, column = divmod(place, columns)
            for offset, widget in enumerate(pair):
                self._grid.removeWidget(widget)
                self._grid.addWidget(widget, row, 2 * column + offset)
        for column in range(2 * len(self._pairs)):
            self._grid.setColumnStretch(column, 1 if column % 2 and column < 2 * columns else 0)
