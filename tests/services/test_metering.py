"""Claims about tunesmith.services.metering: nothing is measured twice, whenever a run was cut."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from tests.services.simulated_source import SimulatedControls, SimulatedSource
from tests.tuning.machines import TWO_CORE_VM
from tests.tuning.simulation import CHAT, SimulatedMachine, Speeds, request
from tunesmith.domain.events import Event, TrialFailed, TrialMeasured, TrialStarted
from tunesmith.domain.request import SearchRules, TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Budget
from tunesmith.errors import Interrupted
from tunesmith.services.metering import TRIES, Gate, LedgerMeter, OpenGate, StoreRecorder
from tunesmith.services.session import Stream
from tunesmith.store import FailedTrial, LedgerEntry, MeasuredTrial
from tunesmith.tuning.confirm import Confirmation, Confirmer
from tunesmith.tuning.meter import Job, TrialFailure
from tunesmith.tuning.result import SearchResult
from tunesmith.tuning.space import baseline_settings
from tunesmith.tuning.tuner import Tuner

BASELINE = baseline_settings(TWO_CORE_VM, CHAT)
AMPLE = Budget(name="custom", seconds=900, max_rounds=24, passes=1)
RULES = SearchRules(vary=("flash_attn", "threads", "ubatch"))


@dataclass
class Run:
    """A run in memory: its ledger outlives its sessions."""

    source: SimulatedSource
    ledger: dict[str, LedgerEntry] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    meter: LedgerMeter | None = None
    gate: Gate = field(default_factory=OpenGate)

    def open(self) -> LedgerMeter:
        """Begin a session: what was recorded is read once, as from the store."""
        self.meter = LedgerMeter(
            self.source,
            stream=Stream(self.events.append),
            controls=SimulatedControls(self.source.machine),
            recorder=StoreRecorder(self._record),
            ledger=dict(self.ledger),
            gate=self.gate,
            clock=lambda: self.source.machine.now,
        )
        return self.meter

    def _record(self, _events: list[Event], trial: LedgerEntry | None) -> None:
        if trial is not None:
            assert trial.key not in self.ledger
            self.ledger[trial.key] = trial

    def tune(self, wanted: TuneRequest) -> tuple[SearchResult, Confirmation | None, float, int]:
        """One session, from its beginning to its end or interruption."""
        meter = self.open()
        tuner = Tuner(wanted, baseline=BASELINE, machine=TWO_CORE_VM, meter=meter, emit=self.events.append)
        found = tuner.search(BASELINE)
        confirmer = Confirmer(wanted, scorer=tuner.scorer, meter=meter, forecast=tuner.forecast)
        confirmation = None
        if found.settings == BASELINE:
            confirmer.baseline_alone(BASELINE)
        else:
            confirmation = confirmer.compare(BASELINE, found.settings)
        return found, confirmation, meter.spent_seconds, meter.taken


def eventful(seed: int = 5) -> SimulatedSource:
    """A machine with a gain, drift, others who use it, and a candidate that crashes."""

    def truth(settings: Settings) -> Speeds:
        return Speeds().times(decode=1.15 if settings.flash_attn == "off" else 1.0)

    def busy(_now: float, rng: random.Random) -> bool:
        return rng.random() < 0.05

    return SimulatedSource(
        SimulatedMachine(
            truth, seed=seed, busy=busy, drift=lambda now: 1.3 if (now // 7) % 5 == 1 else 1.0,
            refuses=lambda settings: "worker_crashed" if settings.n_ubatch == 64 else None,
        )
    )  # fmt: skip


def job(settings: Settings = BASELINE, *, position: int = 0) -> Job:
    return Job(
        stage="x", candidate="c", round=1, attempt=0, position=position, settings=settings, workload=CHAT
    )


# ------------------------------------------------------------- resuming


def test_a_run_cut_before_any_sample_ends_like_one_that_was_not_cut() -> None:
    wanted = request(rules=RULES, budget=AMPLE)
    whole = Run(eventful())
    expected = whole.tune(wanted)
    count = len(whole.source.calls)
    assert count > 60
    assert not expected[0].budget_spent
    for cut in range(count):
        run = Run(eventful())
        run.source.stop_before = cut
        with pytest.raises(Interrupted):
            run.tune(wanted)
        assert len(run.ledger) == cut
        run.source.stop_before = None
        found = run.tune(wanted)
        assert found[0].settings == expected[0].settings
        assert found[0].changes == expected[0].changes
        assert found[1] == expected[1]
        assert found[3] == expected[3]
        assert run.source.calls == whole.source.calls
        assert list(run.ledger) == list(whole.ledger)


def test_a_run_cut_again_and_again_ends_like_one_that_was_not_cut() -> None:
    wanted = request(rules=RULES, budget=AMPLE)
    whole = Run(eventful())
    expected = whole.tune(wanted)
    run = Run(eventful())
    for _ in range(500):
        run.source.stop_before = 7
        try:
            found = run.tune(wanted)
        except Interrupted:
            continue
        break
    else:
        pytest.fail("it never ended")
    assert found[:2] == expected[:2]
    assert run.source.calls == whole.source.calls


def test_a_finished_run_asks_for_nothing_when_it_is_replayed() -> None:
    wanted = request(rules=RULES, budget=AMPLE)
    run = Run(eventful())
    expected = run.tune(wanted)
    before = len(run.source.calls)
    now = run.source.machine.now
    assert run.tune(wanted) == expected
    assert len(run.source.calls) == before
    assert run.source.machine.now == now  # not even a rest is waited for again


def test_a_replayed_sample_is_told_as_such() -> None:
    run = Run(SimulatedSource(SimulatedMachine()))
    run.open().sample(job())
    again = run.open()
    run.events.clear()
    again.sample(job())
    again.sample(job(position=1))
    told = [event.replayed for event in run.events if isinstance(event, TrialMeasured)]
    assert told == [True, False]
    assert sum(isinstance(event, TrialStarted) for event in run.events) == 1


def test_time_spent_in_earlier_sessions_counts() -> None:
    run = Run(SimulatedSource(SimulatedMachine()))
    first = run.open()
    first.sample(job())
    first.rest(2.0, why="x")
    second = run.open()
    second.sample(job())
    second.rest(2.0, why="x")
    assert second.spent_seconds == first.spent_seconds > 2.0


# ------------------------------------------------------------- failing


def crashing(error: str, times: int) -> tuple[Run, list[int]]:
    """A run on a machine that fails so many times before it measures."""
    left = [times]

    def refuses(_settings: Settings) -> str | None:
        left[0] -= 1
        return error if left[0] >= 0 else None

    return Run(SimulatedSource(SimulatedMachine(refuses=refuses))), left


def test_a_worker_that_dies_by_chance_fails_no_trial() -> None:
    run, _ = crashing("worker_crashed", TRIES - 1)
    run.open().sample(job())
    assert [type(entry) for entry in run.ledger.values()] == [FailedTrial, FailedTrial, MeasuredTrial]
    assert sum(isinstance(event, TrialFailed) for event in run.events) == TRIES - 1


def test_settings_that_kill_every_worker_are_given_up() -> None:
    run, _ = crashing("worker_hung", 99)
    with pytest.raises(TrialFailure, match="worker_hung happened"):
        run.open().sample(job())
    assert len(run.source.calls) == TRIES


def test_settings_that_llama_cpp_refuses_are_tried_once() -> None:
    run, _ = crashing("model_refused", 99)
    with pytest.raises(TrialFailure):
        run.open().sample(job())
    assert len(run.source.calls) == 1


@pytest.mark.parametrize("error", ["worker_hung", "model_refused"])
def test_what_failed_for_good_is_not_tried_again_after_a_resume(error: str) -> None:
    run, _ = crashing(error, 99)
    for _ in range(2):
        with pytest.raises(TrialFailure) as caught:
            run.open().sample(job())
        assert caught.value.cause == error
    assert len(run.source.calls) == (1 if error == "model_refused" else TRIES)


def test_the_time_of_failures_is_charged_to_the_next_sample_and_stored_with_it() -> None:
    run, _ = crashing("worker_crashed", 2)
    meter = run.open()
    sample = meter.sample(job())
    assert meter.spent_seconds == pytest.approx(run.source.machine.now, abs=1e-6)
    assert sample.cost_ns / 1e9 == pytest.approx(meter.spent_seconds)
    again = run.open()
    again.sample(job())
    assert again.spent_seconds == meter.spent_seconds


# ------------------------------------------------------------- what is not tried


class Refusing(OpenGate):
    """Refuses one micro-batch, and learns from lack of memory."""

    def __init__(self) -> None:
        self.learned: list[Settings] = []

    def why_not(self, settings: Settings) -> str:
        return "it is too large" if settings.n_ubatch == 128 else ""

    def ran_out(self, settings: Settings) -> None:
        self.learned.append(settings)


def test_what_cannot_fit_is_not_tried_and_stays_so_when_the_run_goes_on() -> None:
    run = Run(eventful())
    run.gate = Refusing()
    meter = run.open()
    with pytest.raises(TrialFailure, match="not tried: it is too large") as failure:
        meter.sample(job(BASELINE.replace(n_ubatch=128)))
    assert failure.value.cause == "does_not_fit"
    assert run.source.calls == []
    assert [event.cause for event in run.events if isinstance(event, TrialFailed)] == ["does_not_fit"]
    assert not any(isinstance(event, TrialStarted) for event in run.events)
    run.gate = OpenGate()
    with pytest.raises(TrialFailure, match="not tried: it is too large"):
        run.open().sample(job(BASELINE.replace(n_ubatch=128)))
    assert run.source.calls == []


def test_lack_of_memory_is_learned_from_once_all_tries_failed_and_again_when_the_run_goes_on() -> None:
    small = BASELINE.replace(n_ubatch=256)
    machine = SimulatedMachine(lambda _settings: Speeds(), refuses=lambda _settings: "worker_out_of_memory")
    run = Run(SimulatedSource(machine))
    run.gate = learned = Refusing()
    with pytest.raises(TrialFailure):
        run.open().sample(job(small))
    assert learned.learned == [small]
    run.gate = again = Refusing()
    with pytest.raises(TrialFailure):
        run.open().sample(job(small))
    assert again.learned == [small]
