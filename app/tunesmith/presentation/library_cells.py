"""Own the cells of the library's table: each a text with what it is ordered by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from tunesmith.presentation.numbers import DASH, fixed
from tunesmith.services.fit import Fit
from tunesmith.services.library import LibraryEntry, Tuned
from tunesmith.wording import tr

SortKey = tuple[int, float, str]
"""Whether it is unknown, then a number, then a text."""
_FITS: Mapping[Fit, str] = {"yes": tr("yes"), "tight": tr("tight"), "no": tr("no")}


def text_cell(text: str) -> tuple[str, SortKey]:
    """A word, unknown where it is empty."""
    return (text or DASH, (0 if text else 1, 0.0, text.casefold()))


def number_cell(value: float | None, say: Callable[[float], str]) -> tuple[str, SortKey]:
    """A number, or None where it is unknown."""
    return range_cell([] if value is None else [value], say)


def range_cell(values: Sequence[float], say: Callable[[float], str]) -> tuple[str, SortKey]:
    """One number, or the least and the most of several, of one unit if they share it."""
    if not values:
        return DASH, (1, 0.0, "")
    low, high = say(min(values)), say(max(values))
    if low.split()[1:] == high.split()[1:]:  # of the same unit
        low = low.split()[0]
    text = high if low in (high, high.split()[0]) else f"{low}–{high}"
    return text, (0, float(max(values)), "")


def bits_of(entry: LibraryEntry) -> float:
    """Bits a weight takes on average; 0 where the header cannot be read."""
    return entry.header.bits_per_weight if entry.header else 0.0


def quantization_cell(names: Sequence[str], kind: str) -> tuple[str, SortKey]:
    """How weights are stored, or why it is no model."""
    if kind:
        return kind, (1, 0.0, kind)
    texts = list(dict.fromkeys(names))
    text = texts[0] if len(texts) == 1 else tr("{number} quantizations", number=len(texts))
    return text, (0, 0.0, texts[0].casefold())


def best_fit(fits: Iterable[Fit | None]) -> Fit | None:
    """The best of several answers."""
    return next((value for value in ("yes", "tight", "no") if value in fits), None)


def fits_cell(fits: tuple[Fit | None, ...]) -> tuple[str, SortKey]:
    """Whether it fits, or how many of its quantizations do."""
    best = best_fit(fits)
    if best is None:
        return DASH, (1, 0.0, "")
    fitting = sum(value != "no" for value in fits)
    word = _FITS[best] if fitting in (0, len(fits)) else tr("{some} of {all}", some=fitting, all=len(fits))
    return word, (0, float(("yes", "tight", "no").index(best)), "")


def tuned_cell(results: Sequence[Tuned]) -> tuple[str, SortKey]:
    """What tuning came to at best."""
    if not results:
        return DASH, (1, 0.0, "")
    best = max(results, key=lambda result: result.speedup)
    if best.outcome == "improved" or best.speedup > 1:  # a spent budget may leave a confirmed gain
        return f"{fixed(best.speedup, 2)}×", (0, -best.speedup, "")
    word = tr("defaults") if best.outcome == "defaults_are_best" else tr("no gain")
    return word, (0, 0.0, word)
