"""Claims about the view that says why a profile's settings won, opened from a profile and from a result."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QFontMetrics, QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.gui.pages_support import shown_page, store_at
from tests.gui.sample_profiles import filled
from tests.gui.sample_runs import with_run
from tests.gui.simulated_run import FakeSession, Simulated, simulated
from tunesmith.gui.pages.profiles import ProfilesPage
from tunesmith.gui.pages.tune import TunePage
from tunesmith.gui.theme import DARK
from tunesmith.gui.why import WhyPanel
from tunesmith.gui.why_table import CANDIDATE, ROUNDS, WHY
from tunesmith.presentation.why import WhyQuestion, WhyRow
from tunesmith.store import Store

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints", extend=True)


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNESMITH_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture(scope="module")
def run() -> Simulated:
    return simulated()


@pytest.fixture
def page(qtbot: QtBot, tmp_path: Path, run: Simulated) -> Iterator[ProfilesPage]:
    """The profiles page on a profile whose run is in the store, among others whose runs are not."""
    path = filled(tmp_path / "store.sqlite3")
    wanted = with_run(path, run)
    with shown_page(qtbot, ProfilesPage, store_at(path)) as page:
        page.choose(wanted.id)
        qtbot.waitUntil(lambda: page.details.profile is not None and page.details.profile.id == wanted.id)
        yield page


def explained(qtbot: QtBot, page: ProfilesPage) -> WhyPanel:
    page.details.why_button.click()
    qtbot.waitUntil(lambda: page.why.view is not None and page.why.table.isVisible())
    return page.why


def lines(panel: WhyPanel) -> list[WhyQuestion | WhyRow]:
    return panel.table.rows.lines


def test_a_profile_says_candidate_by_candidate_why_it_won_or_lost(qtbot: QtBot, page: ProfilesPage) -> None:
    panel = explained(qtbot, page)
    titles = [line.title for line in lines(panel) if isinstance(line, WhyQuestion)]
    assert titles[0] == "1. CPU affinity"
    rows = [line for line in lines(panel) if isinstance(line, WhyRow)]
    assert {"won", "lost", "no better"} <= {row.result for row in rows}
    assert all(row.why for row in rows)
    assert panel.sentence.text().startswith("Answers come ")
    assert panel.proven.text().startswith("95% sure that none of the ")
    assert not page.search.isVisible()


def test_the_keys_open_it_read_it_copy_from_it_and_leave_it(qtbot: QtBot, page: ProfilesPage) -> None:
    page.table.setFocus()
    QTest.keyClick(
        page.table, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    qtbot.waitUntil(lambda: page.why.view is not None and page.why.table.hasFocus())
    table = page.why.table
    QTest.keyClick(table, Qt.Key.Key_Down)
    QTest.keyClick(table, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = QGuiApplication.clipboard().text().splitlines()
    assert [line.split("\t")[0] for line in copied] == ["all CPUs", "one CPU a core"]
    assert copied[0].endswith("\twon\tall CPUs kept: nothing better was proven in 11 rounds")
    QTest.keyClick(table, Qt.Key.Key_Escape)
    assert page.states.currentWidget() is page.full
    assert page.search.isVisible()
    assert page.table.hasFocus()


def test_all_of_it_is_copied_as_markdown(qtbot: QtBot, page: ProfilesPage) -> None:
    panel = explained(qtbot, page)
    panel.copy_button.click()
    text = QGuiApplication.clipboard().text()
    assert text.startswith("# SmolLM2 135M Instruct Q4\\_1 · chat\n")
    assert "| Candidate | Effect | Rounds | Result | Why |" in text
    assert text.count("\n## ") == sum(isinstance(line, WhyQuestion) for line in lines(panel))


def test_every_line_is_read_aloud_as_a_sentence(qtbot: QtBot, page: ProfilesPage) -> None:
    panel = explained(qtbot, page)
    model = panel.table.rows
    role = Qt.ItemDataRole.AccessibleTextRole
    said = [str(model.index(row, 0).data(role)) for row in range(model.rowCount())]
    assert said[0] == "1. CPU affinity · 33 samples"
    assert (
        said[1]
        == "all CPUs, reference, 11 rounds, won, all CPUs kept: nothing better was proven in 11 rounds"
    )
    assert panel.table.accessibleName() == "Candidates and reasons"


@pytest.mark.parametrize("width", [716, 1100])
def test_reasons_are_wrapped_and_not_cut_off(qtbot: QtBot, page: ProfilesPage, width: int) -> None:
    panel = explained(qtbot, page)
    page.resize(width, 530)
    table = panel.table
    qtbot.waitUntil(lambda: table.isColumnHidden(ROUNDS) == (width < 800))
    assert table.horizontalScrollBar().maximum() == 0
    for place, line in enumerate(lines(panel)):
        if not isinstance(line, WhyRow):
            continue
        for column in (CANDIDATE, WHY):
            index = table.rows.index(place, column)
            metrics = QFontMetrics(index.data(Qt.ItemDataRole.FontRole))
            room = QRect(0, 0, table.columnWidth(column) - 24, 1000)
            needs = metrics.boundingRect(room, int(Qt.TextFlag.TextWordWrap), index.data())
            assert table.rowHeight(place) >= needs.height() + 8, line.why


def test_it_is_drawn_in_the_themes_colours(qtbot: QtBot, page: ProfilesPage) -> None:
    panel = explained(qtbot, page)
    page.context.theme.set_mode("dark")
    assert panel.table.rows.colours is DARK
    background = panel.table.rows.index(0, 0).data(Qt.ItemDataRole.BackgroundRole)
    assert background.name().upper() == DARK.window


def test_a_profile_without_its_run_says_so_and_shows_its_changes(qtbot: QtBot, page: ProfilesPage) -> None:
    page.choose("p-0001")
    qtbot.waitUntil(lambda: page.details.profile is not None and page.details.profile.id == "p-0001")
    panel = explained(qtbot, page)
    assert "not in this store" in panel.note.text()
    assert panel.note.isVisible()
    assert not panel.proven.isVisible()
    rows = [line for line in lines(panel) if isinstance(line, WhyRow)]
    assert rows[0].candidate.startswith("threads: ")


def test_a_list_read_anew_does_not_close_it_and_another_profile_does(
    qtbot: QtBot, page: ProfilesPage
) -> None:
    explained(qtbot, page)
    page.refresh()
    qtbot.waitUntil(lambda: not page._asker.busy)
    assert page.states.currentWidget() is page.why
    page.context.bus.show_profile.emit("p-0002")
    assert page.states.currentWidget() is page.full


def test_a_run_that_cannot_be_read_is_told_and_the_profile_is_back(
    qtbot: QtBot, page: ProfilesPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tunesmith.errors import StoreLocked

    def locked(*_values: object) -> None:
        raise StoreLocked("Another program holds the store.", todo="Close it and try again.")

    monkeypatch.setattr(Store, "events", locked)
    page.details.why_button.click()
    qtbot.waitUntil(lambda: not page.message.isHidden())
    assert page.states.currentWidget() is page.full
    assert "Another program holds the store." in page.message._text.text()


def test_a_slow_read_shows_that_it_reads_and_one_left_behind_shows_nothing(
    qtbot: QtBot, page: ProfilesPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    read = Store.events

    def slow(self: Store, run_id: str) -> Any:
        go.wait(10)
        return read(self, run_id)

    monkeypatch.setattr(Store, "events", slow)
    page.details.why_button.click()
    qtbot.waitUntil(page.why._states.loading.isVisible)
    page.why.back_button.click()
    go.set()
    qtbot.waitUntil(lambda: not page.why._asker.busy)
    assert page.why.view is None
    assert page.states.currentWidget() is page.full


def test_a_result_says_why_and_back_leads_to_the_result(qtbot: QtBot, tmp_path: Path, run: Simulated) -> None:
    path = tmp_path / "store.sqlite3"
    profile = with_run(path, run)
    names = type(run.result).__slots__
    result = type(run.result)(**{name: getattr(run.result, name) for name in names} | {"profile": profile})
    with shown_page(qtbot, TunePage, store_at(path)) as page:
        page.run._start = lambda *_values, **_options: FakeSession(run.events, result)  # type: ignore[assignment]
        page.setup.set_model("/models/s.gguf")
        page.begin()
        qtbot.waitUntil(lambda: page.state == "result")
        page.result_view.why_button.click()  # type: ignore[attr-defined]
        qtbot.waitUntil(lambda: page.why.view is not None)
        assert page.state == "why"
        assert any(isinstance(line, WhyRow) for line in lines(page.why))
        page.why.back_button.click()
        assert page.state == "result"
