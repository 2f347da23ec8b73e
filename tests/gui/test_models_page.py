"""Claims about the Models page."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.gui.sample_models import fake_model
from tests.presentation.test_library import entry
from tests.store.values import profile
from tunesmith.domain.model import ModelIdentity
from tunesmith.errors import StoreLocked
from tunesmith.gui.context import AppContext
from tunesmith.gui.models_table import ModelsTable
from tunesmith.gui.pages.models import ModelsPage
from tunesmith.presentation.library import COLUMNS, INDEX, make_rows
from tunesmith.services import library
from tunesmith.services.model_files import Candidate
from tunesmith.services.watched import load_watched
from tunesmith.store import Store

GIB = 2**30


@pytest.fixture
def models(home: Path) -> Path:
    folder = home / ".lmstudio" / "models"
    for quantization in ("Q4_K_M", "Q8_0"):
        fake_model(folder / f"llama-{quantization}.gguf", "Llama 8B", quantization, 8.0)
    fake_model(folder / "tiny.gguf", "Tiny", "F16", 0.001)
    (folder / "broken.gguf").write_text("<!doctype html>")
    return folder


@pytest.fixture
def page(app_context: AppContext, qtbot: QtBot) -> Iterator[ModelsPage]:
    made = ModelsPage(app_context)
    qtbot.addWidget(made)
    made.resize(1100, 700)
    yield made
    made.closing()


def shown(page: ModelsPage, qtbot: QtBot) -> None:
    page.show()
    page.shown()
    qtbot.waitUntil(lambda: settled(page), timeout=20_000)


def settled(page: ModelsPage) -> bool:
    return page.library.looked and page.library.idle and page.library.available_bytes is not None


def column(page: ModelsPage, key: str) -> list[str]:
    place = [one.key for one in COLUMNS].index(key)  # type: ignore[arg-type]
    proxy = page.table.filter
    return [str(proxy.index(row, place).data()) for row in range(proxy.rowCount())]


def choose(page: ModelsPage, name: str) -> None:
    row = next(row for row in page.table.library.rows if row.cells[0] == name)
    assert page.table.select(row.entry.path)


def test_an_empty_library_says_what_to_do(
    page: ModelsPage, qtbot: QtBot, smollm2_path: Path, app_context: AppContext
) -> None:
    shown(page, qtbot)
    qtbot.waitUntil(lambda: page.states.currentWidget() is page.empty)
    buttons = {button.text(): button for button in page.empty.findChildren(type(page.stop))}
    assert set(buttons) == {"Open model…", "Add folder…", "Try the demo model"}
    assert not page.filter.isVisible()
    QTest.mouseClick(buttons["Try the demo model"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.states.currentWidget() is page.full)
    assert page.details.entry is not None
    assert page.details.entry.path == str(smollm2_path)
    assert load_watched(app_context.folders.config).files == (str(smollm2_path),)


def test_models_of_other_programs_are_listed_with_their_facts(
    page: ModelsPage, models: Path, qtbot: QtBot
) -> None:
    shown(page, qtbot)
    assert column(page, "name") == ["Llama 8B", "Llama 8B", "Tiny", "broken"]
    assert column(page, "quantization") == ["Q4_K_M", "Q8_0", "F16", "broken"]
    assert page.count.text() == "3 models · 1 broken file"
    choose(page, "Tiny")
    said = " ".join(label.text() for label in page.details.findChildren(type(page.count)))
    assert "Fits: needs about" in said
    assert str(models / "tiny.gguf") in said
    choose(page, "broken")
    assert not page.details.tune.isEnabled()
    assert "web page" in page.details.state.text()


def test_the_filter_narrows_and_says_when_nothing_matches(
    page: ModelsPage, models: Path, qtbot: QtBot
) -> None:
    shown(page, qtbot)
    QTest.keyClicks(page.filter, "llama q8")
    qtbot.waitUntil(lambda: page.table.filter.rowCount() == 1)
    assert page.count.text().endswith("1 shown")
    QTest.keyClicks(page.filter, " nothing")
    qtbot.waitUntil(lambda: page.stack.currentWidget() is page.nothing)
    assert page.details.entry is None
    page.filter.clear()
    qtbot.waitUntil(lambda: page.table.filter.rowCount() == 4)
    assert page.stack.currentWidget() is page.table


def test_columns_sort_as_numbers_with_the_unknown_last(page: ModelsPage, models: Path, qtbot: QtBot) -> None:
    shown(page, qtbot)
    page.table.sortByColumn(INDEX["bits"], Qt.SortOrder.DescendingOrder)
    assert column(page, "quantization") == ["F16", "Q8_0", "Q4_K_M", "broken"]
    page.table.sortByColumn(INDEX["bits"], Qt.SortOrder.AscendingOrder)
    assert column(page, "quantization") == ["Q4_K_M", "Q8_0", "F16", "broken"]


def test_sorting_keeps_the_chosen_model(page: ModelsPage, models: Path, qtbot: QtBot) -> None:
    shown(page, qtbot)
    choose(page, "Tiny")
    page.table.sortByColumn(INDEX["size"], Qt.SortOrder.DescendingOrder)
    current = page.table.current()
    assert current is not None
    assert current.cells[0] == "Tiny"


def test_quantizations_can_be_grouped_and_one_of_them_chosen(
    page: ModelsPage, models: Path, qtbot: QtBot
) -> None:
    shown(page, qtbot)
    page.group.click()
    qtbot.waitUntil(lambda: column(page, "name") == ["Llama 8B", "Tiny", "broken"])
    choose(page, "Llama 8B")
    assert column(page, "quantization")[0] == "2 quantizations"
    offered = [page.details.choice.itemText(n) for n in range(page.details.choice.count())]
    assert [text.split(" ")[0] for text in offered] == ["Q8_0", "Q4_K_M"]
    for number, name in enumerate(("llama-Q8_0.gguf", "llama-Q4_K_M.gguf")):
        page.details.choice.setCurrentIndex(number)
        with qtbot.waitSignal(page.context.bus.tune_model) as asked:
            page.details.tune.click()
        assert asked.args == [str(models / name)]


def test_enter_a_double_click_and_the_button_tune(page: ModelsPage, models: Path, qtbot: QtBot) -> None:
    shown(page, qtbot)
    choose(page, "Tiny")
    bus, path = page.context.bus, str(models / "tiny.gguf")
    with qtbot.waitSignal(bus.tune_model) as asked:
        QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert asked.args == [path]
    place = page.table.visualRect(page.table.currentIndex()).center()
    QTest.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    with qtbot.waitSignal(bus.tune_model):
        QTest.mouseDClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    with qtbot.waitSignal(bus.try_model) as tried:
        page.details.try_it.click()
    assert tried.args == [path, None]
    choose(page, "broken")
    with qtbot.assertNotEmitted(bus.tune_model):
        QTest.keyClick(page.table, Qt.Key.Key_Return)


def test_a_dropped_file_is_chosen_and_remembered(
    page: ModelsPage, models: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    shown(page, qtbot)
    dropped = fake_model(tmp_path / "new one.gguf", "New", "Q8_0", 1.0)
    page.context.bus.files_dropped.emit([str(dropped)])
    qtbot.waitUntil(lambda: page.details.entry is not None and page.details.entry.path == str(dropped))
    config = page.context.folders.config
    assert load_watched(config).files == (str(dropped),)
    menu = page.make_menu()
    remove = menu.actions()[-1]
    assert remove.text() == "Remove from the list"
    remove.trigger()
    qtbot.waitUntil(lambda: "New" not in column(page, "name"))
    assert load_watched(config).files == ()
    assert dropped.exists()


def test_a_file_opened_at_the_start_is_chosen_among_what_is_found(
    page: ModelsPage, models: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    opened = fake_model(tmp_path / "opened.gguf", "Opened", "Q8_0", 1.0)
    page.show()
    page.shown()
    page.context.bus.files_dropped.emit([str(opened)])
    qtbot.waitUntil(lambda: settled(page) and page.table.filter.rowCount() == 5, timeout=20_000)
    qtbot.waitUntil(lambda: page.details.entry is not None and page.details.entry.path == str(opened))


def test_a_dropped_folder_is_watched_and_read(
    page: ModelsPage, models: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    shown(page, qtbot)
    folder = tmp_path / "more"
    fake_model(folder / "deep" / "x.gguf", "Added", "Q8_0", 1.0)
    page.context.bus.files_dropped.emit([str(folder)])
    qtbot.waitUntil(lambda: "Added" in column(page, "name"))
    assert load_watched(page.context.folders.config).folders == (str(folder),)


def test_what_is_no_model_is_refused_and_a_profile_is_left_to_others(
    page: ModelsPage, models: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    shown(page, qtbot)
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    page.context.bus.files_dropped.emit([str(text)])
    qtbot.waitUntil(page.message.isVisible)
    with qtbot.assertNotEmitted(page.context.bus.show_page):
        page.context.bus.files_dropped.emit([str(tmp_path / "profile.json")])
    assert not (page.context.folders.config / "library.json").exists()


def test_folders_changed_elsewhere_are_read_when_the_page_is_shown_again(
    page: ModelsPage, models: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    from tunesmith.services.watched import watch

    shown(page, qtbot)
    fake_model(tmp_path / "more" / "x.gguf", "Added", "Q8_0", 1.0)
    watch(page.context.folders.config, folders=[str(tmp_path / "more")])
    page.shown()
    qtbot.waitUntil(lambda: "Added" in column(page, "name"))


def test_a_saved_profile_marks_its_model_as_tuned(page: ModelsPage, models: Path, qtbot: QtBot) -> None:
    shown(page, qtbot)
    assert set(column(page, "tuned")) == {"–"}
    choose(page, "Tiny")
    chosen = page.details.entry
    assert chosen is not None
    assert chosen.header is not None
    page.context.store.save_profile(profile(model=ModelIdentity(sha256="a" * 64, header=chosen.header)))
    page.context.bus.profile_saved.emit("p")
    qtbot.waitUntil(lambda: column(page, "tuned") == ["–", "–", "1.21×", "–"])


def test_a_store_that_cannot_be_opened_is_told_and_the_models_are_shown(
    page: ModelsPage, models: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked() -> Store:
        raise StoreLocked("Another program holds the store.", unharmed="Nothing was changed.")

    monkeypatch.setattr(page.context, "_open_store", locked)
    shown(page, qtbot)
    assert page.message.isVisible()
    assert page.table.filter.rowCount() == 4


def test_loading_is_shown_late_and_can_be_stopped(
    page: ModelsPage, models: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, read = threading.Event(), library._read

    def slowly(candidate: Candidate) -> object:
        go.wait(10)
        return read(candidate)

    monkeypatch.setattr(library, "_read", slowly)
    page.show()
    page.shown()
    assert page.states.currentWidget() is page.blank
    qtbot.waitUntil(lambda: page.states.currentWidget() is page.loading)
    qtbot.waitUntil(lambda: "of 4" in page.loading.text.text())
    page.library.cancel()
    go.set()
    qtbot.waitUntil(lambda: page.states.currentWidget() is page.full)
    assert page.table.filter.rowCount() == 1


def test_the_details_close_and_stay_closed(page: ModelsPage, models: Path, qtbot: QtBot) -> None:
    shown(page, qtbot)
    assert page.details.isVisible()
    page.panel.click()
    assert not page.details.isVisible()
    again = ModelsPage(page.context)
    qtbot.addWidget(again)
    again.resize(1100, 700)
    shown(again, qtbot)
    assert not again.details.isVisible()
    again.closing()


def test_a_narrow_page_opens_the_details_only_when_asked(
    page: ModelsPage, models: Path, qtbot: QtBot
) -> None:
    page.resize(660, 500)
    shown(page, qtbot)
    assert not page.details.isVisible()
    page.panel.click()
    assert page.details.isVisible()
    page.resize(1100, 700)
    assert page.details.isVisible()


def test_widths_and_order_are_remembered(page: ModelsPage, models: Path, qtbot: QtBot) -> None:
    shown(page, qtbot)
    page.table.setColumnWidth(INDEX["size"], 133)
    page.table.sortByColumn(INDEX["size"], Qt.SortOrder.DescendingOrder)
    page.hide()
    ini = str(page.context.folders.config / "window.ini")
    table = ModelsTable(QSettings(ini, QSettings.Format.IniFormat))
    qtbot.addWidget(table)
    assert table.columnWidth(INDEX["size"]) == 133
    assert table.horizontalHeader().sortIndicatorSection() == INDEX["size"]
    assert table.horizontalHeader().sortIndicatorOrder() == Qt.SortOrder.DescendingOrder


def test_the_path_is_copied(page: ModelsPage, models: Path, qtbot: QtBot) -> None:
    shown(page, qtbot)
    choose(page, "Tiny")
    page.details.copy.click()
    assert QGuiApplication.clipboard().text() == str(models / "tiny.gguf")


def test_everything_that_takes_keys_has_a_name(page: ModelsPage, models: Path, qtbot: QtBot) -> None:
    shown(page, qtbot)
    for widget in (
        page.filter, page.group, page.add, page.panel, page.table, page.details.tune, page.details.try_it,
        page.details.reveal, page.details.copy, page.details.choice,
    ):  # fmt: skip
        assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus, widget
        assert widget.accessibleName() or getattr(widget, "text", str)(), widget


def test_ten_thousand_rows_filter_sort_and_read_quickly(
    app_context: AppContext, qtbot: QtBot, tmp_path: Path
) -> None:
    table = ModelsTable(QSettings(str(tmp_path / "t.ini"), QSettings.Format.IniFormat))
    qtbot.addWidget(table)
    table.resize(900, 700)
    rows = make_rows(
        [entry(f"/m{i}.gguf", name=f"Model {i}", size=GIB + i * 7919 % 10_007) for i in range(10_000)],
        available_bytes=8 * GIB,
    )
    table.show()
    start = time.perf_counter()
    table.show_rows(rows)
    table.sortByColumn(INDEX["size"], Qt.SortOrder.DescendingOrder)
    table.sortByColumn(INDEX["name"], Qt.SortOrder.AscendingOrder)
    table.filter.set_text("model 99")
    assert time.perf_counter() - start < 1
    assert 0 < table.filter.rowCount() < 10_000
    table.filter.set_text("")
    start = time.perf_counter()
    index = table.library.index(5000, 0)
    for _ in range(10_000):
        table.library.data(index, Qt.ItemDataRole.DisplayRole)
        table.library.data(index, Qt.ItemDataRole.ForegroundRole)
    assert (time.perf_counter() - start) / 20_000 < 20e-6
    table.verticalScrollBar().setValue(table.verticalScrollBar().maximum())
    table.grab()
