"""Own the question whether we measure what llama-bench measures: both in turn, on equal settings.

Run: ``python -m tests.benchmarks.fidelity [--rounds 10]``. Prints the ratio ours / llama-bench of pp512
and tg128 over alternating rounds, and Python's own share of the time: wall time around llama_decode
against llama.cpp's clock (llama_perf_context) in the same run.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from pathlib import Path

from tests.benchmarks.llama_bench import LlamaBench, find_or_build
from tests.benchmarks.models import smollm2
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.services.rig import Rig

REPETITIONS = 3
TESTS = {"pp512": Workload(prompt=512, generate=0), "tg128": Workload(prompt=0, generate=128)}


def ours(rig: Rig, workload: Workload, threads: int) -> list[float]:
    """Our samples of one test, tokens per second."""
    settings = Settings(threads=threads, threads_batch=threads, n_ctx=workload.n_ctx)
    samples = [rig.sample(settings, workload, group=workload.label) for _ in range(REPETITIONS)]
    found = [sample.prefill_tokens_per_s or sample.decode_tokens_per_s for sample in samples]
    return [value for value in found if value is not None]


def compare(model: Path, bench: LlamaBench, *, rounds: int, threads: int) -> dict[str, list[float]]:
    """Ratios ours / llama-bench, one a round and test; the order is turned every round."""
    ratios: dict[str, list[float]] = {name: [] for name in TESTS}
    for number in range(rounds):
        for name, workload in TESTS.items():
            values = {}
            for who in ("ours", "theirs") if number % 2 == 0 else ("theirs", "ours"):
                if who == "ours":
                    with Rig(str(model)) as rig:  # a process of its own, as llama-bench is
                        values[who] = ours(rig, workload, threads)
                else:
                    values[who] = bench.tokens_per_s(
                        model, prompt=workload.prompt, generate=workload.generate, threads=threads,
                        repetitions=REPETITIONS,
                    )  # fmt: skip
            ratio = statistics.median(values["ours"]) / statistics.median(values["theirs"])
            ratios[name].append(ratio)
            mine, theirs = statistics.median(values["ours"]), statistics.median(values["theirs"])
            line = f"ours {mine:7.1f}  llama-bench {theirs:7.1f}  ratio {ratio:.4f}"
            print(f"round {number + 1:2} {name}: {line}", flush=True)
    return ratios


def report(ratios: dict[str, list[float]]) -> None:
    """Median, spread and a 95% interval of the mean log-ratio for each test."""
    from tunesmith.domain.statistics import quantity

    for name, values in ratios.items():
        found = quantity(values, interval="mean")
        spread = statistics.stdev(map(math.log, values)) if len(values) > 1 else math.nan
        interval = f"{found.low or math.nan:.4f}–{found.high or math.nan:.4f}"
        print(
            f"{name}: median {found.median:.4f}, 95% interval of the mean {interval}, "
            f"sd {spread:.1%}, min {min(values):.4f}, max {max(values):.4f}, n {len(values)}"
        )


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", type=Path, default=None)
    options = parser.parse_args()
    model = options.model or smollm2()
    report(compare(model, find_or_build(), rounds=options.rounds, threads=options.threads))
    return 0


if __name__ == "__main__":
    sys.exit(main())
