"""Own what views have in common that stand in a page's place: a line with the way back, and keys for it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from tunesmith.gui.page import button, label
from tunesmith.gui.theme import GRID
from tunesmith.wording import tr


def back_button(leave: Callable[[], object]) -> QPushButton:
    """Goes back to where the view was opened."""
    made = button(tr("Back"), tip=tr("Go back to where this was opened. (Esc)"))
    made.clicked.connect(lambda _checked=False: leave())
    return made


def head(title: str, back: QPushButton, take: QPushButton) -> QHBoxLayout:
    """The line on top: the way back, the title, and at the right what takes all of it away."""
    row = QHBoxLayout()
    row.setSpacing(GRID)
    row.addWidget(back)
    row.addWidget(label(title, "section"))
    row.addStretch()
    row.addWidget(take)
    return row


def leave_by_keys(view: QWidget, leave: Callable[[], object]) -> None:
    """Let Escape and the key for going back leave the view while the keyboard is in it."""
    for keys in ("Esc", QKeySequence(QKeySequence.StandardKey.Back)):
        made = QShortcut(QKeySequence(keys), view, leave)
        made.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
