"""Own what is shown of a tune's result: a sentence, one number, then the proof."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.profile import Change
from tunesmith.domain.workload import ObjectiveName
from tunesmith.presentation.measure_text import noise_sentence
from tunesmith.presentation.numbers import (
    DASH,
    bytes_text,
    decimals_for,
    duration_text,
    number,
    percent_text,
    quantity_text,
)

if TYPE_CHECKING:
    from tunesmith.services.tune_result import TuneResult

MINUS = "−"
_SUBJECTS: dict[ObjectiveName, str] = {
    "response": "Answers come",
    "decode": "Tokens come",
    "prefill": "Prompts are read",
    "throughput": "Requests are served",
    "memory": "Answers come",
}


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One setting that changed."""

    setting: str
    before: str
    after: str
    effect: str
    interval: str


@dataclass(frozen=True, slots=True)
class QuantityRow:
    """One quantity under the defaults and tuned."""

    name: str
    explanation: str
    before: tuple[str, str]
    """Value with unit, and its interval or nothing."""
    after: tuple[str, str]
    change: str
    better: bool | None
    """None where the two cannot be told apart."""


@dataclass(frozen=True, slots=True)
class ResultView:
    """A tune's result as it is shown."""

    headline: str
    big: str
    big_unit: str
    big_note: str
    reason: str
    """Why it is so, where nothing was gained; else empty."""
    improved: bool
    changes: tuple[ChangeRow, ...]
    quantities: tuple[QuantityRow, ...]
    notes: tuple[str, ...]
    saved: str


def result_view(result: TuneResult) -> ResultView:
    """The view of a finished tune."""
    improved = result.tuned.settings != result.baseline.settings
    big, unit, note = _big(result, improved=improved)
    notes = [_effort(result), "Beside each number: where 95% of repeated measurements are expected."]
    noise = noise_sentence(result.tuned)
    if noise is not None:
        notes.append(noise)
    saved = f"Saved as {result.profile.name}." if result.profile is not None else ""
    return ResultView(
        headline=_headline(result, improved=improved),
        big=big,
        big_unit=unit,
        big_note=note,
        reason="" if improved else _reason(result),
        improved=improved,
        changes=tuple(_change(change) for change in result.changes),
        quantities=_quantities(result.baseline, result.tuned),
        notes=tuple(notes),
        saved=saved,
    )


def _headline(result: TuneResult, *, improved: bool) -> str:
    if not improved:
        if result.outcome == "budget_spent":
            return "The time ran out before anything better than the defaults was proven"
        return "llama.cpp's defaults are already the best here"
    ratio = f"{_ratio(result.speedup)} times as fast"
    if result.request.objective.name == "memory":
        saved = _saved(result)
        if saved is not None:
            return f"It needs {saved:.0f}% less memory, and answers come {ratio}"
    return f"{_SUBJECTS[result.request.objective.name]} {ratio} as with llama.cpp's defaults"


def _big(result: TuneResult, *, improved: bool) -> tuple[str, str, str]:
    if not improved:
        decode = result.baseline.decode_tokens_per_s or result.baseline.prefill_tokens_per_s
        part = "decode" if result.baseline.decode_tokens_per_s else "prefill"
        if decode is None:
            return DASH, "", ""
        value, interval = _parts(decode, "")
        where = f"{part} with the defaults"
        return value, "tok/s", f"{where}, repeats fall in {interval}" if interval else where
    saved = _saved(result) if result.request.objective.name == "memory" else None
    if saved is not None:
        return (
            f"{MINUS}{saved:.0f}%",
            "memory",
            f"speed {_ratio(result.speedup)}× ({_interval(result.speedup)})",
        )
    sure = f"{result.speedup.confidence:.0%} sure of {_interval(result.speedup)}"
    return f"{_ratio(result.speedup)}×", "", sure if result.speedup.low is not None else "no interval"


def _saved(result: TuneResult) -> float | None:
    """Percent of peak memory saved."""
    before, after = result.baseline.peak_memory_bytes, result.tuned.peak_memory_bytes
    return 100 * (1 - after.median / before.median) if before and after else None


def _spread(quantity: Quantity) -> float | None:
    if quantity.low is None or quantity.high is None:
        return None
    return max((quantity.high - quantity.low) / 2, quantity.median * 5e-3)


def _ratio(speedup: Quantity) -> str:
    """At least one place: a ratio of 1.8, never 2."""
    spread = _spread(speedup)
    return f"{speedup.median:.{max(1, min(2, decimals_for(spread))) if spread else 2}f}"


def _interval(quantity: Quantity) -> str:
    spread = _spread(quantity)
    if spread is None or quantity.low is None or quantity.high is None:
        return ""
    places = max(1, min(2, decimals_for(spread)))
    return f"{quantity.low:.{places}f}–{quantity.high:.{places}f}"


def _reason(result: TuneResult) -> str:
    """What the service says after the colon."""
    _, colon, why = result.sentence.partition(": ")
    return f"{why[:1].upper()}{why[1:]}." if colon else ""


def _effort(result: TuneResult) -> str:
    ending = {"budget_spent": ", until the time ran out"}.get(result.outcome, "")
    return f"{result.trials} samples in {duration_text(result.seconds)}{ending}."


def _percent(ratio: float, places: int) -> str:
    return f"{100 * (ratio - 1):+.{places}f}%".replace("-", MINUS)


def _change(change: Change) -> ChangeRow:
    effect, interval = "not raced alone", ""
    if change.effect is not None:
        low, high = change.effect.low, change.effect.high
        places = 1 if low is None or high is None else min(1, decimals_for(50 * (high - low)))
        effect = _percent(change.effect.median, places)
        if low is not None and high is not None:
            interval = f"{_percent(low, places)} to {_percent(high, places)}"
    return ChangeRow(change.setting, change.before, change.after, effect, interval)


def _parts(quantity: Quantity | None, unit: str) -> tuple[str, str]:
    """The value with its unit, and its interval."""
    text = quantity_text(quantity, unit)
    value, _, rest = text.partition(" (")
    return value, rest.partition(")")[0]


def _quantities(baseline: Measurement, tuned: Measurement) -> tuple[QuantityRow, ...]:
    rows = [
        _row(
            "Prefill", "How fast the prompt is read.", baseline.prefill_tokens_per_s,
            tuned.prefill_tokens_per_s, "tok/s", more_is_better=True,
        ),
        _row(
            "Decode", "How fast the answer is written.", baseline.decode_tokens_per_s,
            tuned.decode_tokens_per_s, "tok/s", more_is_better=True,
        ),
        _row("TTFT", "Time to the first token.", baseline.ttft_ms, tuned.ttft_ms, "ms"),
        _row("ITL", "Time between two tokens, median.", baseline.itl_ms, tuned.itl_ms, "ms"),
        _row("Whole answer", "TTFT and all tokens.", baseline.response_ms, tuned.response_ms, "ms"),
        _memory_row(baseline.peak_memory_bytes, tuned.peak_memory_bytes),
    ]  # fmt: skip
    return tuple(row for row in rows if row.before[0] != DASH or row.name == "Peak memory")


def _row(
    name: str, explanation: str, before: Quantity | None, after: Quantity | None, unit: str,
    *, more_is_better: bool = False,
) -> QuantityRow:  # fmt: skip
    change, better = "", None
    if before is not None and after is not None and before != after:
        change = _change_text(before, after)
        apart = not (_overlap(before, after))
        better = (after.median > before.median) == more_is_better if apart else None
    return QuantityRow(name, explanation, _parts(before, unit), _parts(after, unit), change, better)


def _change_text(before: Quantity, after: Quantity) -> str:
    """The change to as many places as both intervals support."""
    sides = [
        (q.high - q.low) / (2 * q.median) for q in (before, after) if q.low is not None and q.high is not None
    ]
    places = min(1, decimals_for(100 * math.hypot(*sides))) if len(sides) == 2 else 0
    return _percent(after.median / before.median, places)


def _overlap(one: Quantity, other: Quantity) -> bool:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return True
    return one.low <= other.high and other.low <= one.high


def _memory_row(before: Quantity | None, after: Quantity | None) -> QuantityRow:
    """Peaks are told as the highest seen, as everywhere."""
    peaks = [max(q.samples) if q else None for q in (before, after)]
    change, better = "", None
    if before is not None and after is not None and before != after and peaks[0] and peaks[1]:
        change = percent_text(peaks[1] / peaks[0]).replace("-", MINUS)
        better = peaks[1] < peaks[0] if abs(peaks[1] / peaks[0] - 1) > 0.01 else None
    return QuantityRow(
        "Peak memory", "The most main memory that was used.",
        (bytes_text(peaks[0]), ""), (bytes_text(peaks[1]), ""), change, better,
    )  # fmt: skip


def spoken_number(value: float | None) -> str:
    """A live read-out: three significant figures, since it changes ten times a second; a dash for None."""
    if value is None:
        return DASH
    return f"{value:.0f}" if value >= 100 else number(value, spread=value / 20)
