"""Claims about the view of a run's roofline, opened from a result and from a replay."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.gui.sample_roofline import sample_roofline
from tests.gui.simulated_run import Simulated, simulated
from tunesmith.errors import ModelFileError
from tunesmith.gui.context import AppContext
from tunesmith.gui.roofline import POINT_AT, RooflinePanel
from tunesmith.gui.theme import DARK, LIGHT
from tunesmith.services import roofline as service
from tunesmith.store import Store

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints", extend=True)


@pytest.fixture(scope="module")
def run() -> Simulated:
    return simulated()


@pytest.fixture
def panel(
    qtbot: QtBot, app_context: AppContext, run: Simulated, monkeypatch: pytest.MonkeyPatch
) -> RooflinePanel:
    monkeypatch.setattr(service, "read_roofline", lambda _store, _run_id: sample_roofline(run))
    made = RooflinePanel(app_context)
    qtbot.addWidget(made)
    made.resize(900, 600)
    made.show()
    return made


def opened(qtbot: QtBot, panel: RooflinePanel) -> RooflinePanel:
    panel.open("20261123-174501-ab12")
    qtbot.waitUntil(lambda: panel.view is not None)
    return panel


def test_it_draws_the_run_and_says_the_same_in_words(qtbot: QtBot, panel: RooflinePanel) -> None:
    opened(qtbot, panel)
    assert panel.sentences.text().startswith("Prefill has computing as its ceiling")
    assert not panel.note.isVisible()
    described = panel.plot.accessibleDescription()
    assert panel.sentences.text() in described
    assert "Decode, tuned: " in described
    names = [one.toPlainText() for one in panel.plot._names]
    assert {"Prefill, tuned", "Decode, tuned", "memory, 61.0 GB/s"} <= set(names)


def test_the_arrow_keys_read_each_mark(qtbot: QtBot, panel: RooflinePanel) -> None:
    opened(qtbot, panel)
    view = panel.view
    assert view is not None
    panel.plot.setFocus()
    read = set()
    for _ in view.dots:
        QTest.keyClick(panel.plot, Qt.Key.Key_Right)
        read.add(panel.reading.text())
    assert read == {dot.reading for dot in view.dots}
    QTest.keyClick(panel.plot, Qt.Key.Key_Left)
    assert panel.reading.text() in read


def test_the_mouse_reads_a_mark_and_leaves_it(qtbot: QtBot, panel: RooflinePanel) -> None:
    opened(qtbot, panel)
    view = panel.view
    assert view is not None
    number = len(view.dots) - 1
    scene = panel.plot._on_scene(view.dots[number].at)
    place = QPointF(panel.plot.mapFromScene(scene))
    assert panel.plot.dot_at(place) is not None
    assert panel.plot.dot_at(QPointF(70, 20)) is None
    panel.plot._point(number)
    assert panel.reading.text() == view.dots[number].reading
    panel.plot._point(None)
    assert panel.reading.text() == POINT_AT


def test_all_of_it_is_copied_as_text(qtbot: QtBot, panel: RooflinePanel) -> None:
    opened(qtbot, panel)
    panel.copy_button.click()
    assert "operations per byte" in QGuiApplication.clipboard().text()


def test_it_holds_in_both_themes_and_when_small(qtbot: QtBot, panel: RooflinePanel) -> None:
    opened(qtbot, panel)
    panel.resize(420, 360)
    for colours in (DARK, LIGHT):
        panel.plot.recolour(colours)
        assert panel.plot.backgroundBrush().color().name() == colours.surface.lower()


def test_why_there_is_none_is_said_in_its_place(
    qtbot: QtBot, panel: RooflinePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_store: Store, _run_id: str) -> None:
        raise ModelFileError("The file is not there.")

    monkeypatch.setattr(service, "read_roofline", gone)
    panel.open("x")
    qtbot.waitUntil(panel.empty.isVisible)
    assert panel.empty.text().startswith("The file is not there.")
    assert not panel.copy_button.isEnabled()
    with qtbot.waitSignal(panel.left):
        QTest.keyClick(panel.back_button, Qt.Key.Key_Escape)
