"""Own the comparison of what a chunk of text costs here and in llama-perplexity, in turn, raw samples kept.

    python -m tests.benchmarks.quality_cost --tool llama-perplexity --source F16.gguf Q4_K_M.gguf

The tool must be of the llama.cpp that the binding holds. In each round both read the text with the source and
then with the candidate; who begins changes from round to round. A sample is the time from the end of one
chunk to the end of the next, so that loading and the first chunk are left out. ``--out FILE.json`` keeps
the samples, ``--report FILE.json`` prints an earlier record's table again.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from math import comb
from pathlib import Path
from statistics import fmean, median
from typing import IO, Final, Literal

from tunesmith import assets
from tunesmith.domain.base import Value
from tunesmith.domain.worker_events import ChunkKept, ChunkScored
from tunesmith.machine.probe import probe_machine
from tunesmith.services.quality import SHIPPED_TEXT, QualityRequest, start_quality

Who = Literal["llama-perplexity", "Tunesmith"]
Part = Literal["source", "candidate"]

_WHO: Final[tuple[Who, Who]] = ("llama-perplexity", "Tunesmith")
_PARTS: Final[tuple[Part, Part]] = ("source", "candidate")
LIMIT: Final = 1.15
"""What a chunk may cost here, as a multiple of the tool's."""
TOLD: Final[dict[Part, re.Pattern[bytes]]] = {
    "source": re.compile(rb"\[(\d+)\]\d"),
    "candidate": re.compile(rb"(?:^|\n) *(\d+) +\d+\.\d+"),
}
"""How the tool says that it is done with a chunk."""


class ChunkTimes(Value):
    """One reading of the text by one program with one model."""

    round: int
    place: int
    """In which order within the round."""
    who: Who
    part: Part
    seconds: tuple[float, ...]
    """From the end of each chunk to that of the next."""


class CostRecord(Value):
    """A whole run."""

    schema_name: Literal["quality-cost/1"] = "quality-cost/1"
    started: str
    machine: str
    source: str
    candidate: str
    chunks: int
    threads: int
    times: tuple[ChunkTimes, ...] = ()

    @property
    def rounds(self) -> int:
        """How many were measured."""
        return len({one.round for one in self.times})

    def chunk_seconds(self, who: Who, part: Part) -> dict[int, float]:
        """By round, the median time of a chunk."""
        return {one.round: median(one.seconds) for one in self.times if (one.who, one.part) == (who, part)}

    def ratios(self, part: Part | None) -> list[float]:
        """Ours over the tool's, of chunks at the same place of a round; None takes both parts."""
        times = {(one.round, one.who, one.part): one.seconds for one in self.times}
        numbers = sorted({one.round for one in self.times})
        parts = _PARTS if part is None else (part,)
        return [
            mine / theirs
            for number in numbers
            for one in parts
            for theirs, mine in zip(*(times[number, who, one] for who in _WHO), strict=True)
        ]

    def undisturbed(self, who: Who, part: Part) -> float:
        """Seconds a chunk: the mean of the fastest quarter of all, where the least came in between."""
        found = sorted(one for times in self.times if (times.who, times.part) == (who, part)
                       for one in times.seconds)  # fmt: skip
        return fmean(found[: max(1, len(found) // 4)])


class Middle(Value):
    """A median and where it lies at 95% or more; None with less than six values."""

    median: float
    low: float | None
    high: float | None


def middle(values: Sequence[float]) -> Middle:
    """The median, between two of the values (sign test), so that single large ones move nothing."""
    ordered, count = sorted(values), len(values)
    below, place = 0.0, 0
    while place < count and 2 * (below := below + comb(count, place) / 2**count) <= 0.05:
        place += 1
    low, high = (ordered[place - 1], ordered[count - place]) if place else (None, None)
    return Middle(median=median(ordered), low=low, high=high)


def ends(output: Iterable[tuple[float, bytes]], pattern: re.Pattern[bytes]) -> list[float]:
    """When each chunk was first told to be done: the moment at which its number came, in order.

    Args:
        output: moments, and what was printed in each since the one before.
        pattern: its first group is the chunk's number, from 1.
    """
    found: list[float] = []
    seen = b""
    for moment, piece in output:
        seen += piece
        count = max((int(number) for number in pattern.findall(seen)), default=0)
        found += [moment] * (count - len(found))
    return found


def spans(moments: Sequence[float]) -> tuple[float, ...]:
    """From each moment to the next."""
    return tuple(later - earlier for earlier, later in pairwise(moments))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; 1 if a chunk surely costs more than it may."""
    options = _options(arguments)
    if options.report:
        record = CostRecord.model_validate_json(options.report.read_text("utf-8"))
    else:
        record = _measure(options)
    print(render(record))
    return 1 if (low := middle(record.ratios(None)).low) is not None and low > LIMIT else 0


def render(record: CostRecord) -> str:
    """The tables, in Markdown."""
    lines = [
        f"{record.candidate} against {record.source}: {record.started}, {record.machine},",
        f"{record.rounds} rounds of {record.chunks} chunks, {record.threads} threads. Seconds a chunk: the",
        "median of the rounds' medians (smallest–largest), the median ratio of chunks at the same place of",
        "a round, at 95%; then the mean of the fastest quarter of all chunks.",
        "",
        f"| reading with | {' | '.join(_WHO)} | ratio | fastest: {' | '.join(_WHO)} | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    fastest = {"llama-perplexity": 0.0, "Tunesmith": 0.0}
    for part in _PARTS:
        cells = [_range(record, who, part) for who in _WHO]
        cells.append(_ratio(middle(record.ratios(part))))
        best = [record.undisturbed(who, part) for who in _WHO]
        for who, seconds in zip(_WHO, best, strict=True):
            fastest[who] += seconds
        cells += [f"{best[0]:.3f}", f"{best[1]:.3f}", f"{best[1] / best[0]:.3f}"]
        lines.append(f"| the {part} | {' | '.join(cells)} |")
    theirs, mine = fastest.values()
    both = f"{_ratio(middle(record.ratios(None)))} | {theirs:.3f} | {mine:.3f} | {mine / theirs:.3f}"
    lines.append(f"| both, one after the other | | | {both} |")
    return "\n".join(lines)


def _range(record: CostRecord, who: Who, part: Part) -> str:
    rounds = sorted(record.chunk_seconds(who, part).values())
    return f"{median(rounds):.3f} ({rounds[0]:.3f}–{rounds[-1]:.3f})"


def _ratio(found: Middle) -> str:
    if found.low is None or found.high is None:
        return f"{found.median:.3f}"
    return f"{found.median:.3f} ({found.low:.3f}–{found.high:.3f})"


def _measure(options: argparse.Namespace) -> CostRecord:
    machine = probe_machine()
    record = CostRecord(
        started=f"{datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC",
        machine=f"{machine.cpu.model}, {machine.cpu.logical_cpus} CPUs",
        source=options.source.name, candidate=options.candidate.name, chunks=options.chunks,
        threads=options.threads,
    )  # fmt: skip
    begun = time.monotonic()
    for number in range(1, options.rounds + 1):
        place = 0
        for who in _WHO if number % 2 else _WHO[::-1]:
            with tempfile.TemporaryDirectory() as folder:
                read = _theirs if who == "llama-perplexity" else _ours
                found = read(options, Path(folder))
            for part, seconds in found.items():
                place += 1
                times = ChunkTimes(round=number, place=place, who=who, part=part, seconds=seconds)
                record = record.model_copy(update={"times": (*record.times, times)})
        if options.out:
            options.out.write_text(record.model_dump_json(indent=1) + "\n", "utf-8")
        print(f"round {number}, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return record


def _theirs(options: argparse.Namespace, folder: Path) -> dict[Part, tuple[float, ...]]:
    command = [
        options.tool, "--kl-divergence-base", str(folder / "base"), "--chunks", str(options.chunks),
        "-c", "512", "-b", "512", "-t", str(options.threads),
    ]  # fmt: skip
    asked: dict[Part, list[str]] = {
        "source": ["-m", str(options.source), "-f", str(options.text)],
        "candidate": ["-m", str(options.candidate), "--kl-divergence"],
    }
    found: dict[Part, tuple[float, ...]] = {}
    for part, more in asked.items():
        with subprocess.Popen(
            [*command, *more], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None
            found[part] = _complete(spans(ends(_timed(process.stdout), TOLD[part])), options.chunks)
    return found


def _timed(stream: IO[bytes]) -> Iterator[tuple[float, bytes]]:
    while piece := os.read(stream.fileno(), 65536):
        yield time.monotonic(), piece


def _ours(options: argparse.Namespace, folder: Path) -> dict[Part, tuple[float, ...]]:
    os.environ["TUNESMITH_CACHE_DIR"] = str(folder)
    request = QualityRequest(
        str(options.candidate), str(options.source), text_path=str(options.text), chunks=options.chunks
    )
    session = start_quality(request)
    moments: dict[Part, list[float]] = {"source": [], "candidate": []}
    for event in session.events():
        if isinstance(event, ChunkKept):
            moments["source"].append(event.mono_ns / 1e9)
        elif isinstance(event, ChunkScored):
            moments["candidate"].append(event.mono_ns / 1e9)
    result = session.result()
    if result.settings.threads_batch != options.threads:
        raise SystemExit(f"Tunesmith reads with {result.settings.threads_batch} threads here: give --threads")
    return {part: _complete(spans(ended), options.chunks) for part, ended in moments.items()}


def _complete(seconds: tuple[float, ...], chunks: int) -> tuple[float, ...]:
    if len(seconds) != chunks - 1:
        raise SystemExit(f"{len(seconds) + 1} chunks were told of, not {chunks}")
    return seconds


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("candidate", type=Path, nargs="?")
    parser.add_argument("--source", type=Path)
    parser.add_argument("--tool", default="llama-perplexity")
    parser.add_argument("--text", type=Path, default=assets.resource(SHIPPED_TEXT))
    parser.add_argument("--chunks", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="the record, raw")
    parser.add_argument("--report", type=Path, help="only report on this earlier record")
    options = parser.parse_args(arguments)
    if options.report is None and (options.candidate is None or options.source is None):
        parser.error("a candidate and --source are needed")
    return options


if __name__ == "__main__":
    sys.exit(main())
