"""Own what the portable llama.cpp costs: the same work in two workers, one of each build, in turn.

``python -m tests.benchmarks.portable_build MODEL --portable build/frozen/tunesmith/tunesmith --out FILE``.
This Python's own llama.cpp is the native one; the other program is a frozen one, or another environment's
``tunesmith``. Both workers keep the model loaded. In every round each measures once, which of them first is
drawn; a pair that others disturbed is kept, counted, and left out of the ratio. ``--report FILE`` sums an
earlier record up.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tests.benchmarks.observer_pairs import median_interval
from tunesmith.domain.machine import Build, machine_class
from tunesmith.domain.measurement import Sample
from tunesmith.domain.workload import Workload
from tunesmith.machine.probe import probe_machine
from tunesmith.tuning.space import baseline_settings
from tunesmith.worker.handle import WorkerHandle

WORKLOAD = Workload(prompt=512, generate=128)
AIM = 0.97
"""The portable build is to reach at least this share of the native one's speed."""
PARTS = ("decode", "prefill")


class Reading(BaseModel):
    """One repetition by one build, raw."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefill_ns: int
    step_ns: tuple[int, ...]
    noisy: bool

    def tokens_per_s(self, part: str) -> float:
        """Of decoding, by the median step, which a disturbed one does not move; or of the prefill."""
        if part == "decode":
            return 1e9 / statistics.median(self.step_ns)
        return 1e9 * WORKLOAD.prompt / self.prefill_ns


class Pair(BaseModel):
    """Both builds, one right after the other."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    portable_first: bool
    portable: Reading
    native: Reading

    @property
    def quiet(self) -> bool:
        """Whether others disturbed neither."""
        return not (self.portable.noisy or self.native.noisy)

    def ratio(self, part: str) -> float:
        """Portable over native."""
        return self.portable.tokens_per_s(part) / self.native.tokens_per_s(part)


class Record(BaseModel):
    """A whole run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    started_utc: str
    machine: str
    threads: int
    portable: Build
    native: Build
    pairs: tuple[Pair, ...] = ()


def measure(models: list[Path], portable: Path, *, seconds: float, seed: int) -> Iterator[Record]:
    """Alternate until the time is over, and give the record after every pair."""
    machine = probe_machine()
    settings = baseline_settings(machine, WORKLOAD)
    order, until = random.Random(seed), time.monotonic() + seconds
    with WorkerHandle(command=[str(portable), "--worker"]) as theirs, WorkerHandle() as ours:
        workers = {True: theirs, False: ours}
        record = Record(
            started_utc=datetime.now(tz=UTC).isoformat(timespec="seconds"),
            machine=machine_class(machine).label, threads=settings.threads,
            portable=theirs.ready.build, native=ours.ready.build,
        )  # fmt: skip
        for number, model in enumerate(models):
            share = time.monotonic() + (until - time.monotonic()) / (len(models) - number)
            asked = {"model_path": str(model), "settings": settings, "workload": WORKLOAD}
            for worker in workers.values():
                worker.measure(**asked)  # loads, and is warm afterwards
            while time.monotonic() < share:
                turns = order.sample((True, False), 2)
                read = {which: _reading(workers[which].measure(**asked)[0]) for which in turns}
                pair = Pair(
                    model=model.name, portable_first=turns[0], portable=read[True], native=read[False]
                )
                record = record.model_copy(update={"pairs": (*record.pairs, pair)})
                yield record


def _reading(sample: Sample) -> Reading:
    assert sample.prefill_ns is not None
    return Reading(prefill_ns=sample.prefill_ns, step_ns=sample.step_ns, noisy=sample.noisy)


def report(record: Record) -> list[str]:
    """The ratios, a model and a part of the work a line."""
    lines = [
        f"{record.machine}, {record.threads} threads, {record.started_utc}",
        f"portable: {record.portable.label}, variant {record.portable.cpu_variant}",
        f"native: {record.native.label}, {' '.join(record.native.cpu_features)}",
        "| model | part | pairs | disturbed | native tok/s | portable tok/s | ratio | 95% | 80% of pairs |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for model in dict.fromkeys(pair.model for pair in record.pairs):
        pairs = [pair for pair in record.pairs if pair.model == model]
        quiet = [pair for pair in pairs if pair.quiet]
        if len(quiet) < 2:
            lines.append(f"| {model} | | {len(quiet)} | {len(pairs) - len(quiet)} | | | | | |")
            continue
        for part in PARTS:
            ratios = sorted(pair.ratio(part) for pair in quiet)
            low, high = median_interval(ratios)
            tenth, ninth = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
            ours = statistics.median(pair.native.tokens_per_s(part) for pair in quiet)
            theirs = statistics.median(pair.portable.tokens_per_s(part) for pair in quiet)
            lines.append(
                f"| {model} | {part} | {len(quiet)} | {len(pairs) - len(quiet)} | {ours:.1f} | {theirs:.1f} "
                f"| {statistics.median(ratios):.3f} | {low:.3f}–{high:.3f} | {tenth:.3f}–{ninth:.3f} |"
            )
    return lines


def main() -> int:
    """Measure, or sum an earlier record up."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("models", type=Path, nargs="*", metavar="MODEL")
    parser.add_argument("--portable", type=Path, help="a program with the portable build: the frozen one")
    parser.add_argument("--seconds", type=float, default=240.0, help="for all models together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where the record goes, after every pair")
    parser.add_argument("--report", type=Path, metavar="FILE.json", help="an earlier record")
    options = parser.parse_args()
    if options.report:
        record = Record.model_validate_json(options.report.read_text("utf-8"))
    else:
        if not options.models or options.portable is None or options.out is None:
            parser.error("a MODEL, --portable and --out are needed")
        models = [model.absolute() for model in options.models]
        for record in measure(
            models, options.portable.absolute(), seconds=options.seconds, seed=options.seed
        ):
            options.out.write_text(record.model_dump_json() + "\n", "utf-8")
            print(f"{len(record.pairs)} pairs", end="\r", file=sys.stderr, flush=True)
    print("\n".join(report(record)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
