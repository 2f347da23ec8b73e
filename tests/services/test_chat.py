"""A conversation with a real model: it streams, it can be stopped, and nothing of it is stored."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunesmith.domain.settings import Settings
from tunesmith.domain.worker_events import ModelLoaded, PromptRead, TextEnded, TextGenerated
from tunesmith.errors import ModelFileError
from tunesmith.services.chat import Answer, Chat, Update
from tunesmith.services.chat_sides import Side
from tunesmith.worker.protocol import Sampling

SETTINGS = Settings(threads=2, threads_batch=2, n_ctx=512)
GREEDY = Sampling(temperature=0)
STORY = "Tell me a very long story about the sea."

pytestmark = pytest.mark.model


def text_of(updates: list[Update], side: int = 0) -> str:
    """What one side wrote."""
    return "".join(u.event.text for u in updates if u.side == side and isinstance(u.event, TextGenerated))


def finish(answer: Answer) -> list[Update]:
    """Everything that comes, once it is over."""
    assert answer.wait(120)
    updates, over = answer.drain()
    assert over
    assert answer.error is None
    return updates


@pytest.fixture
def chat(smollm2_path: Path) -> Iterator[Chat]:
    """One side."""
    chat = Chat(str(smollm2_path), [Side("these", SETTINGS)])
    yield chat
    chat.close()


def test_text_comes_in_pieces_while_it_is_written(chat: Chat) -> None:
    updates = finish(chat.ask(STORY, sampling=GREEDY, max_tokens=60))
    pieces = [u.event for u in updates if isinstance(u.event, TextGenerated)]
    assert len(pieces) > 1
    assert [piece.tokens for piece in pieces] == sorted({piece.tokens for piece in pieces})
    assert isinstance(updates[0].event, ModelLoaded)
    assert isinstance(updates[1].event, PromptRead)
    assert updates[1].event.templated
    assert isinstance(updates[-1].event, TextEnded)
    assert updates[-1].event.reason == "limit"


def test_a_stop_takes_less_than_a_second_and_the_next_question_is_answered(chat: Chat) -> None:
    answer = chat.ask(STORY, sampling=Sampling(seed=3), max_tokens=400)
    deadline = time.monotonic() + 60
    while not answer.drain()[0]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    asked = time.monotonic()
    answer.stop()
    assert answer.wait(10)
    assert time.monotonic() - asked < 1.0
    assert answer.error is None
    assert text_of(finish(chat.ask("And then?", sampling=GREEDY, max_tokens=5)))


def test_equal_seeds_write_equal_text_and_others_do_not(chat: Chat) -> None:
    def write(seed: int) -> str:
        chat.clear()
        return text_of(finish(chat.ask(STORY, sampling=Sampling(seed=seed), max_tokens=24)))

    write(1)  # from now on the context holds the question
    assert write(1) == write(1)
    assert write(1) != write(2)


def test_what_was_said_is_not_read_again(chat: Chat) -> None:
    finish(chat.ask("My name is Ada.", sampling=GREEDY, max_tokens=12))
    (read, *_) = finish(chat.ask("What is my name?", sampling=GREEDY, max_tokens=12))
    assert isinstance(read.event, PromptRead)
    assert 0 < read.event.reused < read.event.tokens


def test_two_sides_answer_one_after_the_other(smollm2_path: Path) -> None:
    sides = [Side("a", SETTINGS), Side("b", SETTINGS.replace(n_ubatch=64, flash_attn="off"))]
    chat = Chat(str(smollm2_path), sides)
    try:
        updates = finish(chat.ask(STORY, sampling=GREEDY, max_tokens=10))
        order = [update.side for update in updates]
        assert order == sorted(order)
        assert text_of(updates, 0)
        assert text_of(updates, 1)
        (read, *_) = finish(chat.ask("Go on.", sampling=GREEDY, max_tokens=4))
        assert isinstance(read.event, PromptRead)
        assert read.event.reused  # the other side's context is another one
    finally:
        chat.close()


def test_a_full_context_is_an_end_and_no_error(smollm2_path: Path) -> None:
    chat = Chat(str(smollm2_path), [Side("small", SETTINGS.replace(n_ctx=256))])
    try:
        updates = finish(chat.ask(STORY, sampling=Sampling(seed=5, temperature=2.0), max_tokens=2000))
        last = updates[-1].event
        assert isinstance(last, TextEnded)
        assert last.reason == "context_full"
        (only,) = finish(chat.ask("word " * 400, sampling=GREEDY))
        assert isinstance(only.event, TextEnded)
        assert only.event.reason == "context_full"
    finally:
        chat.close()


def test_a_model_that_is_gone_is_an_error_of_the_answer(tmp_path: Path) -> None:
    chat = Chat(str(tmp_path / "gone.gguf"), [Side("these", SETTINGS)])
    try:
        answer = chat.ask("Hello", sampling=GREEDY)
        assert answer.wait(60)
        assert isinstance(answer.error, ModelFileError)
    finally:
        chat.close()


def test_a_switch_keeps_the_conversation_and_the_model(chat: Chat) -> None:
    assert not chat.loaded(0)
    finish(chat.ask("My name is Ada.", sampling=GREEDY, max_tokens=12))
    assert chat.loaded(0)
    said = chat.turns(0)
    assert [turn.role for turn in said] == ["user", "assistant"]
    chat.switch([Side("others", SETTINGS.replace(n_ubatch=64))])
    assert chat.turns(0) == said
    assert chat.loaded(0), "these settings need it loaded in the same way"
    read, *_ = finish(chat.ask("What is my name?", sampling=GREEDY, max_tokens=4))
    assert isinstance(read.event, PromptRead)
    assert read.event.tokens > 30, "what was said is part of what is read"
    assert len(chat.turns(0)) == 4


def test_a_switch_to_settings_that_load_otherwise_frees_the_model(chat: Chat) -> None:
    finish(chat.ask("Hello.", sampling=GREEDY, max_tokens=4))
    (worker,) = chat._workers.values()
    chat.switch([Side("others", SETTINGS.replace(use_extra_bufts=False))])
    assert not worker.alive
    assert not chat.loaded(0)
    loaded, *_ = finish(chat.ask("And?", sampling=GREEDY, max_tokens=4))
    assert isinstance(loaded.event, ModelLoaded)


def test_a_switch_stops_the_answer_and_keeps_what_was_written(chat: Chat) -> None:
    answer = chat.ask(STORY, sampling=Sampling(seed=3), max_tokens=400)
    deadline = time.monotonic() + 60
    while not any(isinstance(update.event, TextGenerated) for update in answer.drain()[0]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    chat.switch([Side("a", SETTINGS), Side("these", SETTINGS.replace(n_ubatch=64))])
    assert answer.wait(0)
    assert answer.error is None
    assert chat.turns(0) == chat.turns(1)
    assert chat.turns(0)[1].text
