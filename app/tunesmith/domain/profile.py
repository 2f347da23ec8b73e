"""Own the tuned profile: settings and the evidence for them."""

from __future__ import annotations

from typing import Literal

from tunesmith.domain.base import Value
from tunesmith.domain.machine import Build, MachineClass
from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.model import ModelIdentity
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Constraints, Objective, Workload

Outcome = Literal["improved", "defaults_are_best", "budget_spent", "infeasible"]


class Change(Value):
    """One setting that differs from the baseline, and what it does."""

    setting: str
    before: str
    after: str
    effect: Quantity | None
    """Ratio of speed after to before, from the race that decided it; None if it was not raced alone."""


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
    notes: str = ""
