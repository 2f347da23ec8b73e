"""Claims about tunesmith.domain.statistics."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from statistics import NormalDist, fmean, median

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tunesmith.domain.statistics import (
    anytime_interval,
    looks,
    percentile,
    proof_in_sight,
    quantity,
    student_t_cdf,
    student_t_quantile,
)

HORIZON = 24
FINITE = st.floats(allow_nan=False, allow_infinity=False)
MODEST = st.floats(min_value=-1e3, max_value=1e3)
POSITIVE = st.floats(min_value=0, exclude_min=True, allow_infinity=False)

# ------------------------------------------------------------- Student's t


@pytest.mark.parametrize(
    ("probability", "degrees", "expected"),
    [
        # NIST/SEMATECH e-Handbook, table 1.3.6.7.2, and R's qt() to more digits
        (0.975, 1, 12.7062047361747),
        (0.975, 2, 4.30265272974946),
        (0.975, 3, 3.18244630528371),
        (0.975, 4, 2.77644510519779),
        (0.975, 5, 2.57058183563631),
        (0.975, 10, 2.22813885198627),
        (0.975, 30, 2.04227245630124),
        (0.975, 120, 1.97993040508242),
        (0.95, 1, 6.31375151467504),
        (0.95, 2, 2.91998558035372),
        (0.95, 5, 2.01504837333302),
        (0.95, 10, 1.81246112281168),
        (0.995, 1, 63.6567411628717),
        (0.995, 2, 9.92484320091832),
        (0.995, 5, 4.03214298355523),
        (0.995, 10, 3.16927267261695),
        (0.9995, 2, 31.5990545764471),
        (0.9995, 10, 4.58689385870257),
    ],
)
def test_t_quantiles_agree_with_the_tables(probability: float, degrees: int, expected: float) -> None:
    assert student_t_quantile(probability, degrees) == pytest.approx(expected, rel=1e-9)


@given(st.floats(min_value=1e-9, max_value=1 - 1e-9))
def test_t_quantiles_of_two_degrees_agree_with_the_closed_form(probability: float) -> None:
    exact = (2 * probability - 1) / math.sqrt(2 * probability * (1 - probability))
    assert student_t_quantile(probability, 2) == pytest.approx(exact, rel=1e-6, abs=1e-6)


@given(st.floats(min_value=-1e6, max_value=1e6))
def test_t_cdf_of_one_degree_agrees_with_the_closed_form(t: float) -> None:
    assert student_t_cdf(t, 1) == pytest.approx(0.5 + math.atan(t) / math.pi, abs=1e-12)


@given(st.floats(min_value=-6, max_value=6))
def test_t_with_many_degrees_is_normal(t: float) -> None:
    assert student_t_cdf(t, 1e7) == pytest.approx(NormalDist().cdf(t), abs=1e-6)


@given(st.floats(min_value=1e-6, max_value=1 - 1e-6), st.integers(min_value=1, max_value=300))
def test_t_quantile_and_cdf_undo_each_other(probability: float, degrees: int) -> None:
    assert student_t_cdf(student_t_quantile(probability, degrees), degrees) == pytest.approx(
        probability, abs=1e-9
    )


@given(FINITE, st.integers(min_value=1, max_value=300))
def test_t_cdf_is_a_probability_and_symmetric(t: float, degrees: int) -> None:
    below = student_t_cdf(t, degrees)
    assert 0 <= below <= 1
    assert below + student_t_cdf(-t, degrees) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1, 1.1, math.nan])
def test_a_t_quantile_needs_a_probability_between_0_and_1(probability: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        student_t_quantile(probability, 3)


# ------------------------------------------------------------- percentile


def test_percentiles_are_interpolated() -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert percentile([10.0, 20.0], 0.95) == pytest.approx(19.5)
    assert percentile([7.0], 0.95) == 7.0


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


@given(st.lists(MODEST, min_size=1), st.floats(min_value=0, max_value=1))
def test_a_percentile_lies_among_the_values(values: list[float], fraction: float) -> None:
    found = percentile(values, fraction)
    assert min(values) - 1e-9 <= found <= max(values) + 1e-9


# ------------------------------------------------------------- quantities


def normal(rng: random.Random, count: int) -> list[float]:
    return [rng.gauss(0, 1) for _ in range(count)]


def heavy(rng: random.Random, count: int) -> list[float]:
    """Student's t with 3 degrees of freedom."""
    return [
        rng.gauss(0, 1) / math.sqrt(sum(rng.gauss(0, 1) ** 2 for _ in range(3)) / 3) for _ in range(count)
    ]


def test_a_repeat_interval_holds_the_next_sample_as_often_as_it_says() -> None:
    held, runs = 0, 1500
    for seed in range(runs):
        rng = random.Random(seed)
        *samples, following = [100 * math.exp(0.05 * value) for value in normal(rng, 7)]
        held += quantity(samples, confidence=0.9).holds(following)
    assert held / runs == pytest.approx(0.9, abs=0.025)


def test_a_mean_interval_holds_the_geometric_mean_as_often_as_it_says() -> None:
    held, runs = 0, 1500
    for seed in range(runs):
        rng = random.Random(seed)
        samples = [100 * math.exp(0.05 * value) for value in normal(rng, 6)]
        held += quantity(samples, confidence=0.9, interval="mean").holds(100.0)
    assert held / runs == pytest.approx(0.9, abs=0.025)


def test_one_sample_has_no_interval() -> None:
    one = quantity([3.5])
    assert (one.median, one.low, one.high, one.samples) == (3.5, None, None, (3.5,))


def test_equal_samples_have_an_interval_without_width() -> None:
    same = quantity([2.0, 2.0, 2.0])
    assert (same.low, same.median, same.high) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize("samples", [[], [1.0, 0.0], [-1.0], [1.0, math.inf], [math.nan]])
def test_a_quantity_of_no_or_impossible_samples_is_refused(samples: list[float]) -> None:
    with pytest.raises(ValueError, match="positive and finite"):
        quantity(samples)


@example([5e-324, 5e-324])
@example([1.7e308, 1.7e308])
@given(st.lists(POSITIVE, min_size=1, max_size=12))
def test_a_quantity_of_any_positive_samples_holds_its_median(samples: list[float]) -> None:
    found = quantity(samples)
    if found.low is not None and found.high is not None:
        assert 0 <= found.low <= found.median <= found.high
    assert min(samples) <= found.median <= max(samples)


@given(st.lists(st.floats(min_value=0.1, max_value=10), min_size=2, max_size=8), st.floats(1e-3, 1e3))
def test_a_quantity_scales_with_its_unit(samples: list[float], unit: float) -> None:
    plain, scaled = quantity(samples), quantity([unit * value for value in samples])
    for one, other in ((plain.low, scaled.low), (plain.high, scaled.high), (plain.median, scaled.median)):
        assert one is not None
        assert other == pytest.approx(unit * one, rel=1e-6)


def test_a_wider_confidence_gives_a_wider_interval() -> None:
    samples = [1.0, 1.1, 0.95, 1.02]
    inner, outer = quantity(samples, confidence=0.8), quantity(samples, confidence=0.99)
    ends = [outer.low, inner.low, inner.high, outer.high]
    assert ends == sorted(end for end in ends if end is not None)
    assert len(set(ends)) == 4


def test_what_was_the_same_for_all_samples_widens_the_interval() -> None:
    samples = [1.0, 1.02, 0.98, 1.01, 0.99]
    seen = quantity(samples, interval="mean")
    unseen = quantity(samples, interval="mean", unseen_variance=0.01**2)
    assert seen.low is not None
    assert unseen.low is not None
    assert unseen.low < seen.low
    assert unseen.median == seen.median


# ------------------------------------------------------------- intervals to look at any time


def error_rate(
    draw: Callable[[random.Random, int], list[float]], *, alpha: float = 0.05, runs: int = 1500
) -> float:
    """How often the expectation, 0, is outside an interval at any look of a run."""
    wrong = 0
    for seed in range(runs):
        values = draw(random.Random(seed), HORIZON)
        wrong += any(
            not low <= 0 <= high
            for look in looks(HORIZON)
            for low, high in [anytime_interval(values[:look], alpha, horizon=HORIZON)]
        )
    return wrong / runs


def correlated(rng: random.Random, count: int) -> list[float]:
    value, found = rng.gauss(0, 1), []
    for _ in range(count):
        value = 0.5 * value + math.sqrt(0.75) * rng.gauss(0, 1)
        found.append(value)
    return found


def drifting_pairs(rng: random.Random, count: int) -> list[float]:
    """Differences of two that are measured side by side while the machine wanders off."""
    wander, found = 0.0, []
    for _ in range(count):
        wander += rng.gauss(0, 3)
        found.append((wander + rng.gauss(0, 1)) - (wander + rng.gauss(0, 1)))
    return found


def spiky_pairs(rng: random.Random, count: int) -> list[float]:
    """Differences of two, each of which another process slows down to half or a fifth now and then."""

    def one() -> float:
        return rng.gauss(0, 0.02) - (rng.random() < 0.1) * rng.uniform(0.7, 1.6)

    return [one() - one() for _ in range(count)]


def uniform(rng: random.Random, count: int) -> list[float]:
    return [rng.uniform(-1, 1) for _ in range(count)]


@pytest.mark.parametrize("draw", [normal, heavy, uniform, drifting_pairs, spiky_pairs])
def test_all_intervals_of_a_run_hold_the_mean_together_as_often_as_they_say(
    draw: Callable[[random.Random, int], list[float]],
) -> None:
    assert error_rate(draw) <= 0.05


def test_small_error_probabilities_are_kept_too() -> None:
    assert error_rate(normal, alpha=0.005, runs=3000) <= 0.0075


def test_values_that_hang_together_break_the_intervals() -> None:
    """The assumption that the docstring states; pairing is what makes it hold."""
    assert error_rate(correlated, runs=400) > 0.15


def test_there_is_no_interval_before_the_third_value() -> None:
    for count in range(3):
        assert anytime_interval([1.0] * count, 0.05, horizon=8) == (-math.inf, math.inf)
    assert all(map(math.isfinite, anytime_interval([1.0, 1.1, 0.9], 0.05, horizon=8)))


def test_between_looks_the_last_interval_holds() -> None:
    values = normal(random.Random(5), 16)
    at_six = anytime_interval(values[:6], 0.05, horizon=16)
    assert anytime_interval(values[:7], 0.05, horizon=16) == at_six
    assert anytime_interval(values[:8], 0.05, horizon=16) != at_six


def test_values_beyond_the_horizon_change_nothing() -> None:
    values = normal(random.Random(6), 20)
    assert anytime_interval(values, 0.05, horizon=12) == anytime_interval(values[:12], 0.05, horizon=12)


@given(st.integers(min_value=3, max_value=400))
def test_looks_rise_from_three_to_the_horizon(horizon: int) -> None:
    found = looks(horizon)
    assert found[0] == 3
    assert found[-1] == horizon
    assert list(found) == sorted(set(found))


def test_a_horizon_without_looks_has_no_interval() -> None:
    assert looks(2) == ()
    assert anytime_interval([1.0, 1.0], 0.05, horizon=2) == (-math.inf, math.inf)


def test_more_values_of_the_same_spread_narrow_the_interval() -> None:
    widths = []
    for count in looks(40):
        values = [0.1 * (-1) ** number for number in range(count)]
        low, high = anytime_interval(values, 0.05, horizon=40)
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)


def test_less_error_costs_a_wider_interval() -> None:
    values = normal(random.Random(7), 12)
    widths = [
        high - low
        for low, high in (anytime_interval(values, alpha, horizon=12) for alpha in (0.2, 0.05, 0.01, 0.001))
    ]
    assert widths == sorted(widths)


@given(st.lists(MODEST, min_size=3, max_size=24), st.floats(-100, 100), st.floats(0.01, 100))
def test_an_anytime_interval_moves_and_scales_with_its_values(
    values: list[float], shift: float, scale: float
) -> None:
    low, high = anytime_interval(values, 0.05, horizon=24)
    assume(high - low > 1e-6)
    moved = anytime_interval([scale * value + shift for value in values], 0.05, horizon=24)
    assert moved == pytest.approx((scale * low + shift, scale * high + shift), rel=1e-6, abs=1e-6)


@given(st.lists(MODEST, min_size=3, max_size=24))
def test_an_anytime_interval_is_symmetric(values: list[float]) -> None:
    low, high = anytime_interval(values, 0.05, horizon=24)
    mirrored = anytime_interval([-value for value in values], 0.05, horizon=24)
    assert mirrored == pytest.approx((-high, -low), rel=1e-9, abs=1e-9)


@given(st.lists(FINITE, max_size=24), st.floats(1e-6, 0.5), st.integers(3, 40))
def test_no_finite_values_make_an_interval_raise(values: list[float], alpha: float, horizon: int) -> None:
    low, high = anytime_interval(values, alpha, horizon=horizon)
    assert low <= high
    proof_in_sight(values, alpha, horizon=horizon)


@given(FINITE, st.integers(min_value=3, max_value=24))
def test_a_constant_has_an_interval_of_no_width(value: float, count: int) -> None:
    low, high = anytime_interval([value] * count, 0.05, horizon=24)
    assert low == pytest.approx(value, rel=1e-11)
    assert high == pytest.approx(value, rel=1e-11)


# ------------------------------------------------------------- whether to go on


def rounds_and_proof(
    effect: float, seed: int, *, horizon: int = 16, give_up: bool = True
) -> tuple[int, bool]:
    """How many values are taken until a proof, or until none is in sight; and whether there is one."""
    values = [effect + value for value in normal(random.Random(seed), horizon)]
    for count in range(1, horizon + 1):
        if anytime_interval(values[:count], 0.0083, horizon=horizon)[0] > 0:
            return count, True
        if give_up and not proof_in_sight(values[:count], 0.0083, horizon=horizon):
            return count, False
    return horizon, False


def test_giving_up_halves_the_cost_of_what_is_alike() -> None:
    counts = [rounds_and_proof(0.0, seed)[0] for seed in range(300)]
    assert fmean(counts) < 8
    assert median(counts) <= 5


def test_giving_up_costs_next_to_no_proof() -> None:
    patient = sum(rounds_and_proof(1.5, seed, give_up=False)[1] for seed in range(300))
    hasty = sum(rounds_and_proof(1.5, seed)[1] for seed in range(300))
    assert patient >= 280
    assert patient - hasty <= 3


def test_nothing_is_given_up_before_the_fourth_value() -> None:
    assert proof_in_sight([-5.0, -5.1, -4.9], 0.05, horizon=12)


def test_at_the_horizon_no_proof_is_in_sight() -> None:
    assert not proof_in_sight([1.0] * 12, 0.05, horizon=12)
