"""Own the hill climb of llama-dyno, as far as the settings here allow."""

from __future__ import annotations

import math
from contextlib import suppress
from itertools import product

from tests.benchmarks.policies.base import Choice, OutOfTime, Trials
from tests.benchmarks.policies.grids import BENCH_REPETITIONS
from tests.benchmarks.worlds.base import CountingMeter, World
from tunesmith.domain.settings import Settings

MAX_TRIALS = 25
"""llama-dyno's, of its thorough mode; the quick one has 10."""
PLATEAU = 1.01
"""A trial that is not this much better is stale."""
STALE = 3
"""So many stale trials on end stop a climb."""
CONVERGED = 0.02
"""The three best trials within this share of each other after the first phase: no climb at all."""
LAYERS = (99, 50, 25, 10)
BATCHES = (128, 256, 512, 1024, 2048, 4096)


class HillClimb:
    """Coarse sweep, then a climb over batch sizes, then one over threads; single means decide.

    Read from llama-dyno 1.5.0 (https://pypi.org/project/llama-dyno/1.5.0/, ``llama_dyno/tune.py``): phase 1
    is the product of GPU layers (99, 50, 25), flash attention (on, off) and cache types, left early where
    the layers' best score changes by more than 20%; if its three best are within 2%, that is the
    result. Else ``_hill_climb`` tries batch sizes (ubatch the smaller of it and 512), then threads (auto, a
    quarter, half, all of the CPUs; worse than auto stops), until three trials on end gained less than 1%.
    25 trials at most. Every trial is a llama-bench process with its default 5 repetitions. Its score, 0.3
    prefill plus 0.7 decode tokens/s, is replaced by the objective asked for here. It climbs from the score
    of the *last* trial of phase 1, as there.
    """

    name = "hill climb (llama-dyno)"
    unavailable = ""
    slow = False

    def search(
        self, world: World, meter: CountingMeter, seed: int, budget_seconds: float = math.inf
    ) -> Choice:
        """See :meth:`~tests.benchmarks.policies.base.Policy.search`."""
        del seed
        trials = Trials(world, meter, budget_seconds=budget_seconds, repetitions=BENCH_REPETITIONS)
        with suppress(OutOfTime):
            _Climb(world, trials).run()
        return trials.choice(world)


class _Climb:
    def __init__(self, world: World, trials: Trials) -> None:
        self._world, self._trials = world, trials
        self._scores: dict[Settings, float] = {}
        self._last = 0.0

    def _try(self, settings: Settings | None) -> float | None:
        """The score; None if there are no such settings, they were tried, or the trials are used up."""
        if settings is None or settings in self._scores or len(self._scores) >= MAX_TRIALS:
            return None
        self._last = self._scores[settings] = self._trials.run(settings)
        return self._last

    def run(self) -> None:
        base = self._coarse()
        top = sorted((score for score in self._scores.values() if score > 0), reverse=True)[:3]
        if len(top) >= 2 and (top[0] - top[-1]) / top[0] <= CONVERGED:
            return
        base, score = self._climb(base, self._last, [self._batch(size) for size in BATCHES], prune=False)
        cpus = self._world.machine.cpu.usable_cpus
        counts = (self._world.baseline.threads, cpus // 4, cpus // 2, cpus)
        self._climb(base, score, [{"threads": n, "threads_batch": n} for n in counts if n], prune=True)

    def _values(self, name: str) -> tuple[object, ...]:
        """The values of a setting in the grid."""
        return tuple(dict.fromkeys(getattr(one, name) for one in self._world.settings()))

    def _coarse(self) -> Settings:
        layers = [n for n in self._values("n_gpu_layers") if isinstance(n, int)]
        most = max(layers) if max(layers) > 0 else layers[0]
        wanted = [most if n == 99 else n for n in LAYERS] if len(layers) > 1 else layers
        nearest = dict.fromkeys(_nearest(n, layers) for n in wanted)
        best, best_score, before = self._world.baseline, -1.0, None
        for n in nearest:
            best_here = -1.0
            for flash, cache in product(self._values("flash_attn"), self._values("type_k")):
                settings = self._with(
                    self._world.baseline,
                    {"n_gpu_layers": n, "flash_attn": flash, "type_k": cache, "type_v": cache},
                )
                score = self._try(settings)
                if score is None or settings is None:
                    continue
                best_here = max(best_here, score)
                if score > best_score:
                    best, best_score = settings, score
            if before and best_here > 0 and not 0.8 <= best_here / before <= 1.2:
                break
            before = best_here if best_here > 0 else None
        return best

    def _climb(
        self, base: Settings, score_of_base: float, steps: list[dict[str, object]], *, prune: bool
    ) -> tuple[Settings, float]:
        best, best_score, stale, improved = base, score_of_base, 0, True
        auto: float | None = None
        while improved:
            improved = False
            for number, changes in enumerate(steps):
                settings = self._with(best, changes)
                score = self._try(settings)
                if score is None or settings is None:
                    continue
                if prune and number == 0:
                    auto = score
                if prune and number and auto is not None and score < auto:
                    break
                stale = stale + 1 if score <= best_score * PLATEAU else 0
                if stale >= STALE:
                    break
                if score > best_score:
                    best, best_score, improved = settings, score, True
        return best, best_score

    def _batch(self, size: int) -> dict[str, object]:
        return {"n_batch": size, "n_ubatch": min(size, 512)}

    def _with(self, base: Settings, changes: dict[str, object]) -> Settings | None:
        """Settings with changes, if the grid has them; a logical batch it lacks is the next larger one."""
        made = base.model_copy(update=changes)
        if not self._world.holds(made) and "n_batch" in changes:
            made = made.model_copy(update={"n_batch": max(made.n_batch, self._world.baseline.n_batch)})
        return made if self._world.holds(made) else None


def _nearest(wanted: int, there: list[int]) -> int:
    return min(there, key=lambda value: abs(value - wanted))
