"""Own the simulation that says how often the search for a change of speed errs, and what it finds.

    python -m tests.benchmarks.change_point_errors [RUNS]

prints the tables of docs/soak.md.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterator
from statistics import median

from tunesmith.tuning.change_point import change_points

Noise = Callable[[random.Random, int], Iterator[float]]
"""Deviations of the logarithm of the speed."""
SPREAD = 0.02
"""Standard deviation of one sample's logarithm: about 2% of the speed."""


def independent(rng: random.Random, count: int) -> Iterator[float]:
    """Normal, independent."""
    for _ in range(count):
        yield rng.gauss(0, SPREAD)


def autocorrelated(rho: float) -> Noise:
    """AR(1) of the same spread."""

    def noise(rng: random.Random, count: int) -> Iterator[float]:
        value = rng.gauss(0, SPREAD)
        for _ in range(count):
            yield value
            value = rho * value + rng.gauss(0, SPREAD * math.sqrt(1 - rho * rho))

    return noise


def heavy_tailed(rng: random.Random, count: int) -> Iterator[float]:
    """Student's t with 3 degrees of freedom, scaled to the same spread."""
    for _ in range(count):
        square = sum(rng.gauss(0, 1) ** 2 for _ in range(3))
        yield SPREAD / math.sqrt(3) * rng.gauss(0, 1) / math.sqrt(square / 3)


def spikes(rng: random.Random, count: int) -> Iterator[float]:
    """Independent, and every twentieth sample or so up to 40% slower."""
    for _ in range(count):
        yield rng.gauss(0, SPREAD) - (rng.uniform(0.1, 0.5) if rng.random() < 0.05 else 0)


def walking(rng: random.Random, count: int) -> Iterator[float]:
    """Independent, on a random walk that strays by about 2% over the run."""
    value = 0.0
    for _ in range(count):
        value += rng.gauss(0, 0.02 / math.sqrt(count))
        yield value + rng.gauss(0, SPREAD)


NOISES: dict[str, Noise] = {
    "independent": independent,
    "AR(1), 0.3": autocorrelated(0.3),
    "AR(1), 0.5": autocorrelated(0.5),
    "AR(1), 0.7": autocorrelated(0.7),
    "heavy tails (t, 3)": heavy_tailed,
    "spikes": spikes,
    "random walk": walking,
}


def speeds(noise: Noise, rng: random.Random, count: int, drop: float = 0.0, at: int = 0) -> list[float]:
    """Speeds around 100 tokens per second, lower by a share from some sample on."""
    return [
        100 * math.exp(deviation) * (1 - drop if drop and place >= at else 1)
        for place, deviation in enumerate(noise(rng, count))
    ]


def false_claims(
    noise: Noise, count: int, runs: int, *, alpha: float, least_ratio: float, seed: int = 1
) -> float:
    """Share of steady runs in which some change is claimed."""
    rng = random.Random(seed)
    claimed = sum(
        bool(change_points(speeds(noise, rng, count), alpha=alpha, least_ratio=least_ratio))
        for _ in range(runs)
    )
    return claimed / runs


def detected(
    noise: Noise, count: int, runs: int, drop: float, *, alpha: float, seed: int = 2
) -> tuple[float, float, float]:
    """Share of runs whose drop is found, the median error of its place in samples, and share with more cuts.

    The drop begins anywhere from 15% to 85% of the run.
    """
    rng = random.Random(seed)
    errors, more = [], 0
    for _ in range(runs):
        at = rng.randint(math.ceil(0.15 * count), math.floor(0.85 * count))
        cuts = change_points(speeds(noise, rng, count, drop, at), alpha=alpha)
        if cuts:
            errors.append(min(abs(cut - at) for cut in cuts))
        more += len(cuts) > 1
    return len(errors) / runs, median(errors) if errors else math.nan, more / runs


def main(runs: int) -> None:
    """Print both tables."""
    print("| noise | samples | any size | at least 3% |\n|---|--:|--:|--:|")
    for name, noise in NOISES.items():
        for count in (40, 120, 400):
            shares = [
                false_claims(noise, count, runs, alpha=0.05, least_ratio=least) for least in (0.0, 0.03)
            ]
            print(f"| {name} | {count} | {shares[0]:.1%} | {shares[1]:.1%} |", flush=True)
    print(
        "\n| noise | samples | drop | found | error of the place, samples | more than one |"
        "\n|---|--:|--:|--:|--:|--:|"
    )
    for name, noise in NOISES.items():
        for count in (40, 120, 400):
            for drop in (0.05, 0.1, 0.2, 0.4):
                share, error, more = detected(noise, count, max(1, runs // 4), drop, alpha=0.05)
                print(f"| {name} | {count} | {drop:.0%} | {share:.0%} | {error:g} | {more:.0%} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
