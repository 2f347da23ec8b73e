"""Own how numbers are written: with units, and no surer than they are."""

from __future__ import annotations

import math

from tunesmith.domain.measurement import Quantity

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
        return f"{value:.{min(places, 6)}f}"
    return f"{value:.{decimals_for(spread)}f}"


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
    if high > _TELLING_RATIO * low:
        return f"{number(quantity.median / scale)} {unit}".rstrip() + " (too noisy for an interval)"
    spread = max((high - low) / 2, abs(quantity.median / scale) * 1e-4)
    low_text, high_text = number(low, spread=spread), number(high, spread=spread)
    middle = number(quantity.median / scale, spread=spread)
    mark = " noisy" if quantity.noisy else ""
    return f"{middle} {unit}".rstrip() + f" ({low_text}–{high_text}){mark}"


def bytes_text(size_bytes: float | None) -> str:
    """Such as ``93.8 MiB``; a dash for None."""
    if size_bytes is None:
        return DASH
    value, units = float(size_bytes), ("B", "KiB", "MiB", "GiB", "TiB")
    for unit in units:
        if abs(value) < 1024 or unit == units[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable: the last unit returns")


def count_text(count: float | None) -> str:
    """Such as ``134.5 M`` for parameters; a dash for None."""
    if count is None:
        return DASH
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f}"


def duration_text(seconds: float | None) -> str:
    """Such as ``48 s``, ``3 min 20 s`` or ``1 h 5 min``; a dash for None."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, left = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {left} s" if left else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def percent_text(ratio: float) -> str:
    """A ratio as a signed change: 1.084 is ``+8.4%``."""
    return f"{100 * (ratio - 1):+.1f}%"
