"""Own the statistics of timings: pure functions on small samples, no numpy.

Speeds are compared as logarithms, so that a ratio and its inverse are treated alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import fsum
from statistics import fmean

from tunesmith.domain.measurement import IntervalKind, Quantity

_LOOKS = (3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256)
"""Counts of values at which an interval is drawn anew; see :func:`looks`."""
_TINY = 1e-12
"""Deviations below this share of the largest value are rounding, not measurement."""


def percentile(values: Sequence[float], fraction: float) -> float:
    """The value below which ``fraction`` of the values lie, interpolated linearly.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        msg = "no values"
        raise ValueError(msg)
    ordered = sorted(values)
    place = fraction * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _beta_continued_fraction(a: float, b: float, x: float) -> float:
    """Lentz's method for the incomplete beta function (Numerical Recipes, 3rd ed., 6.4)."""
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    result = d
    for m in range(1, 300):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + numerator * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + numerator / c
            c = c if abs(c) > tiny else tiny
            result *= c * d
        if abs(c * d - 1.0) < 1e-14:
            break
    return result


def student_t_cdf(t: float, degrees: float) -> float:
    """P(T <= t) for Student's t with ``degrees`` degrees of freedom."""
    squared = t * t / degrees
    if squared == 0:
        return 0.5
    if squared == math.inf:
        return float(t > 0)
    x, y = 1 / (1 + squared), squared / (1 + squared)
    log_x, log_y = -math.log1p(squared), math.log(squared) - math.log1p(squared)
    a, b = degrees / 2, 0.5
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * log_x + b * log_y)
    if x < (a + 1) / (a + b + 2):
        tail = front * _beta_continued_fraction(a, b, x) / a
    else:
        tail = 1 - front * _beta_continued_fraction(b, a, y) / b
    return 1 - tail / 2 if t > 0 else tail / 2


def _bisect(rises: Callable[[float], float], low: float, high: float) -> float:
    """Where a rising function crosses zero between ``low`` and ``high``."""
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if rises(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


@lru_cache(maxsize=4096)
def student_t_quantile(probability: float, degrees: float) -> float:
    """The t below which Student's t with ``degrees`` degrees of freedom lies with ``probability``.

    Raises:
        ValueError: the probability is not between 0 and 1.
    """
    if not 0 < probability < 1:
        msg = f"a probability lies between 0 and 1, not at {probability}"
        raise ValueError(msg)
    if probability < 0.5:
        return -student_t_quantile(1 - probability, degrees)
    high = 1.0
    while student_t_cdf(high, degrees) < probability:
        high *= 2
    return _bisect(lambda t: student_t_cdf(t, degrees) - probability, 0.0, high)


def _spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation with n - 1; finite values of any size neither overflow nor vanish."""
    scale = max(map(abs, values))
    if scale == 0:
        return 0.0, 0.0
    reduced = [value / scale for value in values]
    mean = fmean(reduced)
    deviations = [value - mean for value in reduced]
    widest = max(map(abs, deviations))
    if widest <= _TINY:
        return mean * scale, 0.0
    squares = fsum((deviation / widest) ** 2 for deviation in deviations)
    return mean * scale, math.sqrt(squares / (len(values) - 1)) * widest * scale


def quantity(
    samples: Sequence[float],
    *,
    confidence: float = 0.95,
    noisy: bool = False,
    interval: IntervalKind = "repeat",
    unseen_variance: float = 0.0,
) -> Quantity:
    """Summarise repeated measurements of one positive number.

    The median is reported with an interval on the log scale: ``repeat`` is Student's prediction
    interval for one more sample, mean ± t·s·sqrt(1 + 1/n); ``mean`` is his confidence interval for the
    mean of the logarithms, so for the geometric mean, mean ± t·s·sqrt(1/n). Where the median of a skewed
    handful lies outside, the interval is widened to hold it. With fewer than two samples there is none.

    Args:
        samples: the measurements.
        confidence: probability that the interval holds what it says.
        noisy: others used the machine during most of them.
        interval: which of the two.
        unseen_variance: variance of their mean's logarithm by what was the same for all of them.

    Raises:
        ValueError: there are no samples, or one is not positive and finite.
    """
    if not samples or not all(0 < value < math.inf for value in samples):
        msg = "a quantity needs samples, all of them positive and finite"
        raise ValueError(msg)
    middle = _middle(samples)
    low = high = None
    if len(samples) >= 2:
        mean, deviation = _spread([math.log(value) for value in samples])
        variance = deviation**2 * ((1 if interval == "repeat" else 0) + 1 / len(samples)) + unseen_variance
        half = student_t_quantile((1 + confidence) / 2, len(samples) - 1) * math.sqrt(variance)
        low = min(math.exp(max(mean - half, -700.0)), middle)
        high = max(math.exp(min(mean + half, 700.0)), middle)
    return Quantity(
        median=middle, low=low, high=high, confidence=confidence, samples=tuple(samples), noisy=noisy,
        interval=interval,
    )  # fmt: skip


def _middle(samples: Sequence[float]) -> float:
    """The median of positive numbers, by a difference, so that no pair of them over- or underflows."""
    ordered = sorted(samples)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return ordered[half - 1] + (ordered[half] - ordered[half - 1]) / 2


@lru_cache(maxsize=256)
def looks(horizon: int) -> tuple[int, ...]:
    """The counts of values at which :func:`anytime_interval` draws its interval anew, ``horizon`` last.

    They lie close together at first, where one value more tells most, and about a quarter apart later.
    """
    return (*(count for count in _LOOKS if count < horizon), horizon) if horizon >= 3 else ()


@lru_cache(maxsize=4096)
def _critical_t(look: int, alpha: float, horizon: int) -> float:
    """Student's t beyond which the look of that count spends its share of ``alpha``: ∝ sqrt(count)."""
    share = math.sqrt(look) / fsum(math.sqrt(count) for count in looks(horizon))
    return student_t_quantile(1 - alpha * share / 2, look - 1)


def _seen(count: int, horizon: int) -> int:
    """How many values the last look took in; 0 before the first look."""
    return max((look for look in looks(horizon) if look <= count), default=0)


def anytime_interval(values: Sequence[float], alpha: float, *, horizon: int) -> tuple[float, float]:
    """A confidence interval for the expectation that may be looked at after every value, up to a horizon.

    Student's interval at each of :func:`looks`, each at a share of ``alpha``; between two looks the
    last one's holds. The shares sum to ``alpha``, so by the union bound *all* intervals a run ever shows
    hold the expectation with probability at least ``1 - alpha``. (Sequential tests by spending error:
    Lan & DeMets 1983, "Discrete sequential boundaries for clinical trials"; with unknown variance and
    few values the bound is nearly exact, since what makes an early look err is a deviation that came out
    too small by chance. At the counts at hand it is narrower than the mixture e-values of Lai 1976 and
    Wang & Ramdas 2025, which pay for a horizon without end.)

    Proven for independent normal values. Conservative for heavier symmetric tails (Benjamini 1983, "Is the
    t test really conservative when the parent distribution is long-tailed?"), and differences of two alike
    are symmetric. It does *not* hold for values that hang together: where each is correlated by 0.3 with
    the one before, 11% of runs err instead of 5%, at 0.5 it is 25%, at a random walk half of them. Nor
    for lopsided ones: 12% for exponential values. So pair what is compared, as
    :mod:`tunesmith.tuning.race` does: what drifts is common to both and leaves the differences.

    Returns:
        Both ends; infinite before the first look, at three values.
    """
    count = _seen(min(len(values), horizon), horizon)
    if count < 3:
        return -math.inf, math.inf
    mean, deviation = _spread(values[:count])
    half = _critical_t(count, alpha, horizon) * deviation / math.sqrt(count)
    return mean - half, mean + half


def proof_in_sight(
    values: Sequence[float], alpha: float, *, horizon: int, bar: float = 0.0, optimism: float = 0.95
) -> bool:
    """Whether :func:`anytime_interval` may yet come to lie above ``bar`` when the horizon is reached.

    The mean at the horizon is predicted from the values so far; if even the upper end of a one-sided
    ``optimism`` prediction would prove nothing there, to go on is a waste (futility by conditional power:
    Lan, Simon & Halperin 1982, "Stochastically curtailed testing in long-term clinical trials").
    Stopping for it makes no false proof more likely. True before the fourth value.
    """
    count = len(values)
    if count < 4 or count >= horizon:
        return count < horizon
    mean, deviation = _spread(values)
    reach = student_t_quantile(optimism, count - 1) * deviation * math.sqrt(1 / count - 1 / horizon)
    return mean + reach - _critical_t(horizon, alpha, horizon) * deviation / math.sqrt(horizon) > bar
