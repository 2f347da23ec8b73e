"""Own the look of tables of figures: a frame with a title, a grid, a value with its interval beside it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tunesmith.gui.guide import HelpButton
from tunesmith.gui.page import label, line
from tunesmith.gui.theme import GRID, tabular
from tunesmith.presentation.tune_result_view import QuantityRow
from tunesmith.wording import tr


def framed(title: str, content: QGridLayout, help_: HelpButton | None = None) -> QFrame:
    """A surface with a title, and what is in it."""
    frame = QFrame()
    frame.setProperty("role", "surface")
    column = QVBoxLayout(frame)
    column.setContentsMargins(GRID * 3, GRID * 2, GRID * 2, GRID * 2)
    column.setSpacing(GRID)
    column.addWidget(explained(label(title, "section"), help_))
    column.addLayout(content)
    column.addStretch()
    return frame


def figure_grid(titles: tuple[str, ...]) -> QGridLayout:
    """A grid with titles and a rule below them; what is put into it begins in row 2."""
    made = QGridLayout()
    made.setHorizontalSpacing(GRID * 2)
    made.setVerticalSpacing(GRID)
    for column, title in enumerate(titles):
        made.addWidget(label(title, "small"), 0, column)
    made.setColumnStretch(len(titles), 1)
    made.addWidget(line(), 1, 0, 1, len(titles) + 1)
    return made


def figures(text: str, role: str = "") -> QLabel:
    """Digits, each as wide as the others."""
    made = label(text, role, selectable=True)
    made.setFont(tabular(made.font()))
    return made


def pair(value: tuple[str, str]) -> QWidget:
    """A value, and its interval smaller beside it."""
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(GRID)
    row.addWidget(figures(value[0]))
    if value[1]:
        row.addWidget(figures(value[1], "small"), alignment=Qt.AlignmentFlag.AlignBottom)
    row.addStretch()
    return holder


def explained(name: QLabel, help_: HelpButton | None) -> QWidget:
    """A name, and beside it what opens the guide."""
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    row.addWidget(name)
    if help_ is not None:
        row.addWidget(help_)
    row.addStretch()
    return holder


def judged(row: QuantityRow) -> str:
    """The change, and in words whether it is for the better."""
    if not row.change or row.better is None:
        return row.change
    if row.better:
        return tr("{change}, better", change=row.change)
    return tr("{change}, worse", change=row.change)
