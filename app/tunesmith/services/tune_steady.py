"""Own how a tune for sustained speed ends: finalists compared at steady state, in a word and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.services.baseline import baseline_name
from tunesmith.services.tune_outcome import nothing_gained
from tunesmith.services.tune_result import improvement_sentence
from tunesmith.tuning.finalists import finalists
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.measurement import Measurement, Quantity
    from tunesmith.domain.profile import Change, Outcome
    from tunesmith.domain.request import TuneRequest
    from tunesmith.domain.settings import Settings
    from tunesmith.domain.steady import SteadyFindings
    from tunesmith.tuning.result import SearchResult
    from tunesmith.tuning.steady_confirm import SteadyConfirmer


@dataclass(frozen=True, slots=True)
class SteadyEnd:
    """What is kept."""

    before: Measurement
    after: Measurement
    speedup: Quantity
    changes: tuple[Change, ...]
    outcome: Outcome
    sentence: str
    steady: SteadyFindings


def steady_end(
    request: TuneRequest, run_id: str, baseline: Settings, result: SearchResult, confirmer: SteadyConfirmer
) -> SteadyEnd | None:
    """Compare the finalists; None where there is only the baseline.

    Raises:
        NoisyMachineError: the search could not tell for noise, and nothing was found to hold more.
        TrialFailure: the baseline cannot be measured.
        Interrupted: the user stopped the run.
    """
    named = finalists(result, baseline, request.rules, baseline_label=baseline_name(request.baseline))
    if len(named) == 1:
        return None
    found = confirmer.compare(named)
    before, kept = found.measured[0], found.finalists[found.chosen]
    after = found.measured[found.chosen]
    if found.chosen:
        outcome: Outcome = "budget_spent" if result.budget_spent else "improved"
        sentence = improvement_sentence(found.speedup, request)
        if result.budget_spent:
            sentence = tr("{sentence}; the budget ran out before everything was tried", sentence=sentence)
    else:
        outcome, sentence = nothing_gained(request, run_id, before, result)
        if outcome == "defaults_are_best":
            sentence = tr(
                "{baseline} are best here: other settings won, but {why}",
                baseline=baseline_name(request.baseline), why=found.why,
            )  # fmt: skip
    if not found.settled and outcome != "infeasible":
        sentence = tr("{sentence}; no steady state was seen, give it more time", sentence=sentence)
    return SteadyEnd(before, after, found.speedup, kept.changes, outcome, sentence, found.findings)
