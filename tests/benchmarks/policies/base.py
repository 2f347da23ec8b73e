"""Own what a search policy is, and how those that start a program per trial measure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

from tests.benchmarks.worlds.base import CountingMeter, World
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.tuning.meter import Job, TrialFailure


@dataclass(frozen=True, slots=True)
class Choice:
    """What a policy chose, and what that took."""

    settings: Settings
    bound: float | None
    """Said to be within this, as a logarithm, of the best of ``considered``; None if nothing is said."""
    seconds: float
    samples: int
    considered: tuple[Settings, ...] = ()
    blind: bool = False
    """Whether it says that the machine was too noisy to tell."""


class Policy(Protocol):
    """A way to search."""

    @property
    def name(self) -> str:
        """Unique."""

    @property
    def unavailable(self) -> str:
        """Why it cannot run here; empty if it can."""

    @property
    def slow(self) -> bool:
        """Whether it takes seconds of real time to think: fewer replays then."""

    def search(
        self, world: World, meter: CountingMeter, seed: int, budget_seconds: float = math.inf
    ) -> Choice:
        """Choose settings of a world, paying for all that is measured through its meter.

        Args:
            world: what there is to choose from; its truth is not looked at.
            meter: fresh.
            seed: the same seed, with a meter of the same seed, gives the same choice.
            budget_seconds: no sample is begun after that many.
        """


class OutOfTime(Exception):
    """The budget is spent."""


class Trials:
    """Trials as programs do them that start llama-bench once for each: one mean per trial.

    Every trial is a process of its own: it starts, loads the model, makes a context, runs the workload
    once unmeasured (llama-bench's warm-up) and ``repetitions`` times measured. They are granted the
    objective that is asked for, the response, though the programs themselves take tokens per second.
    """

    def __init__(
        self, world: World, meter: CountingMeter, *, budget_seconds: float, repetitions: int
    ) -> None:
        self._workload: Workload = world.request.workload
        self._meter = meter
        self._budget = budget_seconds
        self._repetitions = repetitions
        self.best: tuple[float, Settings] | None = None
        """The best mean so far: requests per second, and their settings."""
        self.count = 0

    def run(self, settings: Settings) -> float:
        """Requests per second: the inverse of the mean response; 0 if it fails.

        Raises:
            OutOfTime: the budget is spent.
        """
        self.count += 1
        found: list[float] = []
        for repetition in range(self._repetitions + 1):
            if self._meter.spent_seconds >= self._budget:
                raise OutOfTime
            job = Job(
                stage="trial", candidate=f"trial {self.count}", round=self.count, attempt=0,
                position=repetition, settings=settings, workload=self._workload,
                group=f"trial-{self.count}",
            )  # fmt: skip
            try:
                sample = self._meter.sample(job)
            except TrialFailure:
                return 0.0
            if repetition:
                prefill = sample.prefill_ns or 0
                found.append((prefill + (sample.step_ns_mean or 0.0) * self._workload.generate) / 1e9)
        speed = 1 / fmean(found)
        if self.best is None or speed > self.best[0]:
            self.best = (speed, settings)
        return speed

    def choice(self, world: World) -> Choice:
        """The best so far; the baseline if nothing could be measured."""
        settings = world.baseline if self.best is None else self.best[1]
        return Choice(settings, None, self._meter.spent_seconds, self._meter.samples)
