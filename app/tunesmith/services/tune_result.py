"""Own what a tune returns, and the sentence that says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.domain.digits import fixed, percent
from tunesmith.domain.gain import faster_sentence
from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.profile import Change, FitComparison, Guarantee, Outcome, Safety, TunedProfile
from tunesmith.domain.request import TuneRequest
from tunesmith.errors import InfeasibleError
from tunesmith.services.context import Surroundings
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.bandwidth import DecodeLimit
    from tunesmith.domain.energy import Energy
    from tunesmith.domain.model import ModelIdentity
    from tunesmith.domain.steady import SteadyFindings
    from tunesmith.domain.throughput import PrefillLimit
    from tunesmith.domain.tradeoff import Tradeoff

_TELLING = 10.0
"""A bound on a ratio beyond this tells nothing."""


@dataclass(frozen=True, slots=True)
class TuneResult:
    """How a tune ended."""

    request: TuneRequest
    run_id: str
    outcome: Outcome
    profile: TunedProfile | None
    baseline: Measurement
    tuned: Measurement
    speedup: Quantity
    changes: tuple[Change, ...]
    guarantee: Guarantee
    trials: int
    seconds: float
    sentence: str
    model: ModelIdentity
    surroundings: Surroundings
    baseline_limit: DecodeLimit
    tuned_limit: DecodeLimit
    baseline_prefill_limit: PrefillLimit | None = None
    tuned_prefill_limit: PrefillLimit | None = None
    steady: SteadyFindings | None = None
    """What the finalists held, where sustained speed was the objective."""
    safety: Safety | None = None
    fit: FitComparison | None = None
    baseline_energy: Energy | None = None
    """Of the samples that confirmed the baseline; None where nothing was watched and nothing given."""
    tuned_energy: Energy | None = None
    tradeoff: Tradeoff | None = None
    """What the candidates are worth, one measure against another; None where nothing was raced."""
    projected_memory_bytes: int | None = None
    """What the settings kept were reckoned to need of all memory before; None where it is not known."""


class TuneInfeasible(InfeasibleError):
    """Nothing satisfies the constraints; carries what was measured."""

    def __init__(self, result: TuneResult) -> None:
        super().__init__(
            f"{result.sentence}.",
            unharmed=tr("All samples are kept in run {run}.", run=result.run_id),
            todo=tr("Loosen the constraints or choose a smaller model."),
        )
        self.result = result


def improvement_sentence(speedup: Quantity, request: TuneRequest) -> str:
    """The result in one sentence a person can repeat."""
    sentence = faster_sentence(request.objective.name, fixed(speedup.median, 2))
    if speedup.low is None or speedup.high is None:
        return sentence
    return tr(
        "{sentence}, {share} sure of {low}–{high}",
        sentence=sentence, share=percent(speedup.confidence), low=fixed(speedup.low, 2),
        high=fixed(speedup.high, 2),
    )  # fmt: skip
