"""Own a linear axis: from where to where, and its round ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tunesmith.presentation.numbers import fixed

_FROM_ZERO = 0.35
"""Where the least value is below this share of the greatest, the axis begins at 0."""
_MOST_TICKS = 5


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis; its ticks are places and their texts."""

    name: str
    start: float
    end: float
    ticks: tuple[tuple[float, str], ...]


def axis_of(values: Iterable[float], name: str, *, unit: float = 1.0) -> Axis:
    """An axis on which all values lie, between two round numbers.

    Args:
        values: in their own unit; there is one at least, and all are positive.
        name: what stands beside it.
        unit: what one of the texts' units is in the values' own; 2**20 tells bytes in MiB.
    """
    least, most = (limit / unit for limit in _ends(values))
    base = 0.0 if least < _FROM_ZERO * most else least
    step = _round_step((most - base) or most)
    start, end = math.floor(base / step + 1e-9) * step, math.ceil(most / step - 1e-9) * step
    if end <= start:
        start, end = max(0.0, start - step), end + step
    places = max(0, -math.floor(math.log10(step) + 1e-9) + (1 if _mantissa(step) == 2.5 else 0))
    count = round((end - start) / step)
    told = tuple((start + number * step, fixed(start + number * step, places)) for number in range(count + 1))
    return Axis(name, start * unit, end * unit, tuple((value * unit, text) for value, text in told))


def _ends(values: Iterable[float]) -> tuple[float, float]:
    found = list(values)
    return min(found), max(found)


def _round_step(span: float) -> float:
    """The least of 1, 2, 2.5 and 5 times a power of ten that needs few ticks."""
    scale = 10.0 ** math.floor(math.log10(span / _MOST_TICKS))
    steps = [factor * scale for factor in (1.0, 2.0, 2.5, 5.0, 10.0)]
    return next(step for step in steps if span <= _MOST_TICKS * step * 1.0001)


def _mantissa(step: float) -> float:
    return round(step / 10.0 ** math.floor(math.log10(step) + 1e-9), 3)
