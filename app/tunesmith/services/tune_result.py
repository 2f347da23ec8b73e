"""Own what a tune returns, and the sentence that says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.domain.digits import fixed, percent
from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.profile import Change, Outcome, TunedProfile
from tunesmith.domain.request import TuneRequest
from tunesmith.domain.workload import ObjectiveName
from tunesmith.errors import InfeasibleError
from tunesmith.services.context import Surroundings
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.model import ModelIdentity


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
    trials: int
    seconds: float
    sentence: str
    model: ModelIdentity
    surroundings: Surroundings


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


def faster_sentence(objective: ObjectiveName, ratio: str) -> str:
    """How much faster than the defaults, in words that fit what was to be made best."""
    match objective:
        case "response":
            return tr("Answers come {ratio} times as fast as with llama.cpp's defaults", ratio=ratio)
        case "decode":
            return tr("Tokens come {ratio} times as fast as with llama.cpp's defaults", ratio=ratio)
        case "prefill":
            return tr("Prompts are read {ratio} times as fast as with llama.cpp's defaults", ratio=ratio)
        case "throughput":
            return tr("Requests are served {ratio} times as fast as with llama.cpp's defaults", ratio=ratio)
        case "memory":
            return tr(
                "It needs less memory; answers come {ratio} times as fast as with llama.cpp's defaults",
                ratio=ratio,
            )
