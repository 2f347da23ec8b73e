"""What a worker does for speculative decoding, asked from its parent's side."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.worker.conftest import ONCE, SETTINGS
from tunesmith.domain.speculation import (
    PLAIN,
    BatchRound,
    Continuation,
    DraftersReady,
    Plan,
    Predictions,
    PromptsRead,
    SpeculationResult,
)
from tunesmith.domain.worker_events import Heartbeat, ModelLoaded, WorkerEvent
from tunesmith.domain.workload import Workload
from tunesmith.errors import Interrupted, ModelRefused, WorkerError
from tunesmith.worker.handle import WorkerHandle

PROMPT = tuple(range(3, 30))


@dataclass
class Asked:
    """A worker with one model as target and as draft model."""

    path: Path
    events: list[WorkerEvent] = field(default_factory=list)
    stop: bool = False

    def __post_init__(self) -> None:
        self.worker = WorkerHandle(on_event=self.events.append, interrupted=lambda: self.stop)

    def ask(self, *, draft: bool = True, path: Path | None = None, **task: object) -> SpeculationResult:
        second = {"model_path": str(self.path), "settings": SETTINGS} if draft else None
        return self.worker.speculate(
            model_path=str(path or self.path), settings=SETTINGS, draft=second, task=task, noise=ONCE
        )


@pytest.fixture(scope="module")
def shared(tiny_path: Path) -> Iterator[Asked]:
    asked = Asked(tiny_path)
    with asked.worker:
        yield asked


@pytest.fixture
def asked(shared: Asked) -> Asked:
    shared.events.clear()
    shared.stop = False
    return shared


def test_both_models_are_loaded_once(asked: Asked) -> None:
    assert asked.ask(do="get_ready") == DraftersReady(difference="")
    assert asked.ask(do="get_ready") == DraftersReady(difference="")
    assert sum(isinstance(event, ModelLoaded) for event in asked.events) == 2


def test_texts_become_tokens_cut_to_length(asked: Asked) -> None:
    found = asked.ask(do="read_prompts", texts=("abcdef", "g"), max_tokens=4, draft=False)
    assert isinstance(found, PromptsRead)
    assert [len(prompt) for prompt in found.prompts] == [4, 3]  # the first token, and a blank, in front


@pytest.mark.parametrize("model", ["target", "draft"])
def test_batches_are_timed_each_once(asked: Asked, model: str) -> None:
    rounds = []
    for seed in (1, 2):
        found = asked.ask(do="time_batches", model=model, prompt=PROMPT, sizes=(1, 2, 4, 16), seed=seed)
        assert isinstance(found, BatchRound)
        assert sorted(found.sizes) == [1, 2, 4, 16]
        assert all(elapsed > 0 for elapsed in found.elapsed_ns)
        assert found.depth == len(PROMPT)
        rounds.append(found.sizes)
    assert rounds[0] != rounds[1]


def test_a_text_is_gone_on_with_the_same_whoever_drafts(asked: Asked) -> None:
    found = []
    for plan in (PLAIN, Plan(drafter="draft", length=3), Plan(drafter="lookup", length=4, ngram=1)):
        told = asked.ask(do="continue", prompt=PROMPT, max_tokens=20, plan=plan, gaps=plan == PLAIN)
        assert isinstance(told, Continuation)
        found.append(told)
    assert found[0].tokens == found[1].tokens == found[2].tokens
    assert len(found[0].gaps) == 19
    assert [bool(told.draft_prompt_ns) for told in found] == [False, True, False]
    predicted = asked.ask(do="predict", prompt=PROMPT, continuation=found[0].tokens)
    assert isinstance(predicted, Predictions)
    assert predicted.tokens == found[0].tokens  # the model itself


def test_what_cannot_be_done_is_said_and_the_worker_lives_on(asked: Asked, tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="no draft model was named"):
        asked.ask(do="predict", prompt=PROMPT, continuation=(3,), draft=False)
    with pytest.raises(ModelRefused, match="530 tokens of context are needed and there are 512"):
        asked.ask(do="continue", prompt=PROMPT[:10], max_tokens=520, plan=PLAIN)
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(asked.path.read_bytes().replace(b"llama", b"lxama"))
    with pytest.raises(ModelRefused, match="unknown model architecture"):
        asked.ask(do="get_ready", path=broken)
    assert asked.ask(do="get_ready") == DraftersReady(difference="")


def test_a_measurement_in_between_is_a_measurement(asked: Asked) -> None:
    asked.ask(do="get_ready")
    samples = asked.worker.measure(
        model_path=str(asked.path), settings=SETTINGS, workload=Workload(prompt=5, generate=3), noise=ONCE
    )
    assert len(samples[0].step_ns) == 3
    assert asked.ask(do="get_ready") == DraftersReady(difference="")


def test_a_stop_is_heard_and_the_worker_lives_on(asked: Asked) -> None:
    def stop_at_work(event: WorkerEvent) -> None:
        asked.stop = asked.stop or isinstance(event, Heartbeat)

    asked.ask(do="get_ready")
    asked.worker._on_event = stop_at_work
    sizes = tuple(range(1, 400))

    def for_long() -> None:
        for seed in range(100):
            asked.ask(do="time_batches", model="target", prompt=PROMPT, sizes=sizes, seed=seed)

    try:
        with pytest.raises(Interrupted):
            for_long()
    finally:
        asked.worker._on_event = asked.events.append
        asked.stop = False
    assert asked.ask(do="get_ready") == DraftersReady(difference="")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSEGV to send to another process")
def test_a_worker_that_dies_over_it_is_one_error(tiny_path: Path) -> None:
    asked = Asked(tiny_path)

    def kill(event: WorkerEvent) -> None:
        if isinstance(event, ModelLoaded):
            os.kill(asked.worker.pid, signal.SIGSEGV)

    with asked.worker:
        asked.worker._on_event = kill
        with pytest.raises(WorkerError, match="SIGSEGV"):
            asked.ask(do="time_batches", model="target", prompt=PROMPT, sizes=tuple(range(1, 400)), seed=1)
