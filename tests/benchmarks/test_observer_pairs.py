"""Own the claims about what is told of the observer effect's pairs, and that runs add up."""

from __future__ import annotations

import random
from pathlib import Path
from statistics import median

from tests.benchmarks.observer_pairs import (
    Pair,
    add_pair,
    bootstrap_interval,
    median_interval,
    read_pairs,
    report,
)


def pairs(count: int, *, ratio: float, block: str, seed: int = 1) -> list[Pair]:
    chance = random.Random(seed)
    return [
        Pair(
            block_utc=block, machine="2 cores", model="s.gguf", window_first=chance.random() < 0.5,
            window_tokens_per_s=100 * ratio * chance.lognormvariate(0, 0.02), headless_tokens_per_s=100,
            disturbed=0, window_cpu_s=0.004, window_wall_s=1.0,
        )
        for _ in range(count)
    ]  # fmt: skip


def test_runs_add_up_in_a_file_and_are_told_together(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    assert read_pairs(file) == []
    for block, count in (("2026-01-01T10:00", 80), ("2026-01-01T11:00", 60)):
        for pair in pairs(count, ratio=0.999, block=block, seed=count):
            add_pair(file, pair)
    told = "\n".join(report(read_pairs(file)))
    assert told.startswith("140 pairs in 2 runs of 80, 60\n0 of 280 samples disturbed by others\n")
    assert "on 2 cores, s.gguf" in told
    assert "within 1%: yes" in told
    assert "0.40% of one CPU" in told


def test_a_loss_is_told_and_so_is_that_too_few_pairs_tell_nothing() -> None:
    assert "within 1%: no" in report(pairs(100, ratio=0.96, block="a"))
    assert "within 1%: not told by so few pairs" in report(pairs(12, ratio=0.99, block="a"))


def test_intervals_hold_the_median_and_the_same_file_gives_the_same() -> None:
    ratios = [pair.ratio for pair in pairs(90, ratio=0.99, block="a")]
    low, high = bootstrap_interval([ratios[:40], ratios[40:]], median)
    assert low < median(ratios) < high
    assert (low, high) == bootstrap_interval([ratios[:40], ratios[40:]], median)
    by_rank = median_interval(ratios)
    assert abs(by_rank[0] - low) < 0.003
    assert abs(by_rank[1] - high) < 0.003
