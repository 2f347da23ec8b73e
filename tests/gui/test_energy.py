"""Claims about the view of a run's energy, opened from a result and from a replay."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from tests.domain.test_energy import sample
from tests.gui.simulated_run import Simulated, simulated
from tunesmith.domain.energy import energy_of
from tunesmith.errors import UsageError
from tunesmith.gui.context import AppContext
from tunesmith.gui.energy import EnergyPanel
from tunesmith.gui.theme import DARK, LIGHT
from tunesmith.presentation.energy_view import energy_view
from tunesmith.services import run_energy as service
from tunesmith.services.run_energy import RunEnergy
from tunesmith.store import Store

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints", extend=True)


@pytest.fixture(scope="module")
def run() -> Simulated:
    return simulated(sensor=True)


@pytest.fixture
def panel(
    qtbot: QtBot, app_context: AppContext, run: Simulated, monkeypatch: pytest.MonkeyPatch
) -> EnergyPanel:
    assert run.result.baseline_energy is not None
    told = RunEnergy(run.result.baseline_energy, run.result.tuned_energy)
    monkeypatch.setattr(service, "read_energy", lambda _store, _run_id: told)
    made = EnergyPanel(app_context)
    qtbot.addWidget(made)
    made.resize(1048, 640)
    made.show()
    return made


def opened(qtbot: QtBot, panel: EnergyPanel) -> None:
    panel.open("20261123-174501-ab12")
    qtbot.waitUntil(lambda: panel.view is not None)


def texts(panel: EnergyPanel) -> list[str]:
    return [one.text() for one in panel.area.findChildren(QLabel)]


def test_it_tells_figures_bars_and_sensors(qtbot: QtBot, panel: EnergyPanel) -> None:
    opened(qtbot, panel)
    assert panel.sentences.text().startswith("A token of the prompt takes ")
    assert panel.bars.isVisible()
    described = panel.bars.accessibleDescription()
    assert described.startswith("Prefill: llama.cpp's defaults ")
    assert "Tuned" in described
    told = texts(panel)
    for text in ("Joules per token", "Decode, above idle", "Idle power", "package-0 (powercap)"):
        assert text in told
    assert any(text.endswith("better") for text in told)
    assert any("of one core" in text for text in told)


def test_it_is_never_wider_than_its_place_and_holds_in_both_themes(qtbot: QtBot, panel: EnergyPanel) -> None:
    opened(qtbot, panel)
    for width in (1048, 668, 1048):
        panel.resize(width, 480)
        qtbot.waitUntil(lambda: panel.area.horizontalScrollBar().maximum() == 0)
    for colours in (DARK, LIGHT):
        panel.bars.recolour(colours)
        assert not panel.bars.grab().isNull()


def test_where_nothing_tells_it_there_is_no_empty_picture(qtbot: QtBot, panel: EnergyPanel) -> None:
    opened(qtbot, panel)
    silent = energy_of([sample()], silent="this machine shows no sensor of power or energy")
    panel.show_view(energy_view(RunEnergy(silent, None)))
    assert panel.sentences.text().startswith("Nothing tells the energy: this machine shows no sensor")
    assert not panel.bars.isVisible()
    assert "Figures" not in texts(panel)


def test_all_of_it_is_copied_as_text(qtbot: QtBot, panel: EnergyPanel) -> None:
    opened(qtbot, panel)
    panel.copy_button.click()
    copied = QGuiApplication.clipboard().text()
    assert "Idle power: 10.0 W → 10.0 W" in copied


def test_why_there_is_none_is_said_in_its_place(
    qtbot: QtBot, panel: EnergyPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(_store: Store, _run_id: str) -> None:
        raise UsageError("This run was asked to read no sensor of power.")

    monkeypatch.setattr(service, "read_energy", nothing)
    panel.open("x")
    qtbot.waitUntil(panel.empty.isVisible)
    assert panel.empty.text().startswith("This run was asked to read no sensor")
    assert not panel.copy_button.isEnabled()
    with qtbot.waitSignal(panel.left):
        QTest.keyClick(panel.back_button, Qt.Key.Key_Escape)
