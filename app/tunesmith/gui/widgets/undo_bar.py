"""Own the bar that says what was done and takes it back."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QFrame, QHBoxLayout

from tunesmith.gui.page import button, label
from tunesmith.gui.theme import GRID
from tunesmith.wording import tr


class UndoBar(QFrame):
    """In place and without a question: the last deed can be undone until the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "message")
        self._undo: Callable[[], None] | None = None
        self._settle: Callable[[], None] | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID * 2, GRID // 2, GRID, GRID // 2)
        self.text = label("", wrap=True)
        self.undo_button = button(tr("Undo"), "quiet")
        self.undo_button.clicked.connect(self.undo)
        self._close = button(tr("Dismiss"), "quiet")
        self._close.clicked.connect(self.settle)
        row.addWidget(self.text, 1)
        row.addWidget(self.undo_button)
        row.addWidget(self._close)
        self.hide()

    def offer(self, text: str, undo: Callable[[], None], *, settle: Callable[[], None] | None = None) -> None:
        """Say what was done, and how to take it back; the deed before is settled.

        Args:
            text: what was done.
            undo: takes it back.
            settle: called once it can no longer be taken back, for a deed that waited for this.
        """
        self.settle()
        self.text.setText(text)
        self._undo, self._settle = undo, settle
        self.show()

    def undo(self) -> None:
        """Take it back, once."""
        undo, self._undo, self._settle = self._undo, None, None
        self.hide()
        if undo is not None:
            undo()

    def settle(self) -> None:
        """Let the deed stand for good."""
        settle, self._undo, self._settle = self._settle, None, None
        self.hide()
        if settle is not None:
            settle()
