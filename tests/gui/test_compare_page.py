"""What the compare page shows and gives away."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QSettings, QThreadPool
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.gui.pages_support import shown_page, store_at
from tests.gui.sample_profiles import filled, sample
from tunesmith.domain.profile import TunedProfile
from tunesmith.errors import NotFoundError
from tunesmith.gui.app import page_factories
from tunesmith.gui.context import AppContext
from tunesmith.gui.pages.compare import ComparePage
from tunesmith.gui.theme import DARK, ThemeManager
from tunesmith.gui.window import MainWindow
from tunesmith.store import Store

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints", extend=True)


@pytest.fixture
def page(qtbot: QtBot, tmp_path: Path) -> Iterator[ComparePage]:
    """Two profiles of one model side by side."""
    with shown_page(qtbot, ComparePage, store_at(filled(tmp_path / "store.sqlite3"))) as page:
        page.choose(["p-0001", "p-0004"])
        qtbot.waitUntil(lambda: compared(page) == 2)
        yield page


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNESMITH_CONFIG_DIR", str(tmp_path / "config"))


def compared(page: ComparePage) -> int:
    """How many profiles are compared."""
    return len(page.comparison.names) if page.comparison else 0


def rows(page: ComparePage) -> list[str]:
    """The first column."""
    items = [page.table.item(row, 0) for row in range(page.table.rowCount())]
    return [item.text() for item in items if item is not None]


def test_one_profile_is_too_few(qtbot: QtBot, tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.sqlite3") as store:
        store.save_profile(sample(1, "Alone"))
    with shown_page(qtbot, ComparePage, store_at(tmp_path / "store.sqlite3")) as page:
        qtbot.waitUntil(lambda: page.states.currentWidget() is page.empty)
        assert not page.save_button.isVisible()


def test_the_two_newest_are_compared_when_nothing_was_chosen(qtbot: QtBot, tmp_path: Path) -> None:
    with shown_page(qtbot, ComparePage, store_at(filled(tmp_path / "store.sqlite3"))) as page:
        qtbot.waitUntil(lambda: compared(page) == 2)
        assert page.chosen == ["p-0001", "p-0002"]


def test_only_what_differs_is_listed_until_all_is_asked_for(page: ComparePage) -> None:
    assert "n_batch" in rows(page)
    assert "type_k" not in rows(page)
    page.only_differences.setChecked(False)
    assert "type_k" in rows(page)


def test_a_third_profile_of_another_machine_brings_its_warning(qtbot: QtBot, page: ComparePage) -> None:
    assert not page.warnings.isVisible()
    page.boxes[2].setCurrentIndex(page.boxes[2].findData("p-0006"))
    qtbot.waitUntil(lambda: compared(page) == 3)
    assert page.warnings.isVisible()
    assert "machine classes" in page.warning_text.text()
    assert page.table.columnCount() == 4


def test_three_asked_for_are_three(qtbot: QtBot, page: ComparePage) -> None:
    page.choose(["p-0001", "p-0004", "p-0006"])
    qtbot.waitUntil(lambda: compared(page) == 3)
    assert page.chosen == ["p-0001", "p-0004", "p-0006"]


def test_the_same_profile_twice_is_no_comparison(page: ComparePage) -> None:
    page.boxes[1].setCurrentIndex(page.boxes[1].findData("p-0001"))
    assert page.comparison is None
    assert page.hint.isVisible()
    assert not page.save_button.isEnabled()


def test_a_profile_deleted_elsewhere_leaves_the_page(qtbot: QtBot, page: ComparePage, tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.sqlite3") as other:
        other.delete_profile("p-0004")
    page.shown()
    qtbot.waitUntil(lambda: "p-0004" not in page.chosen and compared(page) == 2)


def test_the_table_is_copied_as_markdown_and_csv(page: ComparePage) -> None:
    page.markdown_button.click()
    assert QGuiApplication.clipboard().text().startswith("|  | A · SmolLM2 135M Q4\\_K\\_M · chat |")
    page.csv_button.click()
    assert QGuiApplication.clipboard().text().startswith("Section,,A · SmolLM2 135M Q4_K_M · chat,")


def test_the_chart_is_saved_as_a_picture_and_as_a_drawing(
    qtbot: QtBot, page: ComparePage, tmp_path: Path
) -> None:
    page.save_chart(str(tmp_path / "chart.png"))
    page.save_chart(str(tmp_path / "chart.svg"))
    qtbot.waitUntil(lambda: (tmp_path / "chart.svg").exists() and (tmp_path / "chart.png").exists())
    picture = QImage(str(tmp_path / "chart.png"))
    assert picture.width() == 2 * (960 + 48)
    assert ET.parse(tmp_path / "chart.svg").getroot().tag.endswith("svg")


def test_a_chart_that_cannot_be_saved_is_said_in_place(
    qtbot: QtBot, page: ComparePage, tmp_path: Path
) -> None:
    page.save_chart(str(tmp_path / "missing" / "chart.png"))
    qtbot.waitUntil(page.message.isVisible)


def test_bars_are_told_to_those_who_do_not_see_them(page: ComparePage) -> None:
    assert "Decode: SmolLM2 135M Q4_K_M · chat 60 tok/s" in page.chart.accessibleDescription()


def test_the_chart_follows_the_theme(page: ComparePage) -> None:
    before = page.chart.grab().toImage()
    page.context.theme.changed.emit(DARK)
    assert page.chart.grab().toImage() != before


def test_a_narrow_chart_is_higher(page: ComparePage) -> None:
    assert page.chart.heightForWidth(400) > page.chart.heightForWidth(900)


def test_a_page_that_was_never_shown_still_hears_what_it_is_asked(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNESMITH_CONFIG_DIR", str(tmp_path / "config"))
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    theme = ThemeManager(application, "light")
    context = AppContext(theme, open_store=store_at(filled(tmp_path / "store.sqlite3")))
    settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    window = MainWindow(context, page_factories(), settings)
    qtbot.addWidget(window)
    context.bus.compare_profiles.emit(["p-0002", "p-0005"])
    page = window.page("compare")
    assert isinstance(page, ComparePage)
    qtbot.waitUntil(lambda: compared(page) == 2)
    assert page.chosen == ["p-0002", "p-0005"]
    assert window.stack.currentWidget() is page
    window.close()
    QThreadPool.globalInstance().waitForDone(5000)
    theme.deleteLater()


def test_profiles_that_are_read_slowly_say_so_late(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, read = threading.Event(), Store.profile

    def slowly(store: Store, profile_id: str) -> TunedProfile:
        go.wait(10)
        return read(store, profile_id)

    monkeypatch.setattr(Store, "profile", slowly)
    with shown_page(qtbot, ComparePage, store_at(filled(tmp_path / "store.sqlite3"))) as page:
        assert page.states.currentWidget() is page.waiting.blank
        qtbot.waitUntil(lambda: page.states.currentWidget() is page.waiting.loading)
        go.set()
        qtbot.waitUntil(lambda: page.states.currentWidget() is page.full)
        assert compared(page) == 2


def test_a_profile_that_cannot_be_read_leaves_others_to_choose(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_store: Store, profile_id: str) -> TunedProfile:
        raise NotFoundError(f"no profile {profile_id}")

    monkeypatch.setattr(Store, "profile", gone)
    with shown_page(qtbot, ComparePage, store_at(filled(tmp_path / "store.sqlite3"))) as page:
        qtbot.waitUntil(page.message.isVisible)
        assert page.states.currentWidget() is page.full


def test_the_width_of_the_names_is_remembered_for_each_number_of_profiles(
    qtbot: QtBot, page: ComparePage, tmp_path: Path
) -> None:
    usual = page.table.columnWidth(0)
    page.table.setColumnWidth(0, usual + 61)
    page.only_differences.setChecked(False)
    assert page.table.columnWidth(0) == usual + 61
    page.boxes[2].setCurrentIndex(page.boxes[2].findData("p-0006"))
    qtbot.waitUntil(lambda: compared(page) == 3)
    assert page.table.columnWidth(0) == usual
    page.closing()
    with shown_page(qtbot, ComparePage, store_at(tmp_path / "store.sqlite3")) as again:
        qtbot.waitUntil(lambda: compared(again) == 2)
        assert again.table.columnWidth(0) == usual + 61
