"""Own the tests of how often a run is drawn, by its timer and its paints, never in seconds."""

from __future__ import annotations

import os
import threading
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
from tunesmith.domain.events import Event, TrialMeasured, TrialStarted
from tunesmith.domain.worker_events import ContextReady, ModelLoaded, TokensTimed, WorkerReady
from tunesmith.gui.context import AppContext
from tunesmith.gui.pages.tune import TunePage
from tunesmith.gui.session_run import DRAIN_MS, TIMED_MS
from tunesmith.gui.theme import ThemeManager
from tunesmith.presentation.live import LiveView
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.store import Store

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints", extend=True)


class Paints(QObject):
    """Counts the paint events of a widget and of all that it holds."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.count = 0
        for one in (widget, *widget.findChildren(QWidget)):
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


def test_a_run_is_looked_at_once_a_second_while_a_sample_is_timed_and_soon_otherwise(page: TunePage) -> None:
    of = {type(event): event for event in recorded()}
    waits = []
    for event in (of[TrialStarted], of[TokensTimed], of[TrialMeasured], of[TrialStarted], of[WorkerReady]):
        drain(page, event)
        waits.append(page.run._timer.interval())
    assert waits == [TIMED_MS, TIMED_MS, DRAIN_MS, TIMED_MS, DRAIN_MS]
    assert (TIMED_MS, DRAIN_MS) == (1000, 200)


def test_a_look_that_finds_nothing_paints_nothing(page: TunePage) -> None:
    drain(page, TrialStarted(stage="s", candidate="c", digest="d", round=1), timed(0.2))
    paints = Paints(page)
    for _ in range(5):
        drain(page)
    assert paints.count == 0


def test_while_a_sample_is_timed_the_plots_are_painted_at_every_fourth_look(page: TunePage) -> None:
    drain(page, TrialStarted(stage="s", candidate="c", digest="d", round=1), timed(0.2))
    paints = Paints(page.running.plots.decode)
    seen = []
    for look in range(1, 9):
        before = paints.count
        drain(page, timed(0.2 + look))
        seen.append(paints.count > before)
    assert sum(seen) == 2
    assert seen[:4] == seen[4:]
    assert len(page.run.live.decode) == 9, "nothing is lost"


def test_between_two_samples_the_run_waits_until_the_window_has_drawn(page: TunePage, qtbot: QtBot) -> None:
    of = {type(event): event for event in recorded()}
    start = TrialStarted(stage="s", candidate="c", digest="d", round=1)
    paints = Paints(page.running.plots.decode)
    drain(page, start, timed(0.2))
    seen: list[int] = []
    go_on = threading.Event()

    def run(stream: Stream, controls: Controls) -> None:
        stream.emit(timed(0.4))
        stream.emit(of[TrialMeasured])
        go_on.wait(5)
        seen.append(paints.count)
        controls.wait_if_paused()
        seen.extend((paints.count, page.run._timer.interval()))

    def take(events: list[Event]) -> bool:
        page.run.live.take_all(events)
        return page.run.live.timing

    page.run._session = None
    page.run.launch(lambda: Session(run), take)
    qtbot.waitUntil(lambda: page.run._session is not None)
    go_on.set()
    qtbot.waitUntil(lambda: len(seen) == 3)
    assert seen[1] > seen[0], "drawn before the next sample began"
    assert seen[2] == TIMED_MS, "the next look is not due before that sample was timed a while"


def test_new_points_paint_no_table(page: TunePage) -> None:
    drain(page, TrialStarted(stage="s", candidate="c", digest="d", round=1), timed(0.2))
    table = Paints(page.running.table)
    drain(page, timed(0.4), timed(0.6))
    assert table.count == 0


def test_a_pause_is_drawn_at_once_also_while_a_sample_is_timed(page: TunePage) -> None:
    drain(page, TrialStarted(stage="s", candidate="c", digest="d", round=1), timed(0.2))
    page.pause_button.click()
    assert page.running.step.text() == "Paused after this sample"


def test_the_end_of_a_run_does_not_wait(page: TunePage) -> None:
    drain(page, TrialStarted(stage="s", candidate="c", digest="d", round=1), timed(0.2))
    page.stop_button.click()
    drain(page, timed(0.4))
    assert page.state == "setup"
