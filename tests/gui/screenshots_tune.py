"""Own pictures of the tune page: ``python -m tests.gui.screenshots_tune FOLDER [STATE]``."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from tests.gui.simulated_run import FakeSession, flat_truth, laptop_truth, simulated
from tunesmith.errors import NoisyMachineError
from tunesmith.gui.context import AppContext
from tunesmith.gui.pages.tune import TunePage
from tunesmith.gui.theme import ThemeManager
from tunesmith.gui.window import MainWindow
from tunesmith.store import Store

SIZES = ((1280, 800), (900, 600))

MODEL = os.environ.get("TUNESMITH_SCREENSHOT_MODEL", "/models/SmolLM2-135M-Instruct.Q4_1.gguf")


def settle(seconds: float = 0.4) -> None:
    """Let tasks and timers do their work."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def session_of(state: str) -> FakeSession:
    """What the page is told in a state."""
    if state == "result-best":
        run = simulated(flat_truth)
        return FakeSession(run.events, run.result)
    run = simulated(laptop_truth)
    if state == "running-early":
        return FakeSession(run.events[:160], None)
    if state == "running":
        return FakeSession(run.events[:900], None)
    if state == "error":
        return FakeSession(
            run.events[:300],
            NoisyMachineError(
                "The machine was too noisy to tell: no answer for Threads to decode.",
                unharmed="All samples are kept in run 20261123-174501-ab12.",
                todo="Close other programs and tune again.",
            ),
        )
    return FakeSession(run.events, run.result)


def _same(store: Store) -> Store:
    return store


def _session(session: FakeSession, *_arguments: object, **_options: object) -> Any:
    return session


def form(page: TunePage) -> None:
    """The form, with its numbers shown."""
    page.setup.show_workload.setChecked(True)


def go(page: TunePage) -> None:
    """Start, and let everything come in."""
    page.begin()
    settle(0.8)
    if page.state == "running":
        page.run.live.conditions = page.run.live.conditions


STATES: dict[str, Callable[[TunePage], Any]] = {
    "setup-empty": lambda _page: None, "setup": lambda page: page.setup.set_model(MODEL),
    "setup-workload": form, "running-early": go, "running": go, "result": go, "result-best": go, "error": go,
}  # fmt: skip


def take(folder: Path, wanted: list[str]) -> None:
    """Take every picture in every size and theme."""
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    folder.mkdir(parents=True, exist_ok=True)
    for state, prepare in STATES.items():
        if wanted and state not in wanted:
            continue
        for mode in ("light", "dark"):
            for width, height in SIZES:
                with tempfile.TemporaryDirectory() as scratch:
                    os.environ["TUNESMITH_CONFIG_DIR"] = scratch
                    store = Store.open(Path(scratch) / "store.sqlite3")
                    context = AppContext(ThemeManager(application, mode), open_store=partial(_same, store))
                    settings = QSettings(str(Path(scratch) / "w.ini"), QSettings.Format.IniFormat)
                    session = session_of(state)

                    def make(context: AppContext, session: FakeSession = session) -> TunePage:
                        return TunePage(context, start=partial(_session, session))

                    window = MainWindow(context, {"tune": make}, settings)
                    window.resize(width, height)
                    window.show()
                    window.show_page("tune")
                    page = window.page("tune")
                    assert isinstance(page, TunePage)
                    if not state.endswith("empty"):
                        page.setup.set_model(MODEL)
                    prepare(page)
                    settle(0.6)
                    window.grab().save(str(folder / f"tune-{state}-{mode}-{width}.png"))
                    window.close()
                    window.deleteLater()
                    settle(0.1)


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2:])
