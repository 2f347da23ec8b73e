"""Own this project's search as a policy."""

from __future__ import annotations

import math
from typing import Literal

from tests.benchmarks.policies.base import Choice
from tests.benchmarks.worlds.base import CountingMeter, World
from tunesmith.domain.workload import BUDGETS
from tunesmith.tuning.meter import TrialFailure
from tunesmith.tuning.tuner import Tuner


class Ours:
    """The tuner, without the confirmation that follows it in a real tune.

    One live process per set of model settings. Its budget keeps the confirmation's part, as always.
    """

    unavailable = ""
    slow = False

    def __init__(self, budget: Literal["quick", "standard", "thorough"]) -> None:
        self.name = f"ours, {budget}"
        self._budget = BUDGETS[budget]

    def search(
        self, world: World, meter: CountingMeter, seed: int, budget_seconds: float = math.inf
    ) -> Choice:
        """See :meth:`~tests.benchmarks.policies.base.Policy.search`."""
        budget = self._budget.model_copy(update={"seconds": min(self._budget.seconds, budget_seconds)})
        tuner = Tuner(
            world.request.model_copy(update={"budget": budget, "seed": seed}),
            baseline=world.baseline, machine=world.machine, meter=meter, emit=lambda _event: None,
            blocks=world.blocks,
        )  # fmt: skip
        try:
            result = tuner.search(world.baseline)
        except TrialFailure:
            return Choice(world.baseline, None, meter.spent_seconds, meter.samples)
        known = result.considered
        considered = tuple(dict.fromkeys((*known.settings, *result.looked_at)))
        return Choice(
            result.settings, known.bound, meter.spent_seconds, meter.samples, considered,
            blind=bool(result.blind),
        )  # fmt: skip
