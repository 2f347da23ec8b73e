"""Own the tests of the tune page, against a session that says what it is told to."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from tests.gui.simulated_run import FakeSession, Simulated, flat_truth, laptop_truth, simulated
from tests.support.processes import children, gone
from tunesmith.domain.events import Event
from tunesmith.domain.request import TuneRequest
from tunesmith.domain.worker_events import TokensTimed
from tunesmith.domain.workload import BUDGETS, Budget
from tunesmith.errors import (
    InfeasibleError,
    ModelNotFound,
    NoisyMachineError,
    StoreLocked,
    TunesmithError,
    WorkerCrashed,
)
from tunesmith.gui.context import AppContext
from tunesmith.gui.export_dialog import ExportDialog
from tunesmith.gui.pages.tune import TunePage
from tunesmith.gui.theme import ThemeManager
from tunesmith.gui.tune_run import start_tune
from tunesmith.presentation.series import MOST_POINTS
from tunesmith.services.tune_result import TuneResult
from tunesmith.store import Store
from tunesmith.store.records import RunState

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints", extend=True)
MODEL = "/models/s.gguf"


class Starter:
    """Starts sessions that were prepared, and notes what was asked."""

    def __init__(self) -> None:
        self.sessions: list[FakeSession[TuneResult] | TunesmithError] = []
        self.asked: list[tuple[TuneRequest, str | None]] = []
        self.threads: list[threading.Thread] = []

    def __call__(self, request: TuneRequest, store: Any, *, resume: str | None = None) -> Any:
        self.asked.append((request, resume))
        self.threads.append(threading.current_thread())
        found = self.sessions.pop(0)
        if isinstance(found, TunesmithError):
            raise found
        return found


@pytest.fixture
def starter() -> Starter:
    return Starter()


@pytest.fixture
def context(qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppContext]:
    monkeypatch.setenv("TUNESMITH_CONFIG_DIR", str(tmp_path / "config"))
    theme = ThemeManager(qapp, "light")
    made = AppContext(theme, open_store=lambda: Store.open(tmp_path / "store.sqlite3"))
    yield made
    made.close()
    theme.setParent(None)


@pytest.fixture
def page(qtbot: QtBot, context: AppContext, starter: Starter) -> Iterator[TunePage]:
    made = TunePage(context, start=starter)
    qtbot.addWidget(made)
    made.resize(1048, 730)
    made.show()
    made.setup.set_model(MODEL)
    yield made
    made.closing()


@pytest.fixture(scope="module")
def gain() -> Simulated:
    return simulated(laptop_truth)


def press(page: TunePage, qtbot: QtBot, state: str) -> None:
    page.start_button.click()
    qtbot.waitUntil(lambda: page.state == state and not page.run.busy, timeout=5000)


def message(page: TunePage) -> str:
    assert not page.message.isHidden()
    return page.message._text.text()


def test_the_button_waits_for_a_model(page: TunePage) -> None:
    assert page.start_button.isEnabled()
    page.setup.set_model("")
    assert not page.start_button.isEnabled()
    assert page.setup.plan.text().startswith("No model is chosen.")


def test_the_form_asks_for_what_it_shows(page: TunePage) -> None:
    setup = page.setup
    setup.preset.setCurrentIndex(setup.preset.findData("long-document"))
    setup.memory.setValue(1.5)
    setup.ttft.setValue(800)
    setup.budget.choose("quick")
    setup.changes.boxes["Flash attention"].setChecked(False)
    setup.changes.consents["q8_0"].setChecked(False)
    request = setup.request()
    assert request.workload.prompt == 4096
    assert request.preset == "long-document"
    assert request.constraints.max_memory_bytes == round(1.5 * 2**30)
    assert request.constraints.max_ttft_ms == 800
    assert request.constraints.max_itl_ms is None
    assert request.budget == BUDGETS["quick"]
    assert request.rules.vary is not None
    assert "flash_attn" not in request.rules.vary
    assert request.rules.cache_types == ("f16",)
    assert "about 1 min 30 s" in setup.plan.text()
    assert "memory below 1.5 GiB and the first token within 800 ms" in setup.plan.text()


def test_everything_checked_leaves_the_choice_to_the_tuner(page: TunePage) -> None:
    assert page.setup.request().rules.vary is None


def test_nothing_checked_cannot_start(page: TunePage) -> None:
    for box in page.setup.changes.boxes.values():
        box.setChecked(False)
    assert not page.start_button.isEnabled()


def test_changed_numbers_make_a_workload_of_ones_own(page: TunePage) -> None:
    page.setup.show_workload.setChecked(True)
    page.setup.workload.prompt.setValue(300)
    request = page.setup.request()
    assert (request.preset, request.workload.prompt) == (None, 300)
    assert page.setup.preset.currentText() == "My own numbers"


def test_a_tune_goes_from_form_to_result(
    page: TunePage, starter: Starter, gain: Simulated, qtbot: QtBot, context: AppContext
) -> None:
    session: FakeSession[TuneResult] = FakeSession(gain.events[:400], None)
    starter.sessions.append(session)
    busy: list[bool] = []
    saved: list[str] = []
    context.bus.busy_changed.connect(busy.append)
    context.bus.profile_saved.connect(saved.append)
    page.start_button.click()
    assert page.state == "running"
    assert not page.start_button.isVisible()
    qtbot.waitUntil(lambda: page.run.live.taken == 400)
    assert page.running.table.rows.rowCount() > 3
    assert page.running.plots.readings[0].value.text() != "–"
    assert page.running.progress.value() > 0
    assert starter.threads[0] is not threading.main_thread()
    session.waiting, session.end = gain.events[400:], gain.result
    qtbot.waitUntil(lambda: page.state == "result")
    assert busy == [True, False]
    assert saved == ["a1b2c3d4"]
    assert page.result_view.big.text().endswith("×")
    page.result_view.copy_button.click()  # type: ignore[attr-defined]
    assert QGuiApplication.clipboard().text().startswith(f"llama-server --model {MODEL} --threads 3 ")
    page.result_view.again_button.click()  # type: ignore[attr-defined]
    assert page.state == "setup"
    assert page.setup.model.text() == MODEL


def test_the_results_buttons_ask_the_other_pages(
    page: TunePage, starter: Starter, gain: Simulated, qtbot: QtBot, context: AppContext
) -> None:
    starter.sessions.append(FakeSession(gain.events, gain.result))
    press(page, qtbot, "result")
    with qtbot.waitSignal(context.bus.show_profile) as shown:
        page.result_view.profile_button.click()  # type: ignore[attr-defined]
    with qtbot.waitSignal(context.bus.try_model) as tried:
        page.result_view.try_button.click()  # type: ignore[attr-defined]
    assert shown.args == ["a1b2c3d4"]
    assert tried.args == [MODEL, gain.result.profile]


def test_a_result_is_exported_where_the_user_says(
    page: TunePage, starter: Starter, gain: Simulated, qtbot: QtBot, context: AppContext, tmp_path: Path
) -> None:
    starter.sessions.append(FakeSession(gain.events, gain.result))
    press(page, qtbot, "result")
    page.result_view.export_button.click()  # type: ignore[attr-defined]
    exporter = page.findChild(ExportDialog)
    assert exporter is not None
    exporter.save_button.click()
    dialog = exporter.findChild(QFileDialog)
    assert dialog is not None
    target = tmp_path / "exported.json"
    with qtbot.waitSignal(context.bus.message) as told:
        dialog.fileSelected.emit(str(target))
    assert str(target) in told.args[0]
    profile = gain.result.profile
    assert profile is not None
    assert profile.id in target.read_text()


def test_no_gain_is_shown_where_a_gain_would_be(page: TunePage, starter: Starter, qtbot: QtBot) -> None:
    run = simulated(flat_truth)
    starter.sessions.append(FakeSession(run.events, run.result))
    press(page, qtbot, "result")
    assert not run.result.changes
    assert page.result_view.big.text().isdigit()


def test_a_result_is_never_wider_than_the_window(
    page: TunePage, starter: Starter, gain: Simulated, qtbot: QtBot
) -> None:
    starter.sessions.append(FakeSession(gain.events, gain.result))
    press(page, qtbot, "result")
    view = page.result_view
    for width, rows in ((1048, 2), (716, 2), (1448, 1)):  # beside the rail; two usual windows first
        page.resize(width, 530)
        qtbot.waitUntil(lambda rows=rows: len({one.y() for one in view.findChildren(QPushButton)}) == rows)  # type: ignore[misc]
        qtbot.waitUntil(lambda: view.horizontalScrollBar().maximum() == 0)
        body = view.widget()
        assert body is not None
        assert body.width() == view.viewport().width()


def test_a_pause_holds_the_run_and_a_frozen_view_does_not(
    page: TunePage, starter: Starter, gain: Simulated, qtbot: QtBot
) -> None:
    session: FakeSession[TuneResult] = FakeSession(gain.events[:100], None)
    starter.sessions.append(session)
    page.start_button.click()
    qtbot.waitUntil(lambda: page.run.live.taken == 100)
    page.pause_button.click()
    assert not session.controls._go.is_set()
    assert page.pause_button.text() == "Resume"
    assert page.running.step.text() == "Paused after this sample"
    page.pause_button.click()
    assert session.controls._go.is_set()
    page.running.freeze.setChecked(True)
    before = page.running.left.text()
    session.waiting = gain.events[100:700]
    qtbot.waitUntil(lambda: page.run.live.taken == 700)
    assert page.running.left.text() == before
    page.running.freeze.setChecked(False)
    assert page.running.left.text() != before


def test_a_stopped_run_keeps_its_samples_and_can_be_resumed(
    page: TunePage, starter: Starter, gain: Simulated, qtbot: QtBot
) -> None:
    starter.sessions += [FakeSession(gain.events[:300], None), FakeSession(gain.events, gain.result)]
    page.start_button.click()
    qtbot.waitUntil(lambda: page.run.live.taken == 300)
    page.stop_button.click()
    qtbot.waitUntil(lambda: page.state == "setup")
    assert "samples are kept" in message(page)
    assert page.resume_button.isVisible()
    page.resume_button.click()
    qtbot.waitUntil(lambda: page.state == "result")
    assert starter.asked[1] == (starter.asked[0][0], gain.result.run_id)


@pytest.mark.parametrize(
    "error",
    [
        NoisyMachineError("Too noisy.", unharmed="All is kept.", todo="Close other programs."),
        InfeasibleError("Nothing satisfies the constraints.", todo="Loosen them."),
        ModelNotFound("There is no file at /models/s.gguf.", todo="Choose another."),
        WorkerCrashed("The worker died.", details="the last lines"),
    ],
    ids=lambda error: error.name,
)
def test_an_error_is_told_in_place_and_the_form_keeps_its_values(
    page: TunePage, starter: Starter, gain: Simulated, qtbot: QtBot, error: TunesmithError
) -> None:
    page.setup.memory.setValue(2)
    starter.sessions.append(FakeSession(gain.events[:50], error))
    press(page, qtbot, "setup")
    assert message(page) == str(error)
    assert not page.resume_button.isVisible()
    assert page.setup.memory.value() == 2
    assert page.start_button.isEnabled()


def test_a_run_without_a_result_can_be_looked_at(
    page: TunePage, starter: Starter, context: AppContext, gain: Simulated, qtbot: QtBot
) -> None:
    events = gain.events[:600]
    run_id = stored(context, events, gain, state="failed")
    told = [event.model_copy(update={"run_id": run_id}) for event in events]
    starter.sessions.append(FakeSession(told, InfeasibleError("Nothing satisfies the constraints.")))
    press(page, qtbot, "setup")
    assert page.message.step_button.accessibleName() == "Show the run"
    page.message.step_button.click()
    qtbot.waitUntil(lambda: page.state == "replay")
    assert page.running.table.rows.rowCount() > 3
    page.message.show_note("Another thing.")
    assert page.message.step_button.isHidden()


def test_a_locked_store_is_told_and_nothing_runs(page: TunePage, starter: Starter, qtbot: QtBot) -> None:
    starter.sessions.append(StoreLocked("Another program holds the store.", todo="Close it and try again."))
    press(page, qtbot, "setup")
    assert message(page) == "Another program holds the store. Close it and try again."


def test_a_store_locked_midway_offers_to_go_on(
    page: TunePage, starter: Starter, gain: Simulated, qtbot: QtBot
) -> None:
    locked = StoreLocked("Another program holds the store.", todo="Close it and try again.")
    starter.sessions += [FakeSession(gain.events[:300], locked), FakeSession(gain.events, gain.result)]
    press(page, qtbot, "setup")
    assert message(page) == str(locked)
    assert page.resume_button.isVisible()
    page.resume_button.click()
    qtbot.waitUntil(lambda: page.state == "result")
    assert starter.asked[1] == (starter.asked[0][0], gain.result.run_id)


def test_an_unexpected_end_is_told_with_its_details(
    page: TunePage, starter: Starter, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    starter.sessions.append(FakeSession([], ZeroDivisionError("oh")))
    press(page, qtbot, "setup")
    assert message(page).startswith("The run ended unexpectedly.")
    assert "ZeroDivisionError: oh" in page.message._details


def test_other_pages_fill_the_form(
    page: TunePage, gain: Simulated, context: AppContext, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(context.bus.show_page) as shown:
        context.bus.tune_model.emit("/models/other.gguf")
    assert shown.args == ["tune"]
    assert page.setup.model.text() == "/models/other.gguf"
    profile = gain.result.profile
    assert profile is not None
    wanted = profile.workload.model_copy(update={"prompt": 77})
    context.bus.tune_again.emit(profile.model_copy(update={"workload": wanted}))
    assert message(page) == f"The model is not at {MODEL} any longer. Choose where it is now."
    page.setup.set_model(MODEL)
    assert page.setup.request().workload == wanted
    assert page.setup.preset.currentText() == "My own numbers"


def test_a_form_without_a_model_begins_with_the_one_that_was_opened(
    page: TunePage, context: AppContext
) -> None:
    page.setup.set_model("")
    context.opened_model = MODEL
    page.shown()
    assert page.setup.model.text() == MODEL
    context.opened_model = "/models/later.gguf"
    page.shown()
    assert page.setup.model.text() == MODEL


def test_nothing_is_drawn_while_nobody_looks(
    page: TunePage, starter: Starter, gain: Simulated, qtbot: QtBot
) -> None:
    starter.sessions.append(FakeSession(gain.events[:400], None))
    page.start_button.click()
    page.hide()
    qtbot.waitUntil(lambda: page.run.live.taken == 400)
    assert page.running.plots.decode._drawn <= 0
    page.show()
    page.shown()
    assert page.running.plots.decode._drawn == page.run.live.decode.added


def stored(context: AppContext, events: list[Event], gain: Simulated, *, state: RunState = "finished") -> str:
    """A run in the store."""
    result = gain.result
    store = context.store
    run_id = store.start_run(
        "tune", result.request, model=result.model, machine=result.surroundings.machine_class,
        build=result.profile.build,  # type: ignore[union-attr]
    )  # fmt: skip
    stamped = [event.model_copy(update={"run_id": run_id, "seq": n}) for n, event in enumerate(events, 1)]
    store.record(run_id, stamped, trial=None)
    outcome = "improved" if state == "finished" else None
    store.finish_run(run_id, state, outcome, result.sentence)
    return run_id


def long_run(gain: Simulated, count: int) -> list[Event]:
    """A run's events with many more live timings before its end."""
    last = gain.events[-2].mono_ns
    more: list[Event] = [
        TokensTimed(
            part="decode" if number % 3 else "prefill", tokens=12, elapsed_ns=200_000_000 + number % 7,
            rss_bytes=400 * 2**20, mono_ns=last + number * 200_000_000,
        )
        for number in range(count)
    ]  # fmt: skip
    end = gain.events[-1].model_copy(update={"mono_ns": more[-1].mono_ns + 1})
    return [*gain.events[:-1], *more, end]


def test_a_long_stored_run_is_replayed_soon_and_stays_small(
    page: TunePage, context: AppContext, gain: Simulated, qtbot: QtBot
) -> None:
    run_id = stored(context, long_run(gain, 24_000), gain)
    begun = time.monotonic()
    context.bus.show_run.emit(run_id)
    qtbot.waitUntil(lambda: page.state == "replay", timeout=30_000)
    assert time.monotonic() - begun < 20
    view = page.running._view
    assert view.decode.added > 15_000
    assert max(len(view.decode), len(view.prefill), len(view.memory_mib)) <= MOST_POINTS
    assert message(page) == f"{gain.result.sentence}."
    assert page.running.progress.value() == page.running.progress.maximum()
    page.running.slider.setValue(1)
    assert page.running._view.end is None
    assert page.running._view.seconds < view.seconds / 10
    page.back_button.click()
    assert page.state == "setup"


def test_a_run_cut_short_before_this_window_can_be_resumed(
    page: TunePage, starter: Starter, context: AppContext, gain: Simulated, qtbot: QtBot
) -> None:
    run_id = stored(context, gain.events[:60], gain, state="interrupted")
    starter.sessions.append(FakeSession(gain.events, gain.result))
    page.shown()
    qtbot.waitUntil(page.resume_button.isVisible)
    assert "was cut short after 0 samples" in message(page)
    page.resume_button.click()
    qtbot.waitUntil(lambda: page.state == "result")
    assert starter.asked == [(gain.result.request, run_id)]


def test_a_stopped_run_that_used_servers_is_resumed_only_with_them_ticked(
    page: TunePage, starter: Starter, context: AppContext, gain: Simulated, qtbot: QtBot
) -> None:
    server = "192.168.1.20:50052"
    request = gain.result.request.model_copy(update={"rpc": (server,)})
    page._offer_stopped(request, "20261126-120000-abcd", "A tune was cut short.")
    page.resume_button.click()
    assert starter.asked == []
    assert f"not ticked now: {server}. No connection was made." in message(page)
    context.servers.add(server)
    page.resume_button.click()
    assert starter.asked == [], "what is written down is not ticked"
    page.setup.servers.choose(server)
    starter.sessions.append(FakeSession(gain.events, gain.result))
    page.resume_button.click()
    qtbot.waitUntil(lambda: page.state == "result")
    assert starter.asked == [(request, "20261126-120000-abcd")]


def test_an_unknown_run_is_told(page: TunePage, context: AppContext, qtbot: QtBot) -> None:
    context.bus.show_run.emit("20010101-000000-none")
    qtbot.waitUntil(lambda: not page.message.isHidden())
    assert page.state == "setup"


def test_closing_stops_what_runs(page: TunePage, starter: Starter, gain: Simulated, qtbot: QtBot) -> None:
    session: FakeSession[TuneResult] = FakeSession(gain.events[:50], None)
    starter.sessions.append(session)
    page.start_button.click()
    qtbot.waitUntil(lambda: page.run.live.taken == 50)
    session.end = NoisyMachineError("over")
    page.closing()
    assert session.controls.cancelled
    assert not page.run.busy
    assert not page.run._timer.isActive()


def test_closing_stops_what_is_only_about_to_run(qtbot: QtBot, context: AppContext, gain: Simulated) -> None:
    session: FakeSession[TuneResult] = FakeSession([], NoisyMachineError("over"))
    go = threading.Event()

    def slow(*_arguments: object, **_options: object) -> Any:
        go.wait(5)
        return session

    page = TunePage(context, start=slow)
    qtbot.addWidget(page)
    page.setup.set_model(MODEL)
    page.begin()
    threading.Timer(0.1, go.set).start()
    page.closing()
    qtbot.waitUntil(lambda: session.controls.cancelled)
    qtbot.wait(50)  # the start's answer arrives only now, at a window that is closed
    assert not page.run.busy
    assert not page.run._timer.isActive()
    assert not page.run._yielding.on


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the batch policy")
def test_the_window_gives_way_only_while_a_tune_runs_and_never_what_it_starts(
    page: TunePage, starter: Starter, gain: Simulated, qtbot: QtBot
) -> None:
    policies: list[int] = []
    session: FakeSession[TuneResult] = FakeSession(gain.events[:50], None)

    def start(*_arguments: object, **_options: object) -> Any:
        policies.append(os.sched_getscheduler(0))
        return session

    page.run._start = start
    page.start_button.click()
    qtbot.waitUntil(lambda: page.run.live.taken == 50)
    assert os.sched_getscheduler(0) == os.SCHED_BATCH
    session.end = gain.result
    qtbot.waitUntil(lambda: page.state == "result")
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
    assert policies == [os.SCHED_OTHER]


# ---------------------------------------------------------------- with a real model


@pytest.fixture
def real_page(qtbot: QtBot, context: AppContext, smollm2_path: Path) -> Iterator[TunePage]:
    def short(request: TuneRequest, store: Any, *, resume: str | None = None) -> Any:
        budget = Budget(name="custom", seconds=15, max_rounds=8, passes=1)
        return start_tune(request.model_copy(update={"budget": budget}), store, resume=resume)

    page = TunePage(context, start=short)
    qtbot.addWidget(page)
    page.resize(1048, 730)
    page.show()
    page.setup.set_model(str(smollm2_path))
    page.setup.workload.prompt.setValue(64)
    page.setup.workload.generate.setValue(16)
    page.setup.workload.context_before.setValue(0)
    yield page
    page.closing()


@pytest.mark.model
def test_a_real_tune_ends_with_a_profile_in_the_store(
    real_page: TunePage, context: AppContext, qtbot: QtBot
) -> None:
    outcomes: list[object] = []
    real_page.run.finished.connect(outcomes.append)
    real_page.run.failed.connect(outcomes.append)
    real_page.start_button.click()
    qtbot.waitUntil(lambda: bool(outcomes), timeout=270_000)
    (outcome,) = outcomes
    if isinstance(outcome, NoisyMachineError):
        assert message(real_page) == str(outcome)
        assert real_page.state == "setup"
        assert context.store.profiles() == []
        return
    assert isinstance(outcome, TuneResult)
    assert outcome.profile is not None
    assert real_page.state == "result"
    assert context.store.profile(outcome.profile.id).run_id == outcome.run_id
    assert len(real_page.run.live.decode) > 0
    assert not children()
    real_page.result_view.why_button.click()  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: real_page.why.view is not None)
    view = real_page.why.view
    assert view is not None
    assert view.questions or view.note  # a busy machine leaves no time for a question
    assert all(row.why for question in view.questions for row in question.rows)
    real_page.why.back_button.click()
    real_page.result_view.roofline_button.click()  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: real_page.views.roofline.view is not None)
    roofline = real_page.views.roofline.view
    assert roofline is not None
    assert {dot.part for dot in roofline.dots} == {"prefill", "decode"}
    assert {"baseline"} <= {dot.standing for dot in roofline.dots}
    real_page.views.roofline.back_button.click()
    assert real_page.state == "result"
    real_page.result_view.tradeoff_button.click()  # type: ignore[attr-defined]
    panel = real_page.views.tradeoff
    assert outcome.tradeoff is not None
    if outcome.tradeoff.candidates:
        qtbot.waitUntil(lambda: panel.tradeoff is not None, timeout=20_000)
        assert panel.tradeoff == outcome.tradeoff, "a stored run tells the same as its result"
    else:  # a busy machine left no time to compare any
        qtbot.waitUntil(lambda: "No candidate of this run" in panel.empty.text(), timeout=20_000)
    panel.back_button.click()
    assert real_page.state == "result"


@pytest.mark.model
def test_a_real_tune_stopped_midway_leaves_no_process(
    real_page: TunePage, context: AppContext, qtbot: QtBot
) -> None:
    real_page.start_button.click()
    qtbot.waitUntil(lambda: len(real_page.run.live.prefill) > 0, timeout=120_000)
    workers = children()
    assert workers
    real_page.stop_button.click()
    qtbot.waitUntil(lambda: real_page.state == "setup", timeout=10_000)
    assert all(gone(pid, within=3) for pid in workers)
    assert context.store.runs(1)[0].state == "interrupted"
    assert real_page.resume_button.isVisible()


# ------------------------------------------------------------- energy as the goal


def _choose(page: TunePage, goal: str) -> None:
    page.setup.objective.setCurrentIndex(page.setup.objective.findData(goal))


def test_watts_are_asked_for_only_where_energy_is_the_goal(page: TunePage) -> None:
    assert not page.setup.watts.isVisible()
    assert page.setup.request().given_power is None
    _choose(page, "efficiency")
    assert page.setup.watts.isVisible()
    page.setup.watts.load.setValue(65)
    page.setup.watts.idle.setValue(15)
    given = page.setup.request().given_power
    assert given is not None
    assert (given.load_watts, given.idle_watts) == (65, 15)
    assert "Every candidate counts with the 65 W that were given" in page.setup.plan.text()
    page.setup.watts.idle.setValue(0)  # by sensors: one alone is no energy
    assert not page.setup.ready
    assert "name both watts" in page.setup.plan.text()
    page.setup.watts.idle.setValue(70)
    assert not page.setup.ready
    assert "draws more than when idle" in page.setup.plan.text()


def test_the_goal_of_cost_takes_the_prices_that_were_entered_last(page: TunePage) -> None:
    _choose(page, "cost")
    assert not page.setup.ready
    assert "nothing has a price" in page.setup.plan.text()
    page.setup.settings.setValue("prices/electricity", 0.3)
    page.setup.settings.setValue("prices/currency", "EUR")
    page.setup.watts.load.setValue(65)
    page.setup.watts.idle.setValue(15)
    prices = page.setup.request().objective.prices
    assert prices is not None
    assert (str(prices.electricity), prices.currency) == ("0.3", "EUR")
