"""Own what the window's tests share: no screen, folders of their own, nothing left behind."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before Qt is imported

import pytest
from PySide6.QtCore import QEvent, QThreadPool
from PySide6.QtWidgets import QApplication

from tunesmith.gui.context import AppContext
from tunesmith.gui.theme import ThemeManager

_HOME = ("HOME", "USERPROFILE")
_ELSEWHERE = (
    "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "LLAMA_CACHE", "OLLAMA_MODELS", "HF_HOME",
    "HF_HUB_CACHE", "APPDATA", "LOCALAPPDATA",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Any Qt warning fails a test, but what the screenless platform says of itself."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.qt_log_ignore("does not support propagateSizeHints", extend=True))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the user's, with the app's own folders in it."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in _HOME:
        monkeypatch.setenv(name, str(folder))
    for name in _ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TUNESMITH_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("TUNESMITH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TUNESMITH_STORE", str(tmp_path / "store.sqlite3"))
    return folder


@pytest.fixture(scope="session")
def theme(qapp: QApplication) -> ThemeManager:
    """The one theme of the one application."""
    return ThemeManager(qapp, "light")


@pytest.fixture
def app_context(home: Path, theme: ThemeManager, no_leaks: None) -> Iterator[AppContext]:
    """Surroundings with an empty store and empty folders."""
    context = AppContext(theme)
    yield context
    QThreadPool.globalInstance().waitForDone(20_000)
    QApplication.processEvents()
    context.close()
    theme.set_mode("light")


@pytest.fixture
def no_leaks(qapp: QApplication) -> Iterator[None]:
    """No window, timer of a window or thread outlives the test."""
    widgets = len(_windows())
    threads = set(threading.enumerate())
    yield
    _until(lambda: len(_windows()) <= widgets, "windows", _windows)
    _until(lambda: not _threads() - threads, "threads", _threads)


def _windows() -> list[str]:
    return [repr(widget) for widget in QApplication.topLevelWidgets()]


def _threads() -> set[threading.Thread]:
    # Python threads of the shared pool's own are dummies that end with the pool.
    return {one for one in threading.enumerate() if not isinstance(one, threading._DummyThread)}


def _until(settled: Callable[[], bool], what: str, left: Callable[[], object]) -> None:
    end = time.monotonic() + 5
    while not settled():
        gc.collect()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()
        if time.monotonic() > end:
            pytest.fail(f"{what} were left behind: {left()}")
        time.sleep(0.01)
