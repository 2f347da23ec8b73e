"""Own what watching costs: the same samples taken headless and under the window, in turn.

``python -m tests.benchmarks.observer_effect MODEL [ROUNDS]``: in each round a process without Qt and one with
the window (offscreen unless a display is named) measure the defaults in fresh workers; the order changes from
round to round. Tells the ratio of the rounds' median decode speeds with its spread, and the window's CPU.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, stdev
from typing import Any

from tunesmith.domain.request import SearchRules, TuneRequest
from tunesmith.domain.statistics import quantity
from tunesmith.domain.workload import Budget, Constraints, Objective, Workload
from tunesmith.services.tune import start_tune
from tunesmith.store import Store

WORKLOAD = Workload(prompt=128, generate=128, depth=256)
BUDGET = Budget(name="custom", seconds=60, max_rounds=3, passes=1)


def wanted(model: str) -> TuneRequest:
    """Nothing may be changed: only the defaults are measured, each sample in a fresh worker."""
    return TuneRequest(
        model_path=model,
        workload=WORKLOAD,
        objective=Objective(name="response"),
        constraints=Constraints(),
        budget=BUDGET,
        rules=SearchRules(vary=()),
        preset=None,
        seed=1,
        warm_start=False,
    )


def headless(model: str) -> dict[str, Any]:
    """Measure without Qt."""
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "store.sqlite3") as store:
        begun = time.monotonic()
        session = start_tune(wanted(model), store)
        for _ in session.events():
            pass
        result = session.result()
        wall, cpu = time.monotonic() - begun, time.process_time()
    assert "PySide6" not in sys.modules
    decode = result.baseline.decode_tokens_per_s
    assert decode is not None
    return {"decode": decode.samples, "noisy": result.baseline.noisy_samples, "cpu": cpu / wall}


def windowed(model: str) -> dict[str, Any]:
    """Measure while the window draws."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QSettings, QTimer
    from PySide6.QtWidgets import QApplication

    from tunesmith.gui import tune_run
    from tunesmith.gui.context import AppContext
    from tunesmith.gui.pages.tune import TunePage
    from tunesmith.gui.theme import ThemeManager
    from tunesmith.gui.window import MainWindow

    application = QApplication([])
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "store.sqlite3")
        context = AppContext(ThemeManager(application, "light"), open_store=lambda: store)

        def start(_request: TuneRequest, opened: Any, *, resume: str | None = None) -> Any:
            return tune_run.start_tune(wanted(model), opened, resume=resume)

        def make(context: AppContext) -> TunePage:
            return TunePage(context, start=start)

        settings = QSettings(str(Path(folder) / "window.ini"), QSettings.Format.IniFormat)
        window = MainWindow(context, {"tune": make}, settings)
        window.show()
        window.show_page("tune")
        page = window.page("tune")
        assert isinstance(page, TunePage)
        page.setup.set_model(model)
        begun: dict[str, float] = {}

        def begin() -> None:
            if not begun and len(page.run.live.prefill):
                begun.update(at=time.monotonic(), cpu=time.process_time())

        def end(result: Any) -> None:
            told["cpu"] = (time.process_time() - begun["cpu"]) / (time.monotonic() - begun["at"])
            if isinstance(result, Exception):
                told["error"] = str(result)
            else:
                told["decode"] = result.baseline.decode_tokens_per_s.samples
                told["noisy"] = result.baseline.noisy_samples
            window.close()
            application.quit()

        page.run.moved.connect(begin)
        page.run.finished.connect(end)
        page.run.failed.connect(end)
        QTimer.singleShot(500, page.begin)
        application.exec()
    return told


def _child(kind: str, model: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.observer_effect", "--one", kind, model],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def main(model: str, rounds: int) -> None:
    """Alternate and tell."""
    ratios, shares = [], []
    for number in range(rounds):
        order = ("headless", "window") if number % 2 == 0 else ("window", "headless")
        told = {kind: _child(kind, model) for kind in order}
        speeds = {kind: median(found["decode"]) for kind, found in told.items()}
        ratios.append(speeds["window"] / speeds["headless"])
        shares.append(told["window"]["cpu"])
        print(
            f"round {number + 1}: headless {speeds['headless']:.2f} tok/s "
            f"({len(told['headless']['decode'])} samples, {told['headless']['noisy']} noisy), "
            f"window {speeds['window']:.2f} ({told['window']['noisy']} noisy), "
            f"ratio {ratios[-1]:.4f}, window's CPU {100 * shares[-1]:.1f}%",
            flush=True,
        )
    found = quantity(ratios, interval="mean")
    print(
        f"decode, window / headless: median {found.median:.4f}, mean in "
        f"{found.low:.4f}–{found.high:.4f} (95%)"
    )
    if len(ratios) > 1:
        print(f"standard deviation of a round's ratio {100 * stdev(map(math.log, ratios)):.2f}%")
    print(f"CPU of the window's process: median {100 * median(shares):.1f}%, most {100 * max(shares):.1f}%")


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        print(json.dumps({"headless": headless, "window": windowed}[sys.argv[2]](sys.argv[3])))
    else:
        main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 6)
