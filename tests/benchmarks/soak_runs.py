"""Own the runs that show a soak: on a steady machine it claims nothing, on one made slower it finds when.

    sudo python -m tests.benchmarks.soak_runs MODEL --arm steady,quota --runs 20 --out FILE

The arms take turns, in one worker, and each run appends one line to FILE. ``quota`` needs Linux and the
right to make a control group (version 1 or 2): halfway through, this process and its worker get 70% of the
CPUs that the threads had. ``load`` starts a program that computes on one core. Ten times a second another
core reads a little memory, apart from the soak: where its pace changed as well when a soak claims a change,
the machine changed. A summary of a file: ``--summary FILE``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Self

import numpy as np

from tunesmith.cli.values import parse_workload
from tunesmith.domain.measurement import Conditions
from tunesmith.domain.soak import SoakPart, SoakRequest, SoakSample
from tunesmith.machine.probe import probe_machine
from tunesmith.machine.throttle import ThrottleReader
from tunesmith.services.rig import Rig
from tunesmith.services.session import Controls, Stream
from tunesmith.services.soak import Soak
from tunesmith.tuning.soak_findings import findings
from tunesmith.tuning.space import baseline_settings
from tunesmith.worker.protocol import NoisePolicy

QUOTA_SHARE = 0.7
PERIOD_US = 20_000
_V1, _V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
_NAME = "tunesmith-soak"


class Quota:
    """A control group that this process is in until it is closed."""

    def __init__(self) -> None:
        self._v1 = (_V1 / "cpu.cfs_quota_us").exists()
        self._above = _V1 if self._v1 else _V2
        self._folder = self._above / _NAME
        self._folder.mkdir(exist_ok=True)
        self.limit(None)
        (self._folder / "cgroup.procs").write_text(str(os.getpid()))

    def limit(self, cpus: float | None) -> None:
        """Allow so many CPUs, or as many as there are."""
        quota = None if cpus is None else round(cpus * PERIOD_US)
        if self._v1:
            (self._folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self._folder / "cpu.cfs_quota_us").write_text(str(-1 if quota is None else quota))
        else:
            (self._folder / "cpu.max").write_text(f"{'max' if quota is None else quota} {PERIOD_US}")

    def close(self) -> None:
        """Leave the group and remove it."""
        self.limit(None)
        (self._above / "cgroup.procs").write_text(str(os.getpid()))
        for _ in range(50):
            try:
                self._folder.rmdir()
            except OSError:
                time.sleep(0.1)
            else:
                return


class Canary:
    """How fast a core that the soak leaves free reads a buffer beyond its own cache, ten times a second."""

    SIZE_BYTES = 16 * 2**20
    PAUSE_SECONDS = 0.1

    def __init__(self) -> None:
        self._buffer = np.ones(self.SIZE_BYTES, dtype=np.uint8)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sing, daemon=True)
        self.pace: list[tuple[float, float]] = []
        """Monotonic seconds, and bytes read per second."""

    def _sing(self) -> None:
        while not self._over.wait(self.PAUSE_SECONDS):
            begun = time.perf_counter()
            np.maximum.reduce(self._buffer)
            seconds = time.perf_counter() - begun
            self.pace.append((time.monotonic(), self.SIZE_BYTES / seconds))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._thread.join()


def canary_ratio(run: dict[str, Any], part: SoakPart, number: int) -> float | None:
    """The canary's median pace behind a part's change to that before it, between the changes beside it."""
    pace = run.get("canary")
    if not pace:
        return None
    cuts = [0.0, *(change.at_s for change in part.changes), run["seconds"] + 1.0]
    before = [speed for at, speed in pace if cuts[number] <= at < cuts[number + 1]]
    behind = [speed for at, speed in pace if cuts[number + 1] <= at < cuts[number + 2]]
    return median(behind) / median(before) if before and behind else None


@contextmanager
def slowed(
    arm: str, quota: Quota | None, threads: int, after: float, begun: threading.Event
) -> Iterator[list[float]]:
    """Slow the machine some seconds after the soak's first sample, as the arm says; yields when it was."""
    rivals: list[subprocess.Popen[bytes]] = []
    over = threading.Event()
    at: list[float] = []

    def halfway() -> None:
        begun.wait()
        if over.wait(after):
            return
        at.append(time.monotonic())
        if arm == "quota" and quota is not None:
            quota.limit(QUOTA_SHARE * threads)
        elif arm == "load":
            rivals.append(subprocess.Popen([sys.executable, "-c", "while True: pass"]))

    thread = threading.Thread(target=halfway, daemon=True)
    if arm != "steady":
        thread.start()
    try:
        yield at
    finally:
        over.set()
        begun.set()
        if arm != "steady":
            thread.join()
        for rival in rivals:
            rival.kill()
            rival.wait()
        if quota is not None:
            quota.limit(None)


def soak_once(request: SoakRequest, rig: Rig, arm: str, quota: Quota | None) -> dict[str, Any]:
    """One soak; what was done and what was found."""
    begun, first = threading.Event(), list[float]()

    def keep(_sample: object) -> None:
        if not first:
            first.append(time.monotonic())
            begun.set()

    soak = Soak(
        request, rig, stream=Stream(lambda _event: None), controls=Controls(), keep=keep,
        throttle=ThrottleReader().read,
    )  # fmt: skip
    with (
        slowed(arm, quota, request.settings.threads or 1, request.seconds / 2, begun) as at,
        Canary() as canary,
    ):
        soaked, _ = soak.run()
    ends = soaked.samples[0].begun_s + soaked.samples[0].seconds
    return {
        "arm": arm,
        "model": Path(request.model_path).name,
        "workload": request.workload.label,
        "threads": request.settings.threads,
        "seconds": request.seconds,
        "slowed_at_s": at[0] - first[0] + ends if at else None,
        "canary": [(round(mono - first[0] + ends, 2), round(pace)) for mono, pace in canary.pace],
        "parts": [part.model_dump(mode="json") for part in soaked.parts],
        "samples": [
            {
                "begun_s": round(sample.begun_s, 4),
                "seconds": round(sample.seconds, 4),
                "tokens_per_s": round(sample.tokens_per_s, 2),
                "foreign_cores": _rounded(sample.conditions.foreign_cores),
                "steal_cores": _rounded(sample.conditions.steal_cores),
                "throttled_periods": sample.throttled_periods,
            }
            for sample in soaked.samples
        ],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def lean(run: dict[str, Any]) -> dict[str, Any]:
    """The run without what its samples say already."""
    for part in run["parts"]:
        for speed in ("burst_tokens_per_s", "sustained_tokens_per_s"):
            part[speed].pop("samples")
    return run


def found_again(run: dict[str, Any]) -> SoakPart:
    """What the run's samples say, found anew."""
    samples = [
        SoakSample(
            part="decode",
            begun_s=told["begun_s"],
            seconds=told["seconds"],
            tokens=0,
            tokens_per_s=told["tokens_per_s"],
            conditions=Conditions(
                foreign_cores=told["foreign_cores"], wait_share=None, steal_cores=told["steal_cores"]
            ),
            throttled_periods=told["throttled_periods"],
            throttled_seconds=None,
        )
        for told in run["samples"]
    ]
    return findings(samples)[0]


def summary(path: Path) -> Iterator[str]:
    """A table of the runs in a file."""
    runs = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    yield "| threads | seconds | arm | runs | change claimed | fall claimed | drop | late, s | cause |"
    yield "|--:|--:|---|--:|--:|--:|--:|--:|---|"
    kinds = [(run["threads"], run["seconds"], run["arm"]) for run in runs]
    for kind in dict.fromkeys(kinds):
        own = [run for run, its in zip(runs, kinds, strict=True) if its == kind]
        parts = [found_again(run) for run in own]
        claimed = sum(bool(part.changes) for part in parts)
        fell = [(run, part) for run, part in zip(own, parts, strict=True) if part.time_to_throttle_s]
        late = [
            part.time_to_throttle_s - run["slowed_at_s"]
            for run, part in fell
            if run["slowed_at_s"] and part.time_to_throttle_s
        ]
        causes = [change.causes[0] for _, part in fell for change in part.changes if change.ratio < 1]
        told = ", ".join(f"{cause} {causes.count(cause)}" for cause in dict.fromkeys(causes)) or "–"
        drops = _range([part.drop for _, part in fell], ".1%")
        cells = (*kind, len(own), claimed, len(fell), drops, _range(late, ".2f"), told)
        yield f"| {' | '.join(map(str, cells))} |"

    for number, run in enumerate(runs):
        if run["arm"] == "steady" and run.get("canary"):
            part = found_again(run)
            told_of = [
                f"{change.at_s:.1f} s: {change.ratio:.3f}, canary {canary_ratio(run, part, place):.3f}"
                for place, change in enumerate(part.changes)
            ]
            paces = [pace for _, pace in run["canary"]]
            swing = np.percentile(paces, 90) / np.percentile(paces, 10)
            yield f"run {number}: {'; '.join(told_of) or 'nothing claimed'}; canary 10% to 90%: {swing:.3f}"


def _range(values: list[float], form: str) -> str:
    if not values:
        return "–"
    return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def main(options: argparse.Namespace) -> None:
    """Run one arm, or sum up."""
    if options.summary:
        print(*summary(Path(options.summary)), sep="\n")
        return
    workload = parse_workload(options.workload)
    settings = baseline_settings(probe_machine(), workload)
    settings = settings.replace(threads=options.threads, threads_batch=options.threads)
    request = SoakRequest(
        model_path=options.model, workload=workload, settings=settings, seconds=options.seconds
    )
    arms = options.arm.split(",")
    quota = Quota() if "quota" in arms else None
    try:
        with Rig(options.model, live=1, noise=NoisePolicy(max_retries=0)) as rig:
            soak_once(request.model_copy(update={"seconds": 2.0}), rig, "steady", None)  # warms up
            for number in range(options.runs):
                for arm in arms:
                    run = lean(soak_once(request, rig, arm, quota))
                    with Path(options.out).open("a", encoding="utf-8") as file:
                        file.write(json.dumps(run, separators=(",", ":")) + "\n")
                    told = [(c["at_s"], c["ratio"], c["causes"]) for c in run["parts"][0]["changes"]]
                    print(arm, number, told, flush=True)
    finally:
        if quota is not None:
            quota.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?")
    parser.add_argument("--arm", default="steady", help="steady, quota and load, in turn where several")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=13)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workload", default="prompt=0,generate=64")
    parser.add_argument("--out", default="soak.jsonl")
    parser.add_argument("--summary")
    main(parser.parse_args())
