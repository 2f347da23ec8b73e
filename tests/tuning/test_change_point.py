"""Own the claims about the search for changes of speed: rarely wrong, and it finds what is there."""

from __future__ import annotations

import math
import random

import pytest

from tests.benchmarks.change_point_errors import (
    NOISES,
    autocorrelated,
    detected,
    false_claims,
    independent,
    speeds,
    walking,
)
from tunesmith.tuning.change_point import (
    ALPHA,
    LEAST_SAMPLES,
    change_points,
    critical_height,
    mean_interval,
    speed_ratio,
)

STEADY = [name for name in NOISES if name not in ("random walk", "AR(1), 0.7")]


@pytest.mark.parametrize("name", STEADY)
@pytest.mark.parametrize("count", [40, 120])
def test_a_steady_speed_is_said_to_change_no_oftener_than_stated(name: str, count: int) -> None:
    share = false_claims(NOISES[name], count, 100, alpha=ALPHA, least_ratio=0.03)
    assert share <= ALPHA


def test_without_a_least_size_independent_noise_still_errs_no_oftener_than_stated() -> None:
    runs = 300
    share = false_claims(independent, 60, runs, alpha=ALPHA, least_ratio=0.0)
    assert share <= ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


@pytest.mark.parametrize("drop", [0.05, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("name", ["independent", "AR(1), 0.3", "heavy tails (t, 3)", "spikes"])
def test_a_drop_at_any_time_is_found_where_it_is(name: str, drop: float) -> None:
    share, error, _ = detected(NOISES[name], 120, 25, drop, alpha=ALPHA)
    assert share >= (0.8 if (name, drop) == ("spikes", 0.05) else 0.9)
    assert error <= 2


def test_a_fall_that_is_undone_is_two_changes() -> None:
    rng = random.Random(3)
    for _ in range(10):
        run = speeds(independent, rng, 180)
        run[60:120] = [0.8 * speed for speed in run[60:120]]
        first, second = change_points(run)
        assert abs(first - 60) <= 2
        assert abs(second - 120) <= 2


def test_each_of_two_falls_is_found() -> None:
    run = speeds(independent, random.Random(4), 180)
    run[60:] = [0.9 * speed for speed in run[60:]]
    run[130:] = [0.7 * speed for speed in run[130:]]
    first, second = change_points(run)
    assert abs(first - 60) <= 2
    assert abs(second - 130) <= 2


def test_a_slow_walk_may_be_called_a_change_and_the_guide_says_so() -> None:
    share = false_claims(walking, 120, 100, alpha=ALPHA, least_ratio=0.03)
    assert share <= 0.15


@pytest.mark.parametrize("count", range(2 * LEAST_SAMPLES))
def test_too_few_samples_tell_nothing(count: int) -> None:
    assert change_points([100.0] * (count // 2) + [50.0] * (count - count // 2)) == ()


def test_equal_speeds_have_not_changed_and_a_clean_step_has() -> None:
    assert change_points([0.1 + 0.2] * 50) == ()
    assert change_points([100.0] * 25 + [90.0] * 25) == (25,)


def test_a_change_below_three_percent_is_not_claimed_however_sure() -> None:
    assert change_points([100.0] * 50 + [98.0] * 50) == ()
    assert change_points([100.0] * 50 + [98.0] * 50, least_ratio=0.01) == (50,)


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.5])
def test_the_interval_of_a_drop_holds_the_true_one(rho: float) -> None:
    rng = random.Random(5)
    held = 0
    for _ in range(200):
        run = speeds(autocorrelated(rho), rng, 100, 0.2, 50)
        ratio = speed_ratio(run[:50], run[50:])
        held += ratio.low <= 0.8 <= ratio.high
    assert held >= 200 * (0.9 if rho < 0.4 else 0.85)


def test_the_interval_of_a_mean_lies_around_it() -> None:
    found = mean_interval(speeds(independent, random.Random(6), 60))
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(100, rel=0.02)


def test_heights_rise_as_errors_become_rarer() -> None:
    heights = [critical_height(alpha) for alpha in (0.2, 0.1, 0.05, 0.03, 0.01, 0.001, 0.0005, 0.0001)]
    assert heights == sorted(heights)
    assert critical_height(0.05) == pytest.approx(40.1)
