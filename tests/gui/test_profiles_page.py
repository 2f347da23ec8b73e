"""What the profiles page shows, changes and asks of other pages."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QGridLayout, QLabel, QLineEdit, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.pages_support import heard, shown_page, store_at
from tests.gui.sample_profiles import filled, sample
from tests.gui.sample_roofline import sample_roofline
from tests.gui.sample_runs import with_run
from tests.gui.simulated_run import simulated
from tests.store.values import profile
from tests.support.heat import HotMachine
from tests.support.soaks import kept
from tests.tuning.test_steady import found as finalists
from tunesmith.domain.profile_file import profile_file
from tunesmith.domain.roofline import Roofline
from tunesmith.gui.export_dialog import ExportDialog
from tunesmith.gui.pages.profiles import ProfilesPage
from tunesmith.gui.theme import DARK
from tunesmith.services import roofline, tradeoff
from tunesmith.services.profile_files import read_profile, write_profile
from tunesmith.store import Store

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints", extend=True)


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNESMITH_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
def page(qtbot: QtBot, tmp_path: Path) -> Iterator[ProfilesPage]:
    """The page over a store of six profiles, the first chosen."""
    with shown_page(qtbot, ProfilesPage, store_at(filled(tmp_path / "store.sqlite3"))) as page:
        qtbot.waitUntil(lambda: page.details.profile is not None)
        yield page


def names(page: ProfilesPage) -> list[str]:
    """The names that are shown, from top to bottom."""
    return [page.table.line(row).name for row in range(page.list.proxy.rowCount())]


def choose(qtbot: QtBot, page: ProfilesPage, *ids: str) -> None:
    """Choose profiles, and wait for the details of one."""
    assert page.table.choose(lambda line: line.id in ids)
    if len(ids) == 1:
        qtbot.waitUntil(lambda: page.details.profile is not None and page.details.profile.id == ids[0])


def test_escape_and_the_cross_empty_the_search(page: ProfilesPage) -> None:
    (cross,) = page.search.findChildren(QToolButton)
    assert cross.accessibleName() == "Clear the search"
    page.search.setText("mistral")
    assert names(page) == []
    QTest.keyClick(page.search, Qt.Key.Key_Escape)
    assert len(names(page)) == 6
    page.search.setText("qwen")
    cross.click()
    assert page.search.text() == ""


def test_an_empty_store_says_what_to_do(qtbot: QtBot, tmp_path: Path) -> None:
    with shown_page(qtbot, ProfilesPage, store_at(tmp_path / "new.sqlite3")) as page:
        qtbot.waitUntil(lambda: page.states.currentWidget() is page.empty)
        assert not page.search.isVisible()


def test_the_newest_is_on_top_and_shown_in_full(page: ProfilesPage) -> None:
    assert names(page)[0] == "SmolLM2 135M Q4_K_M · chat"
    assert page.details.sentence.text() == "Answers come 1.42 times as fast as with llama.cpp's defaults."
    assert page.details.notes.toPlainText() == "Quiet enough for the meeting room."


def test_defaults_that_are_best_have_no_number(qtbot: QtBot, page: ProfilesPage) -> None:
    choose(qtbot, page, "p-0003")
    assert page.details.sentence.text() == "llama.cpp's defaults are already the best here."
    assert not page.details.ratio.isVisible()


def test_a_search_and_two_filters_narrow_the_list(page: ProfilesPage) -> None:
    page.search.setText("gemma")
    assert page.list.count.text() == "2 of 6"
    page.search.clear()
    page.list.machines.setCurrentIndex(page.list.machines.findText("Intel", Qt.MatchFlag.MatchStartsWith))
    assert sorted(names(page)) == ["Gemma 3 270M on the laptop", "Qwen at night"]
    page.list.models.setCurrentIndex(page.list.models.findText("Gemma", Qt.MatchFlag.MatchStartsWith))
    assert names(page) == ["Gemma 3 270M on the laptop"]


def test_keys_act_on_a_profile_that_another_page_asks_for(qtbot: QtBot, page: ProfilesPage) -> None:
    asked = page.context.store.profiles()[2].id
    page.search.setFocus()
    page.context.bus.show_profile.emit(asked)
    qtbot.waitUntil(lambda: page.details.profile is not None and page.details.profile.id == asked)
    assert page.table.hasFocus()


@pytest.mark.parametrize("place", ["search", "models", "table", "details"])
def test_the_pages_keys_act_wherever_on_it_the_keyboard_is(page: ProfilesPage, place: str) -> None:
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    field = {
        "search": page.search, "models": page.list.models, "table": page.table, "details": page.details.notes,
    }[place]  # fmt: skip
    for action, key, modifiers in (
        (page.acts.copy_command, Qt.Key.Key_C, control | shift),
        (page.acts.rename, Qt.Key.Key_F2, Qt.KeyboardModifier.NoModifier),
        (page.acts.explain, Qt.Key.Key_E, control | shift),
        (page.acts.export, Qt.Key.Key_E, control),
        (page.acts.duplicate, Qt.Key.Key_D, control),
    ):
        action.triggered.disconnect()  # what it does is another test's matter
        asked = heard(action.triggered)
        field.setFocus()
        QTest.keyClick(field, key, modifiers)
        assert len(asked) == 1, action.text()


def test_the_search_keeps_the_keys_that_no_command_has(page: ProfilesPage) -> None:
    page.search.setText("qwen")
    page.search.setFocus()
    QTest.keyClick(page.search, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert page.search.selectedText() == "qwen"
    QTest.keyClick(page.search, Qt.Key.Key_Delete)
    assert page.search.text() == ""
    assert page.undo_bar.isHidden()


def test_a_search_that_finds_nothing_shows_no_profile(qtbot: QtBot, page: ProfilesPage) -> None:
    page.search.setText("mistral")
    assert page.details.profile is None
    assert page.details.hint.text() == "No profile matches."
    page.search.clear()
    qtbot.waitUntil(lambda: page.details.profile is not None)


def test_speed_is_sorted_as_a_number(page: ProfilesPage) -> None:
    page.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert names(page)[0] == "SmolLM2 135M Q4_K_M · batch"


def test_a_name_is_changed_in_place(qtbot: QtBot, page: ProfilesPage) -> None:
    page.acts.rename.trigger()
    editor = page.table.findChild(QLineEdit)
    assert editor is not None
    editor.setText("Better name")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "Better name" in names(page))
    assert page.context.store.profile("p-0001").name == "Better name"
    qtbot.waitUntil(lambda: page.details.name.text() == "Better name")


def test_notes_are_kept_when_another_profile_is_chosen(qtbot: QtBot, page: ProfilesPage) -> None:
    page.details.notes.setPlainText("Loud.")
    choose(qtbot, page, "p-0002")
    qtbot.waitUntil(lambda: page.context.store.profile("p-0001").notes == "Loud.")
    assert page.context.store.profile("p-0002").notes == ""
    assert page.details.notes.toPlainText() == ""


def test_notes_are_kept_when_the_window_closes(qtbot: QtBot, tmp_path: Path) -> None:
    path = filled(tmp_path / "store.sqlite3")
    with shown_page(qtbot, ProfilesPage, store_at(path)) as page:
        qtbot.waitUntil(lambda: page.details.profile is not None)
        page.details.notes.setPlainText("Last words.")
    with Store.open(path) as store:
        assert store.profile("p-0001").notes == "Last words."


def test_a_copy_is_made_and_shown(qtbot: QtBot, page: ProfilesPage) -> None:
    page.acts.duplicate.trigger()
    qtbot.waitUntil(lambda: page.details.name.text() == "copy of SmolLM2 135M Q4_K_M · chat")
    assert len(names(page)) == 7


def test_a_deletion_is_undone_without_a_question(qtbot: QtBot, page: ProfilesPage) -> None:
    choose(qtbot, page, "p-0002")
    page.acts.delete.trigger()
    qtbot.waitUntil(page.undo_bar.isVisible)
    assert page.undo_bar.text.text() == "Deleted Gemma 3 270M Q4_K_M · long-document."
    qtbot.waitUntil(lambda: len(names(page)) == 5)
    page.undo_bar.undo_button.click()
    qtbot.waitUntil(lambda: len(names(page)) == 6)
    qtbot.waitUntil(lambda: page.details.profile is not None and page.details.profile.id == "p-0002")
    assert not page.undo_bar.isVisible()


def test_two_to_four_profiles_can_be_compared(page: ProfilesPage) -> None:
    asked = heard(page.context.bus.compare_profiles)
    pages = heard(page.context.bus.show_page)
    assert not page.compare_button.isEnabled()
    page.table.choose(lambda line: line.id in {"p-0001", "p-0004"})
    assert page.compare_button.text() == "Compare 2"
    page.compare_button.click()
    assert asked == [["p-0001", "p-0004"]]
    assert pages == ["compare"]
    page.table.selectAll()
    assert not page.compare_button.isEnabled()


def test_other_pages_are_asked_with_the_profile(page: ProfilesPage) -> None:
    bus = page.context.bus
    tried, again, runs = heard(bus.try_model), heard(bus.tune_again), heard(bus.show_run)
    page.details.try_button.click()
    page.details.tune_button.click()
    page.details.history_button.click()
    shown = page.details.profile
    assert shown is not None
    assert tried == [(shown.model.header.path, shown)]
    assert again == [shown]
    assert runs == [shown.run_id]


def test_the_server_command_goes_to_the_clipboard(page: ProfilesPage) -> None:
    page.acts.copy_command.trigger()
    assert "--threads 6" in QGuiApplication.clipboard().text()


def test_a_dropped_file_is_imported_and_shown(qtbot: QtBot, page: ProfilesPage, tmp_path: Path) -> None:
    path = tmp_path / "dropped.json"
    write_profile(profile("p-new", name="From afar"), path)
    page.search.setText("nothing like it")
    page.context.bus.files_dropped.emit(["/models/x.gguf", str(path)])
    qtbot.waitUntil(lambda: page.details.name.text() == "From afar")
    assert page.search.text() == ""


def test_one_bad_file_does_not_hinder_the_next(qtbot: QtBot, page: ProfilesPage, tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.json", tmp_path / "good.json"
    bad.write_text("{}")
    write_profile(profile("p-new", name="From afar"), good)
    page.deeds.import_files([str(bad), str(good)])
    qtbot.waitUntil(lambda: page.details.name.text() == "From afar")
    assert page.message.isVisible()


def test_an_exported_profile_reads_back(qtbot: QtBot, page: ProfilesPage, tmp_path: Path) -> None:
    shown = page.details.profile
    assert shown is not None
    page.acts.export.trigger()
    dialog = page.findChild(ExportDialog)
    assert dialog is not None
    assert dialog.exported is not None
    page.deeds.export.write(dialog.exported, str(tmp_path / "out.json"))
    qtbot.waitUntil((tmp_path / "out.json").exists)
    assert profile_file(read_profile(tmp_path / "out.json")) == profile_file(shown)


def test_several_chosen_profiles_are_exported_to_one_file(
    qtbot: QtBot, page: ProfilesPage, tmp_path: Path
) -> None:
    assert not page.details.export_button.isVisible(), "one is exported from its menu"
    page.table.choose(lambda line: line.id in {"p-0001", "p-0004"})
    assert page.details.export_button.isVisible()
    page.details.export_button.click()
    qtbot.waitUntil(lambda: page.findChild(ExportDialog) is not None)
    dialog = page.findChild(ExportDialog)
    assert dialog is not None
    assert dialog.exported is not None
    page.deeds.export.write(dialog.exported, str(tmp_path / "out.ini"))
    qtbot.waitUntil((tmp_path / "out.ini").exists)
    assert (tmp_path / "out.ini").read_text().count("model = ") == 2


def test_the_list_follows_what_others_save(qtbot: QtBot, page: ProfilesPage, tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.sqlite3") as other:
        other.save_profile(sample(7, "Saved elsewhere"))
    page.context.bus.profile_saved.emit("p-0007")
    qtbot.waitUntil(lambda: "Saved elsewhere" in names(page))
    assert page.details.profile is not None
    assert page.details.profile.id == "p-0001"  # what was chosen stays chosen


def test_a_locked_store_is_said_in_place_and_the_name_stays(
    qtbot: QtBot, page: ProfilesPage, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "store.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        page.deeds.rename("p-0001", "Too late")
        qtbot.waitUntil(page.message.isVisible, timeout=8000)
    finally:
        other.execute("ROLLBACK")
        other.close()
    page.refresh()
    qtbot.waitUntil(lambda: not page._asker.busy)
    assert "Too late" not in names(page)


def test_a_store_that_cannot_be_opened_is_said_in_place(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    path.write_bytes(b"no store at all" * 100)
    with shown_page(qtbot, ProfilesPage, store_at(path)) as page:
        qtbot.waitUntil(page.message.isVisible)


def test_a_new_theme_reaches_what_is_drawn_by_hand(page: ProfilesPage) -> None:
    before = page.pane_button.icon().cacheKey()
    page.context.theme.changed.emit(DARK)
    assert page.pane_button.icon().cacheKey() != before


def test_the_pane_folds_away_and_is_remembered(qtbot: QtBot, page: ProfilesPage, tmp_path: Path) -> None:
    page.pane_button.click()
    assert not page.details.isVisible()
    page.closing()
    with shown_page(qtbot, ProfilesPage, store_at(tmp_path / "store.sqlite3")) as again:
        assert not again.pane_button.isChecked()


def slowed(open_store: Callable[[], Store], go: threading.Event) -> Callable[[], Store]:
    """A store that opens when it is told to."""

    def opened() -> Store:
        go.wait(10)
        return open_store()

    return opened


def test_a_slow_list_says_so_but_not_at_once(qtbot: QtBot, tmp_path: Path) -> None:
    go = threading.Event()
    store = slowed(store_at(filled(tmp_path / "store.sqlite3")), go)
    with shown_page(qtbot, ProfilesPage, store) as page:
        assert page.states.currentWidget() is page.waiting.blank
        qtbot.waitUntil(lambda: page.states.currentWidget() is page.waiting.loading)
        go.set()
        qtbot.waitUntil(lambda: page.states.currentWidget() is page.full)


def test_a_slow_profile_leaves_the_pane_to_a_hint(
    qtbot: QtBot, page: ProfilesPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, read = threading.Event(), page.context.store.profile

    def slowly(profile_id: str) -> object:
        go.wait(10)
        return read(profile_id)

    monkeypatch.setattr(page.context.store, "profile", slowly)
    assert page.table.choose(lambda line: line.id == "p-0002")
    assert page.details.profile is not None  # nothing flickers
    qtbot.waitUntil(lambda: page.details.hint.text() == "Reading the profile")
    go.set()
    qtbot.waitUntil(lambda: page.details.profile is not None and page.details.profile.id == "p-0002")


def test_columns_are_remembered(qtbot: QtBot, page: ProfilesPage, tmp_path: Path) -> None:
    page.table.setColumnWidth(2, 187)
    page.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    page.closing()
    with shown_page(qtbot, ProfilesPage, store_at(tmp_path / "store.sqlite3")) as again:
        assert again.table.columnWidth(2) == 187
        qtbot.waitUntil(lambda: len(names(again)) == 6)
        assert names(again)[-1] == "SmolLM2 135M Q4_K_M · batch"


def cells(grid: QWidget) -> list[list[str]]:
    """The texts of a grid of the details, row by row."""
    laid = grid.layout()
    assert isinstance(laid, QGridLayout)
    rows = []
    for row in range(laid.rowCount()):
        items = (laid.itemAtPosition(row, column) for column in range(laid.columnCount()))
        found = [item.widget() for item in items if item is not None]
        texts = [one.text() for one in found if isinstance(one, QLabel)]
        rows += [texts] if texts else []
    return rows


def test_a_soak_is_shown_with_both_speeds_and_what_became_of_them(qtbot: QtBot, page: ProfilesPage) -> None:
    tuned = page.context.store.profile("p-0001")
    assert not page.details._held.isVisible()
    assert not page.details._held_words.isVisible()
    page.context.store.set_soak("p-0001", kept(falls_to=0.8, tuned=tuned))
    page.context.bus.profile_saved.emit("p-0001")
    qtbot.waitUntil(page.details._held.isVisible)
    head, prefill, decode = cells(page.details._held)
    assert head == ["", "burst", "sustained"]
    assert prefill[0] == "Prefill, tok/s"
    assert prefill[1] == prefill[2]
    assert decode == ["Decode, tok/s", "100.00", "80.00"]
    said = page.details._held_words.text()
    assert said.startswith("Soaked for 2 min. Prefill held its speed. Decode fell by 20.")
    assert "first after 1 min." in said
    choose(qtbot, page, "p-0004")
    assert not page.details._held.isVisible()
    assert not page.details._held_words.isVisible()
    choose(qtbot, page, "p-0001")
    assert len(cells(page.details._held)) == 3


def test_a_soak_that_ended_before_it_was_steady_says_so(qtbot: QtBot, page: ProfilesPage) -> None:
    tuned = page.context.store.profile("p-0001")
    found = kept(falls_to=0.8, tuned=tuned)
    early = found.model_copy(
        update={"parts": tuple(one.model_copy(update={"settled": False}) for one in found.parts)}
    )
    page.details.show_profile(tuned.model_copy(update={"soak": early}))
    assert page.details._held_words.text().count("It may not have been steady yet.") == 2


def test_a_tune_for_sustained_speed_shows_what_its_settings_held_until_they_are_soaked(
    page: ProfilesPage,
) -> None:
    tuned = page.context.store.profile("p-0001")
    found = finalists(HotMachine(), 2, 3)
    own = found.settings[0].model_copy(update={"settings": tuned.settings})
    steady = found.model_copy(update={"settings": (own, found.settings[1])})
    page.details.show_profile(tuned.model_copy(update={"steady": steady}))
    head, *rows = cells(page.details._held)
    assert head == ["", "burst", "sustained"]
    assert [row[0] for row in rows] == ["Prefill, tok/s", "Decode, tok/s", "Whole request, tok/s"]
    said = page.details._held_words.text()
    assert said == "Finalists at steady state: threads=2 holds more than threads=3."
    page.details.show_profile(tuned.model_copy(update={"steady": steady, "soak": kept(tuned=tuned)}))
    assert len(cells(page.details._held)) == 3


def test_pictures_of_a_profiles_run_are_offered_where_the_run_is_here(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = simulated(sensor=True)
    path = filled(tmp_path / "store.sqlite3")
    tuned = with_run(path, run)
    asked: list[str] = []

    def read(_store: Store, run_id: str) -> Roofline:
        asked.append(run_id)
        return sample_roofline(run)

    monkeypatch.setattr(roofline, "read_roofline", read)
    monkeypatch.setattr(tradeoff, "read_tradeoff", lambda _store, _run_id: run.result.tradeoff)
    with shown_page(qtbot, ProfilesPage, store_at(path)) as page:
        qtbot.waitUntil(lambda: page.details.profile is not None)
        choose(qtbot, page, "p-0001")
        qtbot.waitUntil(lambda: not page._asker.busy)
        assert not page.details.roofline_button.isVisible(), "its run is elsewhere"
        choose(qtbot, page, tuned.id)
        qtbot.waitUntil(page.details.roofline_button.isVisible)
        page.details.roofline_button.click()
        qtbot.waitUntil(lambda: page.views.roofline.view is not None)
        assert asked == [tuned.run_id]
        assert page.views.roofline.isVisible()
        assert not page.search.isVisible()
        QTest.keyClick(page.views.roofline.plot, Qt.Key.Key_Escape)
        assert page.states.currentWidget() is page.full
        page.details.tradeoff_button.click()
        qtbot.waitUntil(lambda: page.views.tradeoff.tradeoff is not None)
        assert page.views.tradeoff.isVisible()
        page.views.tradeoff.back_button.click()
        assert page.states.currentWidget() is page.full
        page.details.energy_button.click()
        assert page.views.energy.isVisible()
        assert page.views.energy.view is not None
        assert page.views.energy.view.both
        page.views.energy.back_button.click()
        assert page.states.currentWidget() is page.full
        choose(qtbot, page, "p-0001")
        assert not page.details.roofline_button.isVisible()
        assert not page.details.tradeoff_button.isVisible()
        assert not page.details.energy_button.isVisible(), "it states no energy"
