"""Own the pairs of samples of the observer effect: kept raw, one JSON document a line, and what they tell.

A file grows with every run, so that many pairs come together in blocks of a few minutes each.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import NormalDist, fmean, median, stdev

from pydantic import BaseModel, ConfigDict

from tunesmith.domain.statistics import percentile

_RESAMPLES = 4000
AIM = 0.99
"""Decoding beside the window is to reach at least this share of its speed without it."""


class Pair(BaseModel):
    """The same decoding twice, once beside the window and once with it stopped."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    block_utc: str
    """When its run began; pairs of one run share it."""
    machine: str
    model: str
    window_first: bool
    window_tokens_per_s: float
    headless_tokens_per_s: float
    disturbed: int
    """How many of the two samples others disturbed."""
    window_cpu_s: float
    """CPU time of the window's process during its sample, seconds of one CPU."""
    window_wall_s: float

    @property
    def ratio(self) -> float:
        """Decode speed with the window over that without."""
        return self.window_tokens_per_s / self.headless_tokens_per_s


def read_pairs(path: Path) -> list[Pair]:
    """All pairs of a file; none where there is no file yet."""
    if not path.exists():
        return []
    return [Pair.model_validate_json(line) for line in path.read_text("utf-8").splitlines() if line]


def add_pair(path: Path, pair: Pair) -> None:
    """Add one to a file at once: a run that is killed keeps what it measured."""
    with path.open("a", encoding="utf-8") as file:
        file.write(pair.model_dump_json() + "\n")


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """95% confidence interval of the median, whatever the distribution: two of the values, by their rank.

    By the normal approximation of the binomial number of values below the median (Conover 1999, "Practical
    Nonparametric Statistics", section 3.2). A restless machine's outliers do not widen it.
    """
    count = len(values)
    half = NormalDist().inv_cdf(0.975) * math.sqrt(count) / 2
    low = max(0, math.floor(count / 2 - half) - 1)
    return sorted(values)[low], sorted(values)[count - 1 - low]


def bootstrap_interval(
    blocks: Sequence[Sequence[float]], statistic: Callable[[Sequence[float]], float], *, seed: int = 1
) -> tuple[float, float]:
    """95% percentile bootstrap interval of a statistic of all values (Efron and Tibshirani 1993, chapter 13).

    Args:
        blocks: values by the run they were measured in; each run keeps its number in every resample.
        seed: of the resampling, so that the same file gives the same interval.
    """
    chance = random.Random(seed)
    found = sorted(
        statistic([one for block in blocks for one in chance.choices(block, k=len(block))])
        for _ in range(_RESAMPLES)
    )
    return percentile(found, 0.025), percentile(found, 0.975)


def report(pairs: Sequence[Pair]) -> list[str]:
    """What all pairs tell together, line by line."""
    ratios = [pair.ratio for pair in pairs]
    began = list(dict.fromkeys(pair.block_utc for pair in pairs))
    blocks = [[pair.ratio for pair in pairs if pair.block_utc == block] for block in began]
    disturbed = sum(pair.disturbed for pair in pairs)
    sizes = ", ".join(str(len(block)) for block in blocks)
    lines = [f"{len(pairs)} pairs in {len(blocks)} runs of {sizes}"]
    lines.append(f"{disturbed} of {2 * len(pairs)} samples disturbed by others")
    lines += [f"on {where}" for where in dict.fromkeys(f"{pair.machine}, {pair.model}" for pair in pairs)]
    for name, speeds in (
        ("headless", [pair.headless_tokens_per_s for pair in pairs]),
        ("window", [pair.window_tokens_per_s for pair in pairs]),
    ):
        low, middle, high = (percentile(speeds, share) for share in (0.1, 0.5, 0.9))
        lines.append(f"{name}: decode median {middle:.2f} tok/s, 80% of samples in {low:.2f}–{high:.2f}")
    if len(pairs) > 1:
        lines += _ratio_lines(blocks, ratios)
    cpu, wall = sum(pair.window_cpu_s for pair in pairs), sum(pair.window_wall_s for pair in pairs)
    lines.append(f"CPU of the window's process while it draws: {100 * cpu / wall:.2f}% of one CPU")
    return lines


def _ratio_lines(blocks: Sequence[Sequence[float]], ratios: Sequence[float]) -> list[str]:
    by_rank = median_interval(ratios)
    low, high = bootstrap_interval(blocks, median)
    logs = [[math.log(ratio) for ratio in block] for block in blocks]
    mean = math.exp(fmean(map(math.log, ratios)))
    mean_low, mean_high = (math.exp(end) for end in bootstrap_interval(logs, fmean))
    verdict = "yes" if low >= AIM else "no" if high < AIM else "not told by so few pairs"
    return [
        f"window / headless: median {median(ratios):.4f}, in {low:.4f}–{high:.4f} (95%, bootstrap)",
        f"the same by ranks: in {by_rank[0]:.4f}–{by_rank[1]:.4f} (95%)",
        f"geometric mean {mean:.4f}, in {mean_low:.4f}–{mean_high:.4f} (95%, bootstrap)",
        "median of each run: " + ", ".join(f"{median(block):.4f}" for block in blocks),
        f"standard deviation of a pair's ratio {100 * stdev(map(math.log, ratios)):.2f}%",
        f"within 1%: {verdict}",
    ]
