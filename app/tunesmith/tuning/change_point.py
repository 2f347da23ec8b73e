"""Own the search for the moments at which a speed changed: statistics, not an eye.

A machine's speed is not independent from one sample to the next: what else it does comes and goes. A test
that takes samples for independent then finds changes everywhere. So each cut of a stretch is judged by the
self-normalised CUSUM of Shao and Zhang (2010, "Testing for change points in time series", Journal of the
American Statistical Association 105), whose yardstick is made of the partial sums on both sides of the cut:
it needs no estimate of the long-run variance, and stays what it is where samples hang together. Tried are the
whole stretch and, so that a change and its undoing do not hide each other, its overlapping halves and
quarters (seeded intervals: Kovács et al. 2023, Biometrika 110); of those that are significant the shortest
tells (narrowest over threshold: Baranowski, Chen & Fryzlewicz 2019, Journal of the Royal Statistical
Society B 81), the cut is put by least squares, and both sides are searched in turn. Outliers are drawn in
first (Huber 1981, "Robust Statistics"), and what is found must be large enough to matter. Logarithms are
compared, so a change is a ratio. docs/soak.md says how often this errs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import fmean, median

from tunesmith.domain.statistics import student_t_quantile

ALPHA = 0.05
"""Share of steady runs in which a change may be claimed."""
LEAST_RATIO = 0.03
"""A smaller change than 3% is none that matters."""
LEAST_SAMPLES = 6
"""A stretch of fewer samples has no speed of its own."""
_SHORTEST = 60
"""An interval of fewer samples is not searched by itself."""
_TRIM = 0.05
"""Share of an interval at either end in which no cut is looked for."""
_FAR = 3.0
"""Deviations, in standard deviations of the middle half, beyond which a sample is drawn in."""
_MAD_TO_DEVIATION = 1.4826
_MOST_BLOCKS = 10
_ALIKE = 1e-9
"""Logarithms that differ by less are the same speed."""
_CRITICAL = (
    (0.1, 29.6),
    (0.05, 40.1),
    (0.025, 52.2),
    (0.01, 68.6),
    (0.005, 84.6),
    (0.001, 121.9),
    (0.00025, 175.0),
)
"""Error and height; but for the last, which 40 000 simulated runs gave, from table 1 of Shao & Zhang."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """How a speed compares with another, with an interval."""

    value: float
    low: float
    high: float


def change_points(
    speeds: Sequence[float],
    *,
    alpha: float = ALPHA,
    least_ratio: float = LEAST_RATIO,
    least_samples: int = LEAST_SAMPLES,
) -> tuple[int, ...]:
    """Where the speed changed: indices of the first sample of each later stretch, rising.

    Args:
        speeds: positive, in the order they were measured, about equally far apart.
        alpha: how often at most, as a share of runs, a steady speed may be said to have changed.
        least_ratio: a change is claimed if it is at least this large and its interval holds no 1.
        least_samples: a stretch of fewer has no speed of its own; at least :data:`LEAST_SAMPLES`.
    """
    logs = [math.log(speed) for speed in speeds]
    cuts = sorted(_search(logs, 0, len(logs), alpha, least_samples))
    cuts = _placed(logs, cuts, least_samples)
    while cuts:
        edges = [0, *cuts, len(logs)]
        sizes = []
        for place, cut in enumerate(cuts):
            ratio = speed_ratio(speeds[edges[place] : cut], speeds[cut : edges[place + 2]])
            unproven = ratio.low <= 1 <= ratio.high
            sizes.append((0.0 if unproven else abs(math.log(ratio.value)), cut))
        size, least = min(sizes)
        if size >= math.log1p(least_ratio):
            break
        cuts = _placed(logs, [cut for cut in cuts if cut != least], least_samples)
    return tuple(cuts)


def speed_ratio(before: Sequence[float], after: Sequence[float], *, confidence: float = 0.95) -> Ratio:
    """The geometric mean of the speeds after over that before, with Welch's interval of block means.

    Means of blocks hang together less than samples do (batch means: Law & Kelton, "Simulation Modeling and
    Analysis"), so that the interval holds what it promises where samples are not independent.

    Args:
        before: at least :data:`LEAST_SAMPLES` speeds.
        after: as many.
        confidence: probability that the interval holds the ratio.
    """
    first, last = _blocks([math.log(speed) for speed in before]), _blocks([math.log(s) for s in after])
    difference = fmean(map(math.log, after)) - fmean(map(math.log, before))
    errors = [_square_error(blocks) for blocks in (first, last)]
    total = sum(errors)
    if total <= 0:
        value = math.exp(difference)
        return Ratio(value, value, value)
    degrees = total**2 / sum(
        error**2 / (len(blocks) - 1) for error, blocks in zip(errors, (first, last), strict=True)
    )
    half = student_t_quantile((1 + confidence) / 2, max(1.0, degrees)) * math.sqrt(total)
    return Ratio(math.exp(difference), math.exp(difference - half), math.exp(difference + half))


def mean_interval(speeds: Sequence[float], *, confidence: float = 0.95) -> Ratio:
    """The geometric mean of the speeds of one stretch, with Student's interval of block means."""
    logs = [math.log(speed) for speed in speeds]
    blocks = _blocks(logs)
    middle = fmean(logs)
    half = student_t_quantile((1 + confidence) / 2, len(blocks) - 1) * math.sqrt(_square_error(blocks))
    return Ratio(math.exp(middle), math.exp(middle - half), math.exp(middle + half))


def _blocks(values: Sequence[float]) -> list[float]:
    """Means of equally many neighbours each; what is over goes to the last blocks."""
    count = max(2, min(_MOST_BLOCKS, len(values) // 3))
    edges = [len(values) * place // count for place in range(count + 1)]
    return [fmean(values[low:high]) for low, high in pairwise(edges)]


def _square_error(blocks: Sequence[float]) -> float:
    middle = fmean(blocks)
    return math.fsum((block - middle) ** 2 for block in blocks) / (len(blocks) - 1) / len(blocks)


def _search(logs: Sequence[float], low: int, high: int, alpha: float, least: int) -> Iterator[int]:
    if high - low < 2 * least:
        return
    found: list[tuple[int, float, int]] = []
    for begin, end, share in _intervals(low, high):
        values = _drawn_in(logs[begin:end])
        height = self_normalised(values, least)
        if height > critical_height(alpha * share):
            found.append((end - begin, -height, begin + best_cut(values, least)))
    if not found:
        return
    cut = min(found)[2]
    yield cut
    yield from _search(logs, low, cut, alpha, least)
    yield from _search(logs, cut, high, alpha, least)


def _intervals(low: int, high: int) -> Iterator[tuple[int, int, float]]:
    """The stretch, its overlapping halves and quarters, each with its share of the error allowed."""
    length = high - low
    yield low, high, 0.5 if length >= 2 * _SHORTEST else 1.0
    for parts, share in ((2, 0.25), (4, 0.25)):
        if length < parts * _SHORTEST:
            return
        count = 2 * parts - 1
        for place in range(count):
            begin = low + length * place // (2 * parts)
            yield begin, begin + length // parts, share / count


def _drawn_in(values: Sequence[float]) -> list[float]:
    """The values, those far from the middle drawn in to where far begins."""
    middle = median(values)
    reach = _FAR * _MAD_TO_DEVIATION * median(abs(value - middle) for value in values)
    if reach <= 0:
        return list(values)
    return [min(max(value, middle - reach), middle + reach) for value in values]


def self_normalised(values: Sequence[float], least: int = LEAST_SAMPLES) -> float:
    """The largest self-normalised CUSUM over all cuts (Shao & Zhang 2010, equation 4); no unit."""
    n = len(values)
    trim = max(least, int(_TRIM * n))
    if n < 2 * trim:
        return 0.0
    middle = fmean(values)
    if max(abs(value - middle) for value in values) < _ALIKE:
        return 0.0
    sums = list(accumulate(value - middle for value in values))
    plain = list(accumulate(sums, initial=0.0))
    squares = list(accumulate((s * s for s in sums), initial=0.0))
    weighted = list(accumulate((t * s for t, s in enumerate(sums, 1)), initial=0.0))
    highest = 0.0
    for k in range(trim, n - trim + 1):
        at, left = sums[k - 1], n - k
        before = squares[k] - 2 * at / k * weighted[k] + at * at * (k + 1) * (2 * k + 1) / (6 * k)
        ramp = n * (plain[n] - plain[k]) - (weighted[n] - weighted[k])
        after = (
            squares[n]
            - squares[k]
            - 2 * at / left * ramp
            + at * at * (left - 1) * (2 * left - 1) / (6 * left)
        )
        spread = before + after
        if spread > 0:
            highest = max(highest, n * at * at / spread)
        elif at:
            return math.inf
    return highest


def best_cut(values: Sequence[float], least: int = LEAST_SAMPLES) -> int:
    """The index at which two means fit best, by least squares."""
    n, total, at, best, cut = len(values), math.fsum(values), 0.0, -1.0, 0
    middle = total / n
    for k in range(1, n - least + 1):
        at += values[k - 1] - middle
        if k >= least and at * at / (k * (n - k)) > best:
            best, cut = at * at / (k * (n - k)), k
    return cut


def _placed(logs: Sequence[float], cuts: Sequence[int], least: int) -> list[int]:
    """The cuts, each put by least squares between its neighbours."""
    placed = list(cuts)
    for place in range(len(placed)):
        low = placed[place - 1] if place else 0
        high = placed[place + 1] if place + 1 < len(placed) else len(logs)
        if high - low >= 2 * least:
            placed[place] = low + best_cut(_drawn_in(logs[low:high]), least)
    return placed


def critical_height(alpha: float) -> float:
    """What :func:`self_normalised` exceeds with probability ``alpha`` where nothing changed."""
    logarithm = math.log(alpha)
    table = [(math.log(share), math.log(height)) for share, height in _CRITICAL]
    if logarithm >= table[0][0]:
        return math.exp(table[0][1])
    for (more, lower), (less, upper) in pairwise(table):
        if logarithm >= less:
            return math.exp(lower + (upper - lower) * (logarithm - more) / (less - more))
    (more, lower), (less, upper) = table[-2:]
    return math.exp(upper + (upper - lower) / (less - more) * (logarithm - less))
