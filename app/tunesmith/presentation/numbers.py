"""Own how numbers are written: with units, and no surer than they are."""

from __future__ import annotations

import math

from tunesmith.domain.digits import MINUS, figures, fixed, memory_scale, memory_text, percent
from tunesmith.domain.measurement import Quantity
from tunesmith.wording import decimal_mark, tr, trc

__all__ = [
    "DASH", "MINUS", "bytes_text", "change_text", "count_text", "decimals_for", "duration_text", "figures",
    "fixed", "grouped_text", "memory_scale", "number", "percent", "percent_text", "quantity_text",
    "rough_bytes_text", "tells_nothing",
]  # fmt: skip

DASH = "–"
_TELLING_RATIO = 20
"""An interval whose ends are further apart says nothing, whatever its digits."""


def decimals_for(spread: float) -> int:
    """How many decimal places a spread of this size supports: its first significant digit's."""
    if spread <= 0 or not math.isfinite(spread):
        return 2
    return max(0, min(6, -math.floor(math.log10(spread))))


def number(value: float, *, spread: float | None = None) -> str:
    """A number to as many places as its spread supports; four significant digits without one."""
    if spread is None:
        if value == 0:
            return "0"
        places = max(0, 2 - math.floor(math.log10(abs(value))))
        return fixed(value, min(places, 6))
    return fixed(value, decimals_for(spread))


def tells_nothing(low: float, high: float) -> bool:
    """Whether an interval is so wide that its ends are not worth writing."""
    return high > _TELLING_RATIO * low


def quantity_text(quantity: Quantity | None, unit: str, *, scale: float = 1.0) -> str:
    """Such as ``61.3 tok/s (58.2–64.5)``; a dash for what was not measured.

    Args:
        scale: what one unit is in the quantity's own; 1024**2 shows bytes as MiB.
    """
    if quantity is None:
        return DASH
    if quantity.low is None or quantity.high is None:
        return f"{number(quantity.median / scale)} {unit}".rstrip()
    low, high = quantity.low / scale, quantity.high / scale
    if tells_nothing(low, high):
        value = f"{number(quantity.median / scale)} {unit}".rstrip()
        return tr("{value} (too noisy for an interval)", value=value)
    spread = max((high - low) / 2, abs(quantity.median / scale) * 1e-4)
    low_text, high_text = number(low, spread=spread), number(high, spread=spread)
    middle = number(quantity.median / scale, spread=spread)
    told = f"{middle} {unit}".rstrip() + f" ({low_text}–{high_text})"
    return tr("{value} noisy", value=told) if quantity.noisy else told


def bytes_text(size_bytes: float | None) -> str:
    """Such as ``93.8 MiB``, or ``98.4 MB`` where the user prefers these; a dash for None."""
    return DASH if size_bytes is None else memory_text(size_bytes)


def rough_bytes_text(size_bytes: float | None) -> str:
    """As ``bytes_text`` to two or three digits, for an estimate."""
    value, _, unit = bytes_text(size_bytes).partition(" ")
    whole = value.partition(decimal_mark())[0]
    return f"{fixed(_reading(value), 0)} {unit}" if unit and len(whole) > 1 else f"{value} {unit}".strip()


def _reading(text: str) -> float:
    return float(text.replace(decimal_mark(), "."))


def grouped_text(count: int) -> str:
    """A whole number with a narrow gap between thousands, such as ``12 345``."""
    return f"{count:,}".replace(",", " ")


def count_text(count: float | None) -> str:
    """Such as ``134.5 M`` for parameters; a dash for None."""
    if count is None:
        return DASH
    for size, unit in (
        (1e12, trc("trillion", "T")), (1e9, trc("billion", "B")), (1e6, trc("million", "M")), (1e3, "k"),
    ):  # fmt: skip
        if abs(count) >= size:
            return f"{fixed(count / size, 1)} {unit}"
    return fixed(count, 0)


def duration_text(seconds: float | None) -> str:
    """Such as ``48 s``, ``3 min 20 s`` or ``1 h 5 min``; a dash for None."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    whole = round(seconds)
    if whole < 60:
        return tr("{seconds} s", seconds=whole)
    minutes, left = divmod(whole, 60)
    if minutes < 60:
        whole_minutes = tr("{minutes} min", minutes=minutes)
        return tr("{minutes} min {seconds} s", minutes=minutes, seconds=left) if left else whole_minutes
    hours, minutes = divmod(minutes, 60)
    if minutes:
        return tr("{hours} h {minutes} min", hours=hours, minutes=minutes)
    return tr("{hours} h", hours=hours)


def percent_text(ratio: float) -> str:
    """A ratio as a signed change: 1.084 is ``+8.4%``."""
    return percent(ratio - 1, 1, sign=True)


def change_text(ratio: float, places: int) -> str:
    """As ``percent_text``, to so many places."""
    return percent(ratio - 1, places, sign=True)
