"""Own what one side of a chat has written, as it streams, and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QFont, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QProgressBar, QVBoxLayout

from tunesmith.domain.worker_events import ModelLoaded, PromptRead, TextEnded, TextGenerated
from tunesmith.gui.loading import LOADING_MS
from tunesmith.gui.page import label
from tunesmith.gui.theme import BODY_PX, GRID, SECTION_PX, tabular
from tunesmith.gui.widgets.elided import ElidedLabel
from tunesmith.presentation.chat import READING, ending_words, reading_words, speed_words
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.services.chat import TextEvent
    from tunesmith.services.chat_sides import Side
    from tunesmith.worker.protocol import Turn

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
        self.heading = ElidedLabel(side.label)
        self.speed = label("")
        self.speed.setFont(tabular(self.font(), pixels=SECTION_PX, bold=True))
        self.speed.setStyleSheet(f"font-size: {SECTION_PX}px; font-weight: 600;")
        self.speed.setAccessibleName(tr("Speed"))
        head.addWidget(self.heading, 1)
        head.addWidget(self.speed)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.document().setDocumentMargin(0)
        self.text.setFrameShape(QFrame.Shape.NoFrame)
        self.text.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)  # lines are wrapped
        self.text.setStyleSheet("border: none; padding: 0; background: transparent;")
        self.text.setUndoRedoEnabled(False)
        self.text.setMaximumBlockCount(_MOST_BLOCKS)
        self.text.setAccessibleName(tr("Conversation under {settings}", settings=side.label))
        column.addLayout(head)
        column.addWidget(self.text, 1)
        column.addLayout(self._foot())

    def _foot(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(GRID)
        self.state = label("", "small", wrap=True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(GRID * 10)
        self.bar.setAccessibleName(tr("Something is waited for"))
        self.bar.hide()
        self._waits_for = ""
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(LOADING_MS)
        self._late.timeout.connect(self._show_waiting)
        row.addWidget(self.bar)
        row.addWidget(self.state, 1)
        return row

    # ------------------------------------------------------------- a conversation

    def recall(self, turns: Sequence[Turn]) -> None:
        """Show what was said before, under other settings."""
        for turn in turns:
            if turn.role == "user":
                self.say(turn.text)
            else:
                self._append(turn.text, QTextCharFormat())
        self._ended = True

    def say(self, words: str) -> None:
        """Show what the user said."""
        self._ended, self._read = False, None
        before = "\n\n" if self.text.document().characterCount() > 1 else ""
        strong = QTextCharFormat()
        strong.setFontWeight(QFont.Weight.DemiBold)
        self._append(f"{before}{words}", strong)
        self._append("\n", QTextCharFormat())
        self._tell("")
        self.speed.clear()

    def take(self, event: TextEvent) -> None:
        """Show what has come."""
        match event:
            case ModelLoaded():
                self.wait(READING)
            case PromptRead():
                self._read = event
                self._tell(reading_words(event))
            case TextGenerated():
                self._append(event.text, QTextCharFormat())
                self.speed.setText(speed_words(event.tokens, event.elapsed_ns))
            case TextEnded():
                self._ended = True
                self.speed.setText(speed_words(event.tokens, event.elapsed_ns))
                self._tell(ending_words(event, self._read, room=self._room))

    def end_early(self, words: str) -> None:
        """Say why there is no more, where the answer did not come to its end."""
        if not self._ended:
            self._tell(words)

    def clear(self) -> None:
        """Forget what was said."""
        self.text.clear()
        self.speed.clear()
        self._tell("")

    # ------------------------------------------------------------- what it does

    def wait(self, words: str) -> None:
        """Something is waited for; what takes less than LOADING_MS is not spoken of."""
        self._waits_for = words
        if self.bar.isVisible():
            self._show_waiting()
        else:
            self._late.start()

    def rest(self, words: str) -> None:
        """Say why nothing comes here yet."""
        self._tell(words)

    def _show_waiting(self) -> None:
        self.state.setText(self._waits_for)
        self.bar.show()

    def _tell(self, words: str) -> None:
        self._late.stop()
        self.bar.hide()
        self.state.setText(words)

    def _append(self, words: str, how: QTextCharFormat) -> None:
        """Add at the end; the view follows unless the user has scrolled up."""
        bar = self.text.verticalScrollBar()
        follows = bar.value() >= bar.maximum() - 2 * BODY_PX
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(words, how)
        if follows:
            bar.setValue(bar.maximum())
