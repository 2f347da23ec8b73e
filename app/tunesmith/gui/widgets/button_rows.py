"""Own buttons side by side that go on in further rows where one has no room for them."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from tunesmith.gui.theme import GRID


class ButtonRows(QWidget):
    """Buttons in as many rows as they need; Tab goes over them in the order in which they were added."""

    def __init__(self) -> None:
        super().__init__()
        self._buttons: list[QPushButton] = []
        self._row_of: list[int] = []
        self._rows: list[QHBoxLayout] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GRID)

    def add(self, made: QPushButton) -> None:
        """Add a button at the end."""
        self._buttons.append(made)
        self._place([0] * len(self._buttons))

    def arrange(self, room: int) -> None:
        """Put as many into each row as there is room for.

        Args:
            room: pixels from left to right.
        """
        row_of: list[int] = []
        row = used = 0
        for one in self._buttons:
            width = one.sizeHint().width()
            if used and used + GRID + width > room:
                row, used = row + 1, 0
            used += width + (GRID if used else 0)
            row_of.append(row)
        if row_of != self._row_of:
            self._place(row_of)

    def _place(self, row_of: list[int]) -> None:
        self._row_of = row_of
        while len(self._rows) <= max(row_of, default=0):
            row = QHBoxLayout()
            row.setSpacing(GRID)
            row.addStretch()
            self._rows.append(row)
            self._column.addLayout(row)
        for one, place in zip(self._buttons, row_of, strict=True):
            for each in self._rows:
                each.removeWidget(one)
            row = self._rows[place]
            row.insertWidget(row.count() - 1, one)
        while len(self._rows) > max(row_of, default=0) + 1:  # an empty row would leave its distance
            last = self._rows.pop()
            self._column.removeItem(last)
            last.deleteLater()
