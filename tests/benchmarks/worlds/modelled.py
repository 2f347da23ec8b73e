"""Own modelled machines: a truth as a function of the settings, costs, and weather over them."""

from __future__ import annotations

import math
import random
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product

from pydantic import ValidationError

from tests.benchmarks.worlds.base import World, wanted
from tests.benchmarks.worlds.weather import Sky, Weather
from tunesmith.domain.blocks import Blocks
from tunesmith.domain.event_base import Part
from tunesmith.domain.machine import Machine
from tunesmith.domain.measurement import Conditions, MemoryUse, Sample
from tunesmith.domain.settings import ChangeCost, Settings
from tunesmith.domain.workload import Workload
from tunesmith.tuning.meter import Job, TrialFailure
from tunesmith.tuning.options import coarse_thread_counts, fine_thread_counts
from tunesmith.tuning.space import baseline_settings

LIVE_PROCESSES = 2
_QUIET = Conditions(foreign_cores=0.0, wait_share=0.0, steal_cores=0.0)
_DISTURBED = Conditions(foreign_cores=1.0, wait_share=0.05, steal_cores=0.0)
_MEMORY = MemoryUse(peak_rss_bytes=2**30, rss_bytes=2**30, pss_bytes=None)


@dataclass(frozen=True, slots=True)
class Rates:
    """The truth of one set of settings on a cold machine, and what heat makes of it."""

    prefill_ns: float
    """Per token."""
    step_ns: float
    hot_prefill: float = 1.0
    """Slowdown when the machine is throttled."""
    hot_decode: float = 1.0


Truth = Callable[[Settings, int], Rates]
"""From settings and the tokens of one prompt, since no batch is longer than the prompt."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What changes cost, seconds; filling the depth comes on top of a context."""

    process: float = 0.3
    load: float = 1.0
    context: float = 0.1
    sample: float = 0.02


class ModelledWorld(World):
    """A machine that we do not have, as its sources say it behaves."""

    def __init__(
        self,
        name: str,
        *,
        source: str,
        machine: Machine,
        workload: Workload,
        axes: Mapping[str, tuple[object, ...]],
        truth: Truth,
        refuses: Callable[[Settings], str] = lambda _settings: "",
        costs: Costs | None = None,
        weather: Weather | None = None,
        baseline: Mapping[str, object] | None = None,
        sustained: bool = False,
        blocks: Blocks | None = None,
    ) -> None:
        """Describe a machine.

        Args:
            name: short, unique.
            source: where the truth comes from, with addresses.
            machine: what the tuner is told of it.
            workload: what is asked of it.
            axes: values by setting; combinations that make no sense are left out of the grid.
            truth: rates by settings.
            refuses: why settings cannot be measured; empty if they can.
            costs: of processes, loads, contexts.
            weather: noise, drift, heat.
            baseline: what the defaults are where they are not llama.cpp's own.
            sustained: the truth is that of the hot machine.
            blocks: what the model's header says of its layers.
        """
        self.name, self.source, self.machine = name, source, machine
        self.baseline = baseline_settings(machine, workload).replace(**(baseline or {}))
        self.request = wanted(workload, axes)
        self.costs = costs or Costs()
        self.weather = weather or Weather()
        self._axes, self._truth, self._refuses, self._sustained = axes, truth, refuses, sustained
        self._changed = baseline
        self.blocks = blocks

    def lighter(self, factor: float) -> ModelledWorld:
        """The same machine with a model that is so many times smaller, and as many times faster."""
        truth = self._truth

        def faster(settings: Settings, prompt: int) -> Rates:
            rates = truth(settings, prompt)
            return replace(rates, prefill_ns=rates.prefill_ns / factor, step_ns=rates.step_ns / factor)

        return ModelledWorld(
            f"{self.name}-small", source=f"{self.source}; a model {factor:g} times smaller",
            machine=self.machine, workload=self.request.workload, axes=self._axes, truth=faster,
            refuses=self._refuses, costs=replace(self.costs, load=self.costs.load / factor),
            weather=self.weather, baseline=self._changed, sustained=self._sustained, blocks=self.blocks,
        )  # fmt: skip

    def refusal(self, settings: Settings) -> str:
        """Why settings cannot be measured; empty if they can."""
        return self._refuses(settings)

    def rates(self, settings: Settings, prompt: int) -> Rates:
        """Cold rates for prompts of that length."""
        return self._truth(settings, prompt)

    def grid(self) -> Iterator[Settings]:
        """The product of the axes, as far as it makes sense; pairs of settings vary together."""
        yield self.baseline
        names = list(self._axes)
        for values in product(*self._axes.values()):
            changes = dict(zip(names, values, strict=True))
            if "n_ubatch" in changes and "n_batch" not in changes:
                changes["n_batch"] = max(self.baseline.n_batch, int(str(changes["n_ubatch"])))
            if "type_k" in changes and "type_v" not in changes:
                changes["type_v"] = changes["type_k"]
            try:
                settings = self.baseline.replace(**changes)
            except ValidationError:
                continue
            bound = settings.cpu_affinity
            if bound is None or max(settings.threads, settings.threads_batch) <= len(bound):
                yield settings

    def true_ns(self, settings: Settings) -> Mapping[Part, float]:
        """See :meth:`~tests.benchmarks.worlds.base.World.true_ns`."""
        if why := self._refuses(settings):
            raise KeyError(why)
        workload = self.request.workload
        rates = self._truth(settings, workload.prompt)
        hot = (rates.hot_prefill, rates.hot_decode) if self._sustained else (1.0, 1.0)
        found: dict[Part, float] = {}
        if workload.prompt:
            found["prefill"] = rates.prefill_ns * hot[0]
        if workload.generate:
            found["decode"] = rates.step_ns * hot[1]
        return found

    def start_seconds(self, settings: Settings) -> tuple[float, float]:
        """See :meth:`~tests.benchmarks.worlds.base.World.start_seconds`."""
        workload = self.request.workload
        depth = self._truth(settings, max(1, workload.depth)).prefill_ns * workload.depth / 1e9
        return self.costs.process + self.costs.load, self.costs.context + depth

    def meter(self, seed: int) -> ModelMeter:
        """See :meth:`~tests.benchmarks.worlds.base.World.meter`."""
        return ModelMeter(self, seed)


@dataclass(slots=True)
class _Process:
    offset: float
    contexts: dict[tuple[object, ...], int] = field(default_factory=dict)
    """Depth filled, by context."""


class ModelMeter:
    """Samples of a modelled machine, in the time that they would take."""

    def __init__(self, world: ModelledWorld, seed: int) -> None:
        self._world = world
        self._sky = Sky(world.weather, random.Random(seed))
        self._processes: OrderedDict[tuple[object, ...], _Process] = OrderedDict()
        self.spent_seconds = 0.0
        self.samples = 0

    def rest(self, seconds: float, *, why: str) -> None:
        """Let time pass."""
        del why
        self.spent_seconds += seconds
        self._sky.rest(seconds)

    def _spend(self, seconds: float) -> None:
        self.spent_seconds += seconds
        self._sky.work(seconds)

    def _ready(self, job: Job) -> float:
        """Start what is not there yet; return what the process has for itself."""
        costs, settings = self._world.costs, job.settings
        key = (job.group, *settings.key(ChangeCost.MODEL))
        refusal = self._world.refusal(settings)
        if key not in self._processes or refusal:
            self._spend(costs.process + costs.load)
        if refusal:
            raise TrialFailure("out_of_memory", refusal)
        if key not in self._processes:
            while len(self._processes) >= LIVE_PROCESSES:
                self._processes.popitem(last=False)
            self._processes[key] = _Process(self._sky.start())
        self._processes.move_to_end(key)
        process = self._processes[key]
        context = settings.key(ChangeCost.CONTEXT)
        if context not in process.contexts:
            self._spend(costs.context)
            process.contexts[context] = 0
        missing = job.workload.depth - process.contexts[context]
        if missing > 0:
            rates = self._world.rates(settings, job.workload.depth)
            self._spend(rates.prefill_ns * missing * job.workload.parallel / 1e9)
            process.contexts[context] = job.workload.depth
        return process.offset

    def _crowd(self, threads: int) -> float:
        return self._sky.crowd(all_cores=threads >= self._world.machine.cpu.usable_cores)

    def sample(self, job: Job) -> Sample:
        """See :meth:`~tunesmith.tuning.meter.Meter.sample`."""
        begun, sky, workload = self.spent_seconds, self._sky, job.workload
        offset = self._ready(job)
        self.samples += 1
        rates = self._world.rates(job.settings, workload.prompt)
        other, noisy = sky.outlier()
        noisy |= sky.notices_crowd()
        common = offset + sky.drift + other
        tokens = workload.prompt * workload.parallel
        hot = sky.hotness
        prefill_ns = None
        if tokens:
            extra = hot * math.log(rates.hot_prefill) + self._crowd(job.settings.threads_batch)
            prefill_ns = round(rates.prefill_ns * tokens * math.exp(common + extra + sky.blur()))
        extra = hot * math.log(rates.hot_decode) + self._crowd(job.settings.threads)
        step = round(rates.step_ns * math.exp(common + extra + sky.blur()))
        steps = (step,) * workload.generate
        self._spend(self._world.costs.sample + ((prefill_ns or 0) + step * workload.generate) / 1e9)
        return Sample.model_construct(
            prefill_tokens=tokens, prefill_ns=prefill_ns, step_ns=steps, sequences=workload.parallel,
            conditions=_DISTURBED if noisy else _QUIET, memory=_MEMORY, noisy=noisy, rejected=0,
            started_mono_ns=round(begun * 1e9), cost_ns=round((self.spent_seconds - begun) * 1e9),
        )  # fmt: skip


def thread_values(machine: Machine, *bindings: tuple[int, ...] | None) -> tuple[int, ...]:
    """Numbers of threads worth a place in a grid: fractions of the cores, of each binding, and between."""
    found = {machine.cpu.llama_default_threads}
    for bound in (None, *bindings):
        coarse = coarse_thread_counts(machine, bound)
        found.update(coarse)
        for held in (*coarse, machine.cpu.llama_default_threads):
            found.update(fine_thread_counts(coarse, held))
    return tuple(sorted(found))
