"""Claims about the bars of memory on the form of a tune."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.domain.test_projection import device
from tests.store.values import MACHINE
from tests.support.model_shapes import write_shape
from tests.tuning.machines import BUILD
from tunesmith.domain.machine import machine_class
from tunesmith.domain.worker_events import ServerReached
from tunesmith.gui.context import AppContext
from tunesmith.gui.pages.tune import TunePage
from tunesmith.gui.workload_memory import WorkloadMemory
from tunesmith.services import context as services_context
from tunesmith.services.context import Surroundings
from tunesmith.services.servers import Answer

A = "192.168.1.20:50052"
GIB = 2**30
HERE = MACHINE.model_copy(
    update={
        "devices": (device("GPU0", 4 * GIB),),
        "build": BUILD.model_copy(update={"supports_rpc": True, "supports_gpu_offload": True}),
    }
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shape("8 experts", tmp_path_factory.mktemp("models"))


@pytest.fixture
def page(app_context: AppContext, qtbot: QtBot) -> Iterator[TunePage]:
    app_context.machine = HERE
    made = TunePage(app_context)
    qtbot.addWidget(made)
    made.resize(1048, 730)
    made.show()
    yield made
    made.closing()


def bars(page: TunePage) -> tuple[str, ...]:
    return page.setup.projected.bars.texts


def drawn(page: TunePage, model: Path, qtbot: QtBot) -> tuple[str, ...]:
    page.setup.set_model(str(model))
    qtbot.waitUntil(lambda: bool(bars(page)), timeout=20_000)
    return bars(page)


def dash(shown: WorkloadMemory) -> str:
    assert not shown.bars.isVisibleTo(shown)
    assert shown.dash.isVisibleTo(shown)
    return shown.dash.text()


def test_each_device_has_a_bar_in_words_for_what_llama_cpp_does_by_itself(
    page: TunePage, model: Path, qtbot: QtBot
) -> None:
    assert page.setup.projected.isHidden(), "there is no model yet"
    main, card = drawn(page, model, qtbot)
    assert main.startswith("main memory: at most ")
    assert card.startswith("GPU0: at most ")
    assert "weights" in card
    assert "4.0 GiB free" in card
    assert page.setup.projected.bars.accessibleDescription() == f"{main}; {card}"


def test_bars_follow_the_workload_at_once(page: TunePage, model: Path, qtbot: QtBot) -> None:
    before = drawn(page, model, qtbot)
    begun = time.perf_counter()
    page.setup.workload.context_before.setValue(16384)
    took = time.perf_counter() - begun
    assert bars(page) != before
    assert "KV cache" in bars(page)[1]
    assert took < 0.5, "it is reckoned from the header"
    page.setup.preset.setCurrentIndex(page.setup.preset.findData("chat"))
    assert "KV cache" in bars(page)[1]


def test_the_devices_of_a_tested_server_have_bars_and_an_untested_one_a_dash(
    page: TunePage, model: Path, app_context: AppContext, qtbot: QtBot
) -> None:
    reached = ServerReached(endpoint=A, devices=(device("RPC0", 8 * GIB, backend="RPC"),), latency_ns=1)
    app_context.servers.ask = lambda endpoint, _controls: Answer(endpoint, reached)
    app_context.servers.add(A)
    drawn(page, model, qtbot)
    page.setup.servers.choose(A)
    assert page.setup.request().rpc == (A,)
    shown = page.setup.projected
    qtbot.waitUntil(lambda: "not tested yet" in shown.dash.text())
    assert dash(shown).startswith("– (")
    app_context.servers.test(A)
    qtbot.waitUntil(lambda: len(bars(page)) == 3, timeout=20_000)
    assert [text.split(":")[0] for text in bars(page)] == ["main memory", "RPC0", "GPU0"]


def test_a_file_that_is_no_model_has_a_dash_and_its_reason(
    page: TunePage, tmp_path: Path, qtbot: QtBot
) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"<!doctype html>")
    page.setup.set_model(str(path))
    shown = page.setup.projected
    qtbot.waitUntil(lambda: "cannot be read" in shown.dash.text(), timeout=20_000)
    assert dash(shown) == "– (the file cannot be read)"


def test_a_workload_that_makes_no_sense_has_a_dash_until_it_does(
    page: TunePage, model: Path, qtbot: QtBot
) -> None:
    drawn(page, model, qtbot)
    page.setup.workload.prompt.setValue(0)
    page.setup.workload.generate.setValue(0)
    assert "neither prompt nor generated tokens" in dash(page.setup.projected)
    page.setup.workload.generate.setValue(64)
    assert len(bars(page)) == 2


def test_the_machine_is_asked_for_its_devices_once_and_not_during_a_run(
    app_context: AppContext, model: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def survey(controls: object) -> Surroundings:
        asked.append(controls)
        return Surroundings(HERE, machine_class(HERE))

    monkeypatch.setattr(services_context, "survey_machine", survey)
    page = TunePage(app_context)
    qtbot.addWidget(page)
    app_context.bus.busy_changed.emit(True)
    page.setup.set_model(str(model))
    page.setup.projected.look()
    qtbot.wait(400)
    assert asked == []
    app_context.bus.busy_changed.emit(False)
    qtbot.waitUntil(lambda: len(bars(page)) == 2, timeout=20_000)
    page.setup.projected.look()
    assert len(asked) == 1
    assert app_context.machine == HERE
    page.closing()
