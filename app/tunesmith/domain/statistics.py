"""Own the statistics of timings: pure functions on small samples, no numpy.

Speeds are compared as logarithms, so that a ratio and its inverse are treated alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean, median

from tunesmith.domain.measurement import IntervalKind, Quantity

_PRIOR_SCALES = (1.0, 30.0, 1000.0)
"""Variances g of the standardised effect mixed over in :func:`t_evidence`: small, middling, plain to see."""


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
    x = degrees / (degrees + t * t)
    a, b = degrees / 2, 0.5
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    ) if 0 < x < 1 else 0.0  # fmt: skip
    if x >= 1:
        return 0.5
    if x < (a + 1) / (a + b + 2):
        tail = front * _beta_continued_fraction(a, b, x) / a
    else:
        tail = 1 - front * _beta_continued_fraction(b, a, 1 - x) / b
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


def student_t_quantile(probability: float, degrees: float) -> float:
    """The t below which Student's t with ``degrees`` degrees of freedom lies with ``probability``."""
    if probability < 0.5:
        return -student_t_quantile(1 - probability, degrees)
    high = 1.0
    while student_t_cdf(high, degrees) < probability:
        high *= 2
    return _bisect(lambda t: student_t_cdf(t, degrees) - probability, 0.0, high)


def _spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation with n - 1."""
    mean = fmean(values)
    return mean, math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def quantity(
    samples: Sequence[float],
    *,
    confidence: float = 0.95,
    noisy: bool = False,
    interval: IntervalKind = "repeat",
) -> Quantity:
    """Summarise repeated measurements of one positive number.

    The median is reported with an interval on the log scale: ``repeat`` is Student's prediction
    interval for one more sample, mean ± t·s·sqrt(1 + 1/n); ``mean`` is his confidence interval for the
    mean, mean ± t·s·sqrt(1/n). It always contains the median. With fewer than two samples there is none.

    Raises:
        ValueError: there are no samples, or one is not positive.
    """
    if not samples or min(samples) <= 0:
        msg = "a quantity needs samples, all of them positive"
        raise ValueError(msg)
    middle = median(samples)
    low = high = None
    if len(samples) >= 2:
        mean, deviation = _spread([math.log(value) for value in samples])
        factor = math.sqrt((1 if interval == "repeat" else 0) + 1 / len(samples))
        half = student_t_quantile((1 + confidence) / 2, len(samples) - 1) * deviation * factor
        low = min(math.exp(max(mean - half, -700)), middle)
        high = max(math.exp(min(mean + half, 700)), middle)
    return Quantity(
        median=middle, low=low, high=high, confidence=confidence, samples=tuple(samples), noisy=noisy,
        interval=interval,
    )  # fmt: skip


def t_evidence(values: Sequence[float], mean: float) -> float:
    """Evidence against the values' expectation being ``mean``, as the logarithm of an e-value.

    The e-value is the Bayes factor of a normal mixture on the standardised effect, N(0, g), with the
    right-Haar prior on the scale: for a t statistic with n - 1 degrees of freedom
    ``(1 + n g)^(-1/2) [(1 + t²/ν) / (1 + t²/(ν (1 + n g)))]^((ν+1)/2)``, averaged over several g.
    For normal values it is a test martingale in the scale-invariant filtration, so it exceeds 1/alpha
    with probability at most alpha *at any time one looks* (Ville). Sources: Lai 1976, "On confidence
    sequences"; Pérez-Ortiz et al. 2024, "E-statistics, group invariance and anytime-valid testing";
    Wang & Ramdas 2025, "Anytime-valid t-tests and confidence sequences for Gaussian means with unknown
    variance".
    """
    count = len(values)
    if count < 2:
        return 0.0
    centre, deviation = _spread(values)
    degrees = count - 1
    distance = centre - mean
    if deviation == 0:
        deviation = 1e-12 * max(1.0, abs(centre))
    squared = count * (distance / deviation) ** 2
    logs = [
        -0.5 * math.log1p(count * g)
        + (count / 2) * (math.log1p(squared / degrees) - math.log1p(squared / (degrees * (1 + count * g))))
        for g in _PRIOR_SCALES
    ]
    top = max(logs)
    return top + math.log(sum(math.exp(value - top) for value in logs) / len(logs))


def anytime_interval(values: Sequence[float], alpha: float) -> tuple[float, float]:
    """A confidence interval for the expectation that may be looked at after every value.

    All means against which :func:`t_evidence` stays below 1/alpha. Infinite while there is too little
    evidence for any. Valid for normal values; heavier tails widen the deviation and with it the interval.
    """
    count = len(values)
    threshold = math.log(1 / alpha)
    if count < 2:
        return -math.inf, math.inf
    centre, deviation = _spread(values)
    step = max(deviation, 1e-12 * max(1.0, abs(centre)))
    far = step
    while t_evidence(values, centre + far) < threshold:
        far *= 4
        if far > step * 1e9:
            return -math.inf, math.inf
    half = _bisect(lambda distance: t_evidence(values, centre + distance) - threshold, 0.0, far)
    return centre - half, centre + half
