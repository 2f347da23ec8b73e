"""Claims about tunesmith.tuning.confirm."""

from __future__ import annotations

import pytest

from tests.tuning.machines import TWO_CORE_VM
from tests.tuning.simulation import CHAT, SimulatedMachine, Speeds, Truth, request
from tunesmith.domain.request import TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Budget, Constraints
from tunesmith.tuning.confirm import Confirmation, Confirmer
from tunesmith.tuning.forecast import Forecast
from tunesmith.tuning.meter import Job, TrialFailure
from tunesmith.tuning.objective import Scorer
from tunesmith.tuning.pace import pilot_workload
from tunesmith.tuning.space import baseline_settings

BASELINE = baseline_settings(TWO_CORE_VM, CHAT)
TUNED = BASELINE.replace(flash_attn="off")
MIB = 2**20


def speeds(*, prefill: float = 1.0, decode: float = 1.0, memory: float = 1.0) -> Truth:
    """The tuned settings are so much faster; all others are alike."""

    def truth(settings: Settings) -> Speeds:
        return (
            Speeds().times(prefill=prefill, decode=decode, memory=memory) if settings == TUNED else Speeds()
        )

    return truth


def confirmer(machine: SimulatedMachine, wanted: TuneRequest) -> Confirmer:
    forecast = Forecast(wanted.budget, meter=machine, emit=lambda _event: None)
    pilot = machine.sample(
        Job(
            stage="pilot", candidate="x", round=0, attempt=0, position=0, settings=BASELINE,
            workload=pilot_workload(CHAT),
        )
    )  # fmt: skip
    forecast.learn(pilot, wanted.workload)
    machine.jobs.clear()
    scorer = Scorer(wanted.workload, wanted.objective, wanted.constraints)
    return Confirmer(wanted, scorer=scorer, meter=machine, forecast=forecast)


def compare(machine: SimulatedMachine, wanted: TuneRequest | None = None) -> Confirmation:
    return confirmer(machine, wanted or request()).compare(BASELINE, TUNED)


# ------------------------------------------------------------- how it measures


def test_both_take_turns_in_going_first_on_the_whole_workload() -> None:
    machine = SimulatedMachine()
    compare(machine)
    order = ["B" if job.settings == BASELINE else "T" for job in machine.jobs]
    assert order == list("BTTB") * 6
    assert {job.workload for job in machine.jobs} == {CHAT}


def test_each_pair_has_fresh_processes() -> None:
    machine = SimulatedMachine()
    compare(machine)
    groups = [job.group for job in machine.jobs]
    assert len(set(groups)) == len(groups) == 24


def test_where_starting_costs_too_much_all_pairs_share_two_processes() -> None:
    machine = SimulatedMachine(load_seconds=50.0)
    compare(machine)
    assert {job.group for job in machine.jobs} == {"confirm-0/baseline", "confirm-0/tuned"}
    assert len(machine.jobs) == 24


@pytest.mark.parametrize("load_seconds", [0.4, 50.0])
def test_what_differs_from_start_to_start_is_in_the_interval(load_seconds: float) -> None:
    """Also where there was one start of each: then it is taken for granted."""
    better = sum(
        compare(SimulatedMachine(seed=seed, process_noise=0.01, load_seconds=load_seconds)).verdict
        == "better"
        for seed in range(300)
    )
    assert better / 300 <= 0.05


def test_the_speedup_and_its_interval_are_of_the_paired_ratios() -> None:
    found = compare(SimulatedMachine(speeds(prefill=1.2, decode=1.2)))
    assert found.verdict == "better"
    assert len(found.speedup.samples) == 12
    assert found.speedup.holds(1.2)
    assert found.speedup.interval == "mean"


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    held = sum(
        compare(SimulatedMachine(speeds(prefill=1.1, decode=1.1), seed=seed)).speedup.holds(1.1)
        for seed in range(300)
    )
    assert held / 300 == pytest.approx(0.95, abs=0.035)


def test_a_sample_that_others_disturbed_is_taken_again() -> None:
    machine = SimulatedMachine(
        speeds(prefill=1.1, decode=1.1), busy=lambda _now, rng: rng.random() < 0.1, seed=4
    )
    found = compare(machine)
    assert "others use the machine" in machine.rests
    assert found.verdict == "better"


def test_pairs_that_stay_disturbed_are_left_out_of_the_ratio_but_kept_as_samples() -> None:
    machine = SimulatedMachine(speeds(prefill=1.1, decode=1.1))
    machine.busy = lambda _now, _rng: len(machine.jobs) in (5, 6, 7)
    found = compare(machine)
    assert len(found.speedup.samples) == 11
    assert found.tuned.noisy_samples + found.baseline.noisy_samples == 1
    assert found.verdict == "better"


# ------------------------------------------------------------- what it says


def test_what_is_not_faster_is_not_better() -> None:
    found = compare(SimulatedMachine(speeds(), seed=1))
    assert found.verdict == "not_better"
    assert "did not show again" in found.why


def test_equal_settings_are_called_better_no_more_often_than_stated() -> None:
    wrong = sum(compare(SimulatedMachine(seed=seed)).verdict == "better" for seed in range(400))
    assert wrong / 400 <= 0.045


def test_a_ratio_that_lies_anywhere_is_too_noisy_to_tell() -> None:
    found = compare(SimulatedMachine(noise=0.5))
    assert found.verdict == "too_noisy"
    assert "the speed varied much and the ratio lies anywhere in" in found.why


def test_a_machine_used_by_others_throughout_is_named_as_the_cause() -> None:
    found = compare(SimulatedMachine(busy=lambda _now, _rng: True, seed=1))
    assert found.verdict == "too_noisy"
    assert found.why.startswith("others used the machine")
    assert found.speedup.noisy


def test_faster_settings_that_break_a_constraint_are_refused() -> None:
    wanted = request(constraints=Constraints(max_memory_bytes=250 * MIB))
    found = compare(SimulatedMachine(speeds(prefill=2, decode=2, memory=1.5)), wanted)
    assert found.verdict == "breaks_constraints"
    assert (
        found.why == pytest.approx("memory 300 MiB is above 250 MiB") or "MiB is above 250 MiB" in found.why
    )


def test_settings_that_keep_a_constraint_the_defaults_break_are_better_although_slower() -> None:
    wanted = request(constraints=Constraints(max_memory_bytes=150 * MIB))
    found = compare(SimulatedMachine(speeds(prefill=0.8, memory=0.5)), wanted)
    assert found.verdict == "better"


def test_less_memory_is_better_where_it_is_not_too_slow() -> None:
    wanted = request(objective="memory", max_slowdown=0.1)
    assert compare(SimulatedMachine(speeds(prefill=0.97, memory=0.7)), wanted).verdict == "better"
    slow = compare(SimulatedMachine(speeds(prefill=0.7, decode=0.7, memory=0.7)), wanted)
    assert slow.verdict == "not_better"


def test_no_less_memory_is_not_better() -> None:
    wanted = request(objective="memory")
    assert compare(SimulatedMachine(speeds(prefill=1.2)), wanted).verdict == "not_better"


# ------------------------------------------------------------- what goes wrong


def test_settings_that_fail_in_a_fresh_process_are_not_kept() -> None:
    machine = SimulatedMachine(refuses=lambda settings: "worker_crashed" if settings == TUNED else None)
    found = compare(machine)
    assert (found.verdict, found.why) == ("failed", "worker_crashed: worker_crashed of tuned")
    assert found.tuned == found.baseline


def test_a_baseline_that_fails_ends_the_run() -> None:
    machine = SimulatedMachine()
    now = confirmer(machine, request())
    machine.refuses = lambda settings: "worker_crashed" if settings == BASELINE else None
    with pytest.raises(TrialFailure):
        now.compare(BASELINE, TUNED)


def tight(seconds: float) -> TuneRequest:
    return request(budget=Budget(name="custom", seconds=seconds, max_rounds=16, passes=1))


def test_a_budget_that_runs_out_leaves_what_was_measured() -> None:
    machine = SimulatedMachine(speeds(prefill=1.01), seed=2)
    found = compare(machine, tight(9))
    assert found.verdict == "out_of_time"
    assert machine.now <= 9 + 6


def test_a_gain_proven_before_the_budget_ran_out_counts() -> None:
    machine = SimulatedMachine(speeds(prefill=2, decode=2), noise=0.001)
    found = compare(machine, tight(10))
    assert len(found.speedup.samples) < 4
    assert found.verdict == "better"


def test_an_interval_is_measured_whatever_the_budget() -> None:
    machine = SimulatedMachine()
    now = confirmer(machine, tight(1))
    machine.now = 100
    now.compare(BASELINE, TUNED)
    assert len(machine.jobs) == 4
    alone = now.baseline_alone(BASELINE)
    assert alone.response_ms is not None
    assert alone.response_ms.low is not None
    assert len(alone.response_ms.samples) == 2


def test_the_baseline_alone_is_measured_as_often_as_in_a_comparison() -> None:
    machine = SimulatedMachine()
    found = confirmer(machine, request()).baseline_alone(BASELINE)
    assert found.response_ms is not None
    assert len(found.response_ms.samples) == 12
