"""Own the field to say something in, with the buttons to send it and to stop the answer."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QWidget

from tunesmith.gui.page import button
from tunesmith.gui.theme import GRID
from tunesmith.wording import tr


class ChatInput(QWidget):
    """Return sends; while an answer comes there is Stop in the place of Send."""

    sent = Signal()
    stopped = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.text = QPlainTextEdit()
        self.text.setAccessibleName(tr("What to say"))
        self.text.setPlaceholderText(tr("Say something. Return sends it, Shift+Return begins a new line."))
        self.text.setFixedHeight(60)
        self.text.setTabChangesFocus(True)
        self.text.installEventFilter(self)
        self.send_button = button(tr("Send"), "primary")
        self.stop_button = button(tr("Stop"), tip=tr("Stop answering and keep what was written (Esc)"))
        self.stop_button.setShortcut("Esc")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        row.addWidget(self.text, 1)
        row.addWidget(self.send_button)
        row.addWidget(self.stop_button)
        self.send_button.clicked.connect(lambda: self.sent.emit())
        self.stop_button.clicked.connect(lambda: self.stopped.emit())
        self.show_state(answering=False, ready=False, why="")

    def show_state(self, *, answering: bool, ready: bool, why: str) -> None:
        """Show the button that there is a use for.

        Args:
            answering: an answer comes.
            ready: something could be sent.
            why: it cannot, if there is more to it than that no model is open.
        """
        self.send_button.setVisible(not answering)
        self.send_button.setEnabled(ready)
        self.send_button.setToolTip(why)
        self.stop_button.setVisible(answering)
        self.stop_button.setEnabled(answering)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Return sends."""
        if watched is self.text and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            plain = not event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            if plain and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.sent.emit()
                return True
        return super().eventFilter(watched, event)
