"""Own the page to talk with a model: under one set of settings, or under two in turn."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from tunesmith.domain.worker_events import TextEnded
from tunesmith.errors import TunesmithError
from tunesmith.gui.chat_choices import ChatChoices
from tunesmith.gui.chat_input import ChatInput
from tunesmith.gui.chat_opening import ChatOpening, FindSides, MakeChat, find_sides, new_chat
from tunesmith.gui.context import AppContext
from tunesmith.gui.open_dialogs import ask_for_models
from tunesmith.gui.page import EmptyState, Page, button, label
from tunesmith.gui.pages.chat_transcript import Transcript
from tunesmith.gui.theme import GRID
from tunesmith.gui.waiting import Waiting
from tunesmith.gui.widgets.asking import Asker
from tunesmith.presentation.chat import (
    ALTERNATION,
    LATER,
    LOADING,
    NOT_STORED,
    READING,
    SWITCHING,
    opening_words,
)
from tunesmith.wording import tr
from tunesmith.worker.protocol import Sampling

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.services.chat import Answer, Chat, Update
    from tunesmith.services.chat_sides import Side

_TICK_MS = 100


class ChatPage(Page):
    """A small chat; nothing of it is stored."""

    name = "chat"
    title = tr("Try it")

    def __init__(
        self, context: AppContext, *, make_chat: MakeChat = new_chat, find_sides: FindSides = find_sides
    ) -> None:
        super().__init__(context)
        self._make_chat = make_chat
        self._find_sides = find_sides
        self._asker = Asker(self, self.message.show_error)
        self._opening = ChatOpening(
            context,
            self._asker,
            make=lambda path, sides: self._make_chat(path, sides),
            find=lambda path, profile: self._find_sides(path, profile),
        )
        self._busy = False
        self._stopped = False
        self.answer: Answer | None = None
        self.transcripts: list[Transcript] = []
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._build()
        self._opening.opened.connect(self._begin)
        self._opening.changed.connect(self._show_sides)
        self._opening.failed.connect(self._show_failure)
        self._opening.profiles_found.connect(self.choices.offer)
        context.bus.try_model.connect(self.open)
        context.bus.busy_changed.connect(self._set_busy)

    # ------------------------------------------------------------- building

    def _build(self) -> None:
        self.choose_button = button(tr("Choose model…"), tip=tr("Talk with another GGUF file"))
        self.clear_button = button(tr("Clear"), tip=tr("Forget what was said; the model stays loaded"))
        for action, call in ((self.clear_button, self.clear), (self.choose_button, self._ask_for_model)):
            self.add_action(action)
            action.clicked.connect(lambda _checked=False, call=call: call())
            action.hide()
        self.waiting = Waiting(self, "")
        self.talk = self.add_state(self._talk())
        self.empty = self.add_state(self._empty())
        self.show_state(self.empty)

    def _talk(self) -> QWidget:
        self.model_label = label("", "secondary")
        self.choices = ChatChoices()
        self.settings_box, self.beside = self.choices.settings_box, self.choices.beside
        self.choices.changed.connect(self._change_settings)
        self._sides_row = QHBoxLayout()
        self._sides_row.setSpacing(GRID * 2)
        self.note = label(NOT_STORED, "small", wrap=True)
        self.field = ChatInput()
        self.input = self.field.text
        self.send_button, self.stop_button = self.field.send_button, self.field.stop_button
        self.field.sent.connect(self.send)
        self.field.stopped.connect(self.stop)
        made = QWidget()
        column = QVBoxLayout(made)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self.model_label)
        column.addWidget(self.choices)
        column.addLayout(self._sides_row, 1)
        column.addWidget(self.note)
        column.addWidget(self.field)
        return made

    def _empty(self) -> QWidget:
        take = button(tr("Choose model…"), "primary")
        to_models = button(tr("Show models"))
        take.clicked.connect(self._ask_for_model)
        to_models.clicked.connect(lambda: self.context.bus.show_page.emit("models"))
        return EmptyState(
            tr("No model to talk with yet"),
            tr(
                "Choose a model to see how it answers and how fast, under llama.cpp's defaults or under a "
                "tuned profile's settings. Nothing that is said is stored."
            ),
            take,
            to_models,
        )

    # ------------------------------------------------------------- choosing

    @property
    def chat(self) -> Chat | None:
        """The conversation under way."""
        return self._opening.chat

    def open(self, path: str, profile: TunedProfile | None) -> None:
        """Begin a conversation with a model, under a profile's settings if one is given."""
        self._end_answer()
        self.message.hide()
        self.choices.begin(profile)
        self.model_label.setText(Path(path).name)
        self.model_label.setToolTip(path)
        self.show_state(self.waiting.blank)
        self.waiting.loading.say(opening_words(path))
        self.waiting.begin()
        self._opening.open(path, profile, both=self.choices.both)
        self._show_buttons()

    def shown(self) -> None:
        """Offer the profiles that came while the page was not seen."""
        if self.chat is not None:
            self._opening.look_for_profiles()

    def _change_settings(self) -> None:
        """Go on with the conversation under what is chosen now."""
        self._end_answer()
        for transcript in self.transcripts:
            transcript.wait(SWITCHING)
        self._opening.change(self.choices.profile, both=self.choices.both)
        self._show_buttons()

    def _end_answer(self) -> None:
        if self.answer is not None:
            self.answer.stop()
            self.answer = None
            self._timer.stop()

    def _show_failure(self, error: TunesmithError) -> None:
        self.message.show_error(error)
        for transcript in self.transcripts:
            transcript.rest("")
        self.waiting.end()
        if self.chat is None:
            self.show_state(self.empty)
            self._show_actions(on=False)
        self._show_buttons()

    def _begin(self, sides: tuple[Side, ...]) -> None:
        self._show_sides(sides)
        self.waiting.end()
        self.show_state(self.talk)
        self._show_actions(on=True)
        self.input.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_actions(self, *, on: bool) -> None:
        for widget in (self.clear_button, self.choose_button):
            widget.setVisible(on)

    def _show_sides(self, sides: tuple[Side, ...]) -> None:
        """Show what was said on each side so far."""
        for transcript in self.transcripts:
            self._sides_row.removeWidget(transcript)
            transcript.hide()
            transcript.deleteLater()
        self.transcripts = [Transcript(side) for side in sides]
        for number, transcript in enumerate(self.transcripts):
            self._sides_row.addWidget(transcript, 1)
            if self.chat is not None:
                transcript.recall(self.chat.turns(number))
        self.note.setText(f"{ALTERNATION} {NOT_STORED}" if len(sides) > 1 else NOT_STORED)
        self._show_buttons()

    def _ask_for_model(self) -> None:
        ask_for_models(self, lambda paths: self.open(paths[0], None))

    # ------------------------------------------------------------- talking

    def send(self) -> None:
        """Say what is written and have it answered."""
        words = self.input.toPlainText().strip()
        if (
            not words
            or self.chat is None
            or self.answer is not None
            or self._busy
            or not self._opening.settled
        ):
            return
        self.message.hide()
        self._stopped = False
        choice = Sampling(temperature=self.choices.temperature, seed=secrets.randbelow(2**31))
        self.answer = self.chat.ask(words, sampling=choice)
        self.input.clear()
        for transcript in self.transcripts:
            transcript.say(words)
            transcript.rest(LATER)
        self._wait_for(0)
        self._timer.start()
        self._show_buttons()

    def _wait_for(self, side: int) -> None:
        if self.chat is not None and side < len(self.transcripts):
            self.transcripts[side].rest("")
            self.transcripts[side].wait(READING if self.chat.loaded(side) else LOADING)

    def stop(self) -> None:
        """Stop answering."""
        if self.answer is not None:
            self._stopped = True
            self.answer.stop()
            self.stop_button.setEnabled(False)

    def clear(self) -> None:
        """Forget what was said."""
        if self.chat is not None and self.answer is None and self._opening.settled:
            self.chat.clear()
            for transcript in self.transcripts:
                transcript.clear()

    def _tick(self) -> None:
        if self.answer is None:
            self._timer.stop()
            return
        updates, over = self.answer.drain()
        for update in updates:
            self._take(update)
        if over:
            self._over(self.answer)

    def _take(self, update: Update) -> None:
        if update.side < len(self.transcripts):
            self.transcripts[update.side].take(update.event)
            if isinstance(update.event, TextEnded):
                self._wait_for(update.side + 1)

    def _over(self, answer: Answer) -> None:
        self._timer.stop()
        self.answer = None
        if answer.error is not None:
            self.message.show_error(answer.error)
        for transcript in self.transcripts:
            if self._stopped or answer.error is not None:
                transcript.end_early(tr("Stopped.") if self._stopped else tr("No answer came."))
        self._show_buttons()

    def _set_busy(self, busy: bool) -> None:  # noqa: FBT001 (a signal's argument)
        self._busy = busy
        self._show_buttons()

    @property
    def _ready(self) -> bool:
        """Whether something could be sent, but for an answer that comes."""
        return self.chat is not None and self._opening.settled and not self._busy

    def _show_buttons(self) -> None:
        answering = self.answer is not None
        why = tr("A tune is under way; an answer would disturb it") if self._busy else ""
        self.field.show_state(answering=answering, ready=self._ready, why=why)
        self.clear_button.setEnabled(not answering and self._opening.settled)

    def closing(self) -> None:
        """End the answer and free the model."""
        self._timer.stop()
        self._asker.finish()
        self._opening.close()
