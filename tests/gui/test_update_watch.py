"""Claims about the notice of newer versions: off unless wanted, quiet, once a day, never during a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtGui import QDesktopServices
from pytestqt.qtbot import QtBot

from tests.support.no_network import no_network
from tunesmith.errors import UpdatesUnknown
from tunesmith.gui import update_watch
from tunesmith.gui.context import AppContext
from tunesmith.gui.pages.settings import SettingsPage
from tunesmith.gui.update_watch import UpdateWatch
from tunesmith.gui.window import MainWindow
from tunesmith.services import updates
from tunesmith.services.updates import Releases
from tunesmith.settings import Preferences, load_preferences, save_preferences

RELEASES = Releases("https://releases.invalid/repos/o/n/releases", "https://releases.invalid/page")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(update_watch, "SOON_MS", 0)


@pytest.fixture
def window(app_context: AppContext, tmp_path: Path, qtbot: QtBot) -> Iterator[MainWindow]:
    state = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    made = MainWindow(app_context, {}, state)
    qtbot.addWidget(made)
    made.show()
    yield made
    made.close()


class Asked:
    """Stands for whom is asked, and for the clock."""

    def __init__(self) -> None:
        self.times = 0
        self.now = datetime(2026, 11, 27, tzinfo=UTC)
        self.answer: Callable[[], str | None] = lambda: "999.0"

    def __call__(self, releases: Releases) -> str | None:
        assert releases is RELEASES
        self.times += 1
        return self.answer()


def watch(window: MainWindow, asked: Asked) -> UpdateWatch:
    return UpdateWatch(window, RELEASES, ask=asked, now=lambda: asked.now)


def turned_on(window: MainWindow) -> None:
    save_preferences(window.context.folders.config, Preferences(update_notice=True))


def test_off_is_the_default_and_asks_nobody(window: MainWindow, qtbot: QtBot) -> None:
    with no_network() as tried:
        made = UpdateWatch(window, RELEASES)
        qtbot.wait(50)
        assert not made.active
    assert tried == []
    assert not (window.context.folders.cache / updates.STATE_FILE).exists()
    assert not window.update_button.isVisible()


def test_the_network_is_what_is_forbidden_above(window: MainWindow, qtbot: QtBot) -> None:
    turned_on(window)
    with no_network() as tried:
        UpdateWatch(window, RELEASES)
        qtbot.waitUntil(lambda: any("releases.invalid" in one for one in tried))
    qtbot.waitUntil(lambda: (window.context.folders.cache / updates.STATE_FILE).exists())


def test_a_newer_version_is_told_quietly_and_leads_to_its_page(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    turned_on(window)
    watch(window, Asked())
    qtbot.waitUntil(window.update_button.isVisible)
    assert window.update_button.text() == "Tunesmith 999.0 is out"
    assert window.focusWidget() is not window.update_button
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    window.update_button.click()
    assert opened == [RELEASES.page]


def test_it_is_asked_once_a_day_over_all_starts(window: MainWindow, qtbot: QtBot) -> None:
    turned_on(window)
    asked = Asked()
    first = watch(window, asked)
    qtbot.waitUntil(window.update_button.isVisible)
    first.look()
    qtbot.waitUntil(lambda: not first._looking)
    assert asked.times == 1
    window.update_button.hide()
    watch(window, asked)
    qtbot.waitUntil(window.update_button.isVisible)
    assert asked.times == 1, "a new start asked again on the same day"
    asked.now += timedelta(days=1)
    first.look()
    qtbot.waitUntil(lambda: asked.times == 2 and not first._looking)


def test_a_run_is_left_alone_until_it_is_over(window: MainWindow, qtbot: QtBot) -> None:
    turned_on(window)
    asked = Asked()
    window.context.bus.busy_changed.emit(True)
    made = watch(window, asked)
    qtbot.wait(50)
    assert asked.times == 0
    assert made._timer.interval() == update_watch.AGAIN_MS
    window.context.bus.busy_changed.emit(False)
    qtbot.waitUntil(lambda: asked.times == 1 and not made._looking)


def test_no_answer_is_no_news_and_no_message(window: MainWindow, qtbot: QtBot) -> None:
    def fail() -> str | None:
        raise UpdatesUnknown("nobody there")

    turned_on(window)
    asked = Asked()
    asked.answer = fail
    made = watch(window, asked)
    qtbot.waitUntil(lambda: asked.times == 1 and not made._looking)
    assert not window.update_button.isVisible()
    assert window.statusBar().currentMessage() == ""


def test_turning_it_on_holds_at_once_and_so_does_turning_it_off(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updates, "RELEASES", RELEASES)
    config = window.context.folders.config
    page = SettingsPage(window.context)
    qtbot.addWidget(page)
    asked = Asked()
    made = watch(window, asked)
    assert not page.updates.isChecked()
    assert "releases.invalid" in page.updates_note.text()
    page.updates.click()
    qtbot.waitUntil(lambda: load_preferences(config) == Preferences(update_notice=True))
    qtbot.waitUntil(window.update_button.isVisible)
    page.updates.click()
    qtbot.waitUntil(lambda: load_preferences(config) == Preferences())
    assert not window.update_button.isVisible()
    assert not made.active
    page.closing()


def test_a_build_without_an_address_offers_nothing_and_says_why(
    app_context: AppContext, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updates, "RELEASES", None)
    page = SettingsPage(app_context)
    qtbot.addWidget(page)
    assert not page.updates.isEnabled()
    assert "no address" in page.updates_note.text()
    page.closing()
