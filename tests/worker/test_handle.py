"""A worker process from its parent's side: asked, watched, cancelled and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.processes import children, gone
from tests.worker.conftest import ONCE, SETTINGS
from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.worker_events import Heartbeat, SampleTaken, TokensTimed, WorkerEvent
from tunesmith.domain.workload import Workload
from tunesmith.errors import Interrupted, ModelRefused, WorkerCrashed
from tunesmith.worker.handle import WorkerHandle
from tunesmith.worker.patience import Patience
from tunesmith.worker.process import default_command

WORKLOAD = Workload(prompt=40, generate=6)
LONG = Workload(prompt=0, generate=1500)
"""A fifth of a second and more with the model of 0.4 MB and a context of 2048."""
ENDLESS = 100_000
"""Repetitions that only a cancel ends."""
ROOM = SETTINGS.replace(n_ctx=2048)


@dataclass
class Listening:
    """A worker, all that it said, and a way to interrupt it."""

    path: Path
    events: list[WorkerEvent] = field(default_factory=list)
    interrupted: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.worker = WorkerHandle(on_event=self.events.append, interrupted=self.interrupted.is_set)

    def measure(
        self, settings: Settings = SETTINGS, workload: Workload = WORKLOAD, **more: object
    ) -> list[Sample]:
        command = {"model_path": str(self.path), "noise": ONCE, **more}
        return self.worker.measure(**command, settings=settings, workload=workload)

    def took(self) -> list[str]:
        """The types of the events since the last call; heartbeats and timings left out."""
        found: list[str] = [event.type for event in self.events]
        self.events.clear()
        return [kind for kind in found if kind not in ("heartbeat", "tokens_timed", "log")]


@pytest.fixture(scope="module")
def shared(tiny_path: Path) -> Iterator[Listening]:
    listening = Listening(tiny_path)
    with listening.worker:
        yield listening


@pytest.fixture
def rig(shared: Listening) -> Listening:
    """The module's one worker, with nothing heard yet."""
    shared.events.clear()
    shared.interrupted.clear()
    return shared


DONE = ["sample_taken", "request_done"]


def test_a_worker_tells_who_it_is(rig: Listening) -> None:
    ready = rig.worker.ready
    assert ready.pid == rig.worker.pid
    assert ready.pid in children()
    assert "CPU" in ready.build.backends
    assert [device.type for device in ready.devices].count("cpu") == 1


def test_a_measurement_returns_its_samples(rig: Listening) -> None:
    samples = rig.measure(repetitions=3)
    assert [len(sample.step_ns) for sample in samples] == [6, 6, 6]
    assert all(sample.prefill_tokens == 40 for sample in samples)
    assert all(sample.memory.rss_bytes for sample in samples)
    assert rig.took()[-4:] == ["sample_taken", "sample_taken", "sample_taken", "request_done"]


def test_two_measurements_share_model_and_context(rig: Listening) -> None:
    rig.measure()
    rig.took()
    rig.measure()
    assert rig.took() == DONE


def test_another_thread_count_loads_nothing(rig: Listening) -> None:
    short, two = Workload(prompt=2, generate=1), SETTINGS.replace(threads=2)
    rig.measure(SETTINGS, short)
    rig.took()
    rig.measure(two, short)
    assert "model_loaded" not in rig.took()
    rig.measure(SETTINGS, short)
    rig.measure(two, short)
    assert rig.took() == DONE * 2


@pytest.mark.parametrize("changes", [{"n_gpu_layers": 1}, {"use_extra_bufts": False}], ids=str)
def test_a_setting_of_the_model_loads_it_again(rig: Listening, changes: dict[str, object]) -> None:
    rig.measure()
    rig.took()
    rig.measure(SETTINGS.replace(**changes))
    assert rig.took() == ["model_loaded", "context_ready", *DONE]


def test_a_refusal_leaves_the_worker_alive(rig: Listening, tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(rig.path.read_bytes().replace(b"llama", b"lxama"))
    with pytest.raises(ModelRefused) as caught:
        rig.measure(model_path=str(bad))
    assert caught.value.what == ("llama.cpp would not load the model: unknown model architecture: 'lxama'.")
    assert "failed to load model" in caught.value.details
    with pytest.raises(ModelRefused, match="would not run the model with these settings: the workload needs"):
        rig.measure(workload=Workload(prompt=600, generate=1))
    assert len(rig.measure()) == 1


# ---------------------------------------------------------------- the live stream


def test_live_timings_come_while_the_sample_runs_and_add_up_to_it(rig: Listening) -> None:
    sample, steps = rig.measure(ROOM, LONG)[0], LONG.generate
    while sum(sample.step_ns) < 7e8 and steps < 50_000:  # a fast machine
        rig.events.clear()
        steps *= 2
        (sample,) = rig.measure(SETTINGS.replace(n_ctx=steps), Workload(prompt=0, generate=steps))
    timed = [event for event in rig.events if isinstance(event, TokensTimed)]
    ended_ns = sample.started_mono_ns + sum(sample.step_ns)
    assert len([event for event in timed if event.mono_ns < ended_ns]) >= 2
    assert sum(event.tokens for event in timed) == len(sample.step_ns)
    assert sum(event.elapsed_ns for event in timed) == sum(sample.step_ns)
    assert all(event.part == "decode" for event in timed)
    assert all(event.rss_bytes for event in timed)


def test_live_timings_of_a_prompt_add_up_to_it(rig: Listening) -> None:
    (sample,) = rig.measure(SETTINGS.replace(n_batch=64), Workload(prompt=300, generate=0))
    timed = [event for event in rig.events if isinstance(event, TokensTimed)]
    assert {event.part for event in timed} == {"prefill"}
    assert sum(event.tokens for event in timed) == 300
    assert sample.prefill_ns is not None
    assert sum(event.elapsed_ns for event in timed) <= sample.prefill_ns


def test_timings_come_before_the_sample_they_belong_to(rig: Listening) -> None:
    for _ in range(20):
        rig.measure()
    kinds = [event.type for event in rig.events if event.type != "heartbeat"]
    for at, kind in enumerate(kinds):
        if kind == "request_done":
            assert kinds[at - 1] == "sample_taken"
            assert kinds[at - 2] == "tokens_timed"
            assert at + 1 == len(kinds) or kinds[at + 1] != "sample_taken"


def test_a_worker_at_work_shows_that_it_lives_and_moves(rig: Listening) -> None:
    beats: list[Heartbeat] = []

    def count(event: WorkerEvent) -> None:
        if isinstance(event, Heartbeat):
            beats.append(event)
            if len(beats) == 3:
                rig.interrupted.set()

    rig.worker._on_event = count
    try:
        with pytest.raises(Interrupted):
            rig.measure(ROOM, LONG, repetitions=ENDLESS)
    finally:
        rig.worker._on_event = rig.events.append
    assert len(beats) >= 3
    assert all(beat.busy for beat in beats)
    assert len({beat.progress for beat in beats}) == len(beats)


def test_an_idle_worker_is_silent(rig: Listening) -> None:
    rig.measure()
    time.sleep(1.3)
    assert rig.worker._process._frames.empty()


def test_events_are_stamped_with_one_rising_clock(rig: Listening) -> None:
    before = time.monotonic_ns()
    rig.measure(repetitions=5)
    stamps = [event.mono_ns for event in rig.events if isinstance(event, SampleTaken)]
    assert stamps == sorted(stamps)
    assert before < stamps[0] < time.monotonic_ns()


# ---------------------------------------------------------------- cancelling


@pytest.mark.model
def test_a_cancel_ends_a_long_prefill_within_a_second_and_the_worker_lives_on(smollm2_path: Path) -> None:
    cancelled_at: list[float] = []
    rig = Listening(smollm2_path)

    def soon() -> None:
        time.sleep(1.0)
        cancelled_at.append(time.monotonic())
        rig.interrupted.set()

    with rig.worker:
        for _ in range(2):
            rig.interrupted.clear()
            threading.Thread(target=soon).start()
            with pytest.raises(Interrupted):
                rig.measure(SETTINGS.replace(n_ctx=8192), Workload(prompt=8000, generate=1))
            assert time.monotonic() - cancelled_at[-1] < 1.0
        rig.interrupted.clear()
        assert rig.worker.alive
        assert len(rig.measure(SETTINGS.replace(n_ctx=8192), Workload(prompt=8, generate=1))) == 1
    assert gone(rig.worker.pid)


def test_a_cancel_before_the_start_measures_nothing(rig: Listening) -> None:
    rig.interrupted.set()
    with pytest.raises(Interrupted):
        rig.measure(ROOM, LONG, repetitions=50)
    rig.interrupted.clear()
    rig.took()
    assert len(rig.measure()) == 1


def test_an_error_of_a_listener_ends_the_worker_that_nobody_listens_to(tiny_path: Path) -> None:
    """Its samples would be taken for the next request's."""
    rig = Listening(tiny_path)

    def fail(event: WorkerEvent) -> None:
        if event.type == "model_loaded":
            raise ZeroDivisionError

    rig.worker._on_event = fail
    with rig.worker:
        with pytest.raises(ZeroDivisionError):
            rig.measure(repetitions=ENDLESS)
        assert not rig.worker.alive


def test_a_parent_that_was_stopped_for_a_while_blames_nobody(tiny_path: Path) -> None:
    """As when the user presses Ctrl-Z, or a listener takes its time."""
    rig = Listening(tiny_path)
    rig.worker.patience = Patience(silence=1.5, stall=1.5)
    beats: list[Heartbeat] = []

    def doze(event: WorkerEvent) -> None:
        if isinstance(event, Heartbeat):
            beats.append(event)
            if len(beats) == 1:
                time.sleep(2.0)
            elif len(beats) == 4:
                rig.interrupted.set()

    rig.worker._on_event = doze
    with rig.worker, pytest.raises(Interrupted):
        rig.measure(ROOM, LONG, repetitions=ENDLESS)


# ---------------------------------------------------------------- ending


def test_closing_leaves_no_process_and_no_thread(tiny_path: Path) -> None:
    threads, processes = threading.active_count(), children()
    rig = Listening(tiny_path)
    rig.measure()
    rig.worker.close()
    rig.worker.close()
    assert rig.worker._process.returncode == 0
    assert gone(rig.worker.pid)
    assert children() == processes
    assert threading.active_count() == threads
    with pytest.raises(WorkerCrashed):
        rig.measure()


def test_closing_a_worker_at_work_stops_the_work(tiny_path: Path) -> None:
    rig = Listening(tiny_path)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            rig.measure(ROOM, LONG, repetitions=ENDLESS)
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    worker_thread = threading.Thread(target=work)
    worker_thread.start()
    while not rig.events or rig.events[-1].type != "tokens_timed":
        time.sleep(0.01)
    rig.interrupted.set()
    worker_thread.join(3)
    rig.worker.close()
    assert rig.worker._process.returncode == 0
    assert [type(error) for error in failed] == [Interrupted]


@pytest.mark.skipif(not hasattr(os, "kill"), reason="signals are a matter of POSIX")
def test_sigterm_from_outside_ends_a_worker_and_is_named(tiny_path: Path) -> None:
    rig = Listening(tiny_path)

    def end(event: WorkerEvent) -> None:
        if event.type == "tokens_timed":
            os.kill(rig.worker.pid, signal.SIGTERM)

    rig.worker._on_event = end
    with pytest.raises(WorkerCrashed, match="Something else ended the worker with SIGTERM"):
        rig.measure(ROOM, LONG, repetitions=ENDLESS)
    assert gone(rig.worker.pid)


_PARENT = """
import sys
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.worker.handle import WorkerHandle

def tell(event):
    if event.type == sys.argv[2]:
        print(worker.pid, flush=True)

worker = WorkerHandle()
worker._on_event = tell
worker.measure(model_path=sys.argv[1], settings=Settings(threads=1, threads_batch=1, n_ctx=2048),
               workload=Workload(prompt=10, generate=int(sys.argv[3])), repetitions=1)
sys.stdin.read()
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a matter of POSIX")
@pytest.mark.parametrize(
    ("at", "steps"), [("tokens_timed", 2000), ("request_done", 2)], ids=["at work", "idle"]
)
def test_a_worker_ends_when_its_parent_was_killed(tiny_path: Path, at: str, steps: int) -> None:
    command = [sys.executable, "-c", _PARENT, str(tiny_path), at, str(steps)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.kill()
        assert gone(pid, within=2.0)


# ---------------------------------------------------------------- starting


def test_a_program_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(WorkerCrashed, match=r"could not be started: .*no-such-program"):
        WorkerHandle(command=[str(tmp_path / "no-such-program")])


def test_modules_where_the_user_stands_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queue.py").write_text("raise SystemExit('the wrong queue')")
    (tmp_path / "tunesmith.py").write_text("raise SystemExit('the wrong tunesmith')")
    monkeypatch.chdir(tmp_path)
    with WorkerHandle() as worker:
        assert worker.alive


def test_a_frozen_app_starts_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/tunesmith/tunesmith")
    assert default_command() == ["/opt/tunesmith/tunesmith", "--worker"]


def test_an_interrupt_while_starting_leaves_no_process() -> None:
    before = children()
    with pytest.raises(Interrupted):
        WorkerHandle(interrupted=lambda: True)
    assert children() == before
