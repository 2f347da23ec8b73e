"""Claims about the Fleet page: a folder of results, summed up, sorted and narrowed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from tests.services.test_fleet import put
from tests.services.test_verify import machine, tuned, verify
from tunesmith.domain.verification import Verification
from tunesmith.gui.context import AppContext
from tunesmith.gui.pages.fleet import FleetPage
from tunesmith.presentation.fleet_lines import COLUMNS


@pytest.fixture(scope="module")
def found() -> dict[str, Verification]:
    """One verification of each kind."""
    profile = tuned(machine(6))
    return {
        "a/one.json": verify(profile, machine(7)),
        "b/two.json": verify(profile, machine(7, slower=1.3)),
        "b/three.json": verify(profile, machine(7, slower=2.0)),
        "four.json": verify(profile, machine(7, busy=lambda _n, _r: True)),
    }


@pytest.fixture
def folder(tmp_path: Path, found: dict[str, Verification]) -> Path:
    """Four devices and a file that is no result."""
    folder = tmp_path / "results"
    for name, one in found.items():
        put(folder, name, one)
    (folder / "other.json").write_text("{}")
    return folder


@pytest.fixture
def page(app_context: AppContext, qtbot: QtBot) -> Iterator[FleetPage]:
    made = FleetPage(app_context)
    qtbot.addWidget(made)
    made.resize(1000, 600)
    made.show()
    yield made
    made.closing()


def read(page: FleetPage, folder: Path, qtbot: QtBot) -> None:
    page.read(folder)
    qtbot.waitUntil(page.choose_button.isEnabled, timeout=20_000)


def column(page: FleetPage, name: str) -> list[str]:
    place = COLUMNS.index(name)
    return [str(page.proxy.index(row, place).data()) for row in range(page.proxy.rowCount())]


def test_at_first_it_says_where_results_come_from(page: FleetPage) -> None:
    assert page.states.currentWidget() is page.empty
    assert not page.search.isVisible()
    assert [one.text() for one in page.empty.findChildren(QPushButton)] == ["Choose a folder…"]


def test_a_folder_is_summed_up_with_the_slowest_first(page: FleetPage, folder: Path, qtbot: QtBot) -> None:
    read(page, folder, qtbot)
    assert page.states.currentWidget() is page.full
    assert page.sum.text() == "4 results: 1 hold, 2 drifted, 1 cannot tell."
    assert page.note.text() == "1 file was no result."
    assert column(page, "Device") == ["b/three", "b/two", "a/one", "four"]
    assert column(page, "Answer") == ["drifted", "drifted", "holds", "cannot tell"]
    assert column(page, "Speed")[-1] == "–"
    assert page.search.isVisible()


def test_it_is_sorted_by_any_column(page: FleetPage, folder: Path, qtbot: QtBot) -> None:
    read(page, folder, qtbot)
    page.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert column(page, "Device") == ["a/one", "b/three", "b/two", "four"]
    page.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    assert column(page, "Answer") == ["drifted", "drifted", "cannot tell", "holds"]


def test_it_is_narrowed_by_answer_and_words(page: FleetPage, folder: Path, qtbot: QtBot) -> None:
    read(page, folder, qtbot)
    page.answer.setCurrentIndex(page.answer.findData("drifted"))
    assert sorted(column(page, "Device")) == ["b/three", "b/two"]
    page.search.setText("THREE ryzen")
    assert column(page, "Device") == ["b/three"]
    page.search.setText("nothing of the kind")
    assert page.nothing.isVisible()
    assert not page.table.isVisible()
    page.nothing.findChildren(QPushButton)[0].click()
    assert page.proxy.rowCount() == 4
    assert page.table.isVisible()
    assert not page.nothing.isVisible()


def test_builds_are_told_without_the_name_that_all_begin_with(
    page: FleetPage, folder: Path, qtbot: QtBot
) -> None:
    read(page, folder, qtbot)
    index = page.proxy.index(0, COLUMNS.index("Build"))
    whole = str(index.data(Qt.ItemDataRole.ToolTipRole))
    assert whole == f"llama-cpp-python {index.data()}"
    page.search.setText("llama-cpp-python")
    assert page.proxy.rowCount() == 4


def test_the_reason_is_told_where_the_answer_is(page: FleetPage, folder: Path, qtbot: QtBot) -> None:
    read(page, folder, qtbot)
    tip = page.proxy.index(0, 1).data(Qt.ItemDataRole.ToolTipRole)
    assert str(tip).startswith("The profile has drifted")


def test_a_folder_without_results_leaves_the_page_empty_and_says_so(
    page: FleetPage, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "nothing").mkdir()
    read(page, tmp_path / "nothing", qtbot)
    assert page.states.currentWidget() is page.empty
    assert page.message.isVisible()


def test_a_folder_that_is_gone_is_told_and_what_was_shown_stays(
    page: FleetPage, folder: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    read(page, folder, qtbot)
    read(page, tmp_path / "gone", qtbot)
    assert page.message.isVisible()
    assert page.states.currentWidget() is page.full
    assert page.proxy.rowCount() == 4


def test_read_again_sees_what_came_since(
    page: FleetPage, folder: Path, qtbot: QtBot, found: dict[str, Verification]
) -> None:
    read(page, folder, qtbot)
    put(folder, "five.json", found["a/one.json"])
    page.again.click()
    qtbot.waitUntil(page.choose_button.isEnabled, timeout=20_000)
    assert page.proxy.rowCount() == 5
