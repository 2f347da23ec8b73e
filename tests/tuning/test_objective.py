"""Claims about tunesmith.tuning.objective."""

from __future__ import annotations

import math

import pytest

from tests.tuning.samples import sample
from tunesmith.domain.event_base import Part
from tunesmith.domain.workload import Constraints, Objective, ObjectiveName, Workload
from tunesmith.tuning.objective import BREACH, Scorer

BOTH: frozenset[Part] = frozenset({"prefill", "decode"})
PREFILL: frozenset[Part] = frozenset({"prefill"})
DECODE: frozenset[Part] = frozenset({"decode"})
WORKLOAD = Workload(prompt=1000, generate=100)


def scorer(
    name: ObjectiveName = "response",
    *,
    workload: Workload = WORKLOAD,
    constraints: Constraints | None = None,
    max_slowdown: float = 0.05,
) -> Scorer:
    return Scorer(workload, Objective(name=name, max_slowdown=max_slowdown), constraints or Constraints())


@pytest.mark.parametrize(
    ("name", "workload", "expected"),
    [
        ("response", WORKLOAD, BOTH),
        ("throughput", WORKLOAD, BOTH),
        ("memory", WORKLOAD, BOTH),
        ("decode", WORKLOAD, DECODE),
        ("prefill", WORKLOAD, PREFILL),
        ("response", Workload(prompt=0, generate=5), DECODE),
        ("response", Workload(prompt=5, generate=0), PREFILL),
    ],
)
def test_an_objective_looks_at_the_parts_it_depends_on(
    name: ObjectiveName, workload: Workload, expected: frozenset[Part]
) -> None:
    assert scorer(name, workload=workload).parts == expected


def test_a_constraint_has_its_part_measured_although_the_objective_ignores_it() -> None:
    limited = scorer("decode", constraints=Constraints(max_ttft_ms=500))
    assert limited.parts == DECODE
    assert limited.measured_parts == BOTH
    assert scorer("prefill", constraints=Constraints(max_itl_ms=50)).measured_parts == BOTH
    assert scorer("decode", constraints=Constraints(max_memory_bytes=5)).measured_parts == DECODE


def test_a_small_sample_stands_for_the_whole_workload() -> None:
    one = sample(prompt=100, prefill_ms=200, steps=10, step_ms=10)
    assert scorer().prefill_ms(one) == pytest.approx(2000)
    assert scorer().response_ms(one, BOTH) == pytest.approx(2000 + 100 * 10)
    assert scorer().response_ms(one, DECODE) == pytest.approx(1000)


def test_prompts_of_parallel_sequences_take_turns() -> None:
    eight = Workload(prompt=1000, generate=100, parallel=8)
    one = sample(prompt=100, prefill_ms=1600, sequences=8)
    assert scorer(workload=eight).prefill_ms(one) == pytest.approx(16_000)


def test_scores_are_log_ratios() -> None:
    fast, slow = sample(step_ms=10, prompt=0), sample(step_ms=20, prompt=0)
    now = scorer()
    speed = now.merit(slow, DECODE)
    assert now.score(fast, DECODE, anchor_merit=speed) == pytest.approx(math.log(2))
    assert now.score(slow, DECODE, anchor_merit=speed) == 0


def test_a_sample_of_none_of_the_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="none of the parts"):
        scorer().response_ms(sample(prompt=0), PREFILL)


def test_a_part_measured_for_a_constraint_alone_counts_for_nothing_else() -> None:
    limited = scorer("decode", constraints=Constraints(max_ttft_ms=500))
    assert limited.merit(sample(prefill_ms=1), PREFILL) == 0
    assert limited.merit(sample(prefill_ms=1), BOTH) == limited.merit(sample(prefill_ms=900), BOTH)


# ------------------------------------------------------------- constraints


def test_what_keeps_all_constraints_pays_nothing() -> None:
    limits = Constraints(max_ttft_ms=2000, max_itl_ms=10, max_memory_bytes=100)
    now = scorer(constraints=limits)
    assert now.penalty(sample(), 100) == 0
    assert now.broken(sample(), 100) == ""


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Constraints(max_ttft_ms=1000), "TTFT 2000 ms is above 1000 ms"),
        (Constraints(max_itl_ms=5), "ITL 10 ms is above 5 ms"),
        (Constraints(max_memory_bytes=150 * 2**20), "memory 300 MiB is above 150 MiB"),
    ],
)
def test_a_broken_constraint_costs_and_is_named(limits: Constraints, words: str) -> None:
    now = scorer(constraints=limits)
    assert now.penalty(sample(), 300 * 2**20) == pytest.approx(BREACH + 10 * math.log(2))
    assert now.broken(sample(), 300 * 2**20) == words


def test_several_broken_constraints_add_up() -> None:
    now = scorer(constraints=Constraints(max_ttft_ms=1000, max_itl_ms=5))
    assert now.penalty(sample(), None) == pytest.approx(2 * (BREACH + 10 * math.log(2)))
    assert now.broken(sample(), None).count(";") == 1


def test_no_gain_makes_up_for_a_constraint_barely_broken() -> None:
    now = scorer(constraints=Constraints(max_ttft_ms=1990))
    anchor = sample(prefill_ms=198)
    tempting = sample(prefill_ms=200, step_ms=0.1)
    speed = now.merit(anchor, BOTH)
    assert now.score(tempting, BOTH, anchor_merit=speed) < now.score(anchor, BOTH, anchor_merit=speed)


def test_among_those_that_break_a_constraint_the_nearer_is_better() -> None:
    now = scorer(constraints=Constraints(max_ttft_ms=1000))
    far, near = sample(prefill_ms=200, step_ms=9), sample(prefill_ms=150, step_ms=10)
    assert now.score(near, BOTH, anchor_merit=0) > now.score(far, BOTH, anchor_merit=0)


def test_a_limit_on_latency_is_compared_with_the_median_step() -> None:
    uneven = sample().model_copy(update={"step_ns": (9_000_000,) * 9 + (90_000_000,)})
    now = scorer(constraints=Constraints(max_itl_ms=10))
    assert now.penalty(uneven, None) == 0
    assert now.step_ms(uneven) == pytest.approx(17.1)


# ------------------------------------------------------------- memory


def test_for_memory_less_is_better_and_speed_within_the_allowance_is_not_looked_at() -> None:
    now = scorer("memory")
    anchor = sample()
    speed = now.merit(anchor, BOTH)
    same = now.score(anchor, BOTH, anchor_merit=speed, memory_bytes=200, slack=now.slack)
    slower = sample(prefill_ms=206, step_ms=10.3)
    half = now.score(slower, BOTH, anchor_merit=speed, memory_bytes=100, slack=now.slack)
    assert half - same == pytest.approx(math.log(2))


def test_for_memory_slower_than_allowed_costs_ten_times_the_excess() -> None:
    now = scorer("memory")
    speed = now.merit(sample(), BOTH)
    slow = sample(prefill_ms=240, step_ms=12)
    found = now.score(slow, BOTH, anchor_merit=speed, memory_bytes=100, slack=now.slack)
    assert found == pytest.approx(-math.log(100) - 10 * (math.log(1.2) - math.log(1.05)))


def test_only_memory_allows_to_become_slower() -> None:
    assert scorer("memory", max_slowdown=0.1).slack == pytest.approx(math.log(1.1))
    assert scorer("response").slack == 0


def test_memory_is_needed_for_its_objective_and_its_constraint() -> None:
    assert scorer("memory").needs_memory
    assert scorer(constraints=Constraints(max_memory_bytes=1)).needs_memory
    assert not scorer().needs_memory
