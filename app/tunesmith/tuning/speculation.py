"""Own the tuning of draft lengths: what to expect of each, which to measure, what a measurement says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from tunesmith.domain.measurement import Quantity
from tunesmith.domain.speculation import (
    NGRAMS,
    Acceptance,
    CostCurve,
    Plan,
    acceptance,
    expected_speedup,
    lookup_cycles,
    model_cycles,
)
from tunesmith.domain.statistics import quantity
from tunesmith.tuning.confirm import WIDE_SPREAD

SpeculationOutcome = Literal["faster", "plain_is_best", "not_proven", "too_noisy"]

CONFIDENCE = 0.95
"""That all intervals of a measurement hold together."""
_LOOKUP_LENGTHS = (2, 3, 4, 6, 8, 12, 15, 24, 32, 48, 63)
_ALIKE = 1.4
"""Draft lengths closer than this ratio are told apart by nothing but much patience."""


@dataclass(frozen=True, slots=True)
class KnownText:
    """A prompt, and how the target goes on with it."""

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    predicted: tuple[int, ...] = ()
    """By the draft model, for each of the tokens; empty without one."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan would do on the texts at hand. The counts are exact, the speedup is an estimate."""

    plan: Plan
    acceptance: Acceptance
    speedup: float


def draft_estimates(
    texts: Sequence[KnownText], wanted: int, *, max_length: int, target: CostCurve, draft: CostCurve
) -> list[Estimate]:
    """Every draft length of a draft model, from 1 on."""
    found = []
    for length in range(1, max_length + 1):
        cycles = [
            (len(text.tokens), model_cycles(text.tokens, text.predicted, wanted, length)) for text in texts
        ]
        plan = Plan(drafter="draft", length=length)
        found.append(Estimate(plan, acceptance(cycles), expected_speedup(cycles, target, draft)))
    return found


def lookup_estimates(
    texts: Sequence[KnownText], wanted: int, *, max_length: int, target: CostCurve, also: Sequence[int] = ()
) -> list[Estimate]:
    """Prompt lookup by several numbers of tokens in a row and draft lengths, those of ``also`` included."""
    lengths = sorted({length for length in _LOOKUP_LENGTHS if length < max_length} | {max_length, *also})
    found = []
    for ngram in NGRAMS:
        for length in lengths:
            if length < ngram:  # then nothing is ever drafted
                continue
            cycles = [
                (
                    len(text.tokens),
                    lookup_cycles(text.prompt, text.tokens, wanted, ngram=ngram, length=length),
                )
                for text in texts
            ]
            plan = Plan(drafter="lookup", length=length, ngram=ngram)
            found.append(Estimate(plan, acceptance(cycles), expected_speedup(cycles, target, None)))
    return found


def shortlist(estimates: Iterable[Estimate], count: int) -> list[Estimate]:
    """The most promising, at most ``count``, leaving out what would hardly differ from a better one."""
    ordered = sorted(estimates, key=lambda e: (-e.speedup, e.plan.length, -e.plan.ngram))
    chosen: list[Estimate] = []
    for estimate in ordered:
        if len(chosen) == count:
            break
        if not any(_alike(estimate, other) for other in chosen):
            chosen.append(estimate)
    return chosen


def _alike(one: Estimate, other: Estimate) -> bool:
    if one.plan.drafter != other.plan.drafter:
        return False
    if one.acceptance == other.acceptance:
        return True
    lengths = sorted((one.plan.length, other.plan.length))
    return one.plan.ngram == other.plan.ngram and lengths[1] < _ALIKE * lengths[0]


def speedups(
    plain: Sequence[float], others: dict[str, Sequence[float]], noisy: dict[str, bool]
) -> dict[str, Quantity]:
    """How many times as fast as plain decoding each is, from speeds measured side by side, round by round.

    Student's interval for the geometric mean of the rounds' ratios. How many rounds there are was fixed
    before the first; there are as many intervals as plans, and each errs with its share of 5% only, so that
    with 95% confidence all of them hold, also that of the plan that came out best (Bonferroni).

    Args:
        plain: tokens/s of plain decoding, by round.
        others: the same of each plan, by label.
        noisy: by label, whether others disturbed most of its rounds.
    """
    confidence = 1 - (1 - CONFIDENCE) / max(1, len(others))
    return {
        label: quantity(
            [mine / base for mine, base in zip(speeds, plain, strict=True)],
            confidence=confidence, interval="mean", noisy=noisy[label],
        )
        for label, speeds in others.items()
    }  # fmt: skip


def judge(found: dict[str, Quantity]) -> tuple[SpeculationOutcome, str]:
    """What the measurement says, and the label of the fastest plan that drafts.

    A plan wins if it is proven faster than plain decoding; of several, the one with the highest median.

    Raises:
        ValueError: nothing was measured.
    """
    if not found:
        msg = "nothing was measured"
        raise ValueError(msg)
    proven = {label: ratio for label, ratio in found.items() if ratio.low is not None and ratio.low > 1}
    among = proven or found
    fastest = max(among, key=lambda label: among[label].median)
    if proven:
        return "faster", fastest
    if all(ratio.high is not None and ratio.high < 1 for ratio in found.values()):
        return "plain_is_best", fastest
    if any(_tells_nothing(ratio) for ratio in found.values()):
        return "too_noisy", fastest
    return "not_proven", fastest


def _tells_nothing(ratio: Quantity) -> bool:
    """Whether an interval holds 1 and so much beside it that the question is open."""
    if ratio.low is None or ratio.high is None:
        return True
    return ratio.low <= 1 <= ratio.high and math.log(ratio.high / ratio.low) > WIDE_SPREAD
