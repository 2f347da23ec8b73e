"""Claims about the view of candidates' speed against what they take, from a result and from a replay."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication, QStandardItemModel
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.gui.simulated_run import Simulated, simulated
from tunesmith.domain.tradeoff import Tradeoff
from tunesmith.errors import UsageError
from tunesmith.gui.context import AppContext
from tunesmith.gui.theme import DARK, LIGHT
from tunesmith.gui.tradeoff import POINT_AT, TradeoffPanel
from tunesmith.services import tradeoff as service
from tunesmith.store import Store

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints", extend=True)


@pytest.fixture(scope="module")
def run() -> Simulated:
    return simulated(sensor=True)


@pytest.fixture
def panel(
    qtbot: QtBot, app_context: AppContext, run: Simulated, monkeypatch: pytest.MonkeyPatch
) -> TradeoffPanel:
    monkeypatch.setattr(service, "read_tradeoff", lambda _store, _run_id: run.result.tradeoff)
    made = TradeoffPanel(app_context)
    qtbot.addWidget(made)
    made.resize(900, 600)
    made.show()
    return made


def opened(qtbot: QtBot, panel: TradeoffPanel) -> Tradeoff:
    panel.open("20261123-174501-ab12")
    qtbot.waitUntil(lambda: panel.tradeoff is not None)
    assert panel.tradeoff is not None
    return panel.tradeoff


def test_it_draws_speed_against_energy_and_says_the_same_in_words(qtbot: QtBot, panel: TradeoffPanel) -> None:
    opened(qtbot, panel)
    assert panel.measure.currentText() == "energy"
    assert panel.sentences.text().startswith("Tuned: ")
    described = panel.plot.accessibleDescription()
    assert panel.sentences.text() in described
    assert panel.plot._axis_names() == ("prompt and answer, tokens per second", "joules per token")
    names = {one.toPlainText() for one in panel.plot._names}
    assert {"tuned", "the defaults"} <= names


def test_another_axis_can_be_chosen(qtbot: QtBot, panel: TradeoffPanel) -> None:
    opened(qtbot, panel)
    before = panel.plot._shown()[0].at
    panel.measure.setCurrentIndex(1)
    assert panel.plot._axis_names()[1].startswith("memory")
    assert panel.plot._shown()[0].at != before
    assert "MiB" in panel.sentences.text()


def test_where_nothing_tells_energy_its_axis_cannot_be_chosen_and_the_reason_is_said(
    qtbot: QtBot, panel: TradeoffPanel
) -> None:
    opened(qtbot, panel)
    found = simulated().result.tradeoff
    assert found is not None
    panel.show_tradeoff(found)
    assert panel.measure.currentText() == "memory"
    model = panel.measure.model()
    assert isinstance(model, QStandardItemModel)
    assert not model.item(0).isEnabled()
    assert panel.why_not.text() == "No energy: no sensor tells it."


def test_the_keys_and_the_mouse_read_each_mark(qtbot: QtBot, panel: TradeoffPanel) -> None:
    opened(qtbot, panel)
    dots = panel.plot._shown()
    panel.plot.setFocus()
    read = set()
    for _ in dots:
        QTest.keyClick(panel.plot, Qt.Key.Key_Right)
        read.add(panel.reading.text())
    assert read == {dot.reading for dot in dots}
    place = QPointF(panel.plot.mapFromScene(panel.plot._on_scene(dots[-1].at)))
    assert panel.plot.dot_at(place) is not None
    panel.plot._point(None)
    assert panel.reading.text() == POINT_AT


def test_all_candidates_are_copied_as_text(qtbot: QtBot, panel: TradeoffPanel) -> None:
    found = opened(qtbot, panel)
    panel.copy_button.click()
    assert len(QGuiApplication.clipboard().text().splitlines()) == len(found.candidates) + 1


def test_it_holds_in_both_themes_and_when_small(qtbot: QtBot, panel: TradeoffPanel) -> None:
    opened(qtbot, panel)
    panel.resize(420, 360)
    for colours in (DARK, LIGHT):
        panel.plot.recolour(colours)
        assert panel.plot.backgroundBrush().color().name() == colours.surface.lower()


def test_why_there_is_none_is_said_in_its_place(
    qtbot: QtBot, panel: TradeoffPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(_store: Store, _run_id: str) -> None:
        raise UsageError("Too little was measured.")

    monkeypatch.setattr(service, "read_tradeoff", nothing)
    panel.open("x")
    qtbot.waitUntil(panel.empty.isVisible)
    assert panel.empty.text().startswith("Too little was measured.")
    assert not panel.copy_button.isEnabled()
    with qtbot.waitSignal(panel.left):
        QTest.keyClick(panel.back_button, Qt.Key.Key_Escape)
