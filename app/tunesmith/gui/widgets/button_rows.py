"""Own buttons side by side that go on in a second row where one has no room for them."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from tunesmith.gui.theme import GRID


class ButtonRows(QWidget):
    """Buttons in one row, or in two; Tab goes over them in the order in which they were added."""

    def __init__(self) -> None:
        super().__init__()
        self._buttons: list[QPushButton] = []
        self._in_first = 0
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        self._rows = (QHBoxLayout(), QHBoxLayout())
        for row in self._rows:
            row.setSpacing(GRID)
            row.addStretch()
            column.addLayout(row)

    def add(self, made: QPushButton) -> None:
        """Add a button at the end."""
        self._buttons.append(made)
        self._place(len(self._buttons))

    def arrange(self, room: int) -> None:
        """Put as many into the first row as there is room for.

        Args:
            room: pixels from left to right.
        """
        used = fitting = 0
        for one in self._buttons:
            used += one.sizeHint().width() + (GRID if fitting else 0)
            if fitting and used > room:
                break
            fitting += 1
        if fitting != self._in_first:
            self._place(fitting)

    def _place(self, in_first: int) -> None:
        self._in_first = in_first
        for place, one in enumerate(self._buttons):
            row = self._rows[0 if place < in_first else 1]
            for each in self._rows:
                each.removeWidget(one)
            row.insertWidget(row.count() - 1, one)
