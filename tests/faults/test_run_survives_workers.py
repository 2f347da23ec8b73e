"""A run outlives its workers: the failure is in the ledger, the trial is tried again, the run goes on."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from tests.store import values
from tests.support.gguf_writer import tiny_llama
from tests.support.processes import children, gone
from tunesmith.domain.events import Event, TrialFailed, TrialMeasured, TrialStarted
from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.errors import Interrupted
from tunesmith.services.metering import TRIES, LedgerMeter, StoreRecorder
from tunesmith.services.rig import Rig
from tunesmith.services.session import Controls, Stream
from tunesmith.store import FailedTrial, MeasuredTrial, Store
from tunesmith.tuning.meter import Job, TrialFailure
from tunesmith.worker.patience import Patience
from tunesmith.worker.protocol import NoisePolicy

if sys.platform == "win32":
    pytest.skip("the faults are those of POSIX", allow_module_level=True)

SCRIPT = Path(__file__).with_name("worker_with_fault.py")
SETTINGS = Settings(threads=1, threads_batch=1, n_ctx=512, n_ubatch=64)
POISON = SETTINGS.replace(n_ubatch=13)
REPACKED = SETTINGS.replace(use_extra_bufts=False)
SHORT = Patience(start=30.0, silence=3.0, stall=1.5)


@pytest.fixture(scope="module")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama().write(tmp_path_factory.mktemp("models") / "tiny.gguf")


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() == before


def job(number: int, settings: Settings = SETTINGS, *, generate: int = 5) -> Job:
    return Job(
        stage="threads",
        candidate=f"n_ubatch={settings.n_ubatch}",
        round=number,
        attempt=0,
        position=0,
        settings=settings,
        workload=Workload(prompt=20, generate=generate),
    )


@dataclass
class CountedSource:
    """A rig whose calls are counted."""

    rig: Rig
    asked: list[Settings] = field(default_factory=list)

    def sample(self, settings: Settings, workload: Workload, *, group: str = "search") -> Sample:
        self.asked.append(settings)
        return self.rig.sample(settings, workload, group=group)


class Run:
    """A run on real workers with a real store: what a tune is made of, without its questions."""

    def __init__(self, store: Store, model: Path, fault: list[str], *, run_id: str | None = None) -> None:
        self.run_id = run_id or values.start_tune(store)
        self.store = store
        self.events: list[Event] = []
        self.controls = Controls()
        stream = Stream(self.events.append, first_seq=store.last_seq(self.run_id))
        stream.run_id = self.run_id
        recorder = StoreRecorder(lambda events, trial: store.record(self.run_id, events, trial=trial))
        stream.recorder = recorder
        self.rig = Rig(
            str(model),
            noise=NoisePolicy(max_retries=0),
            command=[sys.executable, str(SCRIPT), *fault],
            patience=SHORT,
            on_event=stream.emit,
            interrupted=lambda: self.controls.cancelled,
        )
        self.source = CountedSource(self.rig)
        self.meter = LedgerMeter(
            self.source,
            stream=stream,
            controls=self.controls,
            recorder=recorder,
            ledger=store.ledger(self.run_id),
        )

    def failures(self) -> list[TrialFailed]:
        return [event for event in self.events if isinstance(event, TrialFailed)]

    def measured(self) -> list[TrialMeasured]:
        return [event for event in self.events if isinstance(event, TrialMeasured)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.rig.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "s.sqlite3") as store:
        yield store


@pytest.mark.parametrize(
    ("fault", "cause", "message"),
    [
        ("segfault", "worker_crashed", "SIGSEGV"),
        ("kill", "worker_out_of_memory", "system killed"),
        ("spin", "worker_hung", "no progress"),
    ],
)
def test_a_dead_worker_fails_its_trial_and_not_the_run(
    store: Store, tiny_path: Path, tmp_path: Path, fault: str, cause: str, message: str
) -> None:
    once = tmp_path / "once"
    with Run(store, tiny_path, ["--once", str(once), fault]) as run:
        run.meter.sample(job(1))
        once.touch()
        second = run.meter.sample(job(2))
        third = run.meter.sample(job(3))
        assert not once.exists()
        assert [len(sample.step_ns) for sample in (second, third)] == [5, 5]
        (failure,) = run.failures()
        assert (failure.cause, failure.candidate) == (cause, "n_ubatch=64")
        assert message in failure.message
        started = [event.round for event in run.events if isinstance(event, TrialStarted)]
        assert started == [1, 2, 2, 3]
        assert [event.round for event in run.measured()] == [1, 2, 3]
        ledger = store.ledger(run.run_id)
        assert [type(entry) for entry in ledger.values()] == [
            MeasuredTrial,
            FailedTrial,
            MeasuredTrial,
            MeasuredTrial,
        ]
        failed = list(ledger.values())[1]
        assert isinstance(failed, FailedTrial)
        assert (failed.cause, failed.key) == (cause, f"{job(2).key}#0")
        assert run.meter.taken == 3


def test_a_worker_killed_from_outside_in_the_middle_of_a_sample_is_replaced(
    store: Store, tiny_path: Path
) -> None:
    with Run(store, tiny_path, ["none"]) as run:
        killed: list[int] = []
        pass_on = run.rig._on_event

        def kill(event: Event) -> None:
            pass_on(event)  # type: ignore[arg-type]
            if event.type == "context_ready" and not killed:
                (worker,) = run.rig._workers.values()
                killed.append(worker.pid)
                os.kill(worker.pid, signal.SIGKILL)

        run.rig._on_event = kill
        sample = run.meter.sample(job(1, SETTINGS.replace(n_ctx=2048), generate=1500))
        assert len(sample.step_ns) == 1500
        (failure,) = run.failures()
        assert failure.cause == "worker_out_of_memory"
        assert gone(killed[0])


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory, tiny_path: Path) -> Iterator[Run]:
    """A run that is over; one of its candidates crashed the worker each time."""
    path = tmp_path_factory.mktemp("store") / "s.sqlite3"
    with Store.open(path) as store:
        with Run(store, tiny_path, ["--ubatch", "13", "segfault"]) as run:
            run.meter.sample(job(1))
            with pytest.raises(TrialFailure, match="SIGSEGV"):
                run.meter.sample(job(1, POISON))
            run.meter.sample(job(2))
        yield run


def test_settings_that_crash_every_time_are_given_up_and_the_others_go_on(poisoned: Run) -> None:
    assert [event.cause for event in poisoned.failures()] == ["worker_crashed"] * TRIES
    assert poisoned.source.asked == [SETTINGS, *[POISON] * TRIES, SETTINGS]
    assert [event.round for event in poisoned.measured()] == [1, 2]
    ledger = poisoned.store.ledger(poisoned.run_id)
    failed = [key for key, entry in ledger.items() if isinstance(entry, FailedTrial)]
    assert failed == [f"{job(1, POISON).key}#{attempt}" for attempt in range(TRIES)]


def test_a_resumed_run_measures_nothing_twice_and_crashes_nothing_twice(
    poisoned: Run, tiny_path: Path
) -> None:
    store, run_id = poisoned.store, poisoned.run_id
    ledger = store.ledger(run_id)
    with Run(store, tiny_path, ["none"], run_id=run_id) as again:
        samples = [again.meter.sample(job(1)), again.meter.sample(job(2))]
        assert samples == [event.sample for event in poisoned.measured()]
        with pytest.raises(TrialFailure, match="SIGSEGV") as caught:
            again.meter.sample(job(1, POISON))
        assert caught.value.cause == "worker_crashed"
        assert again.source.asked == []
        assert all(event.replayed for event in again.measured())
        assert again.meter.spent_seconds > 0
        assert store.ledger(run_id) == ledger
        again.meter.sample(job(3))
        assert again.source.asked == [SETTINGS]
        assert len(store.ledger(run_id)) == len(ledger) + 1


def test_a_run_killed_between_two_tries_goes_on_with_the_next_try(store: Store, tiny_path: Path) -> None:
    run_id = values.start_tune(store)
    store.record_failure(
        run_id,
        key=f"{job(1).key}#0",
        stage="threads",
        candidate="x",
        round=1,
        settings=SETTINGS,
        cause="worker_hung",
        message="it hung",
    )
    with Run(store, tiny_path, ["none"], run_id=run_id) as run:
        run.meter.sample(job(1))
        assert run.source.asked == [SETTINGS]
        assert list(store.ledger(run_id)) == [f"{job(1).key}#0", f"{job(1).key}#1"]


def test_a_refusal_is_not_tried_again(store: Store, tiny_path: Path) -> None:
    with Run(store, tiny_path, ["none"]) as run:
        with pytest.raises(TrialFailure, match="tokens of context") as caught:
            run.meter.sample(job(1, generate=5000))
        assert caught.value.cause == "model_refused"
        assert len(run.source.asked) == 1
        (worker,) = run.rig._workers.values()
        pid = worker.pid
        run.meter.sample(job(1))
        (worker,) = run.rig._workers.values()
        assert worker.pid == pid  # a refusal is no reason for another process


def test_an_interrupt_keeps_what_was_measured_and_leaves_no_process(store: Store, tiny_path: Path) -> None:
    with Run(store, tiny_path, ["none"]) as run:
        run.meter.sample(job(1))
        pass_on = run.rig._on_event

        def cancel(event: Event) -> None:
            pass_on(event)  # type: ignore[arg-type]
            if event.type == "context_ready":
                run.controls.cancel()

        run.rig._on_event = cancel
        for worker in run.rig._workers.values():
            worker._on_event = cancel
        with pytest.raises(Interrupted):
            run.meter.sample(job(2, SETTINGS.replace(n_ctx=2048), generate=1900))
        assert list(store.ledger(run.run_id)) == [f"{job(1).key}#0"]
        assert run.failures() == []


# ---------------------------------------------------------------- the rig


def test_two_ways_to_load_are_measured_side_by_side_and_a_third_makes_the_oldest_go(
    store: Store, tiny_path: Path
) -> None:
    with Run(store, tiny_path, ["none"]) as run:
        for number in range(3):
            run.meter.sample(job(number))
            run.meter.sample(job(number, REPACKED))
        assert len([event for event in run.events if event.type == "model_loaded"]) == 2
        oldest, younger = run.rig._workers.values()
        run.meter.sample(job(1, SETTINGS.replace(n_gpu_layers=0)))
        assert not oldest.alive
        assert younger.alive
        assert len(run.rig._workers) == 2


def test_where_memory_ran_out_workers_live_one_at_a_time(
    store: Store, tiny_path: Path, tmp_path: Path
) -> None:
    once = tmp_path / "once"
    with Run(store, tiny_path, ["--once", str(once), "memory_error"]) as run:
        run.meter.sample(job(1))
        once.touch()
        run.meter.sample(job(1, REPACKED))
        assert [event.cause for event in run.failures()] == ["worker_out_of_memory"]
        assert len(run.rig._workers) == 1
        assert run.rig._live == 1


def test_a_model_with_weights_that_are_no_numbers_is_refused(store: Store, tmp_path: Path) -> None:
    raw = bytearray(tiny_llama().to_bytes())
    raw[-400:-396] = b"\x00\x00\xc0\x7f"
    path = tmp_path / "nan.gguf"
    path.write_bytes(raw)
    with Run(store, path, ["none"]) as run, pytest.raises(TrialFailure, match="has invalid data"):
        run.meter.sample(job(1))
