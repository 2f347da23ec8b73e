"""Claims about the window when something breaks under a real tune: told in place, nothing lost, alive."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before Qt is imported

from PySide6.QtCore import QSettings, QThreadPool
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.support.processes import children, gone
from tunesmith.domain.request import TuneRequest
from tunesmith.domain.workload import Budget
from tunesmith.gui.app import page_factories
from tunesmith.gui.context import AppContext
from tunesmith.gui.pages.tune import TunePage
from tunesmith.gui.theme import ThemeManager
from tunesmith.gui.window import MainWindow
from tunesmith.services import tune
from tunesmith.services.context import Surroundings
from tunesmith.services.rig import Rig
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.services.tune_result import TuneResult
from tunesmith.store import Store
from tunesmith.worker.protocol import NoisePolicy

pytestmark = [
    pytest.mark.model,
    pytest.mark.qt_log_ignore("does not support propagateSizeHints", extend=True),
    pytest.mark.skipif(sys.platform == "win32", reason="the faults are those of POSIX"),
]
_START_MS = 60_000
_LOCK_SECONDS = 0.5


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite3"


@pytest.fixture
def window(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path, store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MainWindow]:
    """The whole window, with folders of its own and a store that does not wait long for a lock."""
    for name in ("CONFIG", "CACHE"):
        monkeypatch.setenv(f"TUNESMITH_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("TUNESMITH_STORE", str(store_path))
    theme = ThemeManager(qapp, "light")
    context = AppContext(theme, open_store=lambda: Store.open(store_path, timeout_s=_LOCK_SECONDS))
    settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    made = MainWindow(context, page_factories(), settings)
    qtbot.addWidget(made)
    made.show()
    before = children()
    yield made
    made.close()
    QThreadPool.globalInstance().waitForDone(10_000)
    theme.deleteLater()
    assert all(gone(pid, within=5) for pid in children() - before)


def _start(request: TuneRequest, store: Any, *, resume: str | None = None) -> Session[TuneResult]:
    """A tune as ever, but for its length and for not waiting until the machine is quiet."""

    def rig(request: TuneRequest, _found: Surroundings, stream: Stream, controls: Controls) -> Rig:
        return Rig(
            request.model_path, noise=NoisePolicy(max_retries=0), on_event=stream.emit,
            interrupted=lambda: controls.cancelled,
        )  # fmt: skip

    budget = Budget(name="custom", seconds=300, max_rounds=16, passes=2)
    long = request.model_copy(update={"budget": budget})
    return tune.start_tune(long, store, resume=resume, make_source=rig)


@pytest.fixture
def page(window: MainWindow) -> TunePage:
    """The tune page; its samples are short, and the tune goes on until something ends it."""
    window.show_page("tune")
    page = window.page("tune")
    assert isinstance(page, TunePage)
    page.run._start = _start
    page.setup.workload.prompt.setValue(64)
    page.setup.workload.generate.setValue(128)
    page.setup.workload.context_before.setValue(0)
    return page


def told(page: TunePage) -> str:
    """What the page says in place."""
    return "" if page.message.isHidden() else page.message._text.text()


def begin(page: TunePage, qtbot: QtBot, model: Path) -> set[int]:
    """Start a tune and wait until its second sample is being taken; the processes it started."""
    before = children()
    page.setup.set_model(str(model))
    page.start_button.click()
    live = page.run.live
    qtbot.waitUntil(lambda: live.samples == 1 or bool(told(page)), timeout=_START_MS)
    read = live.prefill.added
    qtbot.waitUntil(lambda: live.prefill.added > read or bool(told(page)), timeout=_START_MS)
    assert not told(page)
    return children() - before


def stored(path: Path, table: str = "sample") -> int:
    """How many rows there are; ``table`` may go on with a condition."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"select count(*) from {table}").fetchone()[0])


def test_a_worker_killed_midway_is_replaced_and_stop_keeps_all_that_was_measured(
    page: TunePage, window: MainWindow, store_path: Path, qtbot: QtBot, smollm2_path: Path
) -> None:
    others = children()
    begin(page, qtbot, smollm2_path)
    while not stored(store_path, "trial where cause = 'worker_out_of_memory'") and page.run.busy:
        for pid in children() - others:  # between two samples it is replaced without a word
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        qtbot.wait(300)
    had = page.run.live.samples
    qtbot.waitUntil(lambda: page.run.live.samples > had or not page.run.busy, timeout=_START_MS)
    assert page.run.busy, told(page)
    page.stop_button.click()
    qtbot.waitUntil(lambda: page.state == "setup", timeout=20_000)
    kept = page.run.live.samples
    assert told(page).startswith(f"Stopped. {kept} samples are kept")
    assert page.resume_button.isVisible()
    assert stored(store_path) == kept
    assert window.isVisible()


def test_a_model_deleted_midway_ends_the_run_in_place(
    page: TunePage, window: MainWindow, store_path: Path, qtbot: QtBot, smollm2_path: Path, tmp_path: Path
) -> None:
    model = tmp_path / "copy.gguf"
    shutil.copyfile(smollm2_path, model)
    workers = begin(page, qtbot, model)
    model.unlink()
    for pid in workers:  # whoever has the file open may go on with it; the next one cannot
        os.kill(pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: not page.run.busy, timeout=_START_MS)
    assert page.state == "setup"
    assert f"The model file {model} is no longer there." in told(page)
    assert stored(store_path) >= 1
    assert page.setup.model.text() == str(model)
    assert page.start_button.isEnabled()
    assert window.isVisible()


def test_a_store_locked_midway_is_told_and_loses_nothing(
    page: TunePage, window: MainWindow, store_path: Path, qtbot: QtBot, smollm2_path: Path
) -> None:
    begin(page, qtbot, smollm2_path)
    with closing(sqlite3.connect(store_path)) as other:
        other.execute("BEGIN IMMEDIATE")
        had = stored(store_path)
        qtbot.waitUntil(lambda: not page.run.busy, timeout=_START_MS)
        assert page.state == "setup"
        assert told(page).startswith(f"The store {store_path} is in use by another process")
        assert "database is locked" in page.message._details
    assert stored(store_path) == had >= 1
    assert window.isVisible()
    assert page.setup.model.text() == str(smollm2_path)
    assert page.start_button.isEnabled()
    page.resume_button.click()  # the lock is gone, and so the run can go on
    live = page.run.live
    qtbot.waitUntil(lambda: live.samples > had or bool(told(page)), timeout=_START_MS)
    assert not told(page)
    assert page.run.busy
