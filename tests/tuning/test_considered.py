"""Claims about tunesmith.tuning.considered and the last race: the statement about all candidates holds."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.tuning.simulation import SimulatedMachine, Speeds, Truth, Tuned, request, tune
from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import BUDGETS, Workload
from tunesmith.tuning.considered import Considered
from tunesmith.tuning.race import Arm, Race

BASE = Settings(threads=2, threads_batch=2, n_ctx=1024)


def response(truth: Truth, settings: Settings, workload: Workload) -> float:
    speeds = truth(settings)
    return speeds.prefill_ns * workload.prompt + speeds.step_ns * workload.generate


def true_shortfall(found: Tuned, truth: Truth, workload: Workload) -> float:
    """How much faster the best candidate considered truly is than what was chosen, as a logarithm."""
    chosen = response(truth, found.search.settings, workload)
    best = min(response(truth, settings, workload) for settings in found.search.considered.settings)
    return math.log(chosen / best)


def rugged(seed: int) -> Truth:
    """Each setting changes the parts that depend on it by a few percent, up or down, on its own."""

    def effect(part: str, settings: Settings, names: tuple[str, ...]) -> float:
        return sum(
            random.Random(f"{seed} {part} {name} {getattr(settings, name)}").gauss(0, 0.03) for name in names
        )

    def truth(settings: Settings) -> Speeds:
        both = ("flash_attn", "type_k", "use_extra_bufts")
        prefill = effect("prefill", settings, ("threads_batch", "n_ubatch", *both))
        decode = effect("decode", settings, ("threads", *both))
        return Speeds().times(prefill=math.exp(prefill), decode=math.exp(decode))

    return truth


@dataclass
class Restless(SimulatedMachine):
    """A machine whose samples hang together, or stray far now and then."""

    correlation: float = 0.0
    """Of the machine's own slowness from one sample to the next; 1 is a random walk."""
    swing: float = 0.0
    """Standard deviation of each step of it, a logarithm."""
    heavy: bool = False
    """Student's t with three degrees of freedom instead of the normal."""
    _slow: float = field(default=0.0, init=False)

    def measure(self, settings: Settings, workload: Workload, group: str) -> Sample:
        self._slow = self.correlation * self._slow + self._rng.gauss(0, self.swing)
        extra = self._slow
        if self.heavy:
            squares = sum(self._rng.gauss(0, 1) ** 2 for _ in range(3))
            extra += 0.006 * self._rng.gauss(0, 1) / math.sqrt(squares / 3)
        self.drift = lambda _now: math.exp(extra)
        return super().measure(settings, workload, group)


@pytest.mark.parametrize(
    "machine",
    [
        {"noise": 0.01},
        {"noise": 0.006, "correlation": 0.7, "swing": 0.006},
        {"noise": 0.006, "correlation": 1.0, "swing": 0.004},
        {"noise": 0.004, "heavy": True},
    ],
    ids=["independent", "correlated", "random walk", "heavy tails"],
)
def test_the_statement_is_true_at_least_as_often_as_it_says(machine: dict[str, Any]) -> None:
    wanted = request(budget=BUDGETS["standard"])
    false = 0
    shown = 0
    runs = 30
    for seed in range(runs):
        truth = rugged(seed)
        found = tune(
            wanted.model_copy(update={"seed": seed}), Restless(truth, seed=seed, **machine), confirm=False
        )
        bound = found.search.considered.bound
        shown += bound <= math.log1p(wanted.margin)
        false += true_shortfall(found, truth, wanted.workload) > bound + 1e-9
    assert false <= 3  # of 30 at 5%: 4 and more would be seen in 6% of tries
    assert shown >= 0.6 * runs


def test_without_time_nothing_is_stated_that_is_not_proven() -> None:
    budget = BUDGETS["quick"].model_copy(update={"seconds": 20.0})
    found = tune(request(budget=budget), SimulatedMachine(rugged(3), noise=0.06, seed=1), confirm=False)
    assert true_shortfall(found, rugged(3), request().workload) <= found.search.considered.bound


# ------------------------------------------------------------- the ledger of bounds


def race(scores: dict[str, list[float]]) -> tuple[Race, dict[str, Arm]]:
    arms = {
        label: Arm(label, BASE.replace(n_ubatch=2 ** (4 + number))) for number, label in enumerate(scores)
    }
    held = Race(list(arms.values()), alpha=0.05, margin=0.02, max_rounds=8, settle=True)
    for values in zip(*scores.values(), strict=True):
        held.add_round(dict(zip(scores, values, strict=True)))
    return held, arms


def spread(mean: float) -> list[float]:
    return [mean + wobble for wobble in (-0.002, 0.001, 0.002, -0.001, 0.0, 0.001)]


def test_a_proven_gain_lowers_the_bounds_of_all_seen_before() -> None:
    known = Considered()
    first, arms = race({"a": [0.0] * 6, "b": spread(0.015)})
    known.take(first, arms["a"], whole=True)
    before = known.bound
    assert 0.01 < before < 0.05
    second = Race([Arm("a", arms["a"].settings), Arm("c", BASE)], alpha=0.05, margin=0.02, max_rounds=8)
    for value in spread(0.3):
        second.add_round({"a": 0.0, "c": value})
    known.take(second, second.winner(), whole=True)
    assert known.bound == 0


def test_a_gain_of_one_part_is_not_counted_for_the_whole() -> None:
    known = Considered()
    first, arms = race({"a": [0.0] * 6, "b": spread(0.015)})
    known.take(first, arms["a"], whole=True)
    before = known.bound
    second = Race([Arm("a", arms["a"].settings), Arm("c", BASE)], alpha=0.05, margin=0.02, max_rounds=8)
    for value in spread(0.3):
        second.add_round({"a": 0.0, "c": value})
    known.take(second, second.winner(), whole=False)
    assert known.bound == before


def test_what_was_hardly_measured_may_be_worth_anything() -> None:
    known = Considered()
    begun, arms = race({"a": [0.0], "b": [0.1]})
    known.take(begun, arms["a"], whole=True)
    assert known.bound == math.inf
    assert [candidate.label for candidate in known.open(0.02, arms["a"].settings)] == ["b"]


def test_what_failed_or_breaks_a_constraint_is_no_candidate() -> None:
    known = Considered()
    held, arms = race({"a": [0.0] * 3, "b": spread(0.1)[:3], "c": spread(0.2)[:3]})
    held.fail(arms["b"], "gone")
    arms["c"].broken = "memory"
    known.take(held, arms["a"], whole=True)
    assert known.settings == (arms["a"].settings,)


def test_what_held_and_failed_leaves_everything_open() -> None:
    known = Considered()
    first, arms = race({"a": [0.0] * 6, "b": spread(-0.1)})
    known.take(first, arms["a"], whole=True)
    assert known.bound == 0
    known.take_back(BASE)
    assert known.bound == math.inf
