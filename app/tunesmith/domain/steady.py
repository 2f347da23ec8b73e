"""Own what a comparison at steady state is: settings in long blocks by turns, and what each of them held."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tunesmith.domain.base import Value
from tunesmith.domain.event_base import Part
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.power_limit import PowerLimit
from tunesmith.domain.settings import Settings
from tunesmith.domain.soak import (
    LEAST_SOAK_SECONDS,
    MOST_SOAK_SECONDS,
    MeanConditions,
    SoakEnd,
    SoakSample,
)
from tunesmith.domain.workload import Workload

SteadyMeasure = Literal["prefill", "decode", "request"]
"""``request`` is all tokens of the workload, prompt and answer, over the time that both parts take."""

MOST_COMPARED = 6
"""With more, too little time is left for each."""
LEAST_BLOCKS = 2
MOST_BLOCKS = 100


class ComparedSetting(Value):
    """One of the settings to compare."""

    label: str
    """As the user names it, such as ``threads=1``."""
    settings: Settings


class SteadyRequest(Value):
    """Several settings, run by turns."""

    model_path: str
    workload: Workload
    compared: tuple[ComparedSetting, ...] = Field(min_length=2, max_length=MOST_COMPARED)
    """The first is what the others are compared with."""
    seconds: float = Field(ge=LEAST_SOAK_SECONDS, le=MOST_SOAK_SECONDS)
    """For all of them together."""
    blocks: int | None = Field(default=None, ge=LEAST_BLOCKS, le=MOST_BLOCKS)
    """Of each setting; None goes by the time there is."""
    rpc: tuple[str, ...] = ()
    power_limit_watts: float | None = Field(default=None, gt=0)
    """What the user says the machine is limited to."""

    @model_validator(mode="after")
    def _check(self) -> SteadyRequest:
        if len({one.label for one in self.compared}) < len(self.compared):
            msg = "two of the settings are named alike"
            raise ValueError(msg)
        return self


class SteadyBlock(Value):
    """One setting's turn."""

    setting: int
    """Which, from 0."""
    round: int
    """In each round every setting has one turn."""
    begun_s: float
    """Since the comparison's first sample began."""
    seconds: float
    warm_up_seconds: dict[Part, float]
    """So much of it is not counted: to the last change of speed in it, and a third of it at least."""
    counted: dict[Part, int]
    """Samples after that."""
    settled: bool
    """Whether it lasted 30 seconds, a fifth of it or more is counted, and a change would have been seen."""
    burst_tokens_per_s: dict[SteadyMeasure, float]
    """Until the first change of speed in it."""
    sustained_tokens_per_s: dict[SteadyMeasure, float]
    """Tokens over time of what is counted."""
    joules_per_token: dict[SteadyMeasure, float]
    """Of what is counted, all that was drawn; missing where sensors do not tell."""


class SteadySpeed(Value):
    """What one setting did over its blocks, each of which is one value."""

    measure: SteadyMeasure
    burst_tokens_per_s: Quantity
    sustained_tokens_per_s: Quantity
    joules_per_token: Quantity | None
    """None where sensors do not tell it of every block."""


class SteadySetting(Value):
    """One of the settings compared, and what it held."""

    label: str
    settings: Settings
    speeds: tuple[SteadySpeed, ...]
    settled: bool
    """Whether every block of it reached a steady state."""
    conditions: MeanConditions
    """While it was counted."""


class SteadyRatio(Value):
    """The sustained speed of one setting over that of another, in pairs of blocks of one round."""

    measure: SteadyMeasure
    setting: int
    against: int
    ratio: Quantity
    """All ratios of one measure together hold with the comparison's confidence, so each is surer."""


class SteadyFindings(Value):
    """What a comparison found."""

    confidence: float
    """With which all ratios of one measure hold together."""
    measure: SteadyMeasure
    """What decides: the request where both parts were run."""
    rounds: int
    """Complete ones; others do not count."""
    settings: tuple[SteadySetting, ...]
    ratios: tuple[SteadyRatio, ...]
    """Of every pair, the later one over the earlier one."""
    holds_most: int | None
    """The setting that is proven to hold more than each other one."""
    holds_more: tuple[int, ...]
    """Those that are proven to hold more than the first one."""
    holds_less: tuple[int, ...]
    """Those that are proven to hold less than the first one."""
    joules_reason: str
    """Why there are no joules per token; empty where there are."""


class SteadyCompared(Value):
    """A comparison as it went."""

    compared: tuple[ComparedSetting, ...]
    workload: Workload
    """What was asked for."""
    sampled: dict[Part, Workload]
    """What one sample of each part ran, the same for all settings."""
    planned_seconds: float
    seconds: float
    """From the first sample's begin to the last one's end."""
    planned_blocks: int
    """Of each setting."""
    block_seconds: float
    end: SoakEnd
    fault: str
    """What ended it early; empty where nothing did."""
    alpha: float
    """How often at most a change is claimed of a steady speed in one block."""
    least_ratio: float
    """Smaller changes within a block are not claimed."""
    reloads: bool
    """Whether the model was loaded anew for blocks: memory does not hold it so often."""
    findings: SteadyFindings | None
    """None where not even one round is complete."""
    blocks: tuple[SteadyBlock, ...]
    """Of complete rounds, in the order they were run."""
    samples: tuple[SoakSample, ...]
    power_limit_watts: float | None = None
    """As given by the user."""
    power_limits: tuple[PowerLimit, ...] = ()
    """As this machine told them when it began."""
