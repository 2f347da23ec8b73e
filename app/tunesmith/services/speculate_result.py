"""Own what speculation is asked for and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith.domain.measurement import Quantity
from tunesmith.domain.model import ModelIdentity
from tunesmith.domain.settings import Settings
from tunesmith.domain.speculation import (
    PLAIN,
    Acceptance,
    Plan,
)
from tunesmith.services.context import Surroundings
from tunesmith.tuning.speculation import (
    Estimate,
    SpeculationOutcome,
)


@dataclass(frozen=True, slots=True)
class SpeculateRequest:
    """What is to be found out."""

    model_path: str
    settings: Settings
    draft_path: str | None = None
    text_path: str | None = None
    """None for the text that ships."""
    tokens: int = 64
    """Generated after each beginning."""
    prompts: int = 4
    """Beginnings cut from the text."""
    prompt_tokens: int = 128
    """Of each beginning."""
    rounds: int = 6
    max_length: int = 15
    lengths: tuple[int, ...] | None = None
    """Draft lengths to measure; None for those that promise most."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a text with drafts left the plain one."""

    prompt: int
    """Which beginning, from 0."""
    token: int
    """Which generated token, from 0."""
    gap: float | None
    """By how much the plain token's logit led the next one's; None if it is not known."""


@dataclass(frozen=True, slots=True)
class MeasuredPlan:
    """A plan really run on all beginnings, several rounds."""

    plan: Plan
    acceptance: Acceptance
    """Of one round."""
    tokens_per_s: Quantity
    draft_share: float
    """Of the time, what drafting took."""
    differences: tuple[Difference, ...]
    """Of the first round."""


@dataclass(frozen=True, slots=True)
class SpeculateResult:
    """What was found."""

    request: SpeculateRequest
    settings: Settings
    draft_settings: Settings | None
    model: ModelIdentity
    draft: ModelIdentity | None
    surroundings: Surroundings
    prompt_lengths: tuple[int, ...]
    text_lengths: tuple[int, ...]
    """Tokens generated after each beginning."""
    curve: dict[int, Quantity]
    """Seconds of a batch of the target, by its tokens."""
    draft_curve: dict[int, Quantity]
    estimates: tuple[Estimate, ...]
    plain: MeasuredPlan
    measured: tuple[MeasuredPlan, ...]
    """Fastest first."""
    speedups: dict[str, Quantity]
    """Against plain decoding, by the plan's label."""
    outcome: SpeculationOutcome
    fastest: MeasuredPlan
    prompt_seconds: float
    """Median of reading a beginning, once."""
    draft_prompt_seconds: float
    """The same by the draft model, which reads it too; 0 without one."""
    seconds: float

    @property
    def best(self) -> Plan:
        """How to generate: the fastest plan if it is proven faster than plain decoding, else plainly."""
        return self.fastest.plan if self.outcome == "faster" else PLAIN
