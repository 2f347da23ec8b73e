"""Own the search policies that are compared."""

from __future__ import annotations

from tests.benchmarks.policies.base import Choice, Policy
from tests.benchmarks.policies.dyno import HillClimb
from tests.benchmarks.policies.grids import CoordinateSweep, Exhaustive, RandomTrials
from tests.benchmarks.policies.optuna_samplers import OptunaPolicy
from tests.benchmarks.policies.ours import Ours

__all__ = ["Choice", "Policy", "all_policies"]


def all_policies() -> tuple[Policy, ...]:
    """All of them, this project's first."""
    return (
        Ours("quick"),
        Ours("standard"),
        Exhaustive(),
        RandomTrials(),
        OptunaPolicy("TPE"),
        OptunaPolicy("GP"),
        HillClimb(),
        CoordinateSweep(),
    )
