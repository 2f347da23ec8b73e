"""Own what watching costs: the same decoding with the window showing it, and with the window stopped.

``python -m tests.benchmarks.observer_effect MODEL [PAIRS] [--append FILE]``: one worker decodes under
llama.cpp's defaults. Beside it lives the window (offscreen unless a display is named), well into a run: it is
told of each sample and its tokens as they come, as by its own run, and draws between two samples while that
run would wait for it. For one sample of each pair, in random order, the window's process is stopped by a
signal and told nothing: that is headless. A pair's ratio is free of what makes the machine slower for longer.
With ``--append`` the pairs are added to a file, and what is told is told of all in it; ``--report FILE`` only
tells. Linux and macOS.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.observer_pairs import Pair, add_pair, read_pairs, report
from tests.gui.simulated_run import simulated
from tunesmith.domain.events import EVENTS, Event, TrialMeasured, TrialStarted
from tunesmith.domain.machine import machine_class
from tunesmith.domain.worker_events import Heartbeat
from tunesmith.domain.workload import Workload
from tunesmith.machine.load import thread_times
from tunesmith.machine.probe import probe_machine
from tunesmith.services.rig import Rig
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.tuning.space import baseline_settings
from tunesmith.worker.protocol import NoisePolicy

WORKLOAD = Workload(prompt=0, generate=96, depth=256)
SETTLE_SECONDS = 0.15
"""After the window was stopped or woken."""
EARLIER = 900
"""Events of a simulated run that the window has shown before the first pair."""
BETWEEN = "between"
"""Told to the window between two samples; it answers when it has drawn."""


def _show(stream: Stream, controls: Controls) -> None:
    """Emit what the measuring process tells, until it is gone."""
    for line in sys.stdin:
        if line.strip() == BETWEEN:
            controls.wait_if_paused()
            print("drawn", flush=True)
        else:
            stream.emit(EVENTS.validate_json(line))


class Shown:
    """The window's process: told of events while it runs, stopped at other times."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.observer_effect", "--window"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self.watched = psutil.Process(self._process.pid)
        events = simulated().events[:EARLIER]
        self._shift_ns = events[-1].mono_ns - time.monotonic_ns()
        self._listens = True
        for event in events:
            self._write(event.model_dump_json())
        self.draw()

    def tell(self, event: Event) -> None:
        """Tell of what happens now, in the time of the run that was shown before."""
        if self._listens and not isinstance(event, Heartbeat):
            now_ns = (event.mono_ns or time.monotonic_ns()) + self._shift_ns
            self._write(event.model_copy(update={"mono_ns": now_ns}).model_dump_json())

    def draw(self) -> None:
        """Wait for it to draw what is new."""
        self._write(BETWEEN)
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == "drawn"

    def switch(self, *, on: bool) -> None:
        """Let it run, or stop it."""
        self._listens = on
        os.kill(self._process.pid, signal.SIGCONT if on else signal.SIGSTOP)
        time.sleep(SETTLE_SECONDS)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")


def window() -> None:
    """Draw what is told on standard input until killed."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QSettings
    from PySide6.QtWidgets import QApplication

    from tunesmith.gui.context import AppContext
    from tunesmith.gui.pages.tune import TunePage
    from tunesmith.gui.status import StatusWatch
    from tunesmith.gui.theme import ThemeManager
    from tunesmith.gui.window import MainWindow
    from tunesmith.store import Store

    application = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "store.sqlite3")
        context = AppContext(ThemeManager(application, "light"), open_store=lambda: store)

        def start(*_arguments: object, **_more: object) -> Any:
            return Session(_show)

        def make(context: AppContext) -> TunePage:
            return TunePage(context, start=start)

        settings = QSettings(str(Path(folder) / "window.ini"), QSettings.Format.IniFormat)
        shown = MainWindow(context, {"tune": make}, settings)
        shown.show()
        shown.show_page("tune")
        StatusWatch(shown)
        page = shown.page("tune")
        assert isinstance(page, TunePage)
        page.setup.set_model("/models/recorded.gguf")
        page.begin()
        application.exec()


def _cpu_s(process: psutil.Process) -> dict[int, float]:
    """CPU time of a process by thread, seconds; as one where threads are not counted in nanoseconds."""
    threads = thread_times(process.pid)
    if threads is None:
        return {process.pid: float(sum(process.cpu_times()[:2]))}
    return {number: one.run_ns / 1e9 for number, one in threads.items()}


def _taken_s(before: dict[int, float], after: dict[int, float]) -> float:
    """What was taken between two looks; a thread that ended meanwhile, such as an idle one, is left out."""
    return sum(seconds - before.get(number, 0.0) for number, seconds in after.items())


def measure(model: str, pairs: int, keep: Callable[[Pair], None], *, seed: int) -> None:
    """Alternate, and keep every pair as soon as it is there."""
    machine = probe_machine()
    settings = baseline_settings(machine, WORKLOAD)
    order = random.Random(seed)
    began = datetime.now(tz=UTC).isoformat(timespec="seconds")
    shown = Shown()
    try:
        with Rig(model, noise=NoisePolicy(max_retries=0), on_event=shown.tell) as rig:
            rig.sample(settings, WORKLOAD)
            for number in range(pairs):
                turns = order.sample((True, False), 2)
                speeds: dict[bool, float] = {}
                disturbed, cpu, wall = 0, 0.0, 0.0
                for draws in turns:
                    shown.switch(on=draws)
                    trial = TrialStarted(
                        stage="confirm", candidate="defaults", digest=settings.digest, round=number
                    )
                    shown.tell(trial)
                    before, begun = _cpu_s(shown.watched), time.monotonic()
                    sample = rig.sample(settings, WORKLOAD)
                    if draws:
                        cpu, wall = _taken_s(before, _cpu_s(shown.watched)), time.monotonic() - begun
                        shown.tell(
                            TrialMeasured(
                                stage=trial.stage, candidate=trial.candidate, digest=trial.digest,
                                round=number, sample=sample,
                            )
                        )  # fmt: skip
                        shown.draw()
                    disturbed += sample.noisy
                    speeds[draws] = sample.decode_tokens_per_s or math.nan
                keep(
                    Pair(
                        block_utc=began, machine=machine_class(machine).label, model=Path(model).name,
                        window_first=turns[0], window_tokens_per_s=speeds[True],
                        headless_tokens_per_s=speeds[False], disturbed=disturbed,
                        window_cpu_s=cpu, window_wall_s=wall,
                    )
                )  # fmt: skip
    finally:
        shown.close()


def main() -> None:
    """Measure, or only tell what earlier runs measured."""
    parser = argparse.ArgumentParser(description="What watching a tune costs the decoding beside it.")
    parser.add_argument("model", nargs="?", help="a GGUF file")
    parser.add_argument("pairs", nargs="?", type=int, default=60)
    parser.add_argument(
        "--append", type=Path, metavar="FILE", help="add the pairs to this file, and tell of all"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="measure nothing, tell what a file holds")
    parser.add_argument("--window", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.window:
        window()
        return
    file: Path | None = given.report or given.append
    found = read_pairs(file) if file is not None else []
    if given.report is None:
        if given.model is None:
            parser.error("name a model, or a file to report on")

        def keep(pair: Pair) -> None:
            found.append(pair)
            if file is not None:
                add_pair(file, pair)

        measure(given.model, given.pairs, keep, seed=1 + len(found))
    print("\n".join(report(found)))


if __name__ == "__main__":
    main()
