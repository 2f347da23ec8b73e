"""Own what one side of a chat has written, as it streams, and how fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QFont, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout

from tunesmith.domain.events import PromptRead, TextEnded, TextGenerated
from tunesmith.gui.page import label
from tunesmith.gui.theme import BODY_PX, GRID, SECTION_PX, tabular
from tunesmith.presentation.chat import ending_words, reading_words, speed_words

if TYPE_CHECKING:
    from tunesmith.services.chat import Side, TextEvent

_MOST_BLOCKS = 5000


class Transcript(QFrame):
    """A heading with the speed at its right, and the conversation below; plain text only."""

    def __init__(self, side: Side) -> None:
        super().__init__()
        self.setProperty("role", "surface")
        self.setAccessibleName(side.label)
        self._room = side.settings.n_ctx
        self._read: PromptRead | None = None
        self._ended = True
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 2, GRID, GRID * 2, GRID)
        column.setSpacing(GRID)
        head = QHBoxLayout()
        head.setSpacing(GRID)
        self.heading = label(side.label)
        self.heading.setMinimumWidth(0)
        self.speed = label("")
        self.speed.setFont(tabular(self.font(), pixels=SECTION_PX, bold=True))
        self.speed.setStyleSheet(f"font-size: {SECTION_PX}px; font-weight: 600;")
        self.speed.setAccessibleName("Speed")
        head.addWidget(self.heading, 1)
        head.addWidget(self.speed)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.document().setDocumentMargin(0)
        self.text.setFrameShape(QFrame.Shape.NoFrame)
        self.text.setStyleSheet("border: none; padding: 0; background: transparent;")
        self.text.setUndoRedoEnabled(False)
        self.text.setMaximumBlockCount(_MOST_BLOCKS)
        self.text.setAccessibleName(f"Conversation under {side.label}")
        self.state = label("", "small", wrap=True)
        column.addLayout(head)
        column.addWidget(self.text, 1)
        column.addWidget(self.state)

    def say(self, words: str) -> None:
        """Show what the user said."""
        self._ended, self._read = False, None
        before = "\n\n" if self.text.document().characterCount() > 1 else ""
        strong = QTextCharFormat()
        strong.setFontWeight(QFont.Weight.DemiBold)
        self._append(f"{before}{words}", strong)
        self._append("\n", QTextCharFormat())
        self.state.clear()
        self.speed.clear()

    def wait(self, words: str) -> None:
        """Say what is being waited for."""
        self.state.setText(words)

    def take(self, event: TextEvent) -> None:
        """Show what has come."""
        match event:
            case PromptRead():
                self._read = event
                self.state.setText(reading_words(event))
            case TextGenerated():
                self._append(event.text, QTextCharFormat())
                self.speed.setText(speed_words(event.tokens, event.elapsed_ns))
            case TextEnded():
                self._ended = True
                self.speed.setText(speed_words(event.tokens, event.elapsed_ns))
                self.state.setText(ending_words(event, self._read, room=self._room))

    def end_early(self, words: str) -> None:
        """Say why there is no more, where the answer did not come to its end."""
        if not self._ended:
            self.state.setText(words)

    def clear(self) -> None:
        """Forget what was said."""
        self.text.clear()
        self.speed.clear()
        self.state.clear()

    def _append(self, words: str, how: QTextCharFormat) -> None:
        """Add at the end; the view follows unless the user has scrolled up."""
        bar = self.text.verticalScrollBar()
        follows = bar.value() >= bar.maximum() - 2 * BODY_PX
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(words, how)
        if follows:
            bar.setValue(bar.maximum())
