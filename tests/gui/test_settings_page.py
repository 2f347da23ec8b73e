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


def test_a_language_is_kept_and_holds_from_the_next_start_on(page: SettingsPage, qtbot: QtBot) -> None:
    config = page.context.folders.config
    assert [one.text() for one in page.languages.values()] == ["As the system", "English", "Deutsch"]
    assert page.languages["system"].isChecked()
    assert not page.language_note.isVisible()
    page.languages["de"].click()
    assert page.language_note.isVisible()
    assert not page.units_note.isVisible()
    qtbot.waitUntil(lambda: load_preferences(config) == Preferences(language="de"))
    page.languages["en"].click()
    assert not page.language_note.isVisible(), "it is spoken already"
    qtbot.waitUntil(lambda: load_preferences(config) == Preferences(language="en"))


def test_units_are_kept_and_hold_from_the_next_start_on(page: SettingsPage, qtbot: QtBot) -> None:
    config = page.context.folders.config
    assert page.units["binary"].isChecked()
    page.units["decimal"].click()
    assert page.units_note.isVisible()
    assert not page.language_note.isVisible()
    qtbot.waitUntil(lambda: load_preferences(config) == Preferences(units="decimal"))
    page.units["binary"].click()
    assert not page.units_note.isVisible()
    qtbot.waitUntil(lambda: load_preferences(config) == Preferences())


def test_choices_that_follow_each_other_quickly_are_all_kept(page: SettingsPage, qtbot: QtBot) -> None:
    config = page.context.folders.config
    page.themes["dark"].click()
    page.languages["de"].click()
    page.units["decimal"].click()
    wanted = Preferences(theme="dark", language="de", units="decimal")
    qtbot.waitUntil(lambda: load_preferences(config) == wanted)


def test_what_was_chosen_before_is_shown_with_its_note(app_context: AppContext, qtbot: QtBot) -> None:
    save_preferences(app_context.folders.config, Preferences(language="de_AT", units="decimal"))
    page = SettingsPage(app_context)
    qtbot.addWidget(page)
    page.show()
    assert page.languages["de"].isChecked()
    assert page.units["decimal"].isChecked()
    assert page.language_note.isVisible()
    assert page.units_note.isVisible()
    page.closing()


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
