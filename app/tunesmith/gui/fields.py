"""Own the fields of forms: rows with a name and an explanation, numbers that may be left open."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QDoubleSpinBox,
    QGridLayout,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from tunesmith.gui.page import label
from tunesmith.gui.theme import GRID
from tunesmith.wording import tr

_Spin = TypeVar("_Spin", bound=QAbstractSpinBox)
NAME_WIDTH = 112
NUMBER_WIDTH = 168


class Section(QWidget):
    """A heading with named rows under it."""

    def __init__(self, title: str) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        if title:
            column.addWidget(label(title, "section"))
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
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
            said.setContentsMargins(0, 6, 0, 0)
            self._grid.addWidget(said, row, 0, alignment=Qt.AlignmentFlag.AlignTop)
            field.setAccessibleName(name)
        field.setToolTip(tip)
        if field.sizePolicy().horizontalPolicy() is QSizePolicy.Policy.Fixed:
            self._grid.addWidget(field, row, 1, alignment=Qt.AlignmentFlag.AlignLeft)
        else:
            self._grid.addWidget(field, row, 1)

    def add_wide(self, widget: QWidget) -> None:
        """Add something across both columns."""
        self._grid.addWidget(widget, self._grid.rowCount(), 0, 1, 2)

    def add_under(self, widget: QWidget) -> None:
        """Add something below the fields."""
        self._grid.addWidget(widget, self._grid.rowCount(), 1)


def whole(most: int, *, least: int = 0, unit: str = "", step: int = 64) -> QSpinBox:
    """A field for a whole number; of tokens, if no unit is named."""
    made = QSpinBox()
    made.setRange(least, most)
    made.setSingleStep(step)
    made.setSuffix(f" {unit or tr('tokens')}")
    return _narrow(made)


def limit(most: float, *, unit: str, step: float, decimals: int) -> QDoubleSpinBox:
    """A field for a limit; 0 leaves it open."""
    made = QDoubleSpinBox()
    made.setRange(0, most)
    made.setDecimals(decimals)
    made.setSingleStep(step)
    made.setSuffix(f" {unit}")
    made.setSpecialValueText(tr("No limit"))
    return _narrow(made)


def _narrow(made: _Spin) -> _Spin:
    """No wider than its numbers; keys and wheel step it, so it needs no arrows."""
    made.lineEdit().setTextMargins(6, 0, 0, 0)  # the style sheet's padding does not reach it
    made.setFixedWidth(NUMBER_WIDTH)
    made.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    return made
