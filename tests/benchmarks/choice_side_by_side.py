"""Own the comparison with fituna: both choose a quantization, then all picks are measured again.

``python -m tests.benchmarks.choice_side_by_side F16.gguf --rival-python VENV/bin/python --tools BIN``.
fituna is installed into a virtual environment of its own (``pip install fituna==0.3.6``); BIN holds
llama-quantize, llama-perplexity and llama-bench of the llama.cpp that the binding holds.

Everyone gets the same source, text, chunks, types and limit on perplexity. fituna looks for the truest
quantization that reaches a speed, Tunesmith for the fastest one within the limit; so fituna is asked twice:
for a speed out of reach, where it tells the fastest it saw, and for a multiple of the source's.
Then picks and source are measured in rounds, in random order, each in a fresh process, and each picked file's
quality once more by both. The record is written after every step, and ``--resume`` goes on with it;
``--out`` names it,
``--page`` fills the results into a Markdown page, ``--report FILE.json`` does so from an earlier record.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import Random

from tests.benchmarks.choices.contestants import Asked, Chooser, Fituna, Tunesmith
from tests.benchmarks.choices.record import (
    READINGS,
    SOURCE,
    ChoiceRecord,
    Pick,
    PickQuality,
    Question,
    Reading,
    Search,
    Speed,
)
from tests.benchmarks.choices.report import fill, render
from tests.benchmarks.llama_bench import LlamaBench
from tests.benchmarks.quality_agreement import own_digits, read_tool
from tests.benchmarks.rivals import Unreadable
from tests.benchmarks.sides import record as sides
from tests.benchmarks.sides.neutral import bench_arguments, measure_flags
from tests.benchmarks.sides.searches import end_with_children, run_timed
from tunesmith import assets
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.gguf import identify
from tunesmith.machine.probe import probe_machine
from tunesmith.services.quality import SHIPPED_TEXT
from tunesmith.tuning.space import baseline_settings

TYPES = ("Q8_0", "Q6_K", "Q4_K_M", "Q4_0")
LIMIT_SECONDS = 900.0
"""A search that takes longer is ended."""


def main() -> int:
    """Choose, measure again, report."""
    options = _options()
    end_with_children()
    if options.report:
        record = ChoiceRecord.model_validate_json(options.report.read_text("utf-8"))
    else:
        record = _Comparison(options).run()
    if options.page:
        fill(options.page, record)
    print(render(record))
    return 0


class _Comparison:
    """The whole run; what is done so far lies in the record at any time."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._bench = LlamaBench(options.tools.absolute() / "llama-bench")
        self._folder: Path = options.keep.absolute()
        os.environ["TUNESMITH_CACHE_DIR"] = str(self._folder / "cache")
        machine = probe_machine()
        question = Question(
            source=options.source.name, source_sha256=identify(options.source).sha256,
            text=options.text.name, types=tuple(options.types.split(",")), chunks=options.chunks,
            max_perplexity_ratio=options.max_perplexity_ratio, prompt=512, generate=128,
            threads=machine.cpu.logical_cpus,
        )  # fmt: skip
        workload = Workload(prompt=question.prompt, generate=question.generate, depth=0)
        self.record = ChoiceRecord(
            started=f"{datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC",
            machine=f"{machine.cpu.model}, {machine.cpu.logical_cpus} CPUs, {machine.os_name}",
            versions={
                "llama-cpp-python": version("llama-cpp-python"), "llama-bench": self._bench.version(),
            },
            question=question, baseline=baseline_settings(machine, workload),
        )  # fmt: skip
        if options.resume and options.out.exists():
            self.record = ChoiceRecord.model_validate_json(options.out.read_text("utf-8"))

    def run(self) -> ChoiceRecord:
        """All that is asked for and not done yet."""
        for chooser in self._choosers():
            if not any(search.contestant == chooser.name for search in self.record.searches):
                self._search(chooser)
        for number in range(self.record.rounds + 1, self._options.rounds + 1):
            self._round(number)
        if self._options.quality_chunks:
            self._qualities()
        return self.record

    def _keep(self, **changes: object) -> None:
        self.record = self.record.model_copy(update=changes)
        self._options.out.write_text(self.record.model_dump_json(indent=1) + "\n", "utf-8")

    def _choosers(self) -> list[Chooser]:
        """Those asked for, in random order."""
        names = self._options.only.split(",")
        found: list[Chooser] = []
        if "tunesmith" in names:
            found.append(Tunesmith(self._options.budget))
        if "fastest" in names:
            found.append(Fituna())
        if "target" in names:
            factor = self._options.target_factor
            done = [search for search in self.record.searches if f"{factor:g} times" in search.contestant]
            speed = 1.0 if done else max(self._decode(self._source, self.record.baseline, repetitions=5))
            found.append(Fituna(factor * speed, factor))
        return Random(self._options.seed).sample(found, len(found))

    # ------------------------------------------------------------- the searches

    @property
    def _source(self) -> Path:
        return Path(self._options.source).absolute()

    def _search(self, chooser: Chooser) -> None:
        folder = self._folder / chooser.name.replace(", ", "-").replace(" ", "-")
        folder.mkdir(parents=True)
        os.environ["TUNESMITH_CACHE_DIR"] = str(folder / "cache")
        asked = Asked(
            question=self.record.question, source=self._source, text=self._options.text.absolute(),
            folder=folder, python=self._options.rival_python.absolute(),
            tools=self._options.tools.absolute(),
        )  # fmt: skip
        command = chooser.command(asked)
        print(f"{chooser.name} chooses", file=sys.stderr, flush=True)
        ended = run_timed(
            command, folder=folder, limit_seconds=LIMIT_SECONDS, is_result=lambda line: line.startswith("{")
        )
        (folder / "stdout.txt").write_text(ended.output, "utf-8")
        pick = failure = None
        try:
            pick = chooser.read(ended.output, ended.errors, asked, self.record.baseline)
        except Unreadable as error:
            failure = f"{error}; exit code {ended.code}"
            print(ended.errors[-2000:], file=sys.stderr)
        else:
            relative = Path(pick.file).absolute().relative_to(self._folder).as_posix()
            pick = pick.model_copy(update={"file": relative})
        search = Search(
            contestant=chooser.name, version=_version(chooser, asked.python), command=_shown(command, asked),
            seconds=ended.seconds, pick=pick, failure=failure,
        )  # fmt: skip
        print(f"{chooser.name}: {ended.seconds:.0f} s, {pick or failure}", file=sys.stderr, flush=True)
        self._keep(searches=(*self.record.searches, search))

    # ------------------------------------------------------------- measured again

    def _round(self, number: int) -> None:
        """One round: reading by reading, the contestants in random order."""
        random = Random(self._options.seed + number)
        contestants: dict[str, tuple[Path, Settings]] = {SOURCE: (self._source, self.record.baseline)}
        contestants |= {name: (self._file(pick), pick.settings) for name, pick in self.record.picks.items()}
        done: list[Speed] = []
        for reading in random.sample(READINGS, len(READINGS)):
            for name in random.sample(list(contestants), len(contestants)):
                model, settings = contestants[name]
                values = self._values(reading, model, settings)
                done.append(
                    Speed(
                        round=number, place=len(done) + 1, contestant=name, reading=reading,
                        values=tuple(values),
                    )
                )  # fmt: skip
        self._keep(speeds=(*self.record.speeds, *done))
        print(f"round {number}", file=sys.stderr, flush=True)

    def _values(self, reading: Reading, model: Path, settings: Settings) -> list[float]:
        if reading == "llama-bench":
            return self._decode(model, settings, repetitions=3)
        question = self.record.question
        command = [
            sys.executable, "-m", "tunesmith", "measure", str(model), "--json", "--quiet",
            "--store", str(self._folder / "measure.sqlite3"), "--prompt", "0",
            "--generate", str(question.generate), "--depth", "0", "--repetitions", "3",
            *measure_flags(settings, self.record.baseline),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        return [float(value) for value in json.loads(done.stdout)["decode_tokens_per_s"]["samples"]]

    def _decode(self, model: Path, settings: Settings, *, repetitions: int) -> list[float]:
        reading = sides.Reading(
            name="decode", kind="decode", tokens=self.record.question.generate, depth=0,
            repetitions=repetitions,
        )  # fmt: skip
        return self._bench.samples(model, bench_arguments(settings, reading))

    def _file(self, pick: Pick) -> Path:
        return self._folder / pick.file

    def _qualities(self) -> None:
        """Of each picked file once, whoever picked it."""
        picks = [(self._file(pick), pick) for pick in self.record.picks.values()]
        files = {identify(path).sha256: (path, pick) for path, pick in picks}
        known = {quality.sha256 for quality in self.record.qualities}
        os.environ["TUNESMITH_CACHE_DIR"] = str(self._folder / "cache")
        base = self._folder / "base"
        for sha256, (path, pick) in files.items():
            if sha256 in known:
                continue
            if not base.exists():
                self._perplexity(self._source, base, "-f", str(self._options.text))
            theirs = read_tool(self._perplexity(path, base, "--kl-divergence"))
            command = [
                sys.executable, "-m", "tunesmith", "quality", str(path), "--against", str(self._source),
                "--text", str(self._options.text), "--chunks", str(self._options.quality_chunks),
                "--json", "--quiet",
            ]  # fmt: skip
            ours = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            found = PickQuality(
                sha256=sha256, quantization=pick.quantization, size_bytes=path.stat().st_size,
                chunks=ours["chunks"], tool=theirs, tunesmith=own_digits(ours),
            )  # fmt: skip
            self._keep(qualities=(*self.record.qualities, found))
        base.unlink(missing_ok=True)

    def _perplexity(self, model: Path, base: Path, *more: str) -> str:
        command = [
            str(self._options.tools.absolute() / "llama-perplexity"), "-m", str(model),
            "--kl-divergence-base", str(base), "--chunks", str(self._options.quality_chunks),
            "-c", "512", "-b", "512", "-t", str(self.record.question.threads), *more,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout + done.stderr


def _version(chooser: Chooser, python: Path) -> str:
    """As installed: ours here, fituna's in its environment."""
    asked = sys.executable if chooser.package == "tunesmith" else str(python)
    program = f"from importlib.metadata import version; print(version({chooser.package!r}))"
    return subprocess.run([asked, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def _shown(command: list[str], asked: Asked) -> str:
    """A command line with names in place of paths."""
    folders = {str(asked.folder): "KEEP", str(asked.tools): "BIN"}
    words = []
    for word in command:
        for path, name in folders.items():
            word = word.replace(path, name)
        words.append(Path(word).name if word.startswith(os.sep) else word)
    return " ".join(words)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("source", type=Path, nargs="?")
    parser.add_argument("--rival-python", type=Path, help="Python of fituna's virtual environment")
    parser.add_argument("--tools", type=Path, help="folder of llama-quantize, llama-perplexity, llama-bench")
    parser.add_argument("--text", type=Path, default=assets.resource(SHIPPED_TEXT))
    parser.add_argument("--types", default=",".join(TYPES))
    parser.add_argument("--chunks", type=int, default=16)
    parser.add_argument("--max-perplexity-ratio", type=float, default=1.1)
    parser.add_argument("--budget", default="60", help="ours, seconds or a name")
    parser.add_argument("--target-factor", type=float, default=1.25, help="of the source's speed")
    parser.add_argument("--only", default="tunesmith,fastest,target", help="which of the three search")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--quality-chunks", type=int, default=24, help="0 leaves quality out for now")
    parser.add_argument("--keep", type=Path, default=Path("choice-side-by-side"), help="where files lie")
    parser.add_argument("--out", type=Path, default=Path("choice-side-by-side.json"), help="the record")
    parser.add_argument("--resume", action="store_true", help="go on with the record")
    parser.add_argument("--page", type=Path, help="a Markdown page with marks to fill the results in")
    parser.add_argument("--report", type=Path, help="only report on this earlier record")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.report is None and None in (options.source, options.rival_python, options.tools):
        parser.error("a source, --rival-python and --tools are needed")
    return options


if __name__ == "__main__":
    sys.exit(main())
