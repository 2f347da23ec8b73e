"""Own the running of one tuner: its clock, its output, its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import psutil

from tests.benchmarks.rivals import Place, Rival, Unreadable
from tests.benchmarks.sides.record import Search
from tunesmith.domain.settings import Settings


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that has ended."""

    output: str
    errors: str
    code: int
    seconds: float
    result_seconds: float | None
    """When the first line of the result came; None if none did."""
    cut: bool
    """Ended by us, since it took too long."""


def run_timed(
    command: list[str], *, folder: Path, limit_seconds: float, is_result: Callable[[str], bool]
) -> Ended:
    """Run a program and note when it tells its result; it and its children are gone afterwards."""
    errors = folder / "stderr.txt"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(folder), "NO_COLOR": "1"}
    environment.pop("TUNESMITH_STORE", None)
    if command[0] != sys.executable:  # another environment's Python is not to see this one's modules
        environment.pop("PYTHONPATH", None)
    lines: list[str] = []
    result_seconds = None
    begun = time.monotonic()
    with errors.open("w", encoding="utf-8") as sink:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=sink, stdin=subprocess.DEVNULL, text=True,
            env=environment, cwd=folder if command[0] != sys.executable else None, start_new_session=True,
        )  # fmt: skip
        cut: list[bool] = []

        def end() -> None:
            cut.append(True)
            _end(process)

        timer = Timer(limit_seconds, end)
        timer.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if result_seconds is None and is_result(line):
                    result_seconds = time.monotonic() - begun
            code = process.wait()
        finally:
            timer.cancel()
            _end(process)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
    seconds = time.monotonic() - begun
    told = errors.read_text("utf-8", errors="replace")
    return Ended("".join(lines), told, code, seconds, result_seconds, bool(cut))


def end_with_children() -> None:
    """Have a request to terminate unwind this program, so that what it started ends with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def _end(process: subprocess.Popen[str]) -> None:
    """End a program and all that it started, also what runs in process groups of its own."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.kill()
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()


def search(rival: Rival, place: Place, *, version: str, baseline: Settings, limit_seconds: float) -> Search:
    """Let a tuner search, and read what it found."""
    command = rival.command(place)
    ended = run_timed(command, folder=place.folder, limit_seconds=limit_seconds, is_result=rival.is_result)
    (place.folder / "stdout.txt").write_text(ended.output, "utf-8")
    settings = failure = None
    claim = ""
    notes: tuple[str, ...] = ()
    try:
        found = rival.read(ended.output, baseline)
        settings, claim, notes = found.settings, found.claim, found.notes
    except Unreadable as error:
        failure = (
            f"not finished after {limit_seconds:.0f} s" if ended.cut else f"{error}; exit code {ended.code}"
        )
        print(ended.errors[-2000:], file=sys.stderr)
    return Search(
        contestant=rival.name, version=version, objective=rival.objective, command=shown(command, place),
        result_seconds=ended.result_seconds, seconds=ended.seconds, settings=settings, claim=claim,
        notes=notes, failure=failure,
    )  # fmt: skip


def shown(command: list[str], place: Place) -> str:
    """A command line with names in place of paths: where things lie here is nobody's concern."""
    folders = {str(place.model.parent) + os.sep: "", str(place.llama_bench.parent): "BIN"}
    words = []
    for word in command:
        for path, name in folders.items():
            word = word.replace(path, name)
        words.append(Path(word).name if word.startswith(os.sep) else word)
    return " ".join(words)
