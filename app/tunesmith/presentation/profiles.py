"""Own how tuned profiles are listed, found, ordered and described, without a screen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from tunesmith.domain.gain import faster_sentence, gained
from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.profile import Change, Outcome, TunedProfile
from tunesmith.domain.workload import ObjectiveName, Workload
from tunesmith.presentation.machine_facts import class_text
from tunesmith.presentation.numbers import DASH, bytes_text, number, percent, percent_text, quantity_text
from tunesmith.wording import tr, trc, trn

if TYPE_CHECKING:
    from tunesmith.store import ProfileRow

COLUMNS: Final = (
    tr("Name"), tr("Against defaults"), tr("Model"), tr("Quantization"), tr("Objective"), tr("Workload"),
    tr("Machine class"), tr("Made"),
)  # fmt: skip
NAME_COLUMN: Final = 0
SPEED_COLUMN: Final = 1

OBJECTIVE_WORDS: Final[dict[ObjectiveName, str]] = {
    "response": tr("response time"),
    "decode": tr("decode speed"),
    "prefill": tr("prefill speed"),
    "throughput": tr("throughput"),
    "memory": tr("memory"),
    "efficiency": tr("tokens per joule"),
    "cost": tr("cost of tokens"),
    "sustained": tr("sustained speed"),
}
_LABEL: Final = re.compile(r"prompt=(\d+),generate=(\d+),depth=(\d+),parallel=(\d+)")


@dataclass(frozen=True, slots=True)
class ProfileLine:
    """One line of the list of profiles."""

    id: str
    name: str
    model_sha256: str
    machine_fingerprint: str
    cells: tuple[str, ...]
    """As many as COLUMNS."""
    keys: tuple[tuple[float | str, ...], ...]
    """What each cell is ordered by."""
    speed_tip: str
    haystack: str
    """What a search looks through."""


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """One quantity beside the defaults'."""

    name: str
    before: str
    after: str


def profile_lines(rows: Iterable[ProfileRow]) -> list[ProfileLine]:
    """The lines of the list, in the given order."""
    return [_line(row) for row in rows]


def _line(row: ProfileRow) -> ProfileLine:
    speed = speed_text(row.outcome, row.speedup_median, row.speedup_low, row.speedup_high)
    workload = workload_from_label(row.workload)
    words = row.workload if workload is None else workload_words(workload)
    objective = OBJECTIVE_WORDS[row.objective]
    cells = (
        row.name, speed, row.model_name, row.quantization, objective, words, class_text(row.machine_label),
        day_text(row.created_utc),
    )  # fmt: skip
    tokens = (-1,) if workload is None else (workload.prompt, workload.generate, workload.depth)
    keys: tuple[tuple[float | str, ...], ...] = (
        (row.name.casefold(),),
        (row.speedup_median,),
        *((cell.casefold(),) for cell in cells[2:5]),
        tokens,
        (cells[6].casefold(),),
        (row.created_utc, row.id),
    )
    tip = tr(
        "What was made best, {what}, against llama.cpp's defaults on the same machine, measured in turn.",
        what=gained(row.objective),
    )
    return ProfileLine(
        id=row.id,
        name=row.name,
        model_sha256=row.model_sha256,
        machine_fingerprint=row.machine_fingerprint,
        cells=cells,
        keys=keys,
        speed_tip=tip,
        haystack=" ".join((*cells, row.id)).casefold(),
    )


def matches(line: ProfileLine, search: str, *, model: str | None, machine: str | None) -> bool:
    """Whether a line holds every word of a search and is of the model and the machine class asked for."""
    if model is not None and line.model_sha256 != model:
        return False
    if machine is not None and line.machine_fingerprint != machine:
        return False
    return all(word in line.haystack for word in search.casefold().split())


def choices(rows: Sequence[ProfileRow]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The models and machine classes there are, as (words, key), in the words' order.

    Those whose words are the same are told apart by the beginning of their key.
    """
    models = {row.model_sha256: f"{row.model_name} · {row.quantization}" for row in rows}
    machines = {row.machine_fingerprint: class_text(row.machine_label) for row in rows}
    return _told_apart(models), _told_apart(machines)


def _told_apart(words_by_key: dict[str, str]) -> list[tuple[str, str]]:
    words = list(words_by_key.values())
    pairs = [
        (text if words.count(text) == 1 else f"{text} ({key[:6]})", key) for key, text in words_by_key.items()
    ]
    return sorted(pairs, key=lambda pair: pair[0].casefold())


def count_words(shown: int, there: int) -> str:
    """How many profiles are shown, such as ``12 profiles`` or ``3 of 12``."""
    if shown != there:
        return tr("{some} of {all}", some=shown, all=there)
    return trn("{count} profile", "{count} profiles", there)


def workload_from_label(label: str) -> Workload | None:
    """The workload that a label tells of; None if it is no such label."""
    match = _LABEL.fullmatch(label)
    if match is None:
        return None
    prompt, generate, depth, parallel = map(int, match.groups())
    try:
        return Workload(prompt=prompt, generate=generate, depth=depth, parallel=parallel)
    except ValueError:
        return None


def workload_words(workload: Workload) -> str:
    """Such as ``512 in, 128 out, after 2048, 4 at once``: tokens read, written and already there."""
    parts = []
    if workload.prompt:
        parts.append(tr("{tokens} in", tokens=workload.prompt))
    if workload.generate:
        parts.append(tr("{tokens} out", tokens=workload.generate))
    if workload.depth:
        parts.append(tr("after {tokens}", tokens=workload.depth))
    if workload.parallel > 1:
        parts.append(tr("{requests} at once", requests=workload.parallel))
    return ", ".join(parts)


def workload_sentence(workload: Workload) -> str:
    """The workload in full words, for a tool tip."""
    values = {"prompt": workload.prompt, "generate": workload.generate, "depth": workload.depth}
    if workload.depth:
        return trn(
            "One request reads {prompt} prompt tokens, writes {generate} tokens, "
            "with {depth} tokens already in the context.",
            "Each of {count} requests at once reads {prompt} prompt tokens, writes {generate} tokens, "
            "with {depth} tokens already in the context.",
            workload.parallel, **values,
        )  # fmt: skip
    return trn(
        "One request reads {prompt} prompt tokens, writes {generate} tokens.",
        "Each of {count} requests at once reads {prompt} prompt tokens, writes {generate} tokens.",
        workload.parallel, **values,
    )  # fmt: skip


def speed_text(outcome: Outcome, median: float, low: float | None, high: float | None) -> str:
    """Such as ``1.21× (1.09–1.33)``; no number where the defaults were best."""
    if outcome == "defaults_are_best":
        return tr("defaults are best")
    if outcome == "budget_spent" and median == low == high:  # nothing was compared, so nothing is told
        return DASH
    if low is None or high is None:
        return f"{number(median)}×"
    spread = max((high - low) / 2, 1e-3)
    low_text, high_text = number(low, spread=spread), number(high, spread=spread)
    return f"{number(median, spread=spread)}× ({low_text}–{high_text})"


def ratio_text(profile: TunedProfile) -> tuple[str, str]:
    """The result's one number and what stands small beside it; both empty where nothing was gained."""
    speed = profile.speedup
    if profile.outcome == "defaults_are_best" or _out_of_time(profile):
        return "", ""
    text = speed_text(profile.outcome, speed.median, speed.low, speed.high)
    value, _, interval = text.partition(" ")
    if not interval:
        return value, tr("one measurement")
    share = percent(speed.confidence)
    return value, tr("{interval}, {share} sure", interval=interval.strip("()"), share=share)


def _out_of_time(profile: TunedProfile) -> bool:
    """Whether the defaults were kept since the time ran out, so that there is nothing to compare."""
    return profile.outcome == "budget_spent" and not profile.speedup.samples


def result_sentence(profile: TunedProfile) -> str:
    """The result in one sentence that a person can repeat."""
    match profile.outcome:
        case "defaults_are_best" if profile.baseline_label is not None:
            return tr("Your settings are already the best here")
        case "defaults_are_best":
            return tr("llama.cpp's defaults are already the best here")
        case "infeasible":
            return tr("Nothing satisfies the constraints; these settings come nearest")
        case "budget_spent" if _out_of_time(profile) and profile.baseline_label is not None:
            return tr("The budget ran out before anything better than your settings was proven")
        case "budget_spent" if _out_of_time(profile):
            return tr("The budget ran out before anything better than the defaults was proven")
        case "improved" | "budget_spent":
            words = faster_sentence(profile.objective.name, ratio_text(profile)[0].removesuffix("×"))
            if profile.outcome == "budget_spent":
                return tr("{sentence}, when the time was up", sentence=words)
            return words


def baseline_column(profile: TunedProfile) -> str:
    """What the column of what was compared with is called."""
    return trc("column", "defaults") if profile.baseline_label is None else trc("column", "yours")


def unchanged_words(profile: TunedProfile) -> str:
    """What stands over no changes."""
    if profile.baseline_label is None:
        return tr("Settings are llama.cpp's own")
    return tr("Settings are your own")


def effect_words(change: Change) -> str:
    """What a change did by itself, such as ``+12.4%``; a dash if it was not raced alone."""
    return DASH if change.effect is None else percent_text(change.effect.median)


def effect_tip(change: Change) -> str:
    """Where the effect of a change lies, in a sentence."""
    effect = change.effect
    if effect is None:
        return tr("It was not raced alone.")
    if effect.low is None or effect.high is None:
        return tr("The effect when it was chosen, measured once.")
    ends = {"low": percent_text(effect.low), "high": percent_text(effect.high)}
    return tr("The effect when it was chosen: {low} to {high}.", **ends)


def evidence(profile: TunedProfile) -> list[EvidenceLine]:
    """The quantities of the profile beside those of the defaults, without what neither has."""
    before, after = profile.baseline, profile.tuned
    lines = []
    for name, unit, field in (
        ("Decode", "tok/s", "decode_tokens_per_s"),
        ("Prefill", "tok/s", "prefill_tokens_per_s"),
        ("TTFT", "ms", "ttft_ms"),
        ("ITL", "ms", "itl_ms"),
        (tr("Response"), "ms", "response_ms"),
    ):
        old, new = getattr(before, field), getattr(after, field)
        if old is not None or new is not None:
            lines.append(EvidenceLine(f"{name}, {unit}", _value(old), _value(new)))
    if before.peak_memory_bytes or after.peak_memory_bytes:
        lines.append(EvidenceLine(tr("Memory"), memory_text(before), memory_text(after)))
    return lines


def _value(quantity: Quantity | None) -> str:
    return quantity_text(quantity, "").partition(" (")[0].strip()


def memory_text(measured: Measurement) -> str:
    """The highest memory use seen; a dash where it could not be read."""
    peak = measured.peak_memory_bytes
    return bytes_text(max(peak.samples, default=peak.median)) if peak else DASH


def proof_words(profile: TunedProfile) -> str:
    """On what the numbers rest."""
    if profile.baseline_label is None:
        return _taken(profile)
    compared = tr("Compared with settings of yours: {label}.", label=profile.baseline_label)
    return f"{compared}\n{_taken(profile)}"


def _taken(profile: TunedProfile) -> str:
    quantity = profile.tuned.decode_tokens_per_s or profile.tuned.prefill_tokens_per_s
    samples = len(quantity.samples) if quantity else 0
    if _out_of_time(profile):
        return trn("{count} measurement of the defaults.", "{count} measurements of the defaults.", samples)
    if profile.tuned.noisy_samples or profile.baseline.noisy_samples:
        return trn(
            "{count} measurement each of the defaults and of these settings, in turn; "
            "some were disturbed by other programs.",
            "{count} measurements each of the defaults and of these settings, in turn; "
            "some were disturbed by other programs.",
            samples,
        )
    return trn(
        "{count} measurement each of the defaults and of these settings, in turn.",
        "{count} measurements each of the defaults and of these settings, in turn.",
        samples,
    )


def day_text(created_utc: str) -> str:
    """The day in this place's time, such as ``2026-11-23``."""
    try:
        return datetime.fromisoformat(created_utc).astimezone().strftime("%Y-%m-%d")
    except (ValueError, OverflowError):
        return created_utc[:10]


def moment_text(created_utc: str) -> str:
    """Day and time in this place's time, such as ``2026-11-23 18:45``."""
    try:
        return datetime.fromisoformat(created_utc).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return created_utc[:16]
