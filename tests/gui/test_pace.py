"""Own the tests of how often a run is drawn, counted in ticks and paints, never in seconds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.record_run import recorded
from tests.gui.simulated_run import FakeSession
from tunesmith.domain.events import (
    ContextReady,
    Event,
    ModelLoaded,
    TokensTimed,
    TrialMeasured,
    TrialStarted,
    WorkerReady,
)
from tunesmith.gui.context import AppContext
from tunesmith.gui.pace import DRAIN_MS, HELD_TICKS, Pace
from tunesmith.gui.pages.tune import TunePage
from tunesmith.gui.theme import ThemeManager
from tunesmith.presentation.live import LiveView
from tunesmith.store import Store

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints", extend=True)
_TICKS = 40


class Paints(QObject):
    """Counts the paint events of a widget and of all that it holds."""

    def __init__(self, within: QWidget) -> None:
        super().__init__(within)
        self.count = 0
        for one in (within, *within.findChildren(QWidget)):
            one.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        self.count += event.type() == QEvent.Type.Paint
        return super().eventFilter(watched, event)


@pytest.fixture
def page(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TunePage]:
    """A page with a run under way that is drained by hand; its session is ``page.run._session``."""
    monkeypatch.setenv("TUNESMITH_CONFIG_DIR", str(tmp_path / "config"))
    theme = ThemeManager(qapp, "light")
    context = AppContext(theme, open_store=lambda: Store.open(tmp_path / "store.sqlite3"))
    made = TunePage(context, start=lambda *_arguments, **_more: FakeSession([], None))  # type: ignore[arg-type]
    qtbot.addWidget(made)
    made.resize(1048, 730)
    made.show()
    made.setup.set_model("/models/s.gguf")
    made.begin()
    qtbot.waitUntil(lambda: made.run._session is not None)
    made.run._timer.stop()
    yield made
    made.closing()
    context.close()
    theme.setParent(None)


def timed(seconds: float) -> TokensTimed:
    return TokensTimed(
        part="decode", tokens=12, elapsed_ns=200_000_000, rss_bytes=400 << 20,
        mono_ns=5_000_000_000 + round(seconds * 1e9),
    )  # fmt: skip


def drain(page: TunePage, *events: Event) -> None:
    """One tick of the timer, and what it has painted."""
    session: Any = page.run._session
    session.waiting = list(events)
    page.run._drain()
    QApplication.processEvents()


def test_a_pace_draws_every_tick_but_one_in_five_while_a_sample_is_timed() -> None:
    pace = Pace()
    assert [pace.tick(new=True, timing=False) for _ in range(3)] == [True] * 3
    timing = [pace.tick(new=True, timing=True) for _ in range(2 * HELD_TICKS)]
    assert timing == ([False] * (HELD_TICKS - 1) + [True]) * 2
    assert HELD_TICKS * DRAIN_MS == 1000


def test_what_was_held_back_is_drawn_as_soon_as_the_sample_is_over_and_nothing_is_drawn_twice() -> None:
    pace = Pace()
    assert pace.tick(new=True, timing=True), "the first of a run is drawn at once"
    assert not pace.tick(new=True, timing=True)
    assert pace.tick(new=False, timing=False), "what waited"
    assert not any(pace.tick(new=False, timing=False) for _ in range(10))


def test_loading_is_not_timed_and_a_trial_is() -> None:
    view = LiveView()
    start = TrialStarted(stage="s", candidate="c", digest="d", round=1)
    of = {type(event): event for event in recorded()}
    told = []
    for event in (
        start,
        of[WorkerReady],
        of[ModelLoaded],
        of[ContextReady],
        of[TokensTimed],
        of[TrialMeasured],
        start,
    ):
        view.take(event)
        told.append(view.timing)
    assert told == [True, False, False, True, True, False, True]


def test_a_timed_part_is_painted_once_a_second_and_a_tick_without_it_costs_no_paint(page: TunePage) -> None:
    start = TrialStarted(stage="s", candidate="c", digest="d", round=1, mono_ns=5_000_000_000)
    drain(page, start, timed(0.2))
    paints, painted = Paints(page.running), 0
    for tick in range(1, _TICKS + 1):
        before = paints.count
        drain(page, timed(0.2 * tick))
        painted += paints.count > before
    assert painted == _TICKS // HELD_TICKS
    assert len(page.run.live.decode) == _TICKS + 1, "nothing is lost"


def test_a_pause_is_drawn_at_once_also_while_a_sample_is_timed(page: TunePage) -> None:
    drain(page, TrialStarted(stage="s", candidate="c", digest="d", round=1), timed(0.2))
    page.pause_button.click()
    assert page.running.step.text() == "Paused after this sample"


def test_the_end_of_a_run_does_not_wait(page: TunePage) -> None:
    drain(page, TrialStarted(stage="s", candidate="c", digest="d", round=1), timed(0.2))
    page.stop_button.click()
    drain(page, timed(0.4))
    assert page.state == "setup"
