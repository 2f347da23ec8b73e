"""What is left when the window has been used and closed: nothing."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import shiboken6
from PySide6.QtCore import QEvent, QObject, QThread, QThreadPool, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QDialog, QMenu, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.record_run import recorded
from tests.gui.sample_models import fake_model
from tests.gui.sample_profiles import filled
from tests.store import values
from tunesmith.gui.app import make_window, page_factories
from tunesmith.gui.pages.chat import ChatPage
from tunesmith.gui.pages.tune import TunePage
from tunesmith.gui.status import StatusWatch
from tunesmith.gui.window import MainWindow
from tunesmith.store import Store

screenless = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
"""What the platform of the tests says of itself when menus open."""
WAIT_MS = 20_000


def widgets() -> set[QWidget]:
    return set(QApplication.topLevelWidgets())


def timers() -> set[QTimer]:
    """Those that Python knows and that go on."""
    found = (one for one in gc.get_objects() if isinstance(one, QTimer))
    return {one for one in found if shiboken6.isValid(one) and one.isActive()}


def threads() -> set[object]:
    """Of Python's and Qt's; those of the shared pool are Qt's to keep for the next task."""
    python = {one for one in threading.enumerate() if not isinstance(one, threading._DummyThread)}
    found = (one for one in gc.get_objects() if isinstance(one, QThread))
    return python | {one for one in found if shiboken6.isValid(one) and one.isRunning()}


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def settle(until: Callable[[], bool], timeout_s: float = 20) -> bool:
    """Let deferred deletions and background tasks come to their end."""
    end = time.monotonic() + timeout_s
    while not until():
        if time.monotonic() > end:
            return False
        gc.collect()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()
        QThreadPool.globalInstance().waitForDone(20)
    return True


def store_of(path: Path) -> str:
    """A store with profiles and a run that can be replayed; returns the run's id."""
    filled(path)
    with Store.open(path) as store:
        run_id = values.start_tune(store)
        stamped = [
            event.model_copy(update={"run_id": run_id, "seq": number})
            for number, event in enumerate(recorded(), 1)
        ]
        store.record(run_id, stamped, trial=None)
        store.finish_run(run_id, "finished", "improved", "Done.")
    return run_id


@pytest.fixture
def before(qapp: QApplication) -> Iterator[Callable[[], None]]:
    """What there was; called, it fails if there is more."""
    gc.collect()
    looks: dict[str, Callable[[], set[object]]] = {
        "top-level widgets": lambda: set(widgets()),
        "active timers": lambda: set(timers()),
        "threads": threads,
        "children": lambda: set(children()),
    }
    was = {name: look() for name, look in looks.items()}

    def check() -> None:
        for name, look in looks.items():
            assert settle(lambda name=name, look=look: look() <= was[name]), (  # type: ignore[misc]
                f"{name} left: {look() - was[name]}"
            )

    yield check
    was.clear()


def close_dialogs(opened: list[str]) -> None:
    """Close what has opened over the window, and note what it was."""
    QApplication.processEvents()
    for widget in QApplication.topLevelWidgets():
        if isinstance(widget, QDialog | QMenu) and widget.isVisible():
            opened.append(widget.windowTitle() or type(widget).__name__)
            widget.close()
    QApplication.processEvents()


def open_and_close(window: MainWindow, opened: list[str]) -> None:
    """Whatever ends in three dots asks for something first; menus and the guide open as well."""
    for control in window.findChildren(QPushButton):
        if control.isVisible() and control.isEnabled() and control.text().endswith("…"):
            control.click()
            close_dialogs(opened)
    for action in window.findChildren(QAction):
        if shiboken6.isValid(action) and action.isEnabled() and action.text().endswith(("…", "guide")):
            action.trigger()
            close_dialogs(opened)
    for menu in window.findChildren(QMenu):
        menu.popup(window.mapToGlobal(window.rect().center()))
        close_dialogs(opened)


def visit(window: MainWindow, qtbot: QtBot, run_id: str, model: Path) -> list[str]:
    """Every page, with everything on it opened and closed; a replay and a conversation too."""
    opened: list[str] = []
    for name in page_factories():
        window.show_page(name)
        qtbot.waitUntil(window.page(name).isVisible, timeout=WAIT_MS)
        settle(lambda: not QThreadPool.globalInstance().activeThreadCount())
        open_and_close(window, opened)
    window.context.bus.show_run.emit(run_id)
    tune = window.page("tune")
    assert isinstance(tune, TunePage)
    qtbot.waitUntil(lambda: tune.state == "replay", timeout=WAIT_MS)
    tune.running.slider.setValue(400)
    window.context.bus.try_model.emit(str(model), None)
    chat = window.page("chat")
    assert isinstance(chat, ChatPage)
    qtbot.waitUntil(lambda: chat.chat is not None, timeout=WAIT_MS)
    open_and_close(window, opened)
    chat.open(str(model), None)  # and close while something is still under way
    return opened


def use(qtbot: QtBot, run_id: str, model: Path) -> list[str]:
    """A window's whole life; nothing here outlives the call."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    window = make_window(application)
    theme = window.context.theme
    StatusWatch(window)
    window.show()
    opened = visit(window, qtbot, run_id, model)
    window.close()
    window.deleteLater()
    theme.deleteLater()
    return opened


@screenless
def test_a_window_that_was_used_and_closed_leaves_nothing_behind(
    home: Path, tmp_path: Path, qtbot: QtBot, before: Callable[[], None]
) -> None:
    run_id = store_of(tmp_path / "store.sqlite3")
    model = fake_model(tmp_path / "m.gguf", "M", "Q8_0", 0.01)
    opened = use(qtbot, run_id, model)
    assert {"Open model", "Add folder", "Import profiles"} <= set(opened)
    assert any("uide" in title for title in opened)
    before()


@screenless
@pytest.mark.model
def test_a_window_closed_while_a_model_answers_leaves_no_child_behind(
    home: Path, tmp_path: Path, qtbot: QtBot, smollm2_path: Path, before: Callable[[], None]
) -> None:
    def answer() -> None:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        window = make_window(application)
        theme = window.context.theme
        window.show()
        window.context.bus.try_model.emit(str(smollm2_path), None)
        chat = window.page("chat")
        assert isinstance(chat, ChatPage)
        qtbot.waitUntil(lambda: chat.chat is not None, timeout=WAIT_MS)
        chat.input.setPlainText("Tell me a very long story.")
        chat.send()
        qtbot.waitUntil(lambda: chat.transcripts[0].speed.text() != "", timeout=60_000)
        assert children()
        window.close()
        window.deleteLater()
        theme.deleteLater()

    answer()
    before()


def test_the_looks_find_what_is_left(qtbot: QtBot) -> None:
    """Else the claims above would hold of anything."""
    parent = QObject()
    timer = QTimer(parent)
    timer.start(60_000)
    assert timer in timers()
    timer.stop()
    assert timer not in timers()
    stay = threading.Event()
    thread = threading.Thread(target=stay.wait)
    thread.start()
    assert thread in threads()
    stay.set()
    thread.join()
    widget = QWidget()
    qtbot.addWidget(widget)
    assert widget in widgets()
