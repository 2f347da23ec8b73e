"""Own how a tune ends that keeps the baseline, in a word and a sentence."""

from __future__ import annotations

from tunesmith.domain.measurement import Measurement
from tunesmith.domain.profile import Outcome
from tunesmith.domain.request import TuneRequest
from tunesmith.errors import NoisyMachineError
from tunesmith.services.baseline import baseline_name
from tunesmith.tuning.confirm import broken_constraints
from tunesmith.tuning.result import SearchResult
from tunesmith.wording import tr, trn


def nothing_gained(
    request: TuneRequest, run_id: str, baseline: Measurement, result: SearchResult
) -> tuple[Outcome, str]:
    """How a tune ends that keeps the defaults.

    Raises:
        NoisyMachineError: it cannot be told whether they are best.
    """
    broken = broken_constraints(baseline, request.constraints)
    if broken:
        return "infeasible", tr("Nothing satisfies the constraints: {why}", why="; ".join(broken))
    if result.blind:
        raise too_noisy(run_id, tr("no answer for {questions}", questions=", ".join(result.blind)))
    if result.budget_spent:
        if request.baseline is not None:
            return "budget_spent", tr(
                "The budget ran out before anything better than your settings was proven"
            )
        return "budget_spent", tr("The budget ran out before anything better than the defaults was proven")
    return "defaults_are_best", trn(
        "{baseline} are best here: the {count} candidate was not proven better",
        "{baseline} are best here: none of {count} candidates was proven better",
        result.candidates,
        baseline=baseline_name(request.baseline),
    )


def too_noisy(run_id: str, why: str) -> NoisyMachineError:
    """The error that says so."""
    return NoisyMachineError(
        tr("The machine was too noisy to tell: {why}.", why=why),
        unharmed=tr("All samples are kept in run {run}.", run=run_id),
        todo=tr("Close other programs and tune again."),
    )
