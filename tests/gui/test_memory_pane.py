"""Claims about the bars of memory in the models' details."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.domain.test_projection import device
from tests.store.values import MACHINE
from tests.support.model_shapes import write_shape
from tunesmith.gui.context import AppContext
from tunesmith.gui.memory_pane import MemoryPane
from tunesmith.services.library import LibraryEntry, read_entry


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LibraryEntry:
    return read_entry(str(write_shape("8 experts", tmp_path_factory.mktemp("models"))))


@pytest.fixture
def pane(app_context: AppContext, qtbot: QtBot) -> MemoryPane:
    made = MemoryPane(app_context)
    qtbot.addWidget(made)
    return made


def shown(pane: MemoryPane, entry: LibraryEntry, qtbot: QtBot) -> None:
    pane.show_entry(entry)
    qtbot.waitUntil(lambda: bool(pane.bars.texts), timeout=10_000)


def test_a_models_memory_is_drawn_for_4096_tokens_and_follows_the_slider(
    pane: MemoryPane, model: LibraryEntry, qtbot: QtBot
) -> None:
    shown(pane, model, qtbot)
    (before,) = pane.bars.texts
    assert before.startswith("main memory: at most ")
    assert "KV cache 4.0 MiB" in before
    assert pane.tokens_text.text() == "4096 tokens"
    pane.tokens.setValue(pane.tokens.maximum())
    (after,) = pane.bars.texts
    assert pane.tokens_text.text() == "32768 tokens"
    assert "KV cache 32.0 MiB" in after
    assert pane.bars.accessibleDescription() == after
    pane.bars.resize(300, pane.bars.sizeHint().height())
    assert not pane.bars.grab().isNull()


def test_where_devices_are_known_each_has_a_bar_and_layers_can_be_dragged(
    pane: MemoryPane, app_context: AppContext, model: LibraryEntry, qtbot: QtBot
) -> None:
    app_context.machine = MACHINE.model_copy(update={"devices": (device("GPU0", 2**20),)})
    shown(pane, model, qtbot)
    assert [text.split(":")[0] for text in pane.bars.texts] == ["main memory", "GPU0"]
    pane.layers.setValue(0)
    assert "weights" not in pane.bars.texts[1], "it only computes with what lies in main memory"
    assert pane.layers_text.text() == "0 layers on a device"


def test_what_is_no_model_has_no_bars(pane: MemoryPane, tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"<!doctype html>")
    pane.show_entry(read_entry(str(path)))
    assert not pane.bars.texts
    assert pane.isHidden()
