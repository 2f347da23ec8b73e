"""Own the policies without memory: the whole grid, random trials, and one setting after another."""

from __future__ import annotations

import math
import random
from contextlib import suppress
from itertools import groupby
from statistics import fmean

from tests.benchmarks.policies.base import Choice, OutOfTime, Trials
from tests.benchmarks.worlds.base import ROUNDS, CountingMeter, World
from tunesmith.domain.event_base import Part
from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import ChangeCost, Settings
from tunesmith.domain.surface import part_settings
from tunesmith.domain.workload import Workload
from tunesmith.tuning.meter import Job, TrialFailure

RANDOM_TRIALS = 45
BENCH_REPETITIONS = 5
"""llama-bench's default, ``-r 5``."""


class Exhaustive:
    """Every setting of the grid, in three interleaved rounds; the best mean of the logarithms.

    It knows which part depends on which setting, measures each part once a round, and does so in one
    live process per set of model settings: the cheapest exhaustive search there is.
    """

    name = "exhaustive, by part"
    unavailable = ""
    slow = False

    def search(
        self, world: World, meter: CountingMeter, seed: int, budget_seconds: float = math.inf
    ) -> Choice:
        """See :meth:`~tests.benchmarks.policies.base.Policy.search`."""
        order = random.Random(seed)
        plan = _plan(world)
        cells = list(dict.fromkeys(cell for parts in plan.values() for cell in parts))
        found: dict[tuple[Part, Settings], list[float]] = {}
        cells.sort(key=lambda cell: repr(cell[1].key(ChangeCost.MODEL)))
        with suppress(OutOfTime):
            for _model, group in groupby(cells, key=lambda cell: repr(cell[1].key(ChangeCost.MODEL))):
                _measure(world, meter, list(group), found, order, budget_seconds)
        totals = {
            settings: sum(_seconds(world, part, found[part, key]) for part, key in parts)
            for settings, parts in plan.items()
            if all(found.get(cell) for cell in parts)
        }
        best = min(totals, key=totals.__getitem__) if totals else world.baseline
        return Choice(best, None, meter.spent_seconds, meter.samples)


def _plan(world: World) -> dict[Settings, tuple[tuple[Part, Settings], ...]]:
    """The cells that each setting of the grid needs."""
    workload = world.request.workload
    parts: list[Part] = []
    if workload.prompt:
        parts.append("prefill")
    if workload.generate:
        parts.append("decode")
    return {
        one: tuple((part, part_settings(one, part, parallel=workload.parallel)) for part in parts)
        for one in world.settings()
    }


def _measure(
    world: World, meter: CountingMeter, cells: list[tuple[Part, Settings]],
    found: dict[tuple[Part, Settings], list[float]], order: random.Random, budget_seconds: float,
) -> None:  # fmt: skip
    """Measure cells in rounds; those that fail are not tried again."""
    whole = world.request.workload
    failed: set[tuple[Part, Settings]] = set()
    for number in range(ROUNDS):
        order.shuffle(cells)
        for position, (part, settings) in enumerate(cells):
            if (part, settings) in failed:
                continue
            if meter.spent_seconds >= budget_seconds:
                raise OutOfTime
            workload = Workload(
                prompt=whole.prompt if part == "prefill" else 0,
                generate=whole.generate if part == "decode" else 0,
                depth=whole.depth, parallel=whole.parallel,
            )  # fmt: skip
            job = Job(
                stage=f"grid-{part}", candidate="", round=number, attempt=0, position=position,
                settings=settings, workload=workload,
            )  # fmt: skip
            try:
                sample = meter.sample(job)
            except TrialFailure:
                failed.add((part, settings))
                continue
            found.setdefault((part, settings), []).append(math.log(_unit(sample, part)))


def _unit(sample: Sample, part: Part) -> float:
    value = sample.prefill_ns_per_token if part == "prefill" else sample.step_ns_mean
    assert value
    return value


def _seconds(world: World, part: Part, logs: list[float]) -> float:
    workload = world.request.workload
    tokens = workload.prompt * workload.parallel if part == "prefill" else workload.generate
    return math.exp(fmean(logs)) * tokens / 1e9


class RandomTrials:
    """Settings drawn from the grid, without replacement; the best mean of llama-bench's repetitions."""

    unavailable = ""
    slow = False

    def __init__(self, trials: int = RANDOM_TRIALS, repetitions: int = 3) -> None:
        self.name = f"random, {trials} trials"
        self._trials, self._repetitions = trials, repetitions

    def search(
        self, world: World, meter: CountingMeter, seed: int, budget_seconds: float = math.inf
    ) -> Choice:
        """See :meth:`~tests.benchmarks.policies.base.Policy.search`."""
        grid = world.settings()
        drawn = random.Random(seed).sample(grid, min(self._trials, len(grid)))
        trials = Trials(world, meter, budget_seconds=budget_seconds, repetitions=self._repetitions)
        with suppress(OutOfTime):
            for settings in drawn:
                trials.run(settings)
        return trials.choice(world)


class CoordinateSweep:
    """One setting after another, as a person does it with llama-bench: the best single mean is kept.

    From the defaults; each value is one run of llama-bench with its own 5 repetitions; what was found
    best of one setting holds while the next is swept; once through all.
    """

    name = "coordinate sweep"
    unavailable = ""
    slow = False

    def search(
        self, world: World, meter: CountingMeter, seed: int, budget_seconds: float = math.inf
    ) -> Choice:
        """See :meth:`~tests.benchmarks.policies.base.Policy.search`."""
        del seed
        trials = Trials(world, meter, budget_seconds=budget_seconds, repetitions=BENCH_REPETITIONS)
        with suppress(OutOfTime):
            trials.run(world.baseline)
            for dimension in world.dimensions:
                held = world.baseline if trials.best is None else trials.best[1]
                for value in dimension.values:
                    settings = world.choose({dimension.name: value}, held)
                    if settings is not None and settings != held:
                        trials.run(settings)
        return trials.choice(world)
