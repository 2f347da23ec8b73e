"""Own what a soak is: one setting run for minutes or hours, its samples, and what came of its speed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tunesmith.domain.base import Value
from tunesmith.domain.event_base import Part
from tunesmith.domain.measurement import Conditions, Quantity
from tunesmith.domain.power_limit import PowerLimit
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload

CauseName = Literal["heat", "power_limit", "clock", "other_program", "hypervisor", "quota", "not_known"]
"""``clock``: the clock fell, and nothing that was read says why. ``hypervisor``: the CPU was taken away from
outside this virtual machine."""
SoakEnd = Literal["finished", "interrupted", "failed"]

LEAST_SOAK_SECONDS = 2.0
MOST_SOAK_SECONDS = 7 * 86_400.0
DEFAULT_SOAK_SECONDS = 600.0
DEFAULT_SOAK_WORKLOAD = Workload(prompt=512, generate=128)
MOST_KEPT = 240
"""Raw samples of one stretch that a profile carries: it stays a document that is read at once."""


class SoakRequest(Value):
    """One setting, run over and over."""

    model_path: str
    workload: Workload
    settings: Settings
    seconds: float = Field(ge=LEAST_SOAK_SECONDS, le=MOST_SOAK_SECONDS)
    rpc: tuple[str, ...] = ()
    """RPC servers that the user named; only these are ever connected to."""
    power_limit_watts: float | None = Field(default=None, gt=0)
    """What the user says the machine is limited to; it is written beside the result."""


class Throttle(Value):
    """How often control groups held this process back since they began to count."""

    periods: int
    """Periods of the scheduler in which a quota was used up."""
    seconds: float
    """So long threads waited for the next period, added up."""


class SoakSample(Value):
    """One short sample of a soak, raw."""

    part: Part
    begun_s: float
    """Since the soak's first sample began."""
    seconds: float
    """That were timed."""
    tokens: int
    """Over all sequences."""
    tokens_per_s: float
    conditions: Conditions
    throttled_periods: int | None
    """In which a quota of a control group was used up since the sample before; None where not counted."""
    throttled_seconds: float | None
    setting: int = 0
    """Which of the settings compared, from 0; 0 where one was soaked alone."""
    block: int = 0
    """Which of that setting's blocks, from 0; 0 where one was soaked alone."""


class MeanConditions(Value):
    """Conditions of one stretch of time, means of what was read; None where nothing was."""

    foreign_cores: float | None
    steal_cores: float | None
    cpu_mhz: float | None
    temperature_celsius: float | None
    """The highest."""
    package_watts: float | None
    device_mhz: float | None
    device_celsius: float | None
    """The highest of all devices."""
    device_watts: float | None
    """Of all devices together."""
    foreign_utilization: float | None
    """The most that others computed on a device."""
    device_throttled: tuple[str, ...]
    """All reasons that devices gave for holding their clock down."""
    throttled_share: float | None
    """Of the samples, those in whose time a quota was used up."""


class SpeedChange(Value):
    """The speed was another from some moment on."""

    at_s: float
    """When the first sample at the new speed began, since the soak's first sample began."""
    sample: int
    """That sample's number among the part's, from 0."""
    ratio: float
    """The new speed over the one before."""
    low: float
    high: float
    causes: tuple[CauseName, ...]
    """Likely causes, from what was read on either side."""


class KeptPart(Value):
    """The burst and the sustained speed of prefill or of decode, as a profile carries them."""

    part: Part
    burst_tokens_per_s: Quantity
    """Until the first change; of the whole soak where none is claimed. A profile keeps at most
    :data:`MOST_KEPT` of its raw samples, evenly taken from the stretch."""
    sustained_tokens_per_s: Quantity
    """After the last change; kept likewise."""
    drop: float
    """1 less sustained over burst, 0 where no change is claimed; below 0 it became faster."""
    drop_low: float
    drop_high: float
    time_to_throttle_s: float | None
    """Until the first fall; None where the sustained speed is not below the burst."""
    sustained_seconds: float
    """How long the last stretch lasted."""
    settled: bool
    """Whether a steady state was reached: the last stretch is at least a fifth of the soak."""


class SoakPart(KeptPart):
    """What became of the speed of prefill or of decode, with all that tells of it."""

    samples: int
    changes: tuple[SpeedChange, ...]
    burst_conditions: MeanConditions
    sustained_conditions: MeanConditions


class KeptSoak(Value):
    """What a soak of a profile's own settings and workload found, kept in the profile."""

    made_utc: str
    """ISO 8601 with offset."""
    seconds: float
    samples: int
    """That were measured, of all parts."""
    parts: tuple[KeptPart, ...]
    power_limit_watts: float | None = None
    """What the user said the machine was limited to; None where nothing was said."""


class Soaked(Value):
    """What a soak found."""

    settings: Settings
    workload: Workload
    """What was asked for."""
    sampled: dict[Part, Workload]
    """What one sample of each part ran."""
    planned_seconds: float
    seconds: float
    """From the first sample's begin to the last one's end."""
    paused_seconds: float = 0.0
    """Of these, how long it was paused: a machine cools meanwhile."""
    end: SoakEnd
    fault: str
    """What ended it early; empty where nothing did."""
    alpha: float
    """How often at most a change is claimed of a steady speed, over all parts together."""
    least_ratio: float
    """Smaller changes are not claimed."""
    parts: tuple[SoakPart, ...]
    """Those with enough samples."""
    samples: tuple[SoakSample, ...]
    power_limit_watts: float | None = None
    """As given by the user."""
    power_limits: tuple[PowerLimit, ...] = ()
    """As this machine told them when it began."""
