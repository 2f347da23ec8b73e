"""Claims about tunesmith.tuning.forecast."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuning.machines import TWO_CORE_VM
from tests.tuning.samples import sample
from tests.tuning.simulation import SimulatedMachine
from tunesmith.domain.events import Event, Progress
from tunesmith.domain.measurement import Sample
from tunesmith.domain.request import SearchRules
from tunesmith.domain.workload import BUDGETS, Budget, Workload
from tunesmith.tuning.forecast import LEAST_PAIRS, MAX_PAIRS, MIN_PAIRS, Forecast
from tunesmith.tuning.space import BOTH, Question, baseline_settings, questions

WHOLE = Workload(prompt=500, generate=100, depth=1000)
PILOT = sample(prompt=64, prefill_ms=64 * 2.0, steps=8, step_ms=10, cost_s=1.208)
"""2 ms a prompt token, 10 ms a step: a whole sample takes 2 s. It took a second to start."""


def forecast(
    seconds: float = 300, *, spent: float = 0.0, pilot: Sample = PILOT, events: list[Event] | None = None
) -> tuple[Forecast, SimulatedMachine]:
    meter = SimulatedMachine()
    found = Forecast(
        Budget(name="custom", seconds=seconds, max_rounds=16, passes=1),
        meter=meter,
        emit=(events if events is not None else []).append,
    )
    found.learn(pilot, WHOLE)
    meter.now = spent
    return found, meter


def asked() -> list[Question]:
    return questions(
        baseline_settings(TWO_CORE_VM, WHOLE),
        workload=WHOLE,
        machine=TWO_CORE_VM,
        rules=SearchRules(),
        parts=BOTH,
    )


def test_confirming_costs_samples_and_starts_with_their_depth_and_warm_up() -> None:
    found, _ = forecast()
    start = 1.0 + 1000 * 0.002 + 500 * 0.002
    assert found.confirm_seconds(12, 2) == pytest.approx(24 * 2.0 + 4 * start)
    assert found.confirm_seconds(0, 1) == pytest.approx(2 * start)


def test_what_is_slower_at_depth_is_planned_with() -> None:
    found, _ = forecast()
    before = found.timed_seconds(WHOLE)
    found.observe_anchor(sample(prompt=0, steps=8, step_ms=20))
    assert found.timed_seconds(WHOLE) == pytest.approx(before + 100 * 0.010)
    found.observe_anchor(sample(prompt=0, steps=8, step_ms=200, noisy=True))
    found.observe_anchor(sample(prompt=0, steps=8, step_ms=15))
    assert found.timed_seconds(WHOLE) == pytest.approx(before + 100 * 0.010)


def test_a_disturbed_pilot_is_planned_with_until_there_is_better() -> None:
    found, _ = forecast(pilot=PILOT.model_copy(update={"noisy": True}))
    assert found.timed_seconds(WHOLE) == pytest.approx(2.0)
    found.observe_anchor(sample(prompt=0, steps=8, step_ms=5))
    assert found.timed_seconds(WHOLE) == pytest.approx(1.5)
    found.observe_anchor(sample(prompt=100, prefill_ms=100, steps=0))
    assert found.timed_seconds(WHOLE) == pytest.approx(1.0)


def test_prompts_of_parallel_sequences_take_turns() -> None:
    found, _ = forecast()
    four = Workload(prompt=100, generate=10, parallel=4)
    assert found.timed_seconds(four) == pytest.approx(400 * 0.002 + 0.1)


def test_the_search_gets_what_confirming_well_does_not_need() -> None:
    found, _ = forecast(500)
    assert found.search_seconds == pytest.approx(500 - found.confirm_seconds(MAX_PAIRS, MAX_PAIRS))


def test_confirming_well_takes_no_more_than_its_share() -> None:
    found, _ = forecast(200)
    assert found.search_seconds == pytest.approx(120)


def test_the_least_confirmation_goes_before_the_search_up_to_a_point() -> None:
    found, _ = forecast(80)
    assert found.search_seconds == pytest.approx(80 - found.confirm_seconds(MIN_PAIRS, MIN_PAIRS))
    tight, _ = forecast(20)
    assert tight.search_seconds == pytest.approx(6)


def test_while_nothing_is_found_only_the_fewest_pairs_are_kept() -> None:
    found, meter = forecast(80)
    meter.now = found.search_seconds + 5
    assert found.search_left == 0
    assert found.search_left_at_most == pytest.approx(80 - found.confirm_seconds(LEAST_PAIRS, 1) - meter.now)
    found.expect_confirmation()
    assert found.search_left_at_most == 0


def test_half_of_a_tight_budget_goes_to_the_search_while_nothing_is_found() -> None:
    tight, _ = forecast(20)
    assert tight.search_left_at_most == pytest.approx(10)


@pytest.mark.parametrize(
    ("left", "pairs", "starts"),
    [(200, 12, 12), (144, 12, 12), (143, 11, 11), (48, 4, 4), (47, 9, 1), (25, 4, 1), (1, 4, 1)],
)
def test_the_confirmation_fits_what_is_left(left: float, pairs: int, starts: int) -> None:
    """A sample takes 2 s and a start 4 s."""
    found, _ = forecast(1000, spent=1000 - left - 1e-6)
    assert found.confirm_plan() == (pairs, starts)


@given(st.floats(1, 2000), st.floats(0, 2500))
def test_any_budget_gives_a_confirmation_of_4_to_12_pairs(seconds: float, spent: float) -> None:
    pairs, starts = forecast(seconds, spent=spent)[0].confirm_plan()
    assert MIN_PAIRS <= pairs <= MAX_PAIRS
    assert starts in (1, pairs)


@pytest.mark.parametrize(("left", "expected"), [(10.0, True), (8.0, False)])
def test_a_question_is_only_asked_where_three_rounds_of_it_fit(left: float, expected: bool) -> None:
    found, meter = forecast(300)
    found.expect_confirmation()
    meter.now = found.search_seconds - left
    assert found.affords(2, Workload(prompt=500, generate=0)) is expected


def test_nothing_is_left_when_more_was_spent() -> None:
    found, _ = forecast(10, spent=50)
    assert (found.left, found.search_left) == (0, 0)


def test_the_fraction_never_falls_and_stays_below_one() -> None:
    events: list[Event] = []
    found, meter = forecast(300, events=events)
    plan = asked()
    for place in range(len(plan)):
        for rounds in range(6):
            found.searching("x", 2, rounds, plan[place + 1 :])
            meter.now += 3.0
            found.count_search_sample()
    for left in range(24, 0, -1):
        found.confirming("x", left, left)
        meter.now += 6.0
    told = [event for event in events if isinstance(event, Progress)]
    fractions = [event.fraction for event in told]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < 0.2
    assert 0.9 < fractions[-1] < 1
    assert all(event.eta_seconds is not None and event.eta_seconds >= 0 for event in told)


def test_the_time_left_is_never_more_than_the_budget_leaves_for_the_search_and_its_confirmation() -> None:
    events: list[Event] = []
    found, _ = forecast(90, events=events)
    found.expect_samples_of(Workload(prompt=25_000, generate=0))
    found.searching("x", 2, 0, asked())
    (told,) = events
    assert isinstance(told, Progress)
    assert told.eta_seconds is not None
    assert told.eta_seconds <= 90


def test_the_known_budgets_bear_a_whole_race() -> None:
    assert all(budget.max_rounds >= 16 for budget in BUDGETS.values())
