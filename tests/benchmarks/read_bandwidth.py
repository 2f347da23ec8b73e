"""Own the comparison of read bandwidth with C and llama-roofline, and of speeds with the limits from it.

``python -m tests.benchmarks.read_bandwidth --rounds 12 --out FILE.json [--roofline FOLDER] [MODEL …]``. In
each round a C program that is compiled here (``stream_read.c``, at its best distance of prefetching),
Tunesmith's own reader and, where FOLDER holds it
(``pip install --no-deps --target FOLDER llama-roofline==0.2.3``), llama-roofline read a buffer of the same
size with the same threads, in random order, each in a fresh process. Then models are measured in
rounds, by ``tunesmith measure``, and set beside the limits that it tells. Needs gcc or cc.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tunesmith.domain.statistics import quantity
from tunesmith.machine.probe import probe_machine

_SOURCE = Path(__file__).with_name("stream_read.c")
_REPETITIONS = 5
_AHEAD_LINES = (0, 64, 256)
"""How far ahead C prefetches, lines of a cache; the best of them counts."""
_OURS = """
import json, sys
from tunesmith.engine.bandwidth import read_bandwidth
(found,) = read_bandwidth((int(sys.argv[1]),), free_bytes=int(sys.argv[2]))
print(json.dumps([reading.model_dump() for reading in found.readings]))
"""
_ROOFLINE = """
import json, sys
from llama_roofline.membw import measure
size, threads, times = map(int, sys.argv[1:])
print(json.dumps(measure(working_set_mb=size, thread_counts=[threads], reps=times)))
"""


def main(arguments: list[str]) -> int:
    """Measure, write the record after every round, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--decode-rounds", type=int, default=3)
    parser.add_argument("--roofline", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    order = random.Random(options.seed)
    machine = probe_machine()
    record: dict[str, Any] = {
        "cpu": machine.cpu.model, "threads": machine.cpu.usable_cpus, "rounds": [], "decode": [],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        program = _compile(Path(folder))
        for _ in range(options.rounds):
            record["rounds"].append(_round(program, record["threads"], options.roofline, order))
            options.out.write_text(json.dumps(record, indent=1) + "\n")
        for _ in range(options.decode_rounds):
            models = list(options.models)
            order.shuffle(models)
            store = Path(folder) / "store.sqlite3"
            record["decode"] += [_decode(model, store) for model in models]
            options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(report(record))
    return 0


def _compile(folder: Path) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler is not None, "a C compiler is needed"
    program = folder / "stream_read"
    command = [compiler, "-O3", "-march=native", "-pthread", str(_SOURCE), "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def _round(
    program: Path, threads: int, roofline: Path | None, order: random.Random
) -> dict[str, list[float]]:
    """Bytes a second of each reader's largest buffer, raw."""
    ours = json.loads(_python(_OURS, threads, 2**33))  # the size is known first
    size = ours[-1]["size_bytes"]

    def c() -> list[float]:
        runs = []
        for ahead in _AHEAD_LINES:
            command = [str(program), *map(str, (size, threads, _REPETITIONS, ahead))]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            runs.append([float(line) for line in done.stdout.split()])
        return max(runs, key=max)

    def tunesmith() -> list[float]:
        again = json.loads(_python(_OURS, threads, 2**33))
        return next(one["bytes_per_s"] for one in reversed(again) if one["size_bytes"] <= size)

    def theirs() -> list[float]:
        text = _python(_ROOFLINE, size // 2**20, threads, _REPETITIONS, path=roofline)
        return [json.loads(text)["peak_read_GBs"] * 1e9]

    readers: dict[str, Callable[[], list[float]]] = {"c": c, "tunesmith": tunesmith}
    if roofline is not None:
        readers["llama-roofline"] = theirs
    names = list(readers)
    order.shuffle(names)
    return {"size_bytes": [size], **{name: readers[name]() for name in names}}


def _python(code: str, *values: int, path: Path | None = None) -> str:
    command = [sys.executable, "-c", code, *map(str, values)]
    environ = os.environ if path is None else os.environ | {"PYTHONPATH": str(path)}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environ).stdout


def _decode(model: Path, store: Path) -> dict[str, Any]:
    command = [
        sys.executable, "-m", "tunesmith", "measure", str(model), "--prompt", "512", "--generate", "64",
        "--repetitions", "5", "--json", "--quiet", "--store", str(store),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    names = (
        "decode_limit_tokens_per_s",
        "decode_limit_reason",
        "decode_step_bytes",
        "memory_bandwidth_bytes_per_s",
    )
    prefill_names = (
        "prefill_limit_tokens_per_s",
        "prefill_limit_reason",
        "prefill_operations_per_token",
        "matrix_operations_per_s",
    )
    return {
        "model": model.name,
        "samples": told["decode_tokens_per_s"]["samples"],
        "prefill_samples": told["prefill_tokens_per_s"]["samples"],
        **{n: told[n] for n in prefill_names},
        **{n: told[n] for n in names},
    }


def report(record: dict[str, Any]) -> str:
    """The record in two tables."""
    lines = [
        f"{record['cpu']}, {record['threads']} threads, {len(record['rounds'])} rounds.", "",
        "| reader | GB/s, median of the best of a round | lowest-highest | to C, in the same round |",
        "|---|---|---|---|",
    ]  # fmt: skip
    for name in ("c", "tunesmith", "llama-roofline"):
        best = [max(one[name]) for one in record["rounds"] if name in one]
        if not best:
            continue
        ratio = quantity(
            [max(one[name]) / max(one["c"]) for one in record["rounds"] if name in one], interval="mean"
        )
        told = f"{ratio.median:.3f} ({ratio.low:.3f}-{ratio.high:.3f})" if ratio.low and ratio.high else "-"
        low, high = min(best) / 1e9, max(best) / 1e9
        lines.append(f"| {name} | {statistics.median(best) / 1e9:.1f} | {low:.1f}-{high:.1f} | {told} |")
    for part, samples in (("decode", "samples"), ("prefill", "prefill_samples")):
        lines += [
            "",
            f"| model | {part}, tokens/s | limit | share | highest sample / limit |",
            "|---|---|---|---|---|",
            *_beside_limits(record["decode"], samples, f"{part}_limit"),
        ]
    return "\n".join(lines)


def _beside_limits(measured: list[dict[str, Any]], samples_name: str, limit_name: str) -> Iterator[str]:
    """A row for each model."""
    for model in sorted({one["model"] for one in measured}):
        own = [one for one in measured if one["model"] == model]
        samples = [sample for one in own for sample in one[samples_name]]
        limits = [found for one in own if (found := one[f"{limit_name}_tokens_per_s"])]
        middle = statistics.median(samples)
        if not limits:
            yield f"| {model} | {middle:.1f} | - ({own[0][f'{limit_name}_reason']}) | - | - |"
            continue
        limit = min(limits)
        yield f"| {model} | {middle:.1f} | {limit:.1f} | {middle / limit:.0%} | {max(samples) / limit:.0%} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
