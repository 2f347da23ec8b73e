"""Claims about choosing a quantization in the window, with a real model, real workers and a real store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before Qt is imported

from PySide6.QtCore import QSettings, QThreadPool
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.support.processes import children, gone
from tunesmith.domain.request import SearchRules
from tunesmith.domain.workload import Budget, Workload
from tunesmith.gui.app import page_factories
from tunesmith.gui.context import AppContext
from tunesmith.gui.pages.quantization import QuantizationPage
from tunesmith.gui.theme import ThemeManager
from tunesmith.gui.window import MainWindow
from tunesmith.services import choose
from tunesmith.services.choose_result import ChooseRequest, ChooseResult
from tunesmith.services.session import Session
from tunesmith.store import Store

pytestmark = [
    pytest.mark.model,
    pytest.mark.qt_log_ignore("does not support propagateSizeHints", extend=True),
]
_RUN_MS = 240_000


@pytest.fixture
def window(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MainWindow]:
    """The whole window, with folders of its own."""
    for name in ("CONFIG", "CACHE"):
        monkeypatch.setenv(f"TUNESMITH_{name}_DIR", str(tmp_path / name.lower()))
    theme = ThemeManager(qapp, "light")
    context = AppContext(theme, open_store=lambda: Store.open(tmp_path / "store.sqlite3"))
    settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    made = MainWindow(context, page_factories(), settings)
    qtbot.addWidget(made)
    made.show()
    before = children()
    yield made
    made.close()
    QThreadPool.globalInstance().waitForDone(10_000)
    theme.deleteLater()
    assert all(gone(pid, within=5) for pid in children() - before)


def _start(request: ChooseRequest, store: Any) -> Session[ChooseResult]:
    """A choice as ever, but short."""
    tune = request.tune.model_copy(
        update={
            "workload": Workload(prompt=16, generate=4),
            "budget": Budget(name="custom", seconds=2, max_rounds=4, passes=1),
            "rules": SearchRules(vary=("threads",)),
        }
    )
    return choose.start_choose(replace(request, tune=tune), store)


def test_a_source_is_chosen_from_compared_and_what_was_made_is_discarded(
    window: MainWindow, qtbot: QtBot, smollm2_f16: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    source = folder / smollm2_f16.name
    source.symlink_to(smollm2_f16)
    window.context.bus.choose_quantization.emit(str(source))
    page = window.page("quantization")
    assert isinstance(page, QuantizationPage)
    page.run._start = _start
    qtbot.waitUntil(lambda: page.setup.offer is not None, timeout=60_000)
    for kind, box in page.setup.files.boxes.items():
        box.setChecked(kind == "Q8_0")
    page.setup.chunks.setValue(1)
    page.start_button.click()
    qtbot.waitUntil(lambda: page.state in ("result", "setup"), timeout=_RUN_MS)
    if page.state == "setup":  # the machine was too busy to tell, which is an answer too
        assert "too noisy" in page.message._text.text()
        assert sorted(path.name for path in folder.iterdir()) == [source.name], "nothing half-made is left"
        return
    files = page.run.live.contenders
    assert list(files) == ["F16 (source)", "Q8_0"]
    made = files["Q8_0"]
    assert made.quality is not None
    assert 0 < made.quality.mean_kld.value < 0.05
    assert made.path is not None
    assert Path(made.path).stat().st_size == made.size_bytes
    assert page.setup.offer is not None
    (foretold,) = (one.size_bytes for one in page.setup.offer.files if one.kind == "Q8_0")
    assert made.size_bytes == pytest.approx(foretold, abs=20_000)
    page.board.select("Q8_0")
    page.board.details.discard_button.click()
    window.show_page("models")
    qtbot.waitUntil(lambda: sorted(path.name for path in folder.iterdir()) == [source.name])
