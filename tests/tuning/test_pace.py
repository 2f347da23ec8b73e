"""Claims about tunesmith.tuning.pace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuning.samples import sample
from tunesmith.domain.workload import Workload
from tunesmith.tuning.pace import (
    MIN_PROMPT,
    MIN_STEPS,
    MOST_PART_SECONDS,
    TARGET_PART_SECONDS,
    choose_pace,
    pilot_workload,
)

WHOLE = Workload(prompt=4096, generate=512, depth=8192)
PILOT = sample(prompt=64, prefill_ms=64 * 2.0, steps=8, step_ms=10)
"""2 ms a prompt token, 10 ms a step."""


def test_the_pilot_is_a_small_taste_without_depth() -> None:
    assert pilot_workload(WHOLE) == Workload(prompt=64, generate=8)
    assert pilot_workload(Workload(prompt=0, generate=3, depth=9, parallel=2)) == Workload(
        prompt=0, generate=3, parallel=2
    )


def test_a_short_budget_gets_the_smallest_samples_that_tell() -> None:
    pace = choose_pace(WHOLE, PILOT, seconds=20, samples=100)
    assert pace.prompt * 0.002 == pytest.approx(TARGET_PART_SECONDS, rel=0.05)
    assert pace.generate * 0.010 == pytest.approx(TARGET_PART_SECONDS, rel=0.05)


def test_samples_grow_with_the_budget_until_a_further_round_tells_more() -> None:
    middling = choose_pace(WHOLE, PILOT, seconds=200, samples=100)
    assert middling.prompt * 0.002 == pytest.approx(1.0, rel=0.05)
    long = choose_pace(WHOLE, PILOT, seconds=100_000, samples=100)
    assert long.prompt * 0.002 == pytest.approx(MOST_PART_SECONDS, rel=0.05)
    assert long.depth == WHOLE.depth


def test_no_sample_is_larger_than_the_workload() -> None:
    small = Workload(prompt=10, generate=3, depth=5)
    pace = choose_pace(small, PILOT, seconds=1000, samples=1)
    assert (pace.prompt, pace.generate, pace.depth) == (10, 3, 5)


def test_on_a_slow_machine_a_sample_still_holds_enough_to_tell() -> None:
    slow = sample(prompt=64, prefill_ms=64_000, steps=8, step_ms=5_000)
    pace = choose_pace(WHOLE, slow, seconds=60, samples=100)
    assert (pace.prompt, pace.generate) == (MIN_PROMPT, MIN_STEPS)


def test_the_depth_is_cut_down_where_filling_it_would_eat_the_budget() -> None:
    pace = choose_pace(WHOLE, PILOT, seconds=48, samples=100)
    assert pace.depth * 0.002 == pytest.approx(4.0)


def test_a_pilot_that_could_not_be_timed_gets_the_smallest_samples() -> None:
    blank = sample(prompt=0, steps=0)
    pace = choose_pace(WHOLE, blank, seconds=100, samples=10)
    assert (pace.prompt, pace.generate) == (MIN_PROMPT, MIN_STEPS)


def test_a_part_that_is_not_asked_about_is_not_measured() -> None:
    pace = choose_pace(WHOLE, PILOT, seconds=60, samples=100)
    assert pace.workload(WHOLE, frozenset({"prefill"})).generate == 0
    assert pace.workload(WHOLE, frozenset({"decode"})).prompt == 0
    both = pace.workload(WHOLE, frozenset({"prefill", "decode"}))
    assert (both.prompt, both.generate, both.depth) == (pace.prompt, pace.generate, pace.depth)


@given(
    st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 16),
    st.floats(0.001, 1e6), st.floats(0.001, 1e6), st.floats(0, 1e5), st.integers(0, 10_000),
)  # fmt: skip
def test_any_pilot_gives_a_workload_that_is_part_of_the_whole(
    prompt: int, generate: int, depth: int, parallel: int, prefill_ms: float, step_ms: float,
    seconds: float, samples: int,
) -> None:  # fmt: skip
    whole = Workload(prompt=prompt, generate=generate + (prompt == 0), depth=depth, parallel=parallel)
    pilot = sample(prompt=64, prefill_ms=prefill_ms, steps=8, step_ms=step_ms, sequences=parallel)
    found = choose_pace(whole, pilot, seconds=seconds, samples=samples).workload(
        whole, frozenset({"prefill", "decode"})
    )
    assert found.prompt <= whole.prompt
    assert found.generate <= whole.generate
    assert found.depth <= whole.depth
    assert (found.prompt > 0) == (whole.prompt > 0)
    assert (found.generate > 0) == (whole.generate > 0)
