"""Own what a race tells while it runs and when it is over."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import fmean

from tunesmith.domain.digits import percent
from tunesmith.domain.event_base import Part
from tunesmith.domain.events import CandidateStanding, Event
from tunesmith.domain.workload import ObjectiveName
from tunesmith.tuning.objective import Scorer
from tunesmith.tuning.race import Arm, Race
from tunesmith.wording import tr, trn


def tell_standing(emit: Callable[[Event], None], stage: str, race: Race, arm: Arm) -> None:
    """Tell where an arm stands against what held when the race began."""
    holding = race.arms[0]
    low = high = None
    ratio = 1.0
    if arm is not holding and arm.gains:
        ratio = math.exp(fmean(a - b for a, b in zip(arm.gains, holding.gains, strict=False)))
        bounds = race.gain_interval(arm)
        if all(map(math.isfinite, bounds)):
            low, high = (math.exp(max(-50.0, min(50.0, bound))) for bound in bounds)
    emit(
        CandidateStanding(
            stage=stage, candidate=arm.label, rounds=len(arm.scores), ratio=ratio, low=low, high=high,
            state=arm.state, why=arm.why,
        )
    )  # fmt: skip


def answer_sentence(
    race: Race, winner: Arm, *, scorer: Scorer, parts: frozenset[Part], memory: Mapping[str, int | None],
    cut_short: bool,
) -> str:  # fmt: skip
    """The answer to a question.

    Args:
        race: the finished race.
        winner: its winner.
        scorer: what it was scored by.
        parts: the parts it looked at.
        memory: peak memory in bytes by the settings' digest, where it is known.
        cut_short: whether the time ran out.
    """
    holding = race.arms[0]
    if winner is holding:
        if cut_short:
            return trn(
                "{label} kept: the time ran out after {count} round",
                "{label} kept: the time ran out after {count} rounds",
                race.rounds, label=holding.label,
            )  # fmt: skip
        return trn(
            "{label} kept: nothing better was proven in {count} round",
            "{label} kept: nothing better was proven in {count} rounds",
            race.rounds, label=holding.label,
        )  # fmt: skip
    speed = _gain(race, winner, parts & scorer.parts, scorer.objective.name)
    before, after = (memory.get(arm.settings.digest) for arm in (holding, winner))
    if scorer.objective.name == "memory" and before and after:
        return tr(
            "{label} needs {saved} less memory and {speed}",
            label=winner.label, saved=percent(1 - after / before), speed=speed,
        )  # fmt: skip
    return f"{winner.label} {speed}"


def assurance_sentence(bound: float, *, margin: float, candidates: int) -> str:
    """What is proven of all candidates together.

    Args:
        bound: the most by which any may be better than what holds, as a logarithm.
        margin: what was asked for, a ratio; 0.02 is 2%.
        candidates: how many were measured.
    """
    if bound <= math.log1p(margin):
        return trn(
            "within {margin} of the best of {count} candidate",
            "within {margin} of the best of {count} candidates",
            candidates, margin=percent(margin, 1),
        )  # fmt: skip
    if not math.isfinite(bound) or bound > 1:
        return tr("the time ran out before this could be told")
    return tr(
        "the time ran out: another of {count} candidates may be up to {bound} better",
        bound=percent(math.expm1(bound), 1), count=candidates,
    )  # fmt: skip


def _gain(race: Race, winner: Arm, parts: frozenset[Part], objective: ObjectiveName) -> str:
    low, high = (math.expm1(bound) for bound in race.gain_interval(winner))
    gain = math.expm1(fmean(a - b for a, b in zip(winner.gains, race.arms[0].gains, strict=False)))
    values = {
        "gain": percent(abs(gain), 1),
        "low": percent(low, 1, sign=True),
        "high": percent(high, 1, sign=True),
    }
    if objective == "efficiency":
        return (
            tr("makes {gain} more tokens of a joule ({low} to {high})", **values)
            if gain >= 0
            else tr("makes {gain} fewer tokens of a joule ({low} to {high})", **values)
        )
    if objective == "cost":
        return (
            tr("makes {gain} more tokens for the same money ({low} to {high})", **values)
            if gain >= 0
            else tr("makes {gain} fewer tokens for the same money ({low} to {high})", **values)
        )
    if parts == {"prefill"}:
        return (
            tr("prefills {gain} faster ({low} to {high})", **values)
            if gain >= 0
            else tr("prefills {gain} slower ({low} to {high})", **values)
        )
    if parts == {"decode"}:
        return (
            tr("decodes {gain} faster ({low} to {high})", **values)
            if gain >= 0
            else tr("decodes {gain} slower ({low} to {high})", **values)
        )
    return (
        tr("is {gain} faster ({low} to {high})", **values)
        if gain >= 0
        else tr("is {gain} slower ({low} to {high})", **values)
    )
