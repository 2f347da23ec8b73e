"""Own what is shown of a tune's result: a sentence, one number, then the proof."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.domain.gain import faster_sentence, gained
from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.profile import Change
from tunesmith.presentation.energy_text import energy_notes
from tunesmith.presentation.guarantee import guarantee_text
from tunesmith.presentation.limit_text import known_limits
from tunesmith.presentation.measure_text import noise_sentence
from tunesmith.presentation.numbers import (
    DASH,
    MINUS,
    bytes_text,
    change_text,
    decimals_for,
    duration_text,
    fixed,
    number,
    percent,
    quantity_text,
)
from tunesmith.presentation.safety_text import fit_sentence, safety_sentence
from tunesmith.wording import tr, trn

if TYPE_CHECKING:
    from tunesmith.services.tune_result import TuneResult


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
    notes = [_effort(result), tr("Beside each number: where 95% of repeated measurements are expected.")]
    if proven := guarantee_text(result.guarantee):
        notes.insert(0, proven)
    notes += known_limits(result.tuned, result.tuned_limit, result.tuned_prefill_limit)
    notes += filter(
        None, (safety_sentence(result.safety), fit_sentence(result.fit, result.request.objective.name))
    )
    if _energy_rows(result):
        notes += energy_notes(result.tuned_energy)
    noise = noise_sentence(result.tuned)
    if noise is not None:
        notes.append(noise)
    saved = tr("Saved as {name}.", name=result.profile.name) if result.profile is not None else ""
    return ResultView(
        headline=_headline(result, improved=improved),
        big=big,
        big_unit=unit,
        big_note=note,
        reason="" if improved else _reason(result),
        improved=improved,
        changes=tuple(_change(change) for change in result.changes),
        quantities=(*_quantities(result.baseline, result.tuned), *_energy_rows(result)),
        notes=tuple(notes),
        saved=saved,
    )


def _headline(result: TuneResult, *, improved: bool) -> str:
    if not improved:
        if result.outcome == "budget_spent":
            return tr("The time ran out before anything better than the defaults was proven")
        return tr("llama.cpp's defaults are already the best here")
    ratio = _ratio(result.speedup)
    if result.request.objective.name == "memory":
        saved = _saved(result)
        if saved is not None:
            return tr(
                "It needs {saved} less memory, and answers come {ratio} times as fast",
                saved=percent(saved), ratio=ratio,
            )  # fmt: skip
        return faster_sentence("response", ratio)
    return faster_sentence(result.request.objective.name, ratio)


def _big(result: TuneResult, *, improved: bool) -> tuple[str, str, str]:
    if not improved:
        decode = result.baseline.decode_tokens_per_s or result.baseline.prefill_tokens_per_s
        if decode is None:
            return DASH, "", ""
        value, interval = _parts(decode, "")
        where = tr("prefill with the defaults")
        if result.baseline.decode_tokens_per_s:
            where = tr("decode with the defaults")
        if interval:
            where = tr("{where}, repeats fall in {interval}", where=where, interval=interval)
        return value, "tok/s", where
    saved = _saved(result) if result.request.objective.name == "memory" else None
    if saved is not None:
        speed = tr(
            "speed {ratio}× ({interval})", ratio=_ratio(result.speedup), interval=_interval(result.speedup)
        )
        return f"{MINUS}{percent(saved)}", tr("memory"), speed
    sure = tr("no interval")
    if result.speedup.low is not None:
        sure = tr(
            "{share} sure of {interval}",
            share=percent(result.speedup.confidence), interval=_interval(result.speedup),
        )  # fmt: skip
    name = result.request.objective.name
    return f"{_ratio(result.speedup)}×", gained(name) if name in ("efficiency", "cost") else "", sure


def _saved(result: TuneResult) -> float | None:
    """Share of peak memory saved."""
    before, after = result.baseline.peak_memory_bytes, result.tuned.peak_memory_bytes
    return 1 - after.median / before.median if before and after else None


def _spread(quantity: Quantity) -> float | None:
    if quantity.low is None or quantity.high is None:
        return None
    return max((quantity.high - quantity.low) / 2, quantity.median * 5e-3)


def _ratio(speedup: Quantity) -> str:
    """At least one place: a ratio of 1.8, never 2."""
    spread = _spread(speedup)
    return fixed(speedup.median, max(1, min(2, decimals_for(spread))) if spread else 2)


def _interval(quantity: Quantity) -> str:
    spread = _spread(quantity)
    if spread is None or quantity.low is None or quantity.high is None:
        return ""
    places = max(1, min(2, decimals_for(spread)))
    return f"{fixed(quantity.low, places)}–{fixed(quantity.high, places)}"


def _reason(result: TuneResult) -> str:
    """What the service says after the colon; a translation of its sentence keeps the colon."""
    _, colon, why = result.sentence.partition(": ")
    return f"{why[:1].upper()}{why[1:]}." if colon else ""


def _effort(result: TuneResult) -> str:
    time = duration_text(result.seconds)
    if result.outcome == "budget_spent":
        return trn(
            "{count} sample in {time}, until the time ran out.",
            "{count} samples in {time}, until the time ran out.",
            result.trials, time=time,
        )  # fmt: skip
    return trn("{count} sample in {time}.", "{count} samples in {time}.", result.trials, time=time)


def _change(change: Change) -> ChangeRow:
    effect, interval = tr("not raced alone"), ""
    if change.effect is not None:
        low, high = change.effect.low, change.effect.high
        places = 1 if low is None or high is None else min(1, decimals_for(50 * (high - low)))
        effect = change_text(change.effect.median, places)
        if low is not None and high is not None:
            interval = tr("{low} to {high}", low=change_text(low, places), high=change_text(high, places))
    return ChangeRow(change.setting, change.before, change.after, effect, interval)


def _parts(quantity: Quantity | None, unit: str) -> tuple[str, str]:
    """The value with its unit, and its interval."""
    text = quantity_text(quantity, unit)
    value, _, rest = text.partition(" (")
    return value, rest.partition(")")[0]


def _quantities(baseline: Measurement, tuned: Measurement) -> tuple[QuantityRow, ...]:
    rows = [
        quantity_row(
            "Prefill", tr("How fast the prompt is read."), baseline.prefill_tokens_per_s,
            tuned.prefill_tokens_per_s, "tok/s", more_is_better=True,
        ),
        quantity_row(
            "Decode", tr("How fast the answer is written."), baseline.decode_tokens_per_s,
            tuned.decode_tokens_per_s, "tok/s", more_is_better=True,
        ),
        quantity_row("TTFT", tr("Time to the first token."), baseline.ttft_ms, tuned.ttft_ms, "ms"),
        quantity_row("ITL", tr("Time between two tokens, median."), baseline.itl_ms, tuned.itl_ms, "ms"),
        quantity_row(
            tr("Whole answer"), tr("TTFT and all tokens."), baseline.response_ms, tuned.response_ms, "ms"
        ),
        _memory_row(baseline.peak_memory_bytes, tuned.peak_memory_bytes),
    ]  # fmt: skip
    return tuple(row for row in rows if row.before[0] != DASH or row.name == tr("Peak memory"))


def _energy_rows(result: TuneResult) -> list[QuantityRow]:
    """Joules for each token, all that was drawn, where both are told."""
    before, after = result.baseline_energy, result.tuned_energy
    if before is None or after is None:
        return []
    given = " " + tr("(given)") if after.origin == "given" else ""
    rows = [
        quantity_row(
            tr("Energy, prefill") + given, tr("What a token of the prompt takes."),
            before.prefill.joules_per_token, after.prefill.joules_per_token, "J/tok",
        ),
        quantity_row(
            tr("Energy, decode") + given, tr("What a token of the answer takes."),
            before.decode.joules_per_token, after.decode.joules_per_token, "J/tok",
        ),
    ]  # fmt: skip
    return [row for row in rows if DASH not in (row.before[0], row.after[0])]


def quantity_row(
    name: str, explanation: str, before: Quantity | None, after: Quantity | None, unit: str,
    *, more_is_better: bool = False,
) -> QuantityRow:  # fmt: skip
    """One quantity before and after, and whether the change is for the better as far as that is sure."""
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
    return change_text(after.median / before.median, places)


def _overlap(one: Quantity, other: Quantity) -> bool:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return True
    return one.low <= other.high and other.low <= one.high


def _memory_row(before: Quantity | None, after: Quantity | None) -> QuantityRow:
    """Peaks are told as the highest seen, as everywhere."""
    peaks = [max(q.samples) if q else None for q in (before, after)]
    change, better = "", None
    if before is not None and after is not None and before != after and peaks[0] and peaks[1]:
        change = change_text(peaks[1] / peaks[0], 1)
        better = peaks[1] < peaks[0] if abs(peaks[1] / peaks[0] - 1) > 0.01 else None
    return QuantityRow(
        tr("Peak memory"), tr("The most main memory that was used."),
        (bytes_text(peaks[0]), ""), (bytes_text(peaks[1]), ""), change, better,
    )  # fmt: skip


def spoken_number(value: float | None) -> str:
    """A live read-out: three significant figures, as it changes several times a second; a dash for None."""
    if value is None:
        return DASH
    return fixed(value, 0) if value >= 100 else number(value, spread=value / 20)
