"""Claims about the window's frame."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QSettings, Qt, QThreadPool, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeySequence, QPaintEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from tunesmith.gui.app import AfterFirstFrame, OneInstance, make_window
from tunesmith.gui.context import AppContext
from tunesmith.gui.page import Page
from tunesmith.gui.status import StatusWatch
from tunesmith.gui.theme import DARK, LIGHT, Colours
from tunesmith.gui.window import MainWindow
from tunesmith.presentation.vitals_text import memory_text, quiet_text
from tunesmith.services.vitals import VitalsReader

NAMES = (
    "models",
    "tune",
    "quantization",
    "chat",
    "profiles",
    "compare",
    "soak",
    "machine",
    "fleet",
    "settings",
)


class Plain(Page):
    """A page that counts."""

    def __init__(self, context: AppContext, name: str) -> None:
        self.name = self.title = name
        super().__init__(context)
        self.times_shown = 0
        self.closed = False

    def shown(self) -> None:
        self.times_shown += 1

    def closing(self) -> None:
        self.closed = True


def factories() -> dict[str, Callable[[AppContext], Page]]:
    return {name: lambda context, name=name: Plain(context, name) for name in NAMES}  # type: ignore[misc]


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def window(app_context: AppContext, settings: QSettings, qtbot: QtBot) -> Iterator[MainWindow]:
    made = MainWindow(app_context, factories(), settings)
    qtbot.addWidget(made)
    made.show()
    yield made
    made.close()


def page(window: MainWindow, name: str) -> Plain:
    made = window.page(name)
    assert isinstance(made, Plain)
    return made


def test_updating_widgets_takes_no_reference_of_none(qtbot: QtBot) -> None:
    """PySide6 6.12.0 on Python 3.11 lost one at every call, and aborted within a minute of plotting."""
    label = QLabel()
    qtbot.addWidget(label)
    before = sys.getrefcount(None)
    for number in range(300):
        label.setText(str(number))
        label.update()
    assert before - sys.getrefcount(None) < 50


def test_pages_are_made_when_first_shown_and_shown_again(window: MainWindow) -> None:
    assert not window._pages
    window.show_page("machine")
    assert list(window._pages) == ["machine"]
    window.show_page("models")
    window.show_page("machine")
    assert page(window, "machine").times_shown == 2
    assert window.stack.currentWidget() is page(window, "machine")
    window.show_page("nonsense")
    assert window.stack.currentWidget() is page(window, "machine")


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ("Ctrl+1", "models"),
        ("Ctrl+3", "quantization"),
        ("Ctrl+7", "soak"),
        ("Ctrl+8", "machine"),
        ("Ctrl+,", "settings"),
    ],
)
def test_every_page_has_a_key(window: MainWindow, qtbot: QtBot, keys: str, name: str) -> None:
    with qtbot.waitActive(window):
        window.activateWindow()
    QTest.keySequence(window, QKeySequence(keys))
    assert page(window, name).times_shown == 1


def test_the_last_page_and_the_geometry_are_remembered(
    window: MainWindow, app_context: AppContext, settings: QSettings, qtbot: QtBot
) -> None:
    window.resize(900, 700)  # no larger than the screenless platform's screen is high
    window.show_page("compare")
    window.close()
    assert page(window, "compare").closed
    again = MainWindow(app_context, factories(), settings)
    qtbot.addWidget(again)
    assert again.last_page() == "compare"
    assert again.height() == 700


def test_a_drop_anywhere_reaches_the_page_that_takes_it(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    def drop(path: Path) -> None:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        none = Qt.KeyboardModifier.NoModifier
        action, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
        QApplication.sendEvent(window, QDragEnterEvent(QPoint(400, 300), action, data, left, none))
        QApplication.sendEvent(window, QDropEvent(QPointF(400, 300), action, data, left, none))

    with qtbot.waitSignal(window.context.bus.files_dropped) as dropped:
        drop(tmp_path / "a model.gguf")
    assert dropped.args == [[str(tmp_path / "a model.gguf")]]
    assert list(window._pages) == ["models"]
    drop(tmp_path / "profile.json")
    assert list(window._pages) == ["models", "profiles"]
    assert window.context.opened_model == str(tmp_path / "a model.gguf")


def test_the_focus_does_not_stay_on_another_pages_button(window: MainWindow) -> None:
    window.show_page("settings")
    focused = window.focusWidget()
    assert focused.objectName() == "rail-settings"


def test_the_status_bar_is_filled_while_the_window_is_seen(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = StatusWatch(window)
    assert watch.parent() is window
    qtbot.waitUntil(lambda: watch.active)
    watch.look()
    qtbot.waitUntil(lambda: watch.looks >= 2, timeout=20_000)
    assert " GiB" in window.machine_label.text()
    assert window.memory_label.text().endswith(" free")
    assert window.quiet_label.text()
    usual_ms = watch.every_ms
    window.context.bus.busy_changed.emit(True)
    assert watch._timer.interval() >= 5 * usual_ms, "a look costs what is being measured"
    window.context.bus.busy_changed.emit(False)
    assert watch._timer.interval() == usual_ms
    window.hide()
    qtbot.waitUntil(lambda: not watch.active)
    QThreadPool.globalInstance().waitForDone(5000)
    QApplication.processEvents()
    seen = watch.looks
    watch.look()
    assert watch.looks == seen
    window.show()
    qtbot.waitUntil(lambda: watch.active)
    window.showMinimized()
    qtbot.waitUntil(lambda: not watch.active)


def test_vitals_tell_the_load_from_the_second_look_on() -> None:
    reader = VitalsReader()
    first = reader.read()
    assert first.foreign_cores is None
    assert first.available_bytes > 0


def test_the_status_bars_words() -> None:
    assert memory_text(24_266_000_000) == "22.6 GiB free"
    assert quiet_text(0.1) == "quiet"
    assert quiet_text(1.44) == "busy: other programs use 1.4 cores"


def _contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_text_can_be_read_on_every_ground(colours: Colours) -> None:
    for ground in (colours.window, colours.surface, colours.raised):
        lines = ("accent", "prefill", "memory", "power")
        for role in ("text", "secondary", "better", "worse", "warning", *lines):
            assert _contrast(getattr(colours, role), ground) >= 4.5, (role, ground)
        assert _contrast(colours.limit, ground) >= 3, ground
    assert _contrast(colours.on_accent, colours.accent) >= 4.5
    assert _contrast(colours.text, colours.selection) >= 4.5


def test_the_frame_imports_nothing_heavy() -> None:
    code = (
        "import sys, tunesmith.gui.app;"
        "heavy = ('pyqtgraph', 'numpy', 'sqlmodel', 'llama_cpp', 'psutil', 'rich');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_heavy_work_begins_after_the_first_frame(window: MainWindow, qtbot: QtBot) -> None:
    window.hide()
    order: list[str] = []
    AfterFirstFrame(window, lambda: order.append("begin"))
    painted = window.paintEvent

    def paint(event: QPaintEvent) -> None:
        order.append("paint")
        painted(event)

    window.paintEvent = paint  # type: ignore[method-assign]
    window.show()
    qtbot.waitUntil(lambda: "begin" in order)
    assert order[0] == "paint"
    qtbot.wait(1100)
    assert order.count("begin") == 1


def test_a_window_that_is_not_seen_begins_all_the_same(window: MainWindow, qtbot: QtBot) -> None:
    window.hide()
    begun: list[bool] = []
    AfterFirstFrame(window, lambda: begun.append(True))
    qtbot.waitUntil(lambda: begun == [True], timeout=5000)


def test_broken_preferences_are_told_in_place_and_stop_nothing(
    home: Path, tmp_path: Path, qapp: QApplication, qtbot: QtBot
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "preferences.toml").write_text("theme = ")
    made = make_window(qapp)
    qtbot.addWidget(made)
    made.show()
    made.show_page("settings")
    settings_page = made.page("settings")
    assert settings_page.message.isVisible()
    assert "preferences.toml" in settings_page.message._text.text()
    QThreadPool.globalInstance().waitForDone(5000)
    made.close()


def test_a_second_start_hands_its_files_to_the_first(qtbot: QtBot, tmp_path: Path) -> None:
    first, second = (
        OneInstance(f"tunesmith-test-{tmp_path.name}"),
        OneInstance(f"tunesmith-test-{tmp_path.name}"),
    )
    assert not first.hand_over([]), "nobody listens yet"
    first.listen()
    received: list[list[str]] = []
    first.received = received.append
    assert second.hand_over(["/a model.gguf"])
    qtbot.waitUntil(lambda: received == [["/a model.gguf"]])
