"""Own what the user does with a model, and what should be made best."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tunesmith.domain.base import Value
from tunesmith.domain.prices import Prices

ObjectiveName = Literal[
    "response", "decode", "prefill", "throughput", "memory", "efficiency", "cost", "sustained"
]
"""``sustained`` is the speed of a response that a machine holds once it is warm."""

CTX_PADDING = 256
"""llama.cpp rounds a context up to a multiple of this."""


class Workload(Value):
    """What one request does, in tokens, and how many run at once."""

    prompt: int = Field(ge=0, le=2**20)
    """New tokens to prefill."""
    generate: int = Field(ge=0, le=2**20)
    """Tokens to decode after the prompt, per sequence."""
    depth: int = Field(default=0, ge=0, le=2**20)
    """Tokens already in the context before the prompt, per sequence."""
    parallel: int = Field(default=1, ge=1, le=256)
    """Sequences that run at once."""

    @model_validator(mode="after")
    def _check(self) -> Workload:
        if self.prompt + self.generate == 0:
            msg = "a workload needs prompt or generated tokens"
            raise ValueError(msg)
        return self

    @property
    def tokens_per_sequence(self) -> int:
        """Context that one sequence fills."""
        return self.depth + self.prompt + self.generate

    @property
    def n_ctx(self) -> int:
        """Context that all sequences need together, padded as llama.cpp does."""
        per_sequence = -(-self.tokens_per_sequence // CTX_PADDING) * CTX_PADDING
        return per_sequence * self.parallel

    @property
    def label(self) -> str:
        """Such as ``prompt=512,generate=128,depth=0,parallel=1``: what ``--workload`` reads."""
        return f"prompt={self.prompt},generate={self.generate},depth={self.depth},parallel={self.parallel}"


class Objective(Value):
    """What is made best."""

    name: ObjectiveName = "response"
    max_slowdown: float = Field(default=0.05, ge=0, le=10)
    """For ``memory``: how much slower than the defaults the response may become; 0.05 is 5%."""
    prices: Prices | None = None
    """For ``cost``: what tokens are paid with."""

    @property
    def of_speed(self) -> bool:
        """Whether it is made best by time alone."""
        return self.name not in ("memory", "efficiency", "cost")

    @property
    def takes_energy(self) -> bool:
        """Whether candidates' energy has to be known."""
        return self.name == "efficiency" or (
            self.name == "cost" and self.prices is not None and self.prices.takes_energy
        )


class Constraints(Value):
    """What must hold; None where nothing is asked."""

    max_memory_bytes: int | None = Field(default=None, gt=0)
    max_ttft_ms: float | None = Field(default=None, gt=0)
    max_itl_ms: float | None = Field(default=None, gt=0)


class Budget(Value):
    """How long a tune may take."""

    name: Literal["quick", "standard", "thorough", "custom"]
    seconds: float = Field(gt=0)
    max_rounds: int = Field(ge=3)
    """Most interleaved rounds per question."""
    passes: int = Field(ge=1)
    """How often all questions are gone through, stopping early when nothing changes."""


BUDGETS: dict[str, Budget] = {
    "quick": Budget(name="quick", seconds=90, max_rounds=16, passes=1),
    "standard": Budget(name="standard", seconds=300, max_rounds=24, passes=1),
    "thorough": Budget(name="thorough", seconds=1200, max_rounds=40, passes=2),
}


class Preset(Value):
    """A named workload with its objective and constraints."""

    name: str
    title: str
    description: str
    workload: Workload
    objective: Objective = Objective()
    constraints: Constraints = Constraints()
