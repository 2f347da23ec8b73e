"""Own the tuned profile: settings and the evidence for them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tunesmith.domain.base import Value
from tunesmith.domain.cost import PricedCost
from tunesmith.domain.energy import Energy
from tunesmith.domain.machine import Build, MachineClass
from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.model import ModelIdentity
from tunesmith.domain.quality import Quality
from tunesmith.domain.settings import Settings
from tunesmith.domain.soak import KeptSoak
from tunesmith.domain.steady import SteadyFindings, SteadySetting
from tunesmith.domain.workload import Constraints, Objective, Workload

Outcome = Literal["improved", "defaults_are_best", "budget_spent", "infeasible"]


class Change(Value):
    """One setting that differs from the baseline, and what it does."""

    setting: str
    before: str
    after: str
    effect: Quantity | None
    """Ratio of speed after to before, from the race that decided it; None if it was not raced alone."""


class Guarantee(Value):
    """How much better than the chosen settings any candidate that was measured may be."""

    margin: float = Field(gt=0)
    """What was asked for: a shortfall below this does not matter; 0.02 is 2%."""
    bound: float | None = Field(ge=0)
    """With the given confidence no candidate is better by more than this; None where nothing is proven."""
    confidence: float = Field(gt=0, lt=1)
    candidates: int = Field(ge=1)
    """How many settings were measured, the chosen ones and the defaults among them."""

    @property
    def holds(self) -> bool:
        """Whether what was asked for is proven."""
        return self.bound is not None and self.bound <= self.margin


class DeviceRoom(Value):
    """What stayed free of a device while the chosen settings were confirmed."""

    name: str
    total_bytes: int
    least_free_bytes: int
    margin_bytes: int
    """What is kept free; a candidate that leaves less is passed over."""


class Safety(Value):
    """What was really run before the settings were kept, and what memory that left."""

    longest_prompt_tokens: int
    """Of one sequence: what stood in the context before and what was read, all of it."""
    context_tokens: int
    devices: tuple[DeviceRoom, ...]
    """Those that the model lay on; empty where none tells what is free of it."""


class FitComparison(Value):
    """llama.cpp's own ``--fit``, as a second baseline."""

    settings: Settings
    """What it would set here: its rules, on memory that is projected from the header."""
    same_as: Literal["baseline", "tuned"] | None
    """Where these are settings that were measured anyway."""
    measured: Measurement | None
    """None where they could not be measured, or there was no time."""
    speedup: Quantity | None
    """Ratio of the kept settings to theirs in what was made best; None where that was not measured."""


class MeasuredQuality(Value):
    """What the model's quantization costs, against the source that it was made from."""

    source_sha256: str
    source_quantization: str
    text_name: str
    text_sha256: str
    measures: Quality


class TunedProfile(Value):
    """Model, machine class, workload and objective with the settings that won and the evidence."""

    id: str
    name: str
    created_utc: str
    """ISO 8601 with offset."""
    tunesmith_version: str
    run_id: str
    outcome: Outcome
    model: ModelIdentity
    machine: MachineClass
    build: Build
    workload: Workload
    objective: Objective
    constraints: Constraints
    settings: Settings
    speedup: Quantity
    """Ratio against the baseline by the objective; above 1 is better."""
    baseline: Measurement
    tuned: Measurement
    changes: tuple[Change, ...]
    guarantee: Guarantee | None = None
    """None in profiles of earlier versions."""
    quality: MeasuredQuality | None = None
    """None where it was not measured in the same run."""
    safety: Safety | None = None
    """None in profiles of earlier versions."""
    fit: FitComparison | None = None
    """None where no device is there, or nothing could be projected."""
    baseline_energy: Energy | None = None
    """Of the samples that confirmed the baseline; None where nothing was watched and no watts were given."""
    tuned_energy: Energy | None = None
    steady: SteadyFindings | None = None
    """What the finalists held at steady state; None where sustained speed was not the objective."""
    soak: KeptSoak | None = None
    """Burst and sustained speed of the tuned settings; None until they were soaked to the end."""
    projected_memory_bytes: int | None = Field(default=None, ge=0)
    """What the tuned settings were reckoned to need before anything was loaded; None where it was not."""
    cost: PricedCost | None = None
    """What tokens cost, at the prices of whoever exported the profile; None where nobody named any."""
    source_url: str | None = None
    """Where the model can be had; None where nobody said."""
    baseline_label: str | None = None
    """What the baseline was read from; None where it is llama.cpp's defaults."""
    notes: str = ""

    @property
    def held(self) -> SteadySetting | None:
        """What the tuned settings held at steady state; None where that was not compared."""
        found = () if self.steady is None else self.steady.settings
        return next((one for one in found if one.settings == self.settings), None)
