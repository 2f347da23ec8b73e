"""Own the fields of forms: rows with a name and an explanation, numbers that may be left open."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDoubleSpinBox, QGridLayout, QSpinBox, QVBoxLayout, QWidget

from tunesmith.gui.page import label
from tunesmith.gui.theme import GRID

NAME_WIDTH = 112


class Section(QWidget):
    """A heading with named rows under it."""

    def __init__(self, title: str) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(label(title, "section"))
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(GRID * 2)
        self._grid.setVerticalSpacing(GRID)
        self._grid.setColumnMinimumWidth(0, NAME_WIDTH)
        self._grid.setColumnStretch(1, 1)
        column.addLayout(self._grid)

    def add(self, name: str, field: QWidget, *, tip: str = "") -> None:
        """Add a row; the field is named for those who do not see it."""
        row = self._grid.rowCount()
        if name:
            said = label(name, "secondary")
            said.setToolTip(tip)
            said.setBuddy(field)
            self._grid.addWidget(said, row, 0, alignment=Qt.AlignmentFlag.AlignVCenter)
            field.setAccessibleName(name)
        field.setToolTip(tip)
        self._grid.addWidget(field, row, 1)

    def add_wide(self, widget: QWidget) -> None:
        """Add something across both columns."""
        self._grid.addWidget(widget, self._grid.rowCount(), 0, 1, 2)

    def add_under(self, widget: QWidget) -> None:
        """Add something below the fields."""
        self._grid.addWidget(widget, self._grid.rowCount(), 1)


def whole(most: int, *, least: int = 0, unit: str = "tokens", step: int = 64) -> QSpinBox:
    """A field for a whole number."""
    made = QSpinBox()
    made.setRange(least, most)
    made.setSingleStep(step)
    made.setSuffix(f" {unit}")
    made.setGroupSeparatorShown(False)
    made.setMaximumWidth(180)
    return made


def limit(most: float, *, unit: str, step: float, decimals: int) -> QDoubleSpinBox:
    """A field for a limit; 0 leaves it open."""
    made = QDoubleSpinBox()
    made.setRange(0, most)
    made.setDecimals(decimals)
    made.setSingleStep(step)
    made.setSuffix(f" {unit}")
    made.setSpecialValueText("No limit")
    made.setMaximumWidth(180)
    return made
