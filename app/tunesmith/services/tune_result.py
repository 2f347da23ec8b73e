"""Own what a tune returns, and the sentence that says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.profile import Change, Outcome, TunedProfile
from tunesmith.domain.request import TuneRequest
from tunesmith.errors import InfeasibleError
from tunesmith.services.context import Surroundings

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
            unharmed=f"All samples are kept in run {result.run_id}.",
            todo="Loosen the constraints or choose a smaller model.",
        )
        self.result = result


def improvement_sentence(speedup: Quantity, request: TuneRequest) -> str:
    """The result in one sentence a person can repeat."""
    subject = {
        "response": "Answers come",
        "decode": "Tokens come",
        "prefill": "Prompts are read",
        "throughput": "Requests are served",
        "memory": "It needs less memory; answers come",
    }[request.objective.name]
    if speedup.low is None or speedup.high is None:
        return f"{subject} {speedup.median:.2f} times as fast as with llama.cpp's defaults"
    return (
        f"{subject} {speedup.median:.2f} times as fast as with llama.cpp's defaults, "
        f"{speedup.confidence:.0%} sure of {speedup.low:.2f}–{speedup.high:.2f}"
    )
