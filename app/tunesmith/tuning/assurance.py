"""Own the last race: what holds against all that is not yet proven to be hardly better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tunesmith.domain.event_base import Part
from tunesmith.domain.request import TuneRequest
from tunesmith.domain.settings import ChangeCost, Settings
from tunesmith.domain.surface import part_settings
from tunesmith.tuning.changes import differing
from tunesmith.tuning.considered import Candidate
from tunesmith.tuning.forecast import Forecast
from tunesmith.tuning.heats import Heats
from tunesmith.tuning.meter import TrialFailure
from tunesmith.tuning.narration import assurance_sentence
from tunesmith.tuning.objective import Scorer
from tunesmith.tuning.race import Arm
from tunesmith.tuning.result import SearchResult
from tunesmith.tuning.rounds import Course, Rounds
from tunesmith.tuning.setting_text import format_setting
from tunesmith.wording import tr

STAGE = "assurance"
TITLE = tr("Whether anything else is better")


def assure(
    result: SearchResult, course_over: Callable[[frozenset[Part], bool], Course], *, request: TuneRequest,
    heats: Heats, rounds: Rounds, scorer: Scorer, forecast: Forecast, alpha: float, failed: dict[str, str],
) -> None:  # fmt: skip
    """Race what holds against every candidate that may be better by more than the margin.

    Those that differ only in what one part of the workload depends on are raced over that part. One that is
    proven better after all is adopted, and the rest are raced against it. Each race has half of the error
    probability that is left.

    Args:
        result: the search so far.
        course_over: over what to race, by parts and by whether batch sizes differ.
        request: whose margin and budget hold.
        heats: holds the races.
        rounds: knows what share the parts have.
        scorer: knows what the objective is about.
        forecast: says what there is time for.
        alpha: error probability for all of it.
        failed: why settings could not be measured, by digest; added to.
    """
    stage, raced = STAGE, set[str]()
    while still := [
        candidate
        for candidate in result.considered.open(request.margin, result.settings)
        if candidate.settings.digest not in failed and candidate.settings.digest not in raced
    ]:
        parts = _parts(still[0], result.settings, scorer)
        still = [one for one in still if _parts(one, result.settings, scorer) == parts]
        course = replace(
            course_over(parts, any(one.settings.n_ubatch != result.settings.n_ubatch for one in still)),
            stage=stage,
        )
        raced.update(one.settings.digest for one in still)
        while still and not forecast.affords(
            len(still) + 1, course.workload, loads=_loads(still, result.settings)
        ):
            still.pop()
        if not still:
            continue
        alpha /= 2
        holding = Arm(tr("what was chosen"), result.settings)
        arms = [holding, *(_arm(candidate, result.settings, parts) for candidate in still)]
        holding.scores = [0.0] * max(len(arm.scores) for arm in arms)
        holding.gains = list(holding.scores)
        share = rounds.share(parts)
        race = heats.line_up(arms, alpha=alpha, max_rounds=2 * request.budget.max_rounds, share=share)
        heats.begin(course.stage, TITLE, race)
        try:
            heats.run(race, course, TITLE)
        except TrialFailure:
            return
        winner = race.winner()
        result.considered.take(
            race, winner, whole=scorer.parts <= parts, parts=parts, share=rounds.share(parts)
        )
        failed.update((arm.settings.digest, arm.why) for arm in arms if arm.state == "failed")
        sentence = assurance_sentence(
            result.considered.bound, margin=request.margin, candidates=len(result.considered)
        )
        heats.end(course.stage, race, winner, sentence)
        stage = f"{stage}-again"
        if winner is not holding:
            heats.adopt(result, race, winner)
            raced.clear()


def _parts(candidate: Candidate, holding: Settings, scorer: Scorer) -> frozenset[Part]:
    """The parts over which a candidate may differ from what holds."""
    measured = scorer.measured_parts
    if scorer.bent:
        return measured
    parallel = scorer.workload.parallel
    found = {
        part
        for part in measured
        if part_settings(candidate.settings, part, parallel=parallel)
        != part_settings(holding, part, parallel=parallel)
    }
    return frozenset(found) or measured


def _loads(candidates: list[Candidate], holding: Settings) -> int:
    """How often a round of these beside what holds loads the model, where two may be loaded at once."""
    models = {one.key(ChangeCost.MODEL) for one in (holding, *(c.settings for c in candidates))}
    return len(models) if len(models) > 2 else 0


def _arm(candidate: Candidate, holding: Settings, parts: frozenset[Part]) -> Arm:
    """An arm that goes on from what was measured of it beside the same settings.

    An interval at a count of values holds with the probability it has by itself, whatever was decided by
    the same values before; only the error probability is spent anew.
    """
    arm = Arm(difference_text(candidate.settings, holding), candidate.settings)
    if candidate.against == holding.digest and candidate.parts == parts:
        arm.scores = list(candidate.leads)
        arm.gains = list(candidate.leads)
    return arm


def difference_text(settings: Settings, holding: Settings) -> str:
    """What differs from what holds, such as ``threads 1, flash_attn off``."""
    return ", ".join(
        f"{name} {format_setting(getattr(settings, name))}" for name in differing(holding, settings)
    )
