"""Own how late the window's event loop runs, and how much CPU it takes, during a real tune.

``python -m tests.benchmarks.window_latency MODEL [SECONDS]``: opens the window (offscreen unless a display is
named), tunes, and samples the lateness of a 5 ms timer and the CPU time of this process: from the first point
that is drawn until the tune has ended and its end is drawn, whether with a result, too noisy to tell or in an
error. What is said then holds the number of samples, p99 and the worst, beside what is aimed for.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import psutil
from PySide6.QtCore import QElapsedTimer, QSettings, Qt, QTimer
from PySide6.QtWidgets import QApplication

from tunesmith.domain.request import TuneRequest
from tunesmith.domain.statistics import percentile
from tunesmith.domain.workload import Budget
from tunesmith.gui.context import AppContext
from tunesmith.gui.pages.tune import TunePage
from tunesmith.gui.theme import ThemeManager
from tunesmith.gui.tune_run import start_tune
from tunesmith.gui.window import MainWindow
from tunesmith.store import Store

PERIOD_MS = 5
P99_MS, WORST_MS = 50.0, 200.0
"""What is aimed for: late by less than this."""


def thread_cpu() -> dict[int, float]:
    """CPU seconds of each thread of this process."""
    return {thread.id: thread.user_time + thread.system_time for thread in psutil.Process().threads()}


def report(outcome: object, late_ms: list[float], *, wall: float, cpu: float, drawn: float) -> list[str]:
    """What is said of a run.

    Args:
        outcome: the TuneResult, or the error that ended the tune.
        late_ms: by how much each tick was late.
        wall: how long it was sampled, seconds.
        cpu: what the process took meanwhile, seconds of one CPU.
        drawn: what its UI thread took of that.
    """
    how = f"{type(outcome).__name__}: {outcome}" if isinstance(outcome, Exception) else "with a result"
    lines = [f"the tune ended {how}"]
    if not late_ms or wall <= 0:
        return [*lines, "0 samples: it ended before the first point was drawn"]
    p99, worst = percentile(late_ms, 0.99), max(late_ms)
    over = sum(late > P99_MS for late in late_ms)
    lines.append(
        f"{len(late_ms)} samples in {wall:.0f} s, late by p50 {percentile(late_ms, 0.5):.1f} ms, "
        f"p99 {p99:.1f} ms, worst {worst:.1f} ms; {over} over {P99_MS:.0f} ms"
    )
    lines.append(
        f"p99 under {P99_MS:.0f} ms: {'yes' if p99 < P99_MS else 'no'}; "
        f"worst under {WORST_MS:.0f} ms: {'yes' if worst < WORST_MS else 'no'}"
    )
    lines.append(
        f"CPU of the process {100 * cpu / wall:.1f}%, of its UI thread {100 * drawn / wall:.1f}% of one CPU, "
        f"the {PERIOD_MS} ms timer in it; resident {psutil.Process().memory_info().rss >> 20} MiB"
    )
    return lines


def main(model: str, seconds: float) -> None:
    """Tune for a while and tell what it cost."""
    application = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "store.sqlite3")
        context = AppContext(ThemeManager(application, "light"), open_store=lambda: store)

        def start(request: TuneRequest, opened: Any, *, resume: str | None = None) -> Any:
            budget = Budget(name="custom", seconds=seconds, max_rounds=16, passes=1)
            return start_tune(request.model_copy(update={"budget": budget}), opened, resume=resume)

        def make(context: AppContext) -> TunePage:
            return TunePage(context, start=start)

        settings = QSettings(str(Path(folder) / "window.ini"), QSettings.Format.IniFormat)
        window = MainWindow(context, {"tune": make}, settings)
        window.show()
        window.show_page("tune")
        page = window.page("tune")
        assert isinstance(page, TunePage)
        page.setup.set_model(model)
        late_ms: list[float] = []
        clock = QElapsedTimer()
        timer = QTimer()
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.setInterval(PERIOD_MS)
        begun: dict[str, Any] = {}

        def tick() -> None:
            late_ms.append(clock.nsecsElapsed() / 1e6 - PERIOD_MS)
            clock.restart()

        def begin() -> None:
            """The first points are there: what is imported once is behind us."""
            if begun or not len(page.run.live.prefill):
                return
            begun.update(at=time.monotonic(), cpu=time.process_time(), threads=thread_cpu())
            clock.start()
            timer.start()

        def end(outcome: object) -> None:
            timer.stop()
            now: dict[str, Any] = {
                "at": time.monotonic(), "cpu": time.process_time(), "threads": thread_cpu()
            }  # fmt: skip
            first = begun or now
            if begun:  # the end was drawn before this is called, and no tick could come meanwhile
                late_ms.append(max(0.0, clock.nsecsElapsed() / 1e6 - PERIOD_MS))
            main_thread = os.getpid()
            drawn = now["threads"].get(main_thread, 0.0) - first["threads"].get(main_thread, 0.0)
            wall, cpu = now["at"] - first["at"], now["cpu"] - first["cpu"]
            print("\n".join(report(outcome, late_ms, wall=wall, cpu=cpu, drawn=drawn)), flush=True)
            window.close()
            application.quit()

        timer.timeout.connect(tick)
        page.run.moved.connect(begin)
        page.run.finished.connect(end)
        page.run.failed.connect(end)
        QTimer.singleShot(1000, page.begin)
        application.exec()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 60.0)
