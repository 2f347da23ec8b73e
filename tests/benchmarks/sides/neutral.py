"""Own the measurement of finished settings: llama-bench, and ours for the response time; a process each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.benchmarks.llama_bench import LlamaBench
from tests.benchmarks.sides.record import WORKLOAD, Reading, Sample
from tunesmith.cli.parser import SETTING_FLAGS
from tunesmith.domain.settings import Settings
from tunesmith.tuning.setting_text import format_setting

TIMEOUT_SECONDS = 300.0


def bench_arguments(settings: Settings, reading: Reading) -> list[str]:
    """llama-bench's flags for one reading: it has one number of threads, so that of the part goes in."""
    decodes = reading.kind == "decode"
    arguments = [
        "-p", str(0 if decodes else reading.tokens), "-n", str(reading.tokens if decodes else 0),
        "-d", str(reading.depth), "-r", str(reading.repetitions),
        "-t", str(settings.threads if decodes else settings.threads_batch),
        "-b", str(settings.n_batch), "-ub", str(settings.n_ubatch), "-fa", settings.flash_attn,
        "-ctk", settings.type_k, "-ctv", settings.type_v, "-ngl", str(settings.n_gpu_layers),
        "-lm", settings.load_mode, "--repack", str(int(settings.use_extra_bufts)),
        "-nopo", str(int(not settings.op_offload)),
    ]  # fmt: skip
    if settings.cpu_affinity is not None:
        arguments += ["-C", hex(sum(1 << cpu for cpu in settings.cpu_affinity))]
    return arguments


def measure_arguments(settings: Settings, baseline: Settings, reading: Reading) -> list[str]:
    """The flags of ``tunesmith measure``: the workload, and what differs from the defaults."""
    return [
        "--prompt", str(WORKLOAD.prompt), "--generate", str(WORKLOAD.generate),
        "--depth", str(WORKLOAD.depth), "--repetitions", str(reading.repetitions),
        *measure_flags(settings, baseline),
    ]  # fmt: skip


def measure_flags(settings: Settings, baseline: Settings) -> list[str]:
    """What differs from the defaults, as flags of ``tunesmith measure``."""
    flags = {name: flags[-1] for name, flags, _, _ in SETTING_FLAGS}
    before, now = baseline.model_dump(), settings.model_dump()
    arguments: list[str] = []
    for name in flags:
        if now[name] != before[name] or name in ("threads", "threads_batch"):
            value = getattr(settings, name)
            arguments += [flags[name], format_setting(value)]
    return arguments


def ours(model: Path, settings: Settings, baseline: Settings, reading: Reading, folder: Path) -> list[float]:
    """Raw response times by ``tunesmith measure``, ms."""
    command = [
        sys.executable, "-m", "tunesmith", "measure", str(model), "--json", "--quiet",
        "--store", str(folder / "measure.sqlite3"), *measure_arguments(settings, baseline, reading),
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=TIMEOUT_SECONDS, env=os.environ.copy()
    )
    return [float(value) for value in json.loads(done.stdout)["response_ms"]["samples"]]


def measured(
    model: Path,
    bench: LlamaBench,
    contestants: dict[str, Settings],
    readings: tuple[Reading, ...],
    *,
    baseline: Settings,
    rounds: int,
    first: int,
    order: Random,
    folder: Path,
) -> Iterator[tuple[Sample, ...]]:
    """Measure all contestants in rounds; within one, reading by reading, the contestants in random order.

    So what is compared is measured seconds apart.
    """
    for number in range(first, first + rounds):
        place = 0
        done = []
        for reading in order.sample(readings, len(readings)):
            for name in order.sample(list(contestants), len(contestants)):
                place += 1
                values: list[float] = []
                failure = None
                try:
                    if reading.kind == "response":
                        values = ours(model, contestants[name], baseline, reading, folder)
                    else:
                        values = bench.samples(model, bench_arguments(contestants[name], reading))
                except (subprocess.SubprocessError, ValueError, TypeError) as error:
                    failure = type(error).__name__
                    print(f"{name}, {reading.name}: {error}", file=sys.stderr)
                done.append(
                    Sample(
                        round=number,
                        place=place,
                        contestant=name,
                        reading=reading.name,
                        values=tuple(values),
                        failure=failure,
                    )
                )
        yield tuple(done)
