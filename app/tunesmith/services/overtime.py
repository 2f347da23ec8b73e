"""Own when a sample under way is given up: beside a burning core it may take a hundred times as long."""

from __future__ import annotations

import time
from collections.abc import Callable

from tunesmith.domain.measurement import Sample

TIMES = 8.0
"""So many times as long as the longest undisturbed sample, and one is not waited for beyond the budget."""
BUDGETS = 3.0
"""The same in budgets, where nothing undisturbed is known: a large model may take its time."""


class Overtime:
    """Watches the sample under way once the budget is spent; before that each may take its time."""

    def __init__(self, budget_seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._budget_seconds = budget_seconds
        self._clock = clock
        self._began: float | None = None
        self._spent_seconds = 0.0
        self._longest_seconds = 0.0
        self.given_up = False
        """Whether the sample under way, or the last one, was found to be hopeless."""

    def begin(self, spent_seconds: float) -> None:
        """A sample is begun.

        Args:
            spent_seconds: what the run has spent of its budget before it.
        """
        self._spent_seconds, self._began = spent_seconds, self._clock()
        self.given_up = False

    def end(self, sample: Sample | None = None) -> None:
        """It is over; None if it failed."""
        self._began = None
        if sample is not None and not sample.noisy:
            self._longest_seconds = max(self._longest_seconds, sample.cost_ns / 1e9)

    def hopeless(self) -> bool:
        """Whether the sample under way is to be stopped."""
        if self._began is None:
            return False
        took = self._clock() - self._began
        known = self._longest_seconds
        limit = TIMES * known if known else BUDGETS * self._budget_seconds
        if self._spent_seconds + took > self._budget_seconds and took > limit:
            self.given_up = True
        return self.given_up
