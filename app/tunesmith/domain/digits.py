"""Own how digits are written: the decimal mark of the language, and the units of memory."""

from __future__ import annotations

from typing import Literal

from tunesmith.wording import Units, decimal_mark, tr, units

MemoryUnit = Literal["mega", "giga"]
_MEMORY: dict[Units, tuple[int, tuple[str, ...]]] = {
    "binary": (1024, ("B", "KiB", "MiB", "GiB", "TiB")),
    "decimal": (1000, ("B", "kB", "MB", "GB", "TB")),
}


MINUS = "−"
"""As wide as a plus, unlike a hyphen; in every number that is told to people."""


def fixed(value: float, places: int, *, sign: bool = False) -> str:
    """A number to so many decimal places; with a ``+`` too if ``sign`` is set."""
    shown = round(value, places) or 0.0  # never a minus before zeros alone
    return _told(f"{shown:{'+' if sign else ''}.{places}f}")


def percent(ratio: float, places: int = 0, *, sign: bool = False) -> str:
    """A ratio in percent: 0.084 is ``8%``; ``+8.4%`` with one place and ``sign``."""
    return tr("{number}%", number=fixed(100 * ratio, places, sign=sign))


def figures(value: float, most: int) -> str:
    """A number to at most so many significant figures, without closing zeros."""
    return _told(f"{value:.{most}g}")


def _told(text: str) -> str:
    return text.replace(".", decimal_mark()).replace("-", MINUS)


def memory_text(size_bytes: float) -> str:
    """Such as ``93.8 MiB``, or ``98.4 MB`` where the user prefers powers of 1000."""
    step, names = _MEMORY[units()]
    value = float(size_bytes)
    for name in names[:-1]:
        if abs(value) < step:
            return f"{fixed(value, 0 if name == 'B' else 1)} {name}"
        value /= step
    return f"{fixed(value, 1)} {names[-1]}"


def memory_scale(unit: MemoryUnit) -> tuple[str, int]:
    """Name and bytes of the user's unit of about a megabyte or a gigabyte: to write several sizes alike."""
    step, names = _MEMORY[units()]
    power = 2 if unit == "mega" else 3
    return names[power], step**power
