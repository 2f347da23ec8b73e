"""Own the last race: what holds against all that is not yet proven to be hardly better."""

from __future__ import annotations

from dataclasses import replace

from tunesmith.domain.request import TuneRequest
from tunesmith.domain.settings import ChangeCost, Settings
from tunesmith.tuning.changes import differing
from tunesmith.tuning.considered import Candidate
from tunesmith.tuning.forecast import Forecast
from tunesmith.tuning.heats import Heats
from tunesmith.tuning.meter import TrialFailure
from tunesmith.tuning.narration import assurance_sentence
from tunesmith.tuning.race import Arm
from tunesmith.tuning.result import SearchResult
from tunesmith.tuning.rounds import Course
from tunesmith.tuning.setting_text import format_setting
from tunesmith.wording import tr

STAGE = "assurance"
TITLE = tr("Whether anything else is better")


def assure(
    result: SearchResult, course: Course, *, request: TuneRequest, heats: Heats, forecast: Forecast,
    alpha: float, failed: dict[str, str],
) -> None:  # fmt: skip
    """Race what holds against every candidate that may be better by more than the margin.

    One that is proven better after all is adopted, and the rest are raced against it, at half of the
    error probability that is left.

    Args:
        result: the search so far.
        course: over what to race.
        request: whose margin and budget hold.
        heats: holds the race.
        forecast: says what there is time for.
        alpha: error probability for all of it.
        failed: why settings could not be measured, by digest; added to.
    """
    while still := [
        candidate
        for candidate in result.considered.open(request.margin, result.settings)
        if candidate.settings.digest not in failed
    ]:
        while still and not forecast.affords(
            len(still) + 1, course.workload, loads=_loads(still, result.settings)
        ):
            still.pop()
        if not still:
            return
        alpha /= 2
        holding = Arm(tr("what was chosen"), result.settings)
        arms = [holding, *(_arm(candidate, result.settings) for candidate in still)]
        holding.scores = [0.0] * max(len(arm.scores) for arm in arms)
        holding.gains = list(holding.scores)
        race = heats.line_up(arms, alpha=alpha, max_rounds=2 * request.budget.max_rounds)
        heats.begin(course.stage, TITLE, race)
        try:
            heats.run(race, course, TITLE)
        except TrialFailure:
            return
        winner = race.winner()
        result.considered.take(race, winner, whole=True)
        failed.update((arm.settings.digest, arm.why) for arm in arms if arm.state == "failed")
        sentence = assurance_sentence(
            result.considered.bound, margin=request.margin, candidates=len(result.considered)
        )
        heats.end(course.stage, race, winner, sentence)
        if winner is holding:
            return
        heats.adopt(result, race, winner)
        course = replace(course, stage=f"{course.stage}-again")


def _loads(candidates: list[Candidate], holding: Settings) -> int:
    """How often a round of these beside what holds loads the model, where two may be loaded at once."""
    models = {one.key(ChangeCost.MODEL) for one in (holding, *(c.settings for c in candidates))}
    return len(models) if len(models) > 2 else 0


def _arm(candidate: Candidate, holding: Settings) -> Arm:
    """An arm that goes on from what was measured of it beside the same settings.

    An interval at a count of values holds with the probability it has by itself, whatever was decided by
    the same values before; only the error probability is spent anew.
    """
    arm = Arm(difference_text(candidate.settings, holding), candidate.settings)
    if candidate.against == holding.digest:
        arm.scores = list(candidate.leads)
        arm.gains = list(candidate.leads)
    return arm


def difference_text(settings: Settings, holding: Settings) -> str:
    """What differs from what holds, such as ``threads 1, flash_attn off``."""
    return ", ".join(
        f"{name} {format_setting(getattr(settings, name))}" for name in differing(holding, settings)
    )
