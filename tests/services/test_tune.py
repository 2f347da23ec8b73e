"""Claims about tunesmith.services.tune, on a simulated machine and a real store."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.services.simulated_source import SimulatedSource
from tests.support.gguf_writer import tiny_llama
from tests.tuning.machines import LAPTOP, TWO_CORE_VM
from tests.tuning.simulation import CHAT, SimulatedMachine, Speeds, Truth, flat, request
from tunesmith.domain.energy import GivenPower
from tunesmith.domain.events import Event, Progress, RunFinished, RunStarted, StageStarted, TrialMeasured
from tunesmith.domain.machine import machine_class
from tunesmith.domain.measurement import Sample
from tunesmith.domain.power import SensorUse
from tunesmith.domain.profile_file import profile_file, profile_of
from tunesmith.domain.request import SearchRules, TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import BUDGETS, Budget, Constraints, Workload
from tunesmith.errors import (
    InfeasibleError,
    Interrupted,
    ModelNotFound,
    ModelRefused,
    NoisyMachineError,
    StoreFull,
    StoreLocked,
    TunesmithError,
    UsageError,
    WorkerCrashed,
)
from tunesmith.machine.energy_reader import EnergyReader
from tunesmith.machine.power_watch import PowerWatch
from tunesmith.presentation.documents import tune_document
from tunesmith.services import tune as service
from tunesmith.services.context import Surroundings
from tunesmith.services.overtime import Overtime
from tunesmith.services.power_gauge import PowerGauge
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.services.tune_result import TuneInfeasible, TuneResult
from tunesmith.store import Store

MIB = 2**20
SURROUNDINGS = Surroundings(machine=TWO_CORE_VM, machine_class=machine_class(TWO_CORE_VM))


def gain(settings: Settings) -> Speeds:
    """Flash attention off is 15% faster and needs a tenth more memory."""
    return Speeds().times(prefill=1.15, decode=1.15, memory=1.1) if settings.flash_attn == "off" else Speeds()


@dataclass
class Bench:
    """A model, a store and a way to tune."""

    model: Path
    store: Store

    def request(
        self,
        *,
        constraints: Constraints | None = None,
        budget: Budget = BUDGETS["standard"],
        rules: SearchRules | None = None,
        warm_start: bool = False,
    ) -> TuneRequest:
        wanted = request(constraints=constraints, budget=budget, rules=rules)
        return wanted.model_copy(
            update={"model_path": str(self.model), "preset": "chat", "warm_start": warm_start}
        )

    def start(
        self, source: SimulatedSource, wanted: TuneRequest | None = None, *, resume: str | None = None
    ) -> Session[TuneResult]:
        def make(
            _request: TuneRequest, _found: Surroundings, _stream: Stream, controls: Controls
        ) -> SimulatedSource:
            def sleep(seconds: float) -> None:
                source.machine.now += seconds

            controls.sleep = sleep  # type: ignore[method-assign]
            return source

        return service.start_tune(wanted or self.request(), self.store, resume=resume, make_source=make)

    def tune(
        self, source: SimulatedSource, wanted: TuneRequest | None = None, *, resume: str | None = None
    ) -> tuple[TuneResult, list[Event]]:
        session = self.start(source, wanted, resume=resume)
        events = list(session.events())
        return session.result(), events

    def failure(
        self, source: SimulatedSource, wanted: TuneRequest | None = None, *, resume: str | None = None
    ) -> tuple[TunesmithError, list[Event]]:
        session = self.start(source, wanted, resume=resume)
        events = list(session.events())
        with pytest.raises(TunesmithError) as caught:
            session.result()
        return caught.value, events


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A bench on the two-core machine; no worker is started."""
    monkeypatch.setenv("TUNESMITH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(service, "survey_machine", lambda _controls, **_named: SURROUNDINGS)
    with Store.open(tmp_path / "store.sqlite3") as store:
        yield Bench(tiny_llama(layers=1).write(tmp_path / "tiny.gguf"), store)


def source(truth: Truth = flat, *, seed: int = 1, noise: float = 0.02) -> SimulatedSource:
    return SimulatedSource(SimulatedMachine(truth, seed=seed, noise=noise))


def finished(events: list[Event]) -> RunFinished:
    """The last event, which ends the run."""
    last = events[-1]
    assert isinstance(last, RunFinished)
    return last


# ------------------------------------------------------------- how a tune ends


def test_a_gain_is_kept_as_a_profile_with_its_evidence(bench: Bench) -> None:
    result, events = bench.tune(source(gain))
    assert result.outcome == "improved"
    assert result.profile is not None
    stored = bench.store.profile(result.profile.id)
    assert stored == result.profile
    assert stored.settings.flash_attn == "off"
    assert stored.run_id == result.run_id
    assert stored.speedup.low is not None
    assert stored.speedup.low > 1
    assert len(stored.speedup.samples) == 12
    assert stored.baseline.settings.flash_attn == "auto"
    assert stored.tuned.settings == stored.settings
    assert stored.tuned.response_ms is not None
    assert len(stored.tuned.response_ms.samples) == 12
    (change,) = stored.changes
    assert (change.setting, change.before, change.after) == ("flash_attn", "auto", "off")
    assert change.effect is not None
    assert stored.machine == SURROUNDINGS.machine_class
    assert stored.projected_memory_bytes is not None
    assert stored.projected_memory_bytes > stored.model.header.weights_bytes
    assert "times as fast as with llama.cpp's defaults, 95% sure of 1." in result.sentence
    assert finished(events).outcome == "improved"
    assert finished(events).profile_id == stored.id


def test_where_nothing_is_better_the_defaults_are_kept_and_said_to_be_best(bench: Bench) -> None:
    result, events = bench.tune(source())
    assert result.outcome == "defaults_are_best"
    assert result.changes == ()
    assert result.tuned == result.baseline
    assert (result.speedup.median, result.speedup.low, result.speedup.high) == (1.0, 1.0, 1.0)
    assert result.profile is not None
    assert result.profile.settings == result.baseline.settings
    assert result.sentence.startswith("llama.cpp's defaults are best here: none of ")
    assert finished(events).sentence == result.sentence


def test_a_budget_too_short_to_confirm_anything_keeps_the_defaults_and_says_so(bench: Bench) -> None:
    short = Budget(name="custom", seconds=8, max_rounds=16, passes=1)
    result, _ = bench.tune(source(gain), bench.request(budget=short))
    assert result.outcome == "budget_spent"
    assert result.profile is not None
    assert result.profile.settings.flash_attn == "auto"
    assert "budget ran out" in result.sentence


def test_a_gain_confirmed_before_the_budget_ran_out_is_kept_and_marked(bench: Bench) -> None:
    short = Budget(name="custom", seconds=45, max_rounds=16, passes=1)
    result, _ = bench.tune(source(gain, noise=0.005), bench.request(budget=short))
    assert result.outcome == "budget_spent"
    assert result.sentence.endswith("; the budget ran out before everything was tried")
    assert result.profile is not None
    assert result.profile.settings.flash_attn == "off"


def test_constraints_that_nothing_keeps_end_in_exit_code_4_with_what_was_measured(bench: Bench) -> None:
    wanted = bench.request(constraints=Constraints(max_memory_bytes=50 * MIB))
    error, events = bench.failure(source(gain), wanted)
    assert isinstance(error, TuneInfeasible)
    assert error.exit_code == InfeasibleError.exit_code == 4
    assert error.result.outcome == "infeasible"
    assert error.result.profile is None
    assert "is above 50 MiB" in error.what
    assert finished(events).outcome == "infeasible"
    assert bench.store.run(error.result.run_id).outcome == "infeasible"


def test_a_gain_that_breaks_a_constraint_is_passed_over(bench: Bench) -> None:
    limited = bench.request(constraints=Constraints(max_memory_bytes=210 * MIB))
    result, _ = bench.tune(source(gain, noise=0.01), limited)
    assert result.outcome == "defaults_are_best"


def test_a_machine_too_noisy_to_tell_ends_in_exit_code_5_and_saves_nothing(bench: Bench) -> None:
    noisy = source(gain)
    noisy.machine.busy = lambda _now, _rng: True
    error, events = bench.failure(noisy)
    assert isinstance(error, NoisyMachineError)
    assert error.exit_code == 5
    assert "too noisy to tell" in error.what
    assert "kept in run" in error.unharmed
    assert finished(events).outcome == "failed"
    assert bench.store.profiles() == []


def test_a_gain_that_is_gone_when_confirmed_is_not_kept(bench: Bench) -> None:
    now = source(gain)
    confirming = [False]

    def truth(settings: Settings) -> Speeds:
        return Speeds() if confirming[0] else gain(settings)

    def watch(_count: int) -> None:
        confirming[0] = now.calls[-1][2].startswith("confirm")

    now.machine.truth, now.on_call = truth, watch
    result, _ = bench.tune(now)
    assert result.outcome == "defaults_are_best"
    assert result.changes == ()
    assert result.profile is not None
    assert result.profile.settings.flash_attn == "auto"
    assert "the gain did not show again" in result.sentence


def test_a_winner_that_fails_when_confirmed_is_not_kept(bench: Bench) -> None:
    now = source(gain)

    def refuses(settings: Settings) -> str | None:
        confirming = now.calls[-1][2].startswith("confirm")
        return "worker_crashed" if confirming and settings.flash_attn == "off" else None

    now.machine.refuses = refuses
    result, _ = bench.tune(now)
    assert result.outcome == "defaults_are_best"
    assert "worker_crashed happened" in result.sentence


# ------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("name", "kind"), [("model_refused", ModelRefused), ("worker_crashed", WorkerCrashed)]
)
def test_a_baseline_that_cannot_be_measured_ends_in_its_own_cause(
    bench: Bench, name: str, kind: type[TunesmithError]
) -> None:
    broken = source()
    broken.machine.refuses = lambda _settings: name
    error, events = bench.failure(broken)
    assert type(error) is kind
    assert error.what == f"{name} happened."
    assert finished(events).outcome == "failed"
    assert bench.store.run(finished(events).run_id).state == "failed"
    assert broken.closed == 1


def test_a_candidate_that_crashes_does_not_end_the_tune(bench: Bench) -> None:
    now = source(gain)
    now.machine.refuses = lambda settings: "worker_crashed" if settings.n_ubatch == 64 else None
    result, _ = bench.tune(now)
    assert result.outcome == "improved"


def test_a_missing_model_is_told_before_anything_is_recorded(bench: Bench) -> None:
    wanted = bench.request().model_copy(update={"model_path": str(bench.model.with_name("none.gguf"))})
    error, events = bench.failure(source(), wanted)
    assert isinstance(error, ModelNotFound)
    assert events == []
    assert bench.store.runs() == []


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (SearchRules(vary=("speed",)), "no setting called 'speed'"),
        (SearchRules(vary=("swa_full",)), "swa_full is not tuned"),
        (SearchRules(fix={"type_v": "q8_0", "flash_attn": "off"}), "make no sense"),
        (SearchRules(fix={"threads": "0"}), "make no sense"),
    ],
)
def test_rules_that_make_no_sense_are_refused_before_anything_is_measured(
    bench: Bench, rules: SearchRules, message: str
) -> None:
    now = source()
    error, _ = bench.failure(now, bench.request(rules=rules))
    assert isinstance(error, UsageError)
    assert message in error.what
    assert now.calls == []


def test_what_belongs_to_the_workload_is_fixed_for_both(bench: Bench) -> None:
    fixed = bench.request(rules=SearchRules(fix={"ctx": "4096"}))
    result, _ = bench.tune(source(gain), fixed)
    assert result.baseline.settings.n_ctx == result.tuned.settings.n_ctx == 4096
    assert {change.setting for change in result.changes} == {"flash_attn"}


# ------------------------------------------------------------- interrupted and resumed


def test_an_interrupted_run_keeps_its_samples_and_ends_as_it_would_have(bench: Bench) -> None:
    expected, _ = bench.tune(source(gain, seed=9))
    now = source(gain, seed=9)
    now.stop_before = 40
    error, events = bench.failure(now)
    assert isinstance(error, Interrupted)
    run_id = finished(events).run_id
    assert finished(events).outcome == "interrupted"
    record = bench.store.run(run_id)
    assert (record.state, record.measured, record.resumable) == ("interrupted", 40, True)

    now.stop_before = None
    result, again = bench.tune(now, resume="latest")
    assert result.run_id == run_id
    assert isinstance(again[0], RunStarted)
    assert again[0].resumed
    replayed = [event.replayed for event in again if isinstance(event, TrialMeasured)]
    assert replayed == [True] * 40 + [False] * (len(replayed) - 40)
    assert len(now.calls) == result.trials == expected.trials
    assert result.outcome == expected.outcome == "improved"
    assert (result.changes, result.speedup, result.tuned) == (
        expected.changes,
        expected.speedup,
        expected.tuned,
    )


def test_a_run_ended_by_a_locked_store_goes_on_when_the_store_can_be_used(
    bench: Bench, tmp_path: Path
) -> None:
    expected, _ = bench.tune(source(gain, seed=9))
    now = source(gain, seed=9)
    other = sqlite3.connect(tmp_path / "store.sqlite3", isolation_level=None, check_same_thread=False)

    def lock(count: int) -> None:
        if count == 21:
            other.execute("BEGIN IMMEDIATE")

    now.on_call = lock
    with closing(other), Store.open(tmp_path / "store.sqlite3", timeout_s=0.1) as impatient:
        brief = Bench(bench.model, impatient)
        error, events = brief.failure(now)
        assert isinstance(error, StoreLocked)
        other.execute("ROLLBACK")
        run_id = finished(events).run_id
        record = impatient.latest_resumable(None)
        assert record is not None
        assert (record.id, record.state, record.measured) == (run_id, "running", 20)
        now.on_call = lambda _count: None
        result, _ = brief.tune(source(gain, seed=9), resume=run_id)
    assert (result.run_id, result.outcome) == (run_id, expected.outcome)
    assert bench.store.run(run_id).state == "finished"


def test_a_run_that_a_full_disk_ended_is_not_over(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    now = source(gain)
    record = Store.record
    full = StoreFull("The disk is full.", todo="Free some space.")

    def fill(self: Store, *values: Any, **options: Any) -> None:
        if len(now.calls) == 12:
            now.calls.append(now.calls[-1])
            raise full
        record(self, *values, **options)

    monkeypatch.setattr(Store, "record", fill)
    error, events = bench.failure(now)
    assert error is full
    run = bench.store.run(finished(events).run_id)
    assert (run.state, run.sentence, run.resumable) == ("interrupted", str(full), True)


def test_a_user_who_cancels_is_obeyed_at_the_next_sample(bench: Bench) -> None:
    now = source(gain)
    session = bench.start(now)
    now.on_call = lambda count: session.cancel() if count == 10 else None
    list(session.events())
    with pytest.raises(Interrupted):
        session.result()
    assert len(now.calls) == 10


def test_a_sample_that_takes_far_longer_than_before_is_not_waited_for_beyond_the_budget(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(service, "Overtime", lambda seconds: Overtime(seconds, clock=lambda: clock[0]))
    now = source(gain)
    session = bench.start(now)

    def stall(count: int) -> None:
        assert not session.controls.interrupted
        if count == 10:
            clock[0] += 200  # within the budget each may take its time
            assert not session.controls.interrupted
            clock[0] += 200
            assert session.controls.interrupted
            raise Interrupted("stopped")

    now.on_call = stall
    events = list(session.events())
    with pytest.raises(NoisyMachineError, match="far longer than before") as caught:
        session.result()
    assert caught.value.exit_code == 5
    assert finished(events).outcome == "failed"
    assert not session.controls.interrupted
    assert len(now.calls) == 10


def test_a_resumed_run_goes_on_with_the_request_it_was_begun_with(bench: Bench) -> None:
    now = source(gain)
    now.stop_before = 5
    bench.failure(now, bench.request(rules=SearchRules(vary=("flash_attn",))))
    now.stop_before = None
    result, _ = bench.tune(now, bench.request(rules=SearchRules(vary=("threads",))), resume="latest")
    assert result.request.rules.vary == ("flash_attn",)


def test_there_must_be_something_to_resume(bench: Bench) -> None:
    error, _ = bench.failure(source(), resume="latest")
    assert isinstance(error, UsageError)
    assert "no interrupted run" in error.what


def test_a_run_of_another_model_is_not_resumed(bench: Bench, tmp_path: Path) -> None:
    now = source()
    now.stop_before = 3
    _, events = bench.failure(now)
    other = tiny_llama(layers=1, seed=2).write(tmp_path / "other.gguf")
    wanted = bench.request().model_copy(update={"model_path": str(other)})
    error, _ = bench.failure(source(), wanted, resume=events[0].run_id)
    assert isinstance(error, UsageError)
    assert "of another model" in error.what


def test_a_run_of_another_machine_is_not_resumed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    now = source()
    now.stop_before = 3
    bench.failure(now)
    elsewhere = Surroundings(machine=LAPTOP, machine_class=machine_class(LAPTOP))
    monkeypatch.setattr(service, "survey_machine", lambda _controls, **_named: elsewhere)
    error, _ = bench.failure(source(), resume="latest")
    assert isinstance(error, UsageError)
    assert "another machine class" in error.what


# ------------------------------------------------------------- the stream of events


def eventful(_now: float, rng: random.Random) -> bool:
    return rng.random() < 0.05


def test_events_are_numbered_without_gaps_and_recorded_as_they_were_told(bench: Bench) -> None:
    now = source(gain)
    now.machine.busy = eventful
    now.machine.refuses = lambda settings: "worker_hung" if settings.n_ubatch == 128 else None
    result, events = bench.tune(now)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert {event.run_id for event in events} == {result.run_id}
    assert list(bench.store.events(result.run_id)) == events


def test_a_resumed_run_numbers_its_events_on(bench: Bench) -> None:
    now = source(gain)
    now.stop_before = 20
    _, first = bench.failure(now)
    now.stop_before = None
    result, second = bench.tune(now, resume="latest")
    numbers = [event.seq for event in first + second]
    assert numbers == list(range(1, len(numbers) + 1))
    assert list(bench.store.events(result.run_id)) == first + second


def test_a_run_begins_and_ends_once_and_its_progress_never_falls(bench: Bench) -> None:
    _, events = bench.tune(source(gain))
    assert isinstance(events[0], RunStarted)
    assert sum(isinstance(event, RunFinished) for event in events) == 1
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    assert fractions == sorted(fractions)


def test_the_source_is_closed_however_the_run_ends(bench: Bench) -> None:
    endings: list[Callable[[SimulatedSource], object]] = [
        lambda now: bench.tune(now),
        lambda now: bench.failure(now, bench.request(constraints=Constraints(max_ttft_ms=1))),
    ]
    for end in endings:
        now = source(gain)
        end(now)
        assert now.closed == 1
    cut = source(gain)
    cut.stop_before = 3
    bench.failure(cut)
    assert cut.closed == 1


def test_the_samples_stored_are_the_samples_taken(bench: Bench) -> None:
    now = source(gain)
    result, events = bench.tune(now)
    told = [event.sample for event in events if isinstance(event, TrialMeasured)]
    stored = [
        entry.sample for entry in bench.store.ledger(result.run_id).values() if hasattr(entry, "sample")
    ]
    assert stored == told
    assert len(told) == result.trials == len(now.calls)
    assert all(workload.parallel == CHAT.parallel for _, workload, _ in now.calls)


# ------------------------------------------------------------- on this very machine


def test_the_machine_is_surveyed_by_a_real_worker(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("TUNESMITH_CACHE_DIR", str(bench.model.parent / "cache"))
    result, _ = bench.tune(source(gain), bench.request(rules=SearchRules(vary=("flash_attn",))))
    assert result.surroundings.machine.build is not None
    assert result.profile is not None
    assert result.profile.build == result.surroundings.machine.build


# ------------------------------------------------------------- what was known before


def test_a_second_tune_tries_the_firsts_profile_first(bench: Bench) -> None:
    first, _ = bench.tune(source(gain))
    assert first.profile is not None
    second, events = bench.tune(source(gain, seed=2), bench.request(warm_start=True))
    begun = next(event for event in events if isinstance(event, StageStarted))
    assert begun.stage == "known"
    assert begun.candidates[1] == f"profile {first.profile.name}"
    assert second.tuned.settings.flash_attn == "off"
    assert bench.store.run(second.run_id).request.known[0].settings == first.profile.settings  # type: ignore[union-attr]


def test_a_tune_from_scratch_asks_the_store_nothing(bench: Bench) -> None:
    bench.tune(source(gain))
    _, events = bench.tune(source(gain, seed=2), bench.request(warm_start=False))
    assert all(event.stage != "known" for event in events if isinstance(event, StageStarted))


def test_the_profile_says_what_is_proven_of_all_candidates(bench: Bench) -> None:
    result, _ = bench.tune(source(gain, noise=0.01))
    assert result.profile is not None
    assert result.profile.guarantee == result.guarantee
    assert result.guarantee.candidates > 4
    assert result.guarantee.bound is not None
    assert result.guarantee.holds == (result.guarantee.bound <= 0.02)


# ------------------------------------------------------------- energy


class MeteredSource(SimulatedSource):
    """A simulated machine of 10 W when idle and 50 W under load, whatever the settings."""

    gauge: PowerGauge | None = None

    def sample(self, settings: Settings, workload: Workload, *, group: str = "search") -> Sample:
        taken = super().sample(settings, workload, group=group)
        use = SensorUse(
            sensor="p", name="package-0", source="powercap", covers="processors", idle_watts=10.0,
            prefill_joules=50 * (taken.prefill_ns or 0) / 1e9, decode_joules=50 * sum(taken.step_ns) / 1e9,
        )  # fmt: skip
        return taken.model_copy(update={"conditions": taken.conditions.model_copy(update={"power": (use,)})})


def test_a_tune_tells_joules_per_token_of_what_it_confirmed(bench: Bench) -> None:
    gauged = MeteredSource(SimulatedMachine(gain, seed=1, noise=0.02))
    gauged.gauge = PowerGauge(watch=lambda: PowerWatch(open_all=tuple[EnergyReader, ...]))
    result, _ = bench.tune(gauged)
    before, after = result.baseline_energy, result.tuned_energy
    assert before is not None
    assert after is not None
    old, new = before.decode.joules_per_token, after.decode.joules_per_token
    assert old is not None
    assert new is not None
    assert len(new.samples) == 12
    assert old.median / new.median == pytest.approx(1.15, rel=0.05)  # as much faster, as little energy
    speed = result.tuned.decode_tokens_per_s
    assert speed is not None
    assert new.median * speed.median == pytest.approx(50, rel=0.05)
    document = tune_document(result)
    assert document.tuned.energy == after
    assert document.baseline.energy == before
    assert result.profile is not None
    kept = bench.store.profile(result.profile.id)
    assert (kept.baseline_energy, kept.tuned_energy) == (before, after)
    assert profile_of(profile_file(kept)).tuned_energy == after


def test_a_tune_reckons_with_watts_that_were_given_and_says_so(bench: Bench) -> None:
    given = GivenPower(load_watts=65.0, idle_watts=15.0)
    result, _ = bench.tune(source(gain), bench.request().model_copy(update={"given_power": given}))
    assert result.tuned_energy is not None
    assert result.tuned_energy.origin == "given"
    assert result.tuned_energy.decode.watts == pytest.approx(65)


def test_a_tune_without_sensors_and_given_watts_tells_nothing_of_energy(bench: Bench) -> None:
    result, _ = bench.tune(source(gain))
    assert result.tuned_energy is None
