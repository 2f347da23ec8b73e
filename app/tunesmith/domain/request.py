"""Own what a run was asked to do: enough to start it again."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tunesmith.domain.base import Value
from tunesmith.domain.energy import GivenPower
from tunesmith.domain.settings import CacheType, Settings
from tunesmith.domain.workload import Budget, Constraints, Objective, Workload


class SearchRules(Value):
    """What the tuner may change."""

    vary: tuple[str, ...] | None = None
    """Names of settings; None lets the tuner choose."""
    fix: dict[str, str] = {}
    """Settings held at a value, by name."""
    cache_types: tuple[CacheType, ...] = ("f16", "q8_0")
    """Cache types the user accepts; nothing less precise is ever tried."""


class KnownSettings(Value):
    """Settings that won before, under a name for people."""

    label: str
    settings: Settings


class GivenBaseline(Value):
    """A configuration of the user's own that is to be beaten, instead of llama.cpp's defaults."""

    label: str
    """What it was read from, for people."""
    settings: dict[str, bool | int | float | str | tuple[int | float | str, ...] | None]
    """Only what it states; the rest is as llama.cpp has it by itself."""


class TuneRequest(Value):
    """Everything that decides how a tune goes, but for the machine's answers."""

    model_path: str
    workload: Workload
    objective: Objective
    constraints: Constraints
    budget: Budget
    rules: SearchRules
    preset: str | None
    seed: int
    confidence: float = Field(default=0.95, gt=0, lt=1)
    margin: float = Field(default=0.02, gt=0, lt=1)
    """Differences below this are a tie; 0.02 is 2%."""
    warm_start: bool = True
    """Whether what the store knows of this machine class may be tried first."""
    known: tuple[KnownSettings, ...] = ()
    """What it knew when the run began, so that a resumed run walks the same way."""
    rpc: tuple[str, ...] = ()
    """RPC servers that the user named; only these are ever connected to."""
    devices: tuple[str, ...] = ()
    """Devices that layers may be put on; all if none is named."""
    fitted: Settings | None = None
    """What llama.cpp's own --fit would set when the run began; None without a device, or where unknown."""
    baseline: GivenBaseline | None = None
    """What is compared with; llama.cpp's defaults if None."""
    energy: bool = True
    """Whether sensors of power are read, and the idle machine before."""
    given_power: GivenPower | None = None
    """What the user says the machine draws."""


class MeasureRequest(Value):
    """One workload under one set of settings."""

    model_path: str
    workload: Workload
    settings: Settings
    repetitions: int = Field(default=5, ge=1, le=10_000)
    warmup: bool = True
    rpc: tuple[str, ...] = ()
    """RPC servers that the user named; only these are ever connected to."""
    energy: bool = True
    """Whether sensors of power are read, and the idle machine before."""
    given_power: GivenPower | None = None
    """What the user says the machine draws."""


RunKind = Literal["tune", "measure"]
