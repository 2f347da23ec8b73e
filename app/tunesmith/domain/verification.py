"""Own the answer to whether a profile still holds: what is compared, and what it takes to say so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, median
from typing import Literal

from pydantic import ConfigDict, Field

from tunesmith.domain.base import Value
from tunesmith.domain.digits import figures, fixed, memory_scale, percent
from tunesmith.domain.measurement import Measurement, Quantity, Sample
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.settings import Settings
from tunesmith.domain.statistics import quantity, student_t_quantile
from tunesmith.domain.workload import Objective, Workload
from tunesmith.wording import tr

Answer = Literal["holds", "drifted", "cannot_tell"]
Cause = Literal["speed", "memory", "constraint", "model", "load", "budget", "spread", "evidence"]

MARGIN = 0.05
"""How much slower than stated counts as the same."""
CONFIDENCE = 0.95
FEWEST = 3
"""Fresh processes below which nothing is said."""
FEWEST_FOR_ALARM = 4
"""So few make two halves that both must show a drift."""
STATED_START_DEVIATION = 0.01
"""What is taken for granted, as a logarithm, of how the stated mean differs from one day to the next; 1% to
2.5% were seen between starts of the same settings on a virtual machine of two cores. The new samples need
none: each has a process of its own, so that theirs is seen."""

_NEVER = 1e9
"""Degrees of freedom where the variance is known, or nil."""


class Difference(Value):
    """Something that is not here as it was where the profile was made."""

    what: str
    """Such as ``memory_gib``, a fact of the machine class, or ``build``."""
    profile: str
    here: str


class VerifiedProfile(Value):
    """Which profile, in short, and what it holds for."""

    id: str
    name: str
    created_utc: str
    objective: Objective
    workload: Workload
    settings: Settings
    model_sha256: str
    model_name: str
    machine_fingerprint: str
    machine_label: str
    build: str


class Verification(Value):
    """``tunesmith verify``: whether a profile holds on a machine, and what that rests on."""

    model_config = ConfigDict(
        extra="ignore", serialize_by_alias=True, validate_by_name=True, validate_by_alias=True
    )  # a later version may say more

    schema_name: Literal["tunesmith.verify/1"] = Field(default="tunesmith.verify/1", alias="schema")
    tunesmith_version: str
    answer: Answer
    cause: Cause | None
    """What the answer rests on if it is not ``holds``."""
    sentence: str
    speed_ratio: Quantity | None
    """What was measured over what is stated, by the profile's objective: below 1 is slower. The interval is
    of the ratio of means and has both uncertainties in it; null where too little was measured."""
    prefill_ratio: Quantity | None
    decode_ratio: Quantity | None
    memory_ratio: Quantity | None
    """Peak memory measured over stated: above 1 is more."""
    margin: float = Field(gt=0, lt=1)
    """How much slower than stated counts as the same; 0.05 is 5%."""
    starts: int = Field(ge=0)
    """Fresh processes that a sample was taken in."""
    disturbed: int = Field(ge=0)
    """How many of them others disturbed; their samples count for nothing."""
    foreign_cores: float | None
    """CPU used by others while it was measured, in cores, the median."""
    profile: VerifiedProfile
    model_matches: bool
    build_matches: bool
    class_matches: bool
    differences: tuple[Difference, ...]
    machine_fingerprint: str
    machine_label: str
    build: str
    measured: Measurement | None
    budget_seconds: float
    seconds: float
    finished_utc: str
    """ISO 8601 with offset."""


class Ruling(Value):
    """An answer with what it rests on."""

    answer: Answer
    cause: Cause | None
    sentence: str


def speeds(measured: Measurement, objective: Objective) -> tuple[float, ...]:
    """Speed of each sample by an objective: requests per second, or tokens per second of one part."""
    match objective.name:
        case "decode":
            return measured.decode_tokens_per_s.samples if measured.decode_tokens_per_s else ()
        case "prefill":
            return measured.prefill_tokens_per_s.samples if measured.prefill_tokens_per_s else ()
        case _:
            return tuple(1e3 / ms for ms in measured.response_ms.samples) if measured.response_ms else ()


def mean_ratio(
    stated: Sequence[float],
    measured: Sequence[float],
    *,
    stated_deviation: float = STATED_START_DEVIATION,
    confidence: float = CONFIDENCE,
) -> Quantity | None:
    """The ratio of two geometric means of positive numbers, measured over stated; None with fewer than two.

    Welch's interval on logarithms: variances s²/n of both means and a known one of the stated mean add up,
    the degrees of freedom are Welch's and Satterthwaite's (Welch 1947, "The generalization of 'Student's'
    problem when several different population variances are involved").

    Args:
        stated: the samples that the profile holds.
        measured: those taken now.
        stated_deviation: what the mean of the stated logarithms differs by from one day to the next.
        confidence: that the interval holds the true ratio.
    """
    if min(len(stated), len(measured)) < 2:
        return None
    before, after = [math.log(value) for value in stated], [math.log(value) for value in measured]
    mean = fmean(after) - fmean(before)
    parts = [(_variance(values) / len(values), len(values) - 1) for values in (before, after)]
    known = stated_deviation**2
    total = known + sum(variance for variance, _ in parts)
    doubt = sum(variance**2 / degrees for variance, degrees in parts)
    degrees = total**2 / doubt if doubt > 0 else _NEVER
    half = student_t_quantile((1 + confidence) / 2, min(degrees, _NEVER)) * math.sqrt(total)
    centre = math.exp(fmean(before))
    return Quantity(
        median=math.exp(mean), low=math.exp(mean - half), high=math.exp(mean + half), confidence=confidence,
        samples=tuple(value / centre for value in measured), noisy=False, interval="mean",
    )  # fmt: skip


def _variance(values: Sequence[float]) -> float:
    mean = fmean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def differences(
    profile: TunedProfile, facts: dict[str, str | int | list[str]], build: str
) -> list[Difference]:
    """What is not here as it was where the profile was made, the build last."""
    names = [name for name in dict.fromkeys((*profile.machine.facts, *facts)) if name != "build"]
    pairs = [(name, profile.machine.facts.get(name), facts.get(name)) for name in names]
    pairs.append(("build", profile.build.label, build))
    return [
        Difference(what=name, profile=_text(before), here=_text(after))
        for name, before, after in pairs
        if before != after
    ]


def _text(fact: str | int | list[str] | None) -> str:
    if fact is None:
        return ""
    return " ".join(fact) if isinstance(fact, list) else str(fact)


def rule(
    profile: TunedProfile,
    stated: Sequence[float],
    measured: Measurement | None,
    new: Sequence[float],
    *,
    margin: float,
) -> Ruling:
    """Say whether a profile holds, from what it states and what was measured undisturbed.

    * *holds*: the interval of the ratio lies above 1 - margin, and so do the constraints.
    * *drifted*: it lies below 1 - margin; both halves of the new samples, in time, are below it; and their
      median is outside the interval that the profile states. Three conditions, since an alarm costs trust.
    * *cannot tell*: neither.

    Args:
        profile: what is verified.
        stated: the speeds it holds.
        measured: the undisturbed samples' summary; None if there are none.
        new: their speeds, in order.
        margin: how much slower counts as the same.
    """
    if len(stated) < 2:
        return Ruling(
            answer="cannot_tell", cause="evidence",
            sentence=tr("The profile holds too few samples to compare with; tune again."),
        )  # fmt: skip
    ratio = mean_ratio(stated, new)
    if measured is None or ratio is None or len(new) < FEWEST:
        return Ruling(answer="cannot_tell", cause="budget", sentence=tr("Too little was measured to tell."))
    broken = _broken(profile, measured)
    if broken:
        return Ruling(
            answer="drifted", cause="constraint",
            sentence=tr("The profile no longer keeps what it promises: {why}.", why=broken),
        )  # fmt: skip
    grown = _grown(profile, measured, margin)
    if grown is not None:
        return grown
    return _rule_speed(stated, new, ratio, margin)


def _rule_speed(stated: Sequence[float], new: Sequence[float], ratio: Quantity, margin: float) -> Ruling:
    low, high, bar = ratio.low or 0.0, ratio.high or math.inf, 1 - margin
    ends = {
        "change": change_words(ratio.median), "low": percent(low - 1, 1, sign=True),
        "high": percent(high - 1, 1, sign=True), "margin": percent(margin),
    }  # fmt: skip
    if low >= bar:
        if low > 1 + margin:
            words = tr("The profile holds, and more: {change} than it states ({low} to {high}).", **ends)
        else:
            words = tr(
                "The profile holds: {change} than it states ({low} to {high}, margin {margin}).", **ends
            )
        return Ruling(answer="holds", cause=None, sentence=words)
    if high < bar and _surely_below(stated, new, bar):
        return Ruling(
            answer="drifted", cause="speed",
            sentence=tr("The profile has drifted: {change} than it states ({low} to {high}).", **ends),
        )  # fmt: skip
    return Ruling(
        answer="cannot_tell", cause="spread",
        sentence=tr(
            "It cannot be told whether the profile holds: {change} than it states, and anything from {low} "
            "to {high} is possible.",
            **ends,
        ),
    )  # fmt: skip


def _surely_below(stated: Sequence[float], new: Sequence[float], bar: float) -> bool:
    """Whether both halves of the new samples show it, and one more measurement would not have been so low."""
    if len(new) < FEWEST_FOR_ALARM:
        return False
    half = len(new) // 2
    centre = fmean(math.log(value) for value in stated)
    halves = (fmean(math.log(value) for value in part) - centre for part in (new[:half], new[half:]))
    if not all(each < math.log(bar) for each in halves):
        return False
    lowest = quantity(stated).low
    return lowest is not None and median(new) < lowest


def change_words(ratio: float) -> str:
    """How much faster or slower, such as ``3.1% slower``."""
    change = percent(abs(ratio - 1), 1)
    return tr("{change} slower", change=change) if ratio < 1 else tr("{change} faster", change=change)


def _broken(profile: TunedProfile, measured: Measurement) -> str:
    """Which constraint is broken, beyond what the samples leave open; empty if none."""
    limits = profile.constraints
    unit, mib = memory_scale("mega")
    for what, value, limit, name, scale in (
        (tr("memory"), measured.peak_memory_bytes, limits.max_memory_bytes, unit, mib),
        ("TTFT", measured.ttft_ms, limits.max_ttft_ms, "ms", 1),
        ("ITL", measured.itl_ms, limits.max_itl_ms, "ms", 1),
    ):
        if value is None or limit is None:
            continue
        low = quantity(value.samples, interval="mean").low
        if low is not None and low > limit:
            return tr(
                "{what} {value} {unit} is above {limit} {unit}", what=what, unit=name,
                value=figures(value.median / scale, 4), limit=figures(limit / scale, 4),
            )  # fmt: skip
    return ""


def _grown(profile: TunedProfile, measured: Measurement, margin: float) -> Ruling | None:
    """Where memory was the objective: whether it takes more than it states."""
    before, after = profile.tuned.peak_memory_bytes, measured.peak_memory_bytes
    if profile.objective.name != "memory" or before is None or after is None:
        return None
    ratio = mean_ratio(before.samples, after.samples, stated_deviation=0.0)
    if ratio is None or ratio.low is None or ratio.low <= 1 + margin:
        return None
    return Ruling(
        answer="drifted", cause="memory",
        sentence=tr("The profile has drifted: it takes {ratio} times the memory that it states.",
                    ratio=fixed(ratio.median, 2)),
    )  # fmt: skip


def undisturbed(samples: Sequence[Sample]) -> list[Sample]:
    """The samples that others left alone."""
    return [sample for sample in samples if not sample.noisy]
