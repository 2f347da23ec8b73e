"""Claims about the Settings page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tunesmith.gui.context import AppContext
from tunesmith.gui.pages.settings import SettingsPage
from tunesmith.gui.theme import DARK, LIGHT
from tunesmith.services.watched import load_watched, watch
from tunesmith.settings import Preferences, load_preferences, save_preferences


@pytest.fixture
def page(app_context: AppContext, qtbot: QtBot) -> Iterator[SettingsPage]:
    made = SettingsPage(app_context)
    qtbot.addWidget(made)
    made.resize(900, 700)
    made.show()
    yield made
    made.closing()


def listed(page: SettingsPage) -> list[str]:
    return [page.folders.item(row).text() for row in range(page.folders.count())]


def test_a_theme_holds_at_once_and_is_kept(page: SettingsPage, qtbot: QtBot) -> None:
    config = page.context.folders.config
    save_preferences(config, Preferences(store="/kept"))
    assert page.themes["light"].isChecked()
    page.themes["dark"].click()
    assert page.context.theme.colours == DARK
    qtbot.waitUntil(lambda: load_preferences(config) == Preferences(store="/kept", theme="dark"))
    page.themes["light"].click()
    assert page.context.theme.colours == LIGHT
    qtbot.waitUntil(lambda: load_preferences(config).theme == "light")


def test_preferences_that_are_damaged_are_told_and_left(page: SettingsPage, qtbot: QtBot) -> None:
    config = page.context.folders.config
    config.mkdir()
    (config / "preferences.toml").write_text("theme = ")
    page.themes["dark"].click()
    qtbot.waitUntil(page.message.isVisible)
    assert (config / "preferences.toml").read_text() == "theme = "


def test_watched_folders_are_listed_added_and_removed(page: SettingsPage, home: Path, qtbot: QtBot) -> None:
    config = page.context.folders.config
    watch(config, folders=["/models/a", "/models/b"])
    (home / ".lmstudio" / "models").mkdir(parents=True)
    page.shown()
    qtbot.waitUntil(lambda: listed(page) == ["/models/a", "/models/b"])
    assert f"LM Studio: {home / '.lmstudio' / 'models'}" in page.known.text()
    assert not page.remove.isEnabled()
    page.folders.setCurrentRow(0)
    page.remove.click()
    qtbot.waitUntil(lambda: listed(page) == ["/models/b"])
    page._add([str(home)])
    qtbot.waitUntil(lambda: listed(page) == ["/models/b", str(home)])
    assert load_watched(config).folders == ("/models/b", str(home))


def test_without_folders_it_says_how_to_add_one(page: SettingsPage, qtbot: QtBot) -> None:
    page.shown()
    qtbot.waitUntil(lambda: page.folders.count() == 1)
    assert "Drop one" in listed(page)[0]
    page.folders.selectAll()
    assert not page.remove.isEnabled()


def test_the_stores_place_is_shown_without_opening_it(page: SettingsPage, tmp_path: Path) -> None:
    page.shown()
    assert page.store.text() == str(tmp_path / "store.sqlite3")
    assert not (tmp_path / "store.sqlite3").exists()
