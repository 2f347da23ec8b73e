"""Own the page to talk with a model: under one set of settings, or under two in turn."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from tunesmith.gui.context import AppContext
from tunesmith.gui.page import EmptyState, Page, button, label
from tunesmith.gui.pages.chat_transcript import Transcript
from tunesmith.gui.theme import GRID
from tunesmith.gui.widgets.asking import Asker
from tunesmith.presentation.chat import ALTERNATION, NOT_STORED
from tunesmith.worker.protocol import Sampling

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.services.chat import Answer, Chat, Side

_TICK_MS = 100
_DEFAULTS = "llama.cpp's defaults"
MakeChat = Callable[[str, "Sequence[Side]"], "Chat"]
FindSides = Callable[[str, "TunedProfile | None"], "tuple[Side, ...]"]


def _make_chat(path: str, sides: Sequence[Side]) -> Chat:
    from tunesmith.services.chat import Chat

    return Chat(path, sides)


def _find_sides(path: str, profile: TunedProfile | None) -> tuple[Side, ...]:
    from tunesmith.services.chat import chat_sides

    return chat_sides(path, profile)


class ChatPage(Page):
    """A small chat; nothing of it is stored."""

    name = "chat"
    title = "Try it"

    def __init__(
        self, context: AppContext, *, make_chat: MakeChat = _make_chat, find_sides: FindSides = _find_sides
    ) -> None:
        super().__init__(context)
        self._make_chat = make_chat
        self._find_sides = find_sides
        self._asker = Asker(self, self.message.show_error)
        self._path = ""
        self._profile: TunedProfile | None = None
        self._busy = False
        self._stopped = False
        self.chat: Chat | None = None
        self.answer: Answer | None = None
        self.transcripts: list[Transcript] = []
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._build()
        context.bus.try_model.connect(self.open)
        context.bus.busy_changed.connect(self._set_busy)

    def _build(self) -> None:
        self.choose_button = button("Choose model…", tip="Talk with another GGUF file")
        self.clear_button = button("Clear", tip="Forget what was said; the model stays loaded")
        self.add_action(self.clear_button)
        self.add_action(self.choose_button)
        self.model_label = label("", "secondary")
        self.settings_box = QComboBox()
        self.settings_box.setAccessibleName("Settings")
        self.settings_box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.settings_box.setMinimumContentsLength(22)
        self.beside = QCheckBox("Beside the defaults")
        self.beside.setToolTip(ALTERNATION)
        self.words_box = QComboBox()
        self.words_box.setAccessibleName("Choice of words")
        self.words_box.addItem("Varied words", 0.8)
        self.words_box.addItem("Likeliest words", 0.0)
        self.words_box.setToolTip(
            "Varied: temperature 0.8, top-k 40, top-p 0.95. Likeliest: always the first."
        )
        row = QHBoxLayout()
        row.setSpacing(GRID * 2)
        for choice in (self.settings_box, self.beside, self.words_box):
            row.addWidget(choice)
        row.addStretch()
        self._sides_row = QHBoxLayout()
        self._sides_row.setSpacing(GRID * 2)
        self.note = label(NOT_STORED, "small", wrap=True)
        self.input = QPlainTextEdit()
        self.input.setAccessibleName("What to say")
        self.input.setPlaceholderText("Say something. Return sends it, Shift+Return begins a new line.")
        self.input.setFixedHeight(60)
        self.input.setTabChangesFocus(True)
        self.input.installEventFilter(self)
        self.send_button = button("Send", "primary")
        self.stop_button = button("Stop", tip="Stop answering and keep what was written (Esc)")
        self.stop_button.setShortcut("Esc")
        bottom = QHBoxLayout()
        bottom.setSpacing(GRID)
        bottom.addWidget(self.input, 1)
        bottom.addWidget(self.send_button)
        bottom.addWidget(self.stop_button)
        talk = QWidget()
        column = QVBoxLayout(talk)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self.model_label)
        column.addLayout(row)
        column.addLayout(self._sides_row, 1)
        column.addWidget(self.note)
        column.addLayout(bottom)
        self.talk = self.add_state(talk)
        take = button("Choose model…", "primary")
        to_models = button("Show models")
        take.clicked.connect(self._ask_for_model)
        to_models.clicked.connect(lambda: self.context.bus.show_page.emit("models"))
        self.empty = self.add_state(
            EmptyState(
                "No model to talk with yet",
                "Choose a model to see how it answers and how fast, under llama.cpp's defaults or under a "
                "tuned profile's settings. Nothing that is said is stored.",
                take,
                to_models,
            )
        )
        self.show_state(self.empty)
        for widget in (self.clear_button, self.choose_button):
            widget.hide()
        self.choose_button.clicked.connect(self._ask_for_model)
        self.clear_button.clicked.connect(self.clear)
        self.send_button.clicked.connect(self.send)
        self.stop_button.clicked.connect(self.stop)
        self.settings_box.currentIndexChanged.connect(self._choose_settings)
        self.beside.toggled.connect(self._choose_settings)
        self._show_buttons()

    # ------------------------------------------------------------- choosing

    def open(self, path: str, profile: TunedProfile | None) -> None:
        """Talk with a model, under a profile's settings beside the defaults if one is given."""
        self._path, self._profile = path, profile
        self.settings_box.blockSignals(True)  # noqa: FBT003 (Qt's name)
        self.settings_box.clear()
        self.settings_box.addItem(_DEFAULTS, None)
        if profile is not None:
            self.settings_box.addItem(profile.name, profile)
            self.settings_box.setCurrentIndex(1)
        self.settings_box.blockSignals(False)  # noqa: FBT003 (Qt's name)
        self.model_label.setText(Path(path).name)
        self.model_label.setToolTip(path)
        self._choose_settings()

    def _choose_settings(self) -> None:
        """Begin a conversation under what is chosen now."""
        profile: TunedProfile | None = self.settings_box.currentData()
        self.beside.setVisible(self._profile is not None)
        self.beside.setEnabled(profile is not None)
        both, path, old = self.beside.isChecked(), self._path, self.chat
        self.chat = None
        if self.answer is not None:
            self.answer.stop()
            self.answer = None
            self._timer.stop()
        self._show_buttons()

        def find() -> tuple[Side, ...]:
            if old is not None:
                old.close()  # takes a moment, and frees the memory first
            sides = self._find_sides(path, profile)
            return sides if both else sides[-1:]

        self._asker.ask(find, lambda sides: self._begin(path, sides), change=old is not None)

    def _begin(self, path: str, sides: tuple[Side, ...]) -> None:
        if path != self._path:
            return
        if self.chat is not None:
            self._asker.ask(self.chat.close, change=True)
        self.chat = self._make_chat(path, sides)
        for transcript in self.transcripts:
            self._sides_row.removeWidget(transcript)
            transcript.hide()
            transcript.deleteLater()
        self.transcripts = [Transcript(side) for side in sides]
        for transcript in self.transcripts:
            self._sides_row.addWidget(transcript, 1)
        self.note.setText(f"{ALTERNATION} {NOT_STORED}" if len(sides) > 1 else NOT_STORED)
        self.show_state(self.talk)
        for widget in (self.clear_button, self.choose_button):
            widget.show()
        self._show_buttons()
        self.input.setFocus(Qt.FocusReason.OtherFocusReason)

    def _ask_for_model(self) -> None:
        dialog = QFileDialog(self, "Choose model")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(["GGUF models (*.gguf)", "All files (*)"])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.open(path, None))
        dialog.open()

    # ------------------------------------------------------------- talking

    def send(self) -> None:
        """Say what is written and have it answered."""
        words = self.input.toPlainText().strip()
        if not words or self.chat is None or self.answer is not None or self._busy:
            return
        self.message.hide()
        self._stopped = False
        choice = Sampling(temperature=self.words_box.currentData(), seed=secrets.randbelow(2**31))
        self.answer = self.chat.ask(words, sampling=choice)
        self.input.clear()
        for number, transcript in enumerate(self.transcripts):
            transcript.say(words)
            transcript.wait("Reading…" if number == 0 else "Answers after the other.")
        self._timer.start()
        self._show_buttons()

    def stop(self) -> None:
        """Stop answering."""
        if self.answer is not None:
            self._stopped = True
            self.answer.stop()
            self.stop_button.setEnabled(False)

    def clear(self) -> None:
        """Forget what was said."""
        if self.chat is not None and self.answer is None:
            self.chat.clear()
            for transcript in self.transcripts:
                transcript.clear()

    def _tick(self) -> None:
        if self.answer is None:
            self._timer.stop()
            return
        updates, over = self.answer.drain()
        for update in updates:
            if update.side < len(self.transcripts):
                self.transcripts[update.side].take(update.event)
        if over:
            self._over(self.answer)

    def _over(self, answer: Answer) -> None:
        self._timer.stop()
        self.answer = None
        if answer.error is not None:
            self.message.show_error(answer.error)
        for transcript in self.transcripts:
            if self._stopped or answer.error is not None:
                transcript.end_early("Stopped." if self._stopped else "No answer came.")
        self._show_buttons()

    def _set_busy(self, busy: bool) -> None:  # noqa: FBT001 (a signal's argument)
        self._busy = busy
        self._show_buttons()

    def _show_buttons(self) -> None:
        answering = self.answer is not None
        self.send_button.setVisible(not answering)
        self.stop_button.setVisible(answering)
        self.stop_button.setEnabled(answering)
        self.send_button.setEnabled(self.chat is not None and not self._busy)
        self.send_button.setToolTip("A tune is under way; an answer would disturb it" if self._busy else "")
        self.clear_button.setEnabled(not answering)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Return sends."""
        if watched is self.input and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            plain = not event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            if plain and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.send()
                return True
        return super().eventFilter(watched, event)

    def closing(self) -> None:
        """End the answer and free the model."""
        self._timer.stop()
        self._asker.finish()
        if self.chat is not None:
            self.chat.close()
            self.chat = None
