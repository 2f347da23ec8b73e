"""The export dialog shows what would be written, what gets lost, and saves or copies just that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.sample_profiles import sample
from tunesmith.domain.prices import Prices
from tunesmith.export.job import Exported
from tunesmith.export.targets import TARGETS
from tunesmith.gui import export_dialog
from tunesmith.gui.export_dialog import ExportDialog

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints", extend=True)
PROFILE = sample(1, "SmolLM2 135M Q4_K_M · chat", threads=6, type_k="q8_0", cpu_affinity=(0, 2))


@pytest.fixture
def saved() -> list[tuple[Exported, str]]:
    """What was asked to be written."""
    return []


@pytest.fixture
def dialog(
    qtbot: QtBot, saved: list[tuple[Exported, str]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[ExportDialog]:
    """The dialog over a profile, as in a session in which nothing was exported before."""
    monkeypatch.setattr(export_dialog, "_last_format", [export_dialog.FIRST])
    parent = QWidget()
    qtbot.addWidget(parent)
    made = ExportDialog(
        parent, [PROFILE], save=lambda exported, path: saved.append((exported, path)), say=lambda _text: None
    )
    made.show()
    yield made
    parent.close()


def choose(dialog: ExportDialog, name: str) -> None:
    """Choose a format."""
    dialog.format.setCurrentIndex(dialog.format.findData(name))


def test_every_format_has_a_preview(dialog: ExportDialog) -> None:
    for name in TARGETS:
        choose(dialog, name)
        assert dialog.exported is not None
        assert dialog.preview.toPlainText() == dialog.exported.text.replace("\r\n", "\n")


def test_what_gets_lost_is_said_under_the_preview(dialog: ExportDialog) -> None:
    choose(dialog, "ollama")
    assert "3 settings could not be carried over" in dialog.note.text()
    assert "cpu_affinity = 0,2" in dialog.note.text()
    choose(dialog, "llama-server")
    assert not dialog.note.isVisible()


def test_a_path_that_the_format_cannot_hold_is_said_and_nothing_can_be_saved(dialog: ExportDialog) -> None:
    choose(dialog, "preset-ini")
    dialog.model.setText("/models/a;b.gguf")
    assert "cannot hold the path" in dialog.note.text()
    assert dialog.preview.toPlainText() == ""
    assert not dialog.save_button.isEnabled()
    assert not dialog.copy_button.isEnabled()
    choose(dialog, "llama-server")
    assert "/models/a;b.gguf" in dialog.preview.toPlainText()
    assert dialog.save_button.isEnabled()


def test_the_shell_is_asked_for_where_it_matters(dialog: ExportDialog) -> None:
    choose(dialog, "systemd")
    assert not dialog.shell.isEnabled()
    choose(dialog, "llama-server")
    assert dialog.shell.isEnabled()
    dialog.shell.setCurrentIndex(dialog.shell.findData("powershell"))
    assert dialog.preview.toPlainText().splitlines()[-1].endswith("@args")


def test_copying_copies_what_is_shown(dialog: ExportDialog) -> None:
    choose(dialog, "compose")
    dialog.copy_button.click()
    assert QGuiApplication.clipboard().text() == dialog.preview.toPlainText()


def test_saving_writes_what_is_shown_and_closes(
    dialog: ExportDialog, saved: list[tuple[Exported, str]], qtbot: QtBot, tmp_path: Path
) -> None:
    choose(dialog, "kubernetes")
    shown = dialog.exported
    dialog.save_button.click()
    asked = dialog.findChild(QFileDialog)
    assert asked is not None
    asked.fileSelected.emit(str(tmp_path / "k.yaml"))
    asked.close()
    assert saved == [(shown, str(tmp_path / "k.yaml"))]
    assert export_dialog._last_format == ["kubernetes"]


def test_what_tokens_cost_is_noted_once_prices_were_entered(dialog: ExportDialog, qtbot: QtBot) -> None:
    assert not dialog.cost.isEnabled(), "nobody entered prices"
    prices = Prices.model_validate({"electricity": "0.30", "currency": "EUR", "load_watts": 65})
    priced = ExportDialog(
        dialog, [PROFILE], save=lambda *_args: None, say=lambda _text: None, prices=prices
    )  # fmt: skip
    qtbot.addWidget(priced)
    priced.show()
    for name in ("systemd", "json"):
        choose(priced, name)
        assert "EUR" not in priced.preview.toPlainText()
        priced.cost.setChecked(True)
        assert "EUR" in priced.preview.toPlainText()
        priced.cost.setChecked(False)
        assert "EUR" not in priced.preview.toPlainText()
    choose(priced, "koboldcpp")
    priced.cost.setChecked(True)
    assert "no place for it" in priced.note.text()


def test_return_saves_and_the_profile_itself_is_offered_first(dialog: ExportDialog) -> None:
    assert dialog.format.currentData() == "json"
    QTest.keyClick(dialog.format, Qt.Key.Key_Return)
    asked = dialog.findChild(QFileDialog)
    assert asked is not None
    assert asked.windowTitle() == "Export profile"
    asked.close()


# ------------------------------------------------------------- several


def test_several_profiles_go_to_one_file_in_the_formats_that_hold_several(
    qtbot: QtBot, saved: list[tuple[Exported, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_dialog, "_last_format", [export_dialog.FIRST])
    profiles = [PROFILE, sample(2, "Qwen2.5 7B · chat", model="Qwen2.5 7B", threads=4)]
    parent = QWidget()
    qtbot.addWidget(parent)
    made = ExportDialog(
        parent, profiles, save=lambda exported, path: saved.append((exported, path)), say=lambda _text: None
    )
    made.show()
    offered = [str(made.format.itemData(index)) for index in range(made.format.count())]
    assert offered == [name for name, target in TARGETS.items() if target.SEVERAL]
    assert not made.model.isEnabled(), "each model lies where it lies"
    for name in offered:
        choose(made, name)
        assert made.exported is not None, made.note.text()
        for profile in profiles:
            assert Path(profile.model.header.path).name in made.preview.toPlainText()
    choose(made, "llama-swap")
    assert made.exported is not None
    made._saved(made.exported, "/tmp/several.yaml")
    assert saved[0][0].text.count("--threads ") == 2
    parent.close()
