"""Own a list of facts: names and values, one under the other."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from tunesmith.gui.page import label
from tunesmith.gui.theme import GRID
from tunesmith.presentation.library import tidy


class Facts(QWidget):
    """Names and values, one under the other; the values can be selected."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(GRID * 2)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self._labels: list[tuple[QLabel, QLabel]] = []

    def show_rows(self, rows: list[tuple[str, str]]) -> None:
        """Show these; labels are made once and used again."""
        while len(self._labels) < len(rows):
            name, value = label("", "small"), label("", "value", wrap=True, selectable=True)
            name.setContentsMargins(0, 1, 0, 0)  # its smaller letters on the line of the value's
            for widget in (name, value):
                widget.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
            value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            number = len(self._labels)
            self._grid.addWidget(name, number, 0)
            self._grid.addWidget(value, number, 1)
            self._labels.append((name, value))
        for number, (name, value) in enumerate(self._labels):
            shown = number < len(rows)
            name.setVisible(shown)
            value.setVisible(shown)
            if shown:
                name.setText(rows[number][0])
                value.setText(tidy(rows[number][1]))
