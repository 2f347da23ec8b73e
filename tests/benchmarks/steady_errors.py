"""Own the simulation that says how often a comparison at steady state errs, and what it finds.

    python -m tests.benchmarks.steady_errors

prints the table of docs/soak.md.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Iterator

from tests.support.heat import HotMachine
from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.steady import ComparedSetting
from tunesmith.domain.workload import Workload
from tunesmith.tuning.steady import SteadyCourse, Turn, plan_blocks
from tunesmith.tuning.steady_findings import steady_findings

DECODE = Workload(prompt=0, generate=128)
SPREAD = 0.02
BLOCK_SECONDS = 60.0
RUNS = 100

Noise = Callable[[random.Random], Iterator[float]]


def independent(chance: random.Random) -> Iterator[float]:
    """Logarithms that do not hang together."""
    while True:
        yield chance.gauss(0, SPREAD)


def wandering(chance: random.Random) -> Iterator[float]:
    """A walk of 2% in a block of sixty samples, on top of independent noise."""
    level = 0.0
    while True:
        level += chance.gauss(0, SPREAD / math.sqrt(60))
        yield level + chance.gauss(0, SPREAD)


def levels(chance: random.Random) -> Iterator[float]:
    """Neighbours that come and go: 8% slower for about 10 of 40 samples, on top of independent noise."""
    busy = False
    while True:
        busy = chance.random() > 0.1 if busy else chance.random() < 1 / 30
        yield (-0.08 if busy else 0.0) + chance.gauss(0, SPREAD)


def drifting(chance: random.Random) -> Iterator[float]:
    """Half a percent slower from block to block, on top of independent noise."""
    level = 0.0
    while True:
        level -= 0.005 / 60
        yield level + chance.gauss(0, SPREAD)


NOISES = {noise.__name__: noise for noise in (independent, drifting, wandering, levels)}


def claimed(seed: int, noise: Noise, rounds: int, settings: int, gain: float) -> bool:
    """Whether the last of the settings, faster by ``gain``, is told apart; of alike ones whether any is."""
    chance = random.Random(seed)
    machine, logs = HotMachine(heats=False, wobble=0.0), noise(chance)
    alike = Settings(threads=2, threads_batch=2, n_ctx=1024)
    compared = [ComparedSetting(label=str(number), settings=alike) for number in range(settings)]

    def take(turn: Turn, asked: Settings, piece: Workload) -> Sample:
        sample = machine.sample(asked, piece)
        faster = next(logs) + (math.log1p(gain) if turn.setting == settings - 1 else 0.0)
        return sample.model_copy(
            update={"step_ns": tuple(round(ns / math.exp(faster)) for ns in sample.step_ns)}
        )

    plan = plan_blocks(BLOCK_SECONDS * rounds * settings, settings, rounds)
    course = SteadyCourse(DECODE, compared, plan, take, machine.clock)
    course.run()
    found = steady_findings(course.samples, compared, rounds=rounds, workload=DECODE)
    assert found is not None
    if gain:
        return found.holds_most == settings - 1
    return any((one.ratio.low or 0.0) > 1 or (one.ratio.high or math.inf) < 1 for one in found.ratios)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--noise", nargs="*", default=list(NOISES), choices=list(NOISES))
    options = parser.parse_args()
    runs = options.runs
    print("| noise | settings | blocks of each | alike, told apart | 2% faster, found | 5% faster, found |")
    print("|---|--:|--:|--:|--:|--:|")
    for noise in map(NOISES.__getitem__, options.noise):
        for settings, rounds in ((2, 2), (2, 4), (2, 8), (3, 4), (3, 8)):
            shares = [
                sum(claimed(seed, noise, rounds, settings, gain) for seed in range(runs)) / runs
                for gain in (0.0, 0.02, 0.05)
            ]
            cells = " | ".join(
                f"{share:.1%}" if not place else f"{share:.0%}" for place, share in enumerate(shares)
            )
            print(f"| {noise.__name__} | {settings} | {rounds} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
