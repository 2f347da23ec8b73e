"""Claims about the Machine page."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from tests.domain.test_bandwidth import FALLING
from tunesmith.domain.machine import Device, machine_class
from tunesmith.errors import Interrupted, WorkerCrashed
from tunesmith.gui.context import AppContext
from tunesmith.gui.pages.machine import MachinePage
from tunesmith.machine.probe import probe_machine
from tunesmith.presentation.machine_facts import report_text
from tunesmith.services import context as services_context
from tunesmith.services import doctor, limits
from tunesmith.services.context import Surroundings
from tunesmith.services.doctor import Check
from tunesmith.services.session import Controls

CHECKS = [
    Check(name="engine", status="ok", what="llama.cpp starts in a worker"),
    Check(
        name="quiet",
        status="warning",
        what="other programs use 1.4 cores",
        todo="Close them before measuring.",
    ),
    Check(name="store", status="failed", what="the store cannot be opened"),
]


@pytest.fixture
def surroundings() -> Surroundings:
    device = Device(
        name="GPU0", description="A card", type="gpu", free_bytes=2**30, total_bytes=2**31, backend="CUDA"
    )
    machine = probe_machine(devices=(device,))
    return Surroundings(machine, machine_class(machine))


@pytest.fixture
def page(
    app_context: AppContext, qtbot: QtBot, surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MachinePage]:
    monkeypatch.setattr(services_context, "survey_machine", lambda: surroundings)
    monkeypatch.setattr(doctor, "examine", lambda _store: CHECKS)
    made = MachinePage(app_context)
    qtbot.addWidget(made)
    made.resize(900, 700)
    yield made
    made.closing()


def words(page: MachinePage) -> list[str]:
    return [one.text() for one in page.full.findChildren(QLabel) if one.isVisibleTo(page.full)]


def look(page: MachinePage, qtbot: QtBot) -> None:
    page.show()
    page.shown()
    qtbot.waitUntil(page.again.isEnabled, timeout=20_000)


def test_it_shows_facts_devices_and_checks(
    page: MachinePage, qtbot: QtBot, surroundings: Surroundings
) -> None:
    look(page, qtbot)
    qtbot.waitUntil(lambda: "failed" in words(page))
    said = words(page)
    assert surroundings.machine.cpu.model in said
    assert {"GPU0", "A card", "1.0 GiB", "2.0 GiB"} <= set(said)
    assert "Other programs use 1.4 cores\nClose them before measuring." in said


def test_a_check_is_told_by_an_icon_and_a_word(page: MachinePage, qtbot: QtBot) -> None:
    look(page, qtbot)
    qtbot.waitUntil(lambda: "failed" in words(page))
    marks = [one for one in page.full.findChildren(QLabel) if one.property("mark")]
    shown = [one for one in marks if one.isVisibleTo(page.full)]
    assert [one.property("mark") for one in shown] == ["ok", "warning", "failed"]
    assert len({one.pixmap().toImage().cacheKey() for one in shown}) == 3
    assert {"ok", "warning", "failed"} <= set(words(page))
    page.context.theme.set_mode("dark")


def test_the_report_is_plain_text_without_the_hosts_name(
    page: MachinePage, qtbot: QtBot, surroundings: Surroundings
) -> None:
    look(page, qtbot)
    qtbot.waitUntil(lambda: "failed" in words(page))
    with qtbot.waitSignal(page.context.bus.message):
        page.copy.click()
    text = QGuiApplication.clipboard().text()
    assert text.startswith("Tunesmith ")
    assert surroundings.machine_class.fingerprint in text
    assert "warning" in text
    assert "Close them before measuring." in text
    renamed = surroundings.machine.model_copy(update={"hostname": "secret-host"})
    assert "secret-host" not in report_text("1", renamed, surroundings.machine_class, CHECKS)


def test_checking_again_replaces_what_was_shown(page: MachinePage, qtbot: QtBot) -> None:
    look(page, qtbot)
    qtbot.waitUntil(lambda: "failed" in words(page))
    before = len(words(page))
    page.again.click()
    assert not page.again.isEnabled()
    qtbot.waitUntil(page.again.isEnabled)
    qtbot.waitUntil(lambda: len(words(page)) == before)


def test_an_engine_that_does_not_start_is_told_in_place(
    page: MachinePage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash() -> Surroundings:
        raise WorkerCrashed("The worker died.", todo="Reinstall.", details="log")

    monkeypatch.setattr(services_context, "survey_machine", crash)
    look(page, qtbot)
    assert page.message.isVisible()
    assert not page.copy.isEnabled()
    assert page.again.isEnabled()


def test_memory_is_measured_on_demand_and_no_run_starts_meanwhile(
    page: MachinePage, qtbot: QtBot, surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def measure(found: Surroundings, _store: object, _controls: object) -> Surroundings:
        go.wait(20)
        machine = found.machine.model_copy(update={"memory_bandwidth": FALLING})
        return dataclasses.replace(found, machine=machine)

    monkeypatch.setattr(limits, "remeasured", measure)
    look(page, qtbot)
    assert any("not measured yet" in text for text in words(page))
    page.remeasure.button.click()
    busy = [page.context.busy]
    assert page.remeasure.button.text() == "Stop measuring"
    go.set()
    qtbot.waitUntil(lambda: any("16.0 GB/s at best" in text for text in words(page)))
    busy.append(page.context.busy)
    assert busy == [True, False]
    assert page.remeasure.button.text() == "Measure limits"


def test_a_measurement_of_memory_can_be_stopped(
    page: MachinePage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(_found: Surroundings, _store: object, controls: Controls) -> Surroundings:
        while not controls.cancelled:
            time.sleep(0.01)
        raise Interrupted("stopped")

    monkeypatch.setattr(limits, "remeasured", measure)
    look(page, qtbot)
    page.remeasure.button.click()
    with qtbot.waitSignal(page.context.bus.message, check_params_cb=lambda text: text.startswith("Stopped")):
        page.remeasure.button.click()
    assert page.remeasure.button.isEnabled()
    assert not page.message.isVisible()


def test_memory_is_not_measured_during_a_run_and_a_failure_is_told(
    page: MachinePage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(page, qtbot)
    page.context.bus.busy_changed.emit(True)
    assert not page.remeasure.button.isEnabled()
    page.context.bus.busy_changed.emit(False)

    def crash(*_ignored: object) -> Surroundings:
        raise WorkerCrashed("The worker died.")

    monkeypatch.setattr(limits, "remeasured", crash)
    page.remeasure.button.click()
    qtbot.waitUntil(page.message.isVisible)
    assert not page.context.busy
