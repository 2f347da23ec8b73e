"""Own what it takes to say that a profile holds, or has drifted, and the words for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, median

from tunesmith.domain.base import Value
from tunesmith.domain.digits import figures, fixed, memory_scale, percent
from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.statistics import quantity, student_t_quantile
from tunesmith.domain.verification import Answer, Cause, speeds
from tunesmith.wording import tr

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


class Ruling(Value):
    """An answer with what it rests on."""

    answer: Answer
    cause: Cause | None
    sentence: str


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


class InTurn(Value):
    """The profile against its baseline, each pair of samples taken one after the other."""

    baseline_ratio: Quantity
    """The baseline's speed measured over stated."""
    speedup_ratio: Quantity
    """The speedup measured over stated."""
    speedups: tuple[float, ...]
    """Of each pair."""


def in_turn(profile: TunedProfile, pairs: Sequence[tuple[float, float]]) -> InTurn | None:
    """Compare a speedup with the stated one; None where either is of too few pairs.

    What slows the whole machine slows both sides of a pair and leaves the speedup as it is.

    Args:
        profile: what is verified.
        pairs: speeds of the baseline and of the profile.
    """
    if len(pairs) < FEWEST:
        return None
    speedups = tuple(tuned / baseline for baseline, tuned in pairs)
    before = speeds(profile.baseline, profile.objective)
    baseline = mean_ratio(before, [baseline for baseline, _ in pairs])
    speedup = mean_ratio(profile.speedup.samples, speedups)
    if baseline is None or speedup is None:
        return None
    return InTurn(baseline_ratio=baseline, speedup_ratio=speedup, speedups=speedups)


def rule(
    profile: TunedProfile,
    stated: Sequence[float],
    measured: Measurement | None,
    new: Sequence[float],
    *,
    margin: float,
    compared: InTurn | None = None,
) -> Ruling:
    """Say whether a profile holds, from what it states and what was measured undisturbed.

    * *holds*: the interval of the ratio lies above 1 - margin, and so do the constraints. Or the ratio leaves
      it open, and the interval of the speedup's ratio lies there: the machine is restless, the settings give
      what they gave.
    * *drifted*: it lies below 1 - margin; both halves of the new samples, in time, are below it; and their
      median is outside the interval that the profile states. Three conditions, since an alarm costs trust.
      The cause is the machine where its baseline has become slower too and the speedup is as stated.
    * *cannot tell*: neither.

    Args:
        profile: what is verified.
        stated: the speeds it holds.
        measured: the undisturbed samples' summary; None if there are none.
        new: their speeds, in order.
        margin: how much slower counts as the same.
        compared: the profile against its baseline; None if that was not measured.
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
    found = _rule_speed(stated, new, ratio, margin)
    if compared is None or found.answer == "holds":
        return found
    return _rule_in_turn(profile, compared, ratio, found, margin)


def _rule_speed(stated: Sequence[float], new: Sequence[float], ratio: Quantity, margin: float) -> Ruling:
    """What the speed says by itself."""
    low, bar = ratio.low or 0.0, 1 - margin
    ends = _ends(ratio)
    if low >= bar:
        if low > 1 + margin:
            words = tr("The profile holds, and more: {change} than it states ({low} to {high}).", **ends)
        else:
            words = tr(
                "The profile holds: {change} than it states ({low} to {high}, margin {margin}).",
                margin=percent(margin), **ends,
            )  # fmt: skip
        return Ruling(answer="holds", cause=None, sentence=words)
    if _surely_below(stated, new, ratio, bar):
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


def _rule_in_turn(
    profile: TunedProfile, compared: InTurn, ratio: Quantity, alone: Ruling, margin: float
) -> Ruling:
    """What the comparison with the baseline adds where the speed alone does not say that a profile holds."""
    bar, speedup, baseline = 1 - margin, compared.speedup_ratio, compared.baseline_ratio
    stated = profile.speedup.median
    words = {
        "now": fixed(stated * speedup.median, 2), "stated": fixed(stated, 2),
        "change": change_words(ratio.median), "baseline": change_words(baseline.median),
    }  # fmt: skip
    kept = (speedup.low or 0.0) >= bar
    if alone.answer == "drifted" and kept and (baseline.high or math.inf) < bar:
        return Ruling(
            answer="drifted", cause="machine",
            sentence=tr(
                "The machine has become slower, not the settings: {change} than the profile states, and its "
                "baseline {baseline}. Measured in turn they are {now} times as fast as that, {stated} "
                "stated.",
                **words,
            ),
        )  # fmt: skip
    if alone.answer == "cannot_tell" and kept:
        return Ruling(
            answer="holds", cause=None,
            sentence=tr(
                "The profile holds against its baseline, measured in turn: {now} times as fast, {stated} "
                "stated. The speed itself varies: anything from {low} to {high} is possible.",
                **(words | _ends(ratio)),
            ),
        )  # fmt: skip
    if alone.answer == "cannot_tell" and _surely_below(
        profile.speedup.samples, compared.speedups, speedup, bar
    ):
        return Ruling(
            answer="drifted", cause="speed",
            sentence=tr(
                "The profile has drifted against its baseline, measured in turn: {now} times as fast, "
                "{stated} stated.",
                **words,
            ),
        )  # fmt: skip
    return alone


def _ends(ratio: Quantity) -> dict[str, str]:
    """A ratio and its interval for a sentence."""
    low, high = ratio.low or 0.0, ratio.high or math.inf
    return {
        "change": change_words(ratio.median), "low": percent(low - 1, 1, sign=True),
        "high": percent(high - 1, 1, sign=True),
    }  # fmt: skip


def _surely_below(stated: Sequence[float], new: Sequence[float], ratio: Quantity, bar: float) -> bool:
    """Whether their ratio, and both halves of the new samples, lie below a bar and outside what is stated."""
    if len(new) < FEWEST_FOR_ALARM or (ratio.high or math.inf) >= bar:
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
