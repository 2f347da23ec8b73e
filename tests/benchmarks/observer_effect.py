"""Own what watching costs: the same decoding with the window drawing beside it, and with the window stopped.

``python -m tests.benchmarks.observer_effect MODEL [PAIRS]``: one worker decodes under llama.cpp's defaults.
Beside it lives the window (offscreen unless a display is named), which draws a recorded run as it would a
live one. For one sample of each pair, in random order, the window's process is stopped by a signal: that is
headless. A pair's ratio is free of what makes the machine slower for longer. Linux and macOS.
"""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist, median, stdev
from typing import Any

import psutil

from tests.gui.record_run import recorded
from tunesmith.domain.events import RunFinished, TokensTimed
from tunesmith.domain.statistics import percentile, quantity
from tunesmith.domain.workload import Workload
from tunesmith.machine.probe import probe_machine
from tunesmith.services.rig import Rig
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.tuning.space import baseline_settings
from tunesmith.worker.protocol import NoisePolicy

WORKLOAD = Workload(prompt=0, generate=48, depth=256)
SETTLE_SECONDS = 0.15
"""After the window was stopped or woken."""
_SLICE = 0.02


def _feed(stream: Stream, controls: Controls) -> None:
    """Play the recording at its own pace, in time that stands still while this process is stopped."""
    events = [event for event in recorded() if not isinstance(event, RunFinished)]
    first = next(event.mono_ns for event in events if isinstance(event, TokensTimed))
    now = first
    for event in events:
        while event.mono_ns > now and not controls.cancelled:
            time.sleep(_SLICE)
            now += round(_SLICE * 1e9)
        stream.emit(event)
    while not controls.cancelled:
        time.sleep(_SLICE)


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


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """95% confidence interval of the median, whatever the distribution: two of the values, by their rank.

    By the normal approximation of the binomial number of values below the median (Conover 1999, "Practical
    Nonparametric Statistics", section 3.2). A restless machine's outliers do not widen it.
    """
    count = len(values)
    half = NormalDist().inv_cdf(0.975) * math.sqrt(count) / 2
    low = max(0, math.floor(count / 2 - half) - 1)
    return sorted(values)[low], sorted(values)[count - 1 - low]


def main(model: str, pairs: int) -> None:
    """Alternate and tell."""
    machine = probe_machine()
    settings = baseline_settings(machine, WORKLOAD)
    order = random.Random(1)
    shown = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.observer_effect", "--window"], stdout=subprocess.PIPE
    )
    ratios: list[float] = []
    speeds: dict[bool, list[float]] = {True: [], False: []}
    drawing = cpu = 0.0
    noisy = 0
    try:
        assert shown.stdout is not None
        assert shown.stdout.readline().strip() == b"ready"
        watched = psutil.Process(shown.pid)
        with Rig(model, noise=NoisePolicy(max_retries=0)) as rig:
            rig.sample(settings, WORKLOAD)
            for _ in range(pairs):
                pair: dict[bool, float] = {}
                for draws in order.sample((True, False), 2):
                    os.kill(shown.pid, signal.SIGCONT if draws else signal.SIGSTOP)
                    time.sleep(SETTLE_SECONDS)
                    before, begun = sum(watched.cpu_times()[:2]), time.monotonic()
                    sample = rig.sample(settings, WORKLOAD)
                    if draws:
                        cpu += sum(watched.cpu_times()[:2]) - before
                        drawing += time.monotonic() - begun
                    noisy += sample.noisy
                    pair[draws] = sample.decode_tokens_per_s or math.nan
                    speeds[draws].append(pair[draws])
                ratios.append(pair[True] / pair[False])
    finally:
        shown.kill()
        shown.wait()
    found = quantity(ratios, interval="mean")
    print(f"{pairs} pairs, {noisy} of {2 * pairs} samples disturbed by others")
    for draws, name in ((False, "headless"), (True, "window")):
        low, middle, high = (percentile(speeds[draws], share) for share in (0.1, 0.5, 0.9))
        print(f"{name}: decode median {middle:.2f} tok/s, 80% of samples in {low:.2f}–{high:.2f}")
    low, high = median_interval(ratios)
    print(f"window / headless: median {median(ratios):.4f}, in {low:.4f}–{high:.4f} (95%, by ranks)")
    print(f"window / headless: mean in {found.low:.4f}–{found.high:.4f} (95%)")
    print(f"standard deviation of a pair's ratio {100 * stdev(map(math.log, ratios)):.2f}%")
    print(f"CPU of the window's process while it draws: {100 * cpu / drawing:.2f}% of one CPU")


if __name__ == "__main__":
    if sys.argv[1] == "--window":
        window()
    else:
        main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 60)
