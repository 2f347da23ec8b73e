"""What the chat page does with what comes from a model."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.gui.pages_support import shown_page, store_at
from tests.gui.sample_models import fake_model
from tests.store.values import SETTINGS, profile
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.worker_events import ModelLoaded, PromptRead, TextEnded, TextGenerated
from tunesmith.errors import ModelNotFound, TunesmithError, WorkerCrashed
from tunesmith.gguf import identify
from tunesmith.gui.context import AppContext
from tunesmith.gui.pages.chat import ChatPage
from tunesmith.services.chat import Answer, Chat, Update
from tunesmith.services.chat_sides import Side
from tunesmith.worker.protocol import Sampling, Turn

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints", extend=True)
MODEL = "/models/s.gguf"
READ = PromptRead(tokens=13, reused=0, elapsed_ns=200_000_000, templated=True)


class FakeAnswer(Answer):
    """An answer that comes when the test says so."""

    def __init__(self) -> None:
        self.error: TunesmithError | None = None
        self.coming: list[Update] = []
        self.over = False
        self.stopped = False

    def drain(self) -> tuple[list[Update], bool]:
        coming, self.coming = self.coming, []
        return coming, self.over

    def stop(self) -> None:
        self.stopped = True


class FakeChat(Chat):
    """Notes what is asked."""

    made: list[FakeChat]

    def __init__(self, model_path: str, sides: object) -> None:
        super().__init__(model_path, sides)  # type: ignore[arg-type]
        self.asked: list[str] = []
        self.answers: list[FakeAnswer] = []
        self.closed = self.cleared = False
        FakeChat.made.append(self)

    def ask(self, text: str, *, sampling: Sampling, max_tokens: int = 1024) -> Answer:
        self.asked.append(text)
        self.answers.append(FakeAnswer())
        return self.answers[-1]

    def said(self, question: str, answer: str) -> None:
        """Remember an exchange on every side."""
        self._turns = [[Turn(role="user", text=question), Turn(role="assistant", text=answer)]] * len(
            self.sides
        )

    def clear(self) -> None:
        self.cleared = True

    def close(self) -> None:
        self.closed = True


def fake_sides(path: str, chosen: TunedProfile | None) -> tuple[Side, ...]:
    """The defaults, and the profile's."""
    if "gone" in path:
        raise ModelNotFound("There is no such file.")
    default = Side("llama.cpp's defaults", SETTINGS)
    return (default,) if chosen is None else (default, Side(chosen.name, chosen.settings))


def make(context: AppContext) -> ChatPage:
    """The page without a model behind it."""
    return ChatPage(context, make_chat=FakeChat, find_sides=fake_sides)


@pytest.fixture
def page(qtbot: QtBot, tmp_path: Path) -> Iterator[ChatPage]:
    """The page, empty."""
    FakeChat.made = []
    with shown_page(qtbot, make, store_at(tmp_path / "store.sqlite3")) as page:
        yield page


def opened(qtbot: QtBot, page: ChatPage, chosen: TunedProfile | None = None) -> FakeChat:
    """Open a model, and wait for its chat."""
    before = len(FakeChat.made)
    page.context.bus.try_model.emit(MODEL, chosen)
    qtbot.waitUntil(lambda: len(FakeChat.made) > before)
    return FakeChat.made[-1]


def say(page: ChatPage, words: str) -> FakeAnswer:
    """Send something."""
    page.input.setPlainText(words)
    page.send()
    assert isinstance(page.answer, FakeAnswer)
    return page.answer


def test_without_a_model_the_page_says_what_to_do(page: ChatPage) -> None:
    assert page.states.currentWidget() is page.empty


def test_an_answer_streams_with_its_speed(qtbot: QtBot, page: ChatPage) -> None:
    chat = opened(qtbot, page)
    answer = say(page, "Hello")
    assert chat.asked == ["Hello"]
    (transcript,) = page.transcripts
    answer.coming = [Update(0, READ), Update(0, TextGenerated(text="Good ", tokens=20, elapsed_ns=10**9))]
    qtbot.waitUntil(lambda: transcript.speed.text() == "20.0 tok/s")
    answer.coming = [Update(0, TextGenerated(text="day", tokens=21, elapsed_ns=10**9))]
    qtbot.waitUntil(lambda: transcript.text.toPlainText() == "Hello\nGood day")
    answer.coming = [Update(0, TextEnded(reason="end", tokens=21, elapsed_ns=10**9))]
    answer.over = True
    qtbot.waitUntil(lambda: page.answer is None)
    assert transcript.state.text() == "Wrote 21 tokens, the first after 0.20 s."
    assert page.send_button.isVisible()


def test_return_sends_and_shift_return_does_not(qtbot: QtBot, page: ChatPage) -> None:
    chat = opened(qtbot, page)
    QTest.keyClicks(page.input, "One")
    QTest.keyClick(page.input, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert chat.asked == []
    QTest.keyClicks(page.input, "Two")
    QTest.keyClick(page.input, Qt.Key.Key_Return)
    assert chat.asked == ["One\nTwo"]
    assert page.input.toPlainText() == ""


def test_nothing_is_sent_while_an_answer_comes_or_there_is_nothing_to_say(
    qtbot: QtBot, page: ChatPage
) -> None:
    chat = opened(qtbot, page)
    page.send()
    say(page, "Hello")
    page.input.setPlainText("Again")
    page.send()
    assert chat.asked == ["Hello"]


def test_a_stopped_answer_keeps_what_was_written(qtbot: QtBot, page: ChatPage) -> None:
    opened(qtbot, page)
    answer = say(page, "Hello")
    answer.coming = [Update(0, TextGenerated(text="Go", tokens=2, elapsed_ns=10**8))]
    qtbot.waitUntil(lambda: "Go" in page.transcripts[0].text.toPlainText())
    page.stop_button.click()
    assert answer.stopped
    answer.over = True
    qtbot.waitUntil(lambda: page.answer is None)
    assert page.transcripts[0].state.text() == "Stopped."
    assert "Go" in page.transcripts[0].text.toPlainText()


def test_two_sides_stand_beside_each_other_and_say_that_they_take_turns(qtbot: QtBot, page: ChatPage) -> None:
    page.beside.setChecked(True)
    opened(qtbot, page, profile())
    assert [t.heading.text() for t in page.transcripts] == ["llama.cpp's defaults", "SmolLM2 on bench-1"]
    assert "one after the other" in page.note.text()
    answer = say(page, "Hello")
    answer.coming = [Update(1, TextGenerated(text="Second", tokens=2, elapsed_ns=10**8))]
    qtbot.waitUntil(lambda: "Second" in page.transcripts[1].text.toPlainText())
    assert "Second" not in page.transcripts[0].text.toPlainText()


def test_a_profile_alone_is_tried_under_its_own_settings(qtbot: QtBot, page: ChatPage) -> None:
    chat = opened(qtbot, page, profile())
    assert [side.label for side in chat.sides] == ["SmolLM2 on bench-1"]


def test_every_profile_of_the_model_is_offered_the_newest_first(qtbot: QtBot, tmp_path: Path) -> None:
    model = fake_model(tmp_path / "m.gguf", "M", "Q8_0", 1.0)
    store = store_at(tmp_path / "store.sqlite3")
    path, identity_of = str(model), identify(model)
    with store() as filled:
        for day in ("03", "05", "04"):
            made = profile(
                f"p-{day}", name=f"day {day}", created_utc=f"2026-11-{day}T10:00:00+00:00", model=identity_of
            )
            filled.save_profile(made)
        filled.save_profile(profile("p-other", name="of another model"))
    FakeChat.made = []
    with shown_page(qtbot, make, store) as page:
        page.open(path, None)
        box = page.settings_box
        qtbot.waitUntil(lambda: box.count() > 1, timeout=20_000)
        names = [box.itemText(place) for place in range(box.count())]
        assert names == ["llama.cpp's defaults", "day 05", "day 04", "day 03"]
        assert box.currentIndex() == 0, "what was chosen stays chosen"
        assert page.beside.isVisible()
        assert not page.beside.isEnabled()
        tip = box.itemData(1, Qt.ItemDataRole.ToolTipRole)
        assert tip.startswith("day 05, tuned on 2026-11-05")
        assert tip.endswith("for response time: 1.21 times as fast as the defaults")


def test_other_settings_go_on_with_the_conversation(qtbot: QtBot, page: ChatPage) -> None:
    chat = opened(qtbot, page, profile())
    chat.said("Who are you?", "A small model.")
    page.settings_box.setCurrentIndex(0)
    assert not page.send_button.isEnabled()
    qtbot.waitUntil(lambda: [t.heading.text() for t in page.transcripts] == ["llama.cpp's defaults"])
    assert page.chat is chat
    assert not chat.closed
    assert page.transcripts[0].text.toPlainText() == "Who are you?\nA small model."
    assert page.send_button.isEnabled()
    page.settings_box.setCurrentIndex(1)
    page.beside.setChecked(True)
    qtbot.waitUntil(lambda: len(page.transcripts) == 2)
    assert {t.text.toPlainText() for t in page.transcripts} == {"Who are you?\nA small model."}
    assert len(FakeChat.made) == 1


def test_settings_that_cannot_be_had_leave_the_conversation_as_it_is(
    qtbot: QtBot, page: ChatPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = opened(qtbot, page, profile())
    before = page.transcripts

    def gone(path: str, chosen: TunedProfile | None) -> tuple[Side, ...]:
        raise ModelNotFound("The file is gone.")

    monkeypatch.setattr(page, "_find_sides", gone)
    page.settings_box.setCurrentIndex(0)
    qtbot.waitUntil(page.message.isVisible)
    assert page.chat is chat
    assert page.transcripts is before
    assert page.states.currentWidget() is page.talk


def test_loading_is_told_after_a_moment_and_before_reading(qtbot: QtBot, page: ChatPage) -> None:
    opened(qtbot, page)
    answer = say(page, "Hello")
    (transcript,) = page.transcripts
    assert transcript.state.text() == ""
    assert not transcript.bar.isVisible()
    qtbot.waitUntil(transcript.bar.isVisible)
    assert transcript.state.text() == "Loading the model…"
    answer.coming = [Update(0, ModelLoaded(load_ns=10**9))]
    qtbot.waitUntil(lambda: transcript.state.text() == "Reading…")
    answer.coming = [Update(0, READ)]
    qtbot.waitUntil(lambda: not transcript.bar.isVisible())
    assert transcript.state.text() == "Read 13 tokens in 0.20 s."


def test_what_is_quick_is_not_spoken_of(qtbot: QtBot, page: ChatPage) -> None:
    opened(qtbot, page)
    answer = say(page, "Hello")
    answer.coming = [Update(0, ModelLoaded(load_ns=10**6)), Update(0, READ)]
    (transcript,) = page.transcripts
    page._tick()
    qtbot.wait(250)
    assert not transcript.bar.isVisible()


def test_the_second_side_waits_until_the_first_is_done(qtbot: QtBot, page: ChatPage) -> None:
    page.beside.setChecked(True)
    opened(qtbot, page, profile())
    answer = say(page, "Hello")
    first, second = page.transcripts
    qtbot.waitUntil(first.bar.isVisible)
    assert second.state.text() == "Answers after the other."
    answer.coming = [Update(0, READ), Update(0, TextEnded(reason="end", tokens=3, elapsed_ns=10**9))]
    qtbot.waitUntil(second.bar.isVisible)
    assert second.state.text() == "Loading the model…"


def test_opening_a_model_that_takes_long_is_told(
    qtbot: QtBot, page: ChatPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def slow(path: str, chosen: TunedProfile | None) -> tuple[Side, ...]:
        assert go.wait(20)
        return fake_sides(path, chosen)

    monkeypatch.setattr(page, "_find_sides", slow)
    page.open(MODEL, None)
    assert page.states.currentWidget() is page.waiting.blank
    qtbot.waitUntil(lambda: page.states.currentWidget() is page.waiting.loading)
    assert page.waiting.loading.text.text() == "Opening s.gguf"
    go.set()
    qtbot.waitUntil(lambda: page.states.currentWidget() is page.talk)


def test_of_two_models_opened_at_once_the_last_is_talked_with(qtbot: QtBot, page: ChatPage) -> None:
    page.open("/models/gone.gguf", None)
    page.open(MODEL, None)
    qtbot.waitUntil(lambda: page.chat is not None)
    qtbot.wait(50)
    assert [chat.model_path for chat in FakeChat.made] == [MODEL]
    assert not page.message.isVisible()


def test_another_model_ends_the_answer_and_frees_the_first(qtbot: QtBot, page: ChatPage) -> None:
    first = opened(qtbot, page)
    answer = say(page, "Hello")
    second = opened(qtbot, page)
    assert answer.stopped
    assert first.closed
    assert page.chat is second
    assert page.answer is None


def test_a_dead_worker_is_told_in_place(qtbot: QtBot, page: ChatPage) -> None:
    opened(qtbot, page)
    answer = say(page, "Hello")
    answer.error = WorkerCrashed("The worker died.")
    answer.over = True
    qtbot.waitUntil(page.message.isVisible)
    assert page.transcripts[0].state.text() == "No answer came."
    assert page.send_button.isEnabled()


def test_a_missing_model_is_told_in_place(qtbot: QtBot, page: ChatPage) -> None:
    page.open("/models/gone.gguf", None)
    qtbot.waitUntil(page.message.isVisible)
    assert page.states.currentWidget() is page.empty


def test_a_full_context_and_an_unknown_template_are_said(qtbot: QtBot, page: ChatPage) -> None:
    opened(qtbot, page)
    answer = say(page, "Hello")
    answer.coming = [Update(0, READ.model_copy(update={"templated": False}))]
    qtbot.waitUntil(lambda: "plain text" in page.transcripts[0].state.text())
    answer.coming = [Update(0, TextEnded(reason="context_full", tokens=3, elapsed_ns=1))]
    qtbot.waitUntil(lambda: "context of 1024 tokens is full" in page.transcripts[0].state.text())


def test_a_running_tune_is_not_disturbed(qtbot: QtBot, page: ChatPage) -> None:
    chat = opened(qtbot, page)
    page.context.bus.busy_changed.emit(True)
    assert not page.send_button.isEnabled()
    page.input.setPlainText("Hello")
    page.send()
    assert chat.asked == []
    page.context.bus.busy_changed.emit(False)
    page.send()
    assert chat.asked == ["Hello"]


def test_clearing_forgets_what_was_said(qtbot: QtBot, page: ChatPage) -> None:
    chat = opened(qtbot, page)
    answer = say(page, "Hello")
    answer.over = True
    qtbot.waitUntil(lambda: page.answer is None)
    page.clear_button.click()
    assert chat.cleared
    assert page.transcripts[0].text.toPlainText() == ""


def test_closing_the_window_frees_the_model(qtbot: QtBot, page: ChatPage) -> None:
    chat = opened(qtbot, page)
    page.closing()
    assert chat.closed


@pytest.mark.model
def test_a_real_model_answers_and_stops(qtbot: QtBot, tmp_path: Path, smollm2_path: Path) -> None:
    with shown_page(qtbot, ChatPage, store_at(tmp_path / "store.sqlite3")) as page:
        page.open(str(smollm2_path), None)
        qtbot.waitUntil(lambda: page.chat is not None, timeout=20_000)
        page.input.setPlainText("Tell me a very long story.")
        page.send()
        qtbot.waitUntil(lambda: page.transcripts[0].speed.text() != "", timeout=60_000)
        page.stop()
        qtbot.waitUntil(lambda: page.answer is None, timeout=1500)
        assert len(page.transcripts[0].text.toPlainText()) > len("Tell me a very long story.")
