"""Own what watching costs: the same decoding with the window drawing beside it, and with the window stopped.

``python -m tests.benchmarks.observer_effect MODEL [PAIRS] [--append FILE]``: one worker decodes under
llama.cpp's defaults. Beside it lives the window (offscreen unless a display is named), which draws a
simulated run as it would a live one, its events as dense as those of a worker that decodes 60 tokens/s. For
one sample of each pair, in random order, the window's process is stopped by a signal: that is headless. A
pair's ratio is free of what makes the machine slower for longer. With ``--append`` the pairs are added to a
file, and what is told is told of all in it; ``--report FILE`` only tells. Linux and macOS.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.observer_pairs import Pair, add_pair, read_pairs, report
from tests.gui.simulated_run import simulated
from tunesmith.domain.events import Event, RunFinished, TrialMeasured, TrialStarted
from tunesmith.domain.machine import machine_class
from tunesmith.domain.worker_events import TokensTimed
from tunesmith.domain.workload import Workload
from tunesmith.machine.load import thread_times
from tunesmith.machine.probe import probe_machine
from tunesmith.services.rig import Rig
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.tuning.space import baseline_settings
from tunesmith.worker.protocol import NoisePolicy

WORKLOAD = Workload(prompt=0, generate=48, depth=256)
SETTLE_SECONDS = 0.15
"""After the window was stopped or woken."""
_SLICE_NS = 100_000_000
"""So rarely does the feeder wake that it adds little to what the window takes."""


def _events() -> Iterator[Event]:
    """A run that never ends: a simulated one, then again and again what it measured, in time that goes on."""
    events = [event for event in simulated().events if not isinstance(event, RunFinished)]
    yield from events
    measured = [event for event in events if isinstance(event, TrialStarted | TokensTimed | TrialMeasured)]
    lasts_ns = events[-1].mono_ns - events[0].mono_ns
    for turn in itertools.count(1):
        for event in measured:
            yield event.model_copy(update={"mono_ns": event.mono_ns + turn * lasts_ns})


def _feed(stream: Stream, controls: Controls) -> None:
    """Play a run at its own pace, in time that stands still while this process is stopped."""
    now: int | None = None
    for event in _events():
        now = event.mono_ns if now is None else now
        while event.mono_ns > now and not controls.cancelled:
            step_ns = min(_SLICE_NS, event.mono_ns - now)
            time.sleep(step_ns / 1e9)
            now += step_ns
        if controls.cancelled:
            return
        stream.emit(event)


def window() -> None:
    """Draw until killed; says when the first points are there."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QSettings, QTimer
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
            return Session(_feed)

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
        told: list[bool] = []

        def tell() -> None:
            if not told and len(page.run.live.prefill):
                told.append(True)
                print("ready", flush=True)

        page.run.moved.connect(tell)
        QTimer.singleShot(500, page.begin)
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
    shown = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.observer_effect", "--window"], stdout=subprocess.PIPE
    )
    try:
        assert shown.stdout is not None
        assert shown.stdout.readline().strip() == b"ready"
        watched = psutil.Process(shown.pid)
        with Rig(model, noise=NoisePolicy(max_retries=0)) as rig:
            rig.sample(settings, WORKLOAD)
            for _ in range(pairs):
                turns = order.sample((True, False), 2)
                speeds: dict[bool, float] = {}
                disturbed, cpu, wall = 0, 0.0, 0.0
                for draws in turns:
                    os.kill(shown.pid, signal.SIGCONT if draws else signal.SIGSTOP)
                    time.sleep(SETTLE_SECONDS)
                    before, begun = _cpu_s(watched), time.monotonic()
                    sample = rig.sample(settings, WORKLOAD)
                    if draws:
                        cpu, wall = _taken_s(before, _cpu_s(watched)), time.monotonic() - begun
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
        shown.kill()
        shown.wait()


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
