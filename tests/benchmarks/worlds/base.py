"""Own what a policy is tried on: a grid of settings whose truth is known, and meters that sample it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from tunesmith.domain.blocks import Blocks
from tunesmith.domain.event_base import Part
from tunesmith.domain.machine import Machine
from tunesmith.domain.request import SearchRules, TuneRequest
from tunesmith.domain.settings import ChangeCost, Settings
from tunesmith.domain.surface import part_settings
from tunesmith.domain.workload import BUDGETS, Constraints, Objective, Workload
from tunesmith.tuning.meter import Meter

ROUNDS = 3
"""So often an exhaustive search measures each setting."""
TOGETHER = (("n_batch", "n_ubatch"), ("type_k", "type_v"))
"""Settings that only make sense in certain pairs: one dimension."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One choice to make: the values that one setting, or a pair of them, can have."""

    names: tuple[str, ...]
    values: tuple[tuple[object, ...], ...]
    """In the order of the grid; each as long as ``names``."""

    @property
    def name(self) -> str:
        """Such as ``n_batch+n_ubatch``."""
        return "+".join(self.names)


class CountingMeter(Meter, Protocol):
    """A meter that can say how many samples it took."""

    samples: int


def wanted(workload: Workload, vary: Iterable[str]) -> TuneRequest:
    """What is asked for: the fastest response, over these settings alone."""
    return TuneRequest(
        model_path="/models/benchmark.gguf",
        workload=workload,
        objective=Objective(name="response"),
        constraints=Constraints(),
        budget=BUDGETS["standard"],
        rules=SearchRules(vary=tuple(vary)),
        preset=None,
        seed=0,
    )


class World(ABC):
    """A machine with a model and a workload, of which every setting's true speed is known."""

    name: str
    source: str
    """Where its truth comes from."""
    machine: Machine
    baseline: Settings
    request: TuneRequest
    """With the standard budget; policies put in what they need."""
    blocks: Blocks | None = None
    """What the model's header says of its layers, where some device might hold them."""

    @abstractmethod
    def meter(self, seed: int) -> CountingMeter:
        """A meter with fresh processes; the same seed answers the same questions alike."""

    @abstractmethod
    def grid(self) -> Iterable[Settings]:
        """All settings there are to choose from, measurable or not, the baseline among them."""

    @abstractmethod
    def true_ns(self, settings: Settings) -> Mapping[Part, float]:
        """The truth: nanoseconds per prompt token and per decoding step.

        Raises:
            KeyError: these settings cannot be measured, or are not known.
        """

    @abstractmethod
    def start_seconds(self, settings: Settings) -> tuple[float, float]:
        """What a fresh process with the model, and a fresh context with its depth, cost."""

    def settings(self) -> tuple[Settings, ...]:
        """The grid."""
        return tuple(self._grid)

    @cached_property
    def _grid(self) -> dict[Settings, None]:
        return dict.fromkeys(self.grid())

    def holds(self, settings: Settings) -> bool:
        """Whether these are settings of the grid."""
        return settings in self._grid

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The choices that make up the grid; those with one value are left out."""
        paired = {name: pair for pair in TOGETHER for name in pair}
        groups = dict.fromkeys(paired.get(name, (name,)) for name in Settings.model_fields)
        found = []
        for names in groups:
            values = dict.fromkeys(tuple(getattr(one, name) for name in names) for one in self._grid)
            if len(values) > 1:
                found.append(Dimension(names, tuple(values)))
        return tuple(found)

    def choose(
        self, chosen: Mapping[str, tuple[object, ...]], base: Settings | None = None
    ) -> Settings | None:
        """Settings with values chosen by dimension; None if the grid lacks them.

        More threads than the CPUs that they are bound to are cut down to as many.
        """
        changes = {
            name: value
            for dimension in self.dimensions
            if dimension.name in chosen
            for name, value in zip(dimension.names, chosen[dimension.name], strict=True)
        }
        made = (base or self.baseline).model_copy(update=changes)
        if made.cpu_affinity is not None:
            most = len(made.cpu_affinity)
            cut = {name: min(getattr(made, name), most) for name in ("threads", "threads_batch")}
            made = made.model_copy(update=cut)
        return made if made in self._grid else None

    # ------------------------------------------------------------- the truth

    def timed_seconds(self, settings: Settings) -> float:
        """What the whole workload truly takes, without its depth.

        Raises:
            KeyError: these settings cannot be measured, or are not known.
        """
        workload, truth = self.request.workload, self.true_ns(settings)
        prefill = truth.get("prefill", 0.0) * workload.prompt * workload.parallel
        return (prefill + truth.get("decode", 0.0) * workload.generate) / 1e9

    @cached_property
    def _seconds(self) -> dict[Settings, float | None]:
        found: dict[Settings, float | None] = {}
        for settings in self._grid:
            try:
                found[settings] = self.timed_seconds(settings)
            except KeyError:
                found[settings] = None
        return found

    @cached_property
    def best_seconds(self) -> float:
        """What the best settings of the grid take."""
        return min(seconds for seconds in self._seconds.values() if seconds is not None)

    def speed_share(self, settings: Settings) -> float:
        """Speed as a share of the best of the grid; 0 for settings that cannot be measured."""
        try:
            known = self._seconds.get(settings)
            return self.best_seconds / (known if known is not None else self.timed_seconds(settings))
        except KeyError:
            return 0.0

    # ------------------------------------------------------------- what exhaustion costs

    @cached_property
    def exhaustive_seconds(self) -> float:
        """Measuring the whole workload :data:`ROUNDS` times under each setting of the grid.

        One process per set of model settings and one context per set of context settings: the best order.
        """
        times = [(one, seconds) for one, seconds in self._seconds.items() if seconds is not None]
        return ROUNDS * sum(seconds for _, seconds in times) + self._starts([one for one, _ in times])

    @cached_property
    def by_part_seconds(self) -> float:
        """The same for a search that knows which part depends on which setting, and measures no more."""
        parallel = self.request.workload.parallel
        measurable = [one for one, seconds in self._seconds.items() if seconds is not None]
        timed: dict[tuple[Part, Settings], float] = {}
        for one in measurable:
            truth = self.true_ns(one)
            for part in truth:
                key = (part, _part(one, part, parallel))
                if key not in timed:
                    timed[key] = truth[part] * self._tokens(part) / 1e9
        return ROUNDS * sum(timed.values()) + self._starts(measurable)

    def _tokens(self, part: Part) -> int:
        workload = self.request.workload
        return workload.prompt * workload.parallel if part == "prefill" else workload.generate

    def _starts(self, all_settings: list[Settings]) -> float:
        processes, contexts = set(), set()
        total = 0.0
        for one in all_settings:
            load, context = self.start_seconds(one)
            model = one.key(ChangeCost.MODEL)
            within = (model, one.key(ChangeCost.CONTEXT))
            total += load * (model not in processes) + context * (within not in contexts)
            processes.add(model)
            contexts.add(within)
        return total


def _part(settings: Settings, part: Part, parallel: int) -> Settings:
    return part_settings(settings, part, parallel=parallel)
