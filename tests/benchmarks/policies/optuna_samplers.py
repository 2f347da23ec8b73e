"""Own Optuna's samplers as policies: what llama-optimus does, on the grid."""

from __future__ import annotations

import importlib
import importlib.util
import math
import warnings
from contextlib import suppress
from typing import Any, Literal

from tests.benchmarks.policies.base import Choice, OutOfTime, Trials
from tests.benchmarks.worlds.base import CountingMeter, Dimension, World
from tunesmith.domain.settings import Settings

TRIALS = 45
"""llama-optimus's default."""
REPETITIONS = 3
"""llama-optimus's default, ``-r 3``."""
_ORDERED = ("threads", "threads_batch", "n_gpu_layers", "n_batch+n_ubatch")
"""Dimensions whose values are numbers in order."""


class OptunaPolicy:
    """45 trials of one of Optuna's samplers, each the mean of a llama-bench process; the best mean wins.

    As llama-optimus does (https://github.com/BrunoArsioli/llama-optimus, ``src/llama_optimus/core.py``:
    one study, maximise one mean of tokens/s, failed trials count as 0), but on the grid instead of on all
    integers, with prefill's threads apart from decode's, and with the objective that is asked for. Its
    35 warm-up runs and its second and third stage are left out: they only cost. The sampler's own time is
    not charged. Combinations that the grid lacks are drawn again.
    """

    slow: bool

    def __init__(self, sampler: Literal["TPE", "GP"], trials: int = TRIALS) -> None:
        self.name = f"Optuna {sampler}"
        self.slow = sampler == "GP"
        self._sampler, self._trials = sampler, trials

    @property
    def unavailable(self) -> str:
        """See :attr:`~tests.benchmarks.policies.base.Policy.unavailable`."""
        needed = ("optuna", "torch", "scipy") if self._sampler == "GP" else ("optuna",)
        missing = [name for name in needed if importlib.util.find_spec(name) is None]
        return f"not installed: {', '.join(missing)}" if missing else ""

    def search(
        self, world: World, meter: CountingMeter, seed: int, budget_seconds: float = math.inf
    ) -> Choice:
        """See :meth:`~tests.benchmarks.policies.base.Policy.search`.

        Raises:
            RuntimeError: what it needs is not installed.
        """
        if self.unavailable:
            raise RuntimeError(self.unavailable)
        trials = Trials(world, meter, budget_seconds=budget_seconds, repetitions=REPETITIONS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = self._study(seed)
            with suppress(OutOfTime):
                self._go(world, study, trials)
        return trials.choice(world)

    def _study(self, seed: int) -> Any:
        optuna = importlib.import_module("optuna")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        if self._sampler == "GP":
            importlib.import_module("torch").set_num_threads(1)
            sampler = optuna.samplers.GPSampler(seed=seed)
        else:
            sampler = optuna.samplers.TPESampler(seed=seed)
        return optuna.create_study(direction="maximize", sampler=sampler)

    def _go(self, world: World, study: Any, trials: Trials) -> None:
        pruned = importlib.import_module("optuna").trial.TrialState.PRUNED
        if not world.dimensions:
            trials.run(world.baseline)
            return
        for _ in range(4 * self._trials):
            if trials.count >= self._trials:
                break
            trial = study.ask()
            settings = self._suggest(world, trial)
            if settings is None:
                study.tell(trial, state=pruned)
            else:
                study.tell(trial, trials.run(settings))

    @staticmethod
    def _suggest(world: World, trial: Any) -> Settings | None:
        chosen = {}
        for dimension in world.dimensions:
            if dimension.name in _ORDERED:
                place = trial.suggest_int(dimension.name, 0, len(dimension.values) - 1)
                chosen[dimension.name] = _in_order(dimension)[place]
            else:
                place = trial.suggest_categorical(dimension.name, list(range(len(dimension.values))))
                chosen[dimension.name] = dimension.values[place]
        return world.choose(chosen)


def _in_order(dimension: Dimension) -> tuple[tuple[object, ...], ...]:
    """A dimension's numbers in rising order; all layers, -1, are the most."""
    return tuple(
        sorted(
            dimension.values,
            key=lambda value: tuple(math.inf if one == -1 else float(str(one)) for one in value),
        )
    )
