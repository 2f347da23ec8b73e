"""Claims about the soak page: its form, a run, every way a soak ends, and what becomes of the figures."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from tests.gui.pages_support import heard, shown_page, store_at
from tests.gui.sample_profiles import filled, samples
from tests.gui.sample_soaks import hot_samples, result_of, telling
from tests.services.test_soak import Machine
from tests.store.values import identity
from tests.support.processes import children
from tunesmith.domain.soak import DEFAULT_SOAK_WORKLOAD, SoakRequest, SoakSample
from tunesmith.domain.worker_events import TokensTimed
from tunesmith.domain.workload import Workload
from tunesmith.errors import Interrupted, ModelNotFound, TunesmithError, UsageError, WorkerCrashed
from tunesmith.gui.pages.profiles import ProfilesPage
from tunesmith.gui.pages.soak import SoakPage
from tunesmith.gui.soak_run import SoakPlan, start_soak
from tunesmith.gui.theme import DARK
from tunesmith.presentation.soak_text import CSV_HEAD
from tunesmith.presentation.soak_view import ChangeMark, Stretch, samples_csv
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.services.soak import Soak, SoakResult
from tunesmith.services.soak_plan import defaults_request, profile_request

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints", extend=True)
TUNED = samples()[0]
Begun = Callable[..., SoakPage]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNESMITH_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
def page(qtbot: QtBot, tmp_path: Path) -> Iterator[SoakPage]:
    """The page over six profiles, the newest chosen."""
    with shown_page(qtbot, SoakPage, store_at(filled(tmp_path / "store.sqlite3"))) as page:
        qtbot.waitUntil(lambda: page.state == "setup" and page.setup.ready)
        yield page


@pytest.fixture
def soaked(qtbot: QtBot, page: SoakPage) -> Begun:
    """How to bring the page to the end of a soak that measured some samples."""

    def begin(measured: list[SoakSample] | None = None, **changed: object) -> SoakPage:
        measured = measured or hot_samples()
        page.run._start = telling(measured, result_of(TUNED, measured, **changed))
        page.start_button.click()
        qtbot.waitUntil(lambda: page.state == "result" and not page.board.kept.isHidden())
        return page

    return begin


def message(page: SoakPage) -> str:
    assert not page.message.isHidden()
    return page.message._text.text()


def texts(page: SoakPage) -> str:
    """All that the result's cards say."""
    return "\n".join(label.text() for card in page.board._cards for label in card.findChildren(QLabel))


# ------------------------------------------------------------- the form


def test_the_newest_profile_is_what_is_soaked_for_ten_minutes(page: SoakPage) -> None:
    plan = page.setup.request()
    assert plan.profile == TUNED
    assert (plan.seconds, plan.workload) == (600, TUNED.workload)
    assert "for 10 min: 512 tokens in" in page.setup.plan.text()
    assert "kept in the profile" in page.setup.plan.text()
    request = profile_request(TUNED, plan.seconds)
    assert (request.settings, request.model_path) == (TUNED.settings, TUNED.model.header.path)


def test_hours_and_another_profile_are_taken(qtbot: QtBot, page: SoakPage) -> None:
    page.setup.time.setValue(2.5)
    page.setup.unit.setCurrentIndex(1)
    page.setup.what.setCurrentIndex(page.setup.what.findData("p-0004"))
    assert not page.start_button.isEnabled(), "the profile is being read"
    qtbot.waitUntil(page.start_button.isEnabled)
    plan = page.setup.request()
    assert (plan.seconds, plan.profile and plan.profile.id) == (9000, "p-0004")
    assert page.setup.time.text() == "2.5"


def test_a_power_limit_that_is_named_goes_with_the_soak(page: SoakPage, soaked: Begun) -> None:
    assert page.setup.power_limit.text() == "Not named"
    assert page.setup.request().power_limit_watts is None
    page.setup.power_limit.setValue(25)
    assert page.setup.request().power_limit_watts == 25
    assert profile_request(TUNED, 60, power_limit_watts=25).power_limit_watts == 25
    page = soaked(power_limit_watts=25.0)
    assert "Power limit: 25 W (given)" in page.board.facts.text()
    assert "In force: – this machine tells of no power limit" in page.board.facts.text()
    assert page.run.plan is not None
    assert page.run.plan.power_limit_watts == 25
    assert page.result is not None
    head, first, *_ = samples_csv(page.result.soaked).decode().splitlines()
    assert dict(zip(head.split(","), first.split(","), strict=True))["power_limit_watts_given"] == "25.0"


def test_more_than_a_week_is_refused(page: SoakPage) -> None:
    page.setup.unit.setCurrentIndex(1)
    page.setup.time.setValue(200)
    assert not page.start_button.isEnabled()
    assert page.setup.plan.text().startswith("A soak takes 2 seconds to 7 days.")


def test_a_model_is_soaked_with_llama_cpps_defaults_and_a_workload_of_its_own(page: SoakPage) -> None:
    page.setup.set_model("")
    assert not page.start_button.isEnabled()
    assert page.setup.plan.text().startswith("No model is chosen.")
    page.setup.set_model("/models/m.gguf")
    plan = page.setup.request()
    assert (plan.profile, plan.workload, plan.parts) == (
        None, DEFAULT_SOAK_WORKLOAD, ("decode", "prefill")
    )  # fmt: skip
    page.setup.workload.prompt.setValue(0)
    assert page.setup.request().parts == ("decode",)
    assert "Nothing is stored" in page.setup.plan.text()
    page.setup.workload.generate.setValue(0)
    with pytest.raises(UsageError, match="neither prompt nor"):
        page.setup.request()
    request = defaults_request("/models/m.gguf", DEFAULT_SOAK_WORKLOAD, 60)
    assert request.settings.n_ctx == DEFAULT_SOAK_WORKLOAD.n_ctx


def test_without_profile_and_model_it_says_what_to_do(qtbot: QtBot, tmp_path: Path) -> None:
    with shown_page(qtbot, SoakPage, store_at(tmp_path / "new.sqlite3")) as page:
        qtbot.waitUntil(lambda: page.state == "empty")
        assert not page.start_button.isVisible()
        page.soak_model("/models/m.gguf")
        assert page.state == "setup"
        assert page.setup.request().model_path == "/models/m.gguf"


def test_a_profile_that_comes_later_is_offered(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite3"
    with shown_page(qtbot, SoakPage, store_at(path)) as page:
        qtbot.waitUntil(lambda: page.state == "empty")
        page.context.store.save_profile(TUNED)
        page.context.bus.profile_saved.emit(TUNED.id)
        qtbot.waitUntil(lambda: page.state == "setup" and page.setup.ready)
        assert page.setup.request().profile == TUNED


def test_the_profiles_page_opens_it_by_button_and_by_key(qtbot: QtBot, tmp_path: Path) -> None:
    with shown_page(qtbot, ProfilesPage, store_at(filled(tmp_path / "store.sqlite3"))) as page:
        qtbot.waitUntil(lambda: page.details.profile is not None)
        asked, shown = heard(page.context.bus.soak_profile), heard(page.context.bus.show_page)
        page.details.soak_button.click()
        control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
        with qtbot.waitActive(page):
            page.activateWindow()
        QTest.keyClick(page.table, Qt.Key.Key_S, control | shift)
        assert (asked, shown) == ([TUNED, TUNED], ["soak", "soak"])


def test_while_something_else_runs_it_cannot_start(page: SoakPage) -> None:
    page.context.bus.busy_changed.emit(True)
    assert not page.start_button.isEnabled()
    assert page.start_button.toolTip() == "Something else is running; a soak would disturb it."
    page.begin()
    assert page.state == "setup"
    page.context.bus.busy_changed.emit(False)
    assert page.start_button.isEnabled()


# ------------------------------------------------------------- a run


def test_a_run_shows_speeds_time_left_and_what_is_read_of_the_machine(qtbot: QtBot, page: SoakPage) -> None:
    busy = heard(page.context.bus.busy_changed)
    page.run._start = telling(hot_samples(until=268), None)
    page.start_button.click()
    qtbot.waitUntil(lambda: page.board.progress.value() > 0)
    board = page.board
    assert busy == [True]
    assert board.step.text() == "Soaking SmolLM2 135M"
    assert board.left.text() == "44% · about 6 min left"
    assert board.what.text().endswith("10 min in all")
    assert board.plots.readings["decode"].value.text() == "48"
    told = [value.text() for _name, value, _reason in board.read_outs._places]
    assert told[0] == "97 °C"
    assert told[1].endswith(" MHz")
    assert told[2] == "–"
    assert "Neither a CPU quota" in board.read_outs._places[2][2].text()
    page.stop_button.click()
    qtbot.waitUntil(lambda: not page.run.busy)
    assert busy == [True, False]


def test_what_is_not_told_is_a_dash_with_its_reason(qtbot: QtBot, page: SoakPage) -> None:
    page.run._start = telling(hot_samples(until=60, told=False), None)
    page.start_button.click()
    qtbot.waitUntil(lambda: page.run.live.samples > 0)
    for _name, value, reason in page.board.read_outs._places[:2]:
        assert value.text() == "–"
        assert reason.text()
        assert reason.text() in value.accessibleName()


def test_only_what_is_soaked_has_a_plot(qtbot: QtBot, page: SoakPage) -> None:
    page.setup.set_model("/models/m.gguf")
    page.setup.workload.prompt.setValue(0)
    page.run._start = telling([one for one in hot_samples(until=60) if one.part == "decode"], None)
    page.start_button.click()
    qtbot.waitUntil(lambda: page.run.live.samples > 0)
    assert page.board.plots.plots["decode"].isVisible()
    assert not page.board.plots.plots["prefill"].isVisible()


class Paints(QObject):
    """Counts the paint events of a plot."""

    count = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        self.count += event.type() == QEvent.Type.Paint
        return super().eventFilter(watched, event)


def test_nothing_is_drawn_while_nothing_is_new_or_nobody_sees_it(qtbot: QtBot, page: SoakPage) -> None:
    page.run._start = telling(hot_samples(until=60), None)
    page.start_button.click()
    qtbot.waitUntil(lambda: page.board._drawn[0] > 0)
    page.run._timer.stop()
    QGuiApplication.processEvents()
    paints = Paints(page)
    page.board.plots.plots["decode"].viewport().installEventFilter(paints)
    for _ in range(3):
        page.run.moved.emit()
        QGuiApplication.processEvents()
    assert paints.count == 0
    timed = TokensTimed(part="decode", tokens=12, elapsed_ns=200_000_000, rss_bytes=None)
    page.run.live.take(timed)
    assert page.run.live.timing, "a sample is under way"
    page.run.moved.emit()
    QGuiApplication.processEvents()
    assert paints.count == 0
    drawn = page.board._drawn
    page.hide()
    page.run.live.take_sample(hot_samples(until=65)[-1])
    page.run.moved.emit()
    assert page.board._drawn == drawn
    page.show()
    page.shown()
    assert page.board._drawn != drawn


def test_a_long_pause_is_a_gap_in_the_line(qtbot: QtBot, page: SoakPage) -> None:
    late = [one.model_copy(update={"begun_s": one.begun_s + 90}) for one in hot_samples(until=30)]
    page.run._start = telling([*hot_samples(until=30), *late], None)
    page.start_button.click()
    qtbot.waitUntil(lambda: page.run.live.samples > 0)
    page.board.plots.refresh()
    joined = page.board.plots.plots["decode"].curve.opts["connect"]
    assert list(joined).count(0) == 1


# ------------------------------------------------------------- its end


def test_a_fall_is_told_drawn_and_kept_in_the_profile(soaked: Begun) -> None:
    saved: list[object] = []
    page = soaked()
    board = page.board
    assert board.sentence.text() == "Decode fell by 21.2% and prefill by 21.2%, first after 3 min 40 s"
    said = texts(page)
    assert "Time to throttle" in said
    assert "Likely cause: heat, which held the clock down." in said
    for part in ("decode", "prefill"):
        plot = board.plots.plots[part]
        times, means = plot._means.getData()
        assert len(times) == 4
        assert means[0] > 1.2 * means[-1]
        edges, _ = plot._edges.getData()
        assert edges[0] == pytest.approx(220, abs=3)
        assert [label.toPlainText() for label in plot._labels] == ["−21.2%"]
        assert "Drop: 21.2%" in plot.accessibleDescription()
        assert plot.getPlotItem().viewRange()[0][1] == pytest.approx(600, rel=0.03), "no empty half"
    assert board.kept.text() == f"Kept in the profile {TUNED.name}."
    kept = page.context.store.profile(TUNED.id).soak
    assert kept is not None
    assert kept.parts[1].drop == pytest.approx(0.21, abs=0.01)
    page.context.bus.show_profile.connect(saved.append)
    board.profile_button.click()
    assert saved == [TUNED.id]


def test_a_label_stands_where_the_line_is_not(soaked: Begun) -> None:
    plot = soaked().board.plots.plots["decode"]
    high, low = (Stretch(0, 60, 61), Stretch(60, 120, 48)), (Stretch(0, 60, 61), Stretch(60, 120, 4))
    for stretches, height in ((high, 0), (low, 80)):
        plot.mark(stretches, (ChangeMark(60, "−21.2%"),))
        assert plot._labels[0].pos().y() == height
    plot.mark((Stretch(0, 590, 61), Stretch(590, 600, 4)), (ChangeMark(590, "−93.4%"),))
    (label,) = plot._labels
    assert label.pos().x() < 590, "no room at the right"
    assert label.pos().y() == 0
    many = tuple(Stretch(at, at + 1, 61) for at in range(10))
    plot.mark(many, tuple(ChangeMark(at, "−1.0%") for at in range(1, 10)))
    assert len(plot._labels) == 1, "no label over another"
    assert len(plot._edges.getData()[0]) == 18


def test_a_steady_speed_is_said_to_be_one(soaked: Begun) -> None:
    page = soaked(hot_samples(falls_at=1e9))
    assert page.board.sentence.text() == "The speed held"
    assert texts(page).count("No change of 3% or more was found.") == 2
    assert page.board.plots.plots["decode"]._labels == []


def test_a_late_fall_is_said_not_to_be_a_steady_state_yet(soaked: Begun) -> None:
    page = soaked(hot_samples(falls_at=530))
    assert "it may not be a steady state, soak longer." in texts(page)


def test_an_interrupted_soak_shows_what_was_measured_and_keeps_nothing(soaked: Begun) -> None:
    page = soaked(hot_samples(until=120), end="interrupted")
    assert page.board.kept.text() == "Not kept in the profile: It did not run to its end."
    assert not page.board.profile_button.isVisible()
    assert page.board.notes.text().startswith("Interrupted after 2 min")
    assert page.context.store.profile(TUNED.id).soak is None
    page.back_button.click()
    assert page.state == "setup"
    assert page.setup.request().profile == TUNED


def test_one_that_failed_says_why_and_shows_what_was_measured(soaked: Begun) -> None:
    page = soaked(hot_samples(until=120), end="failed", fault="The worker crashed.")
    assert message(page) == "It ended early: The worker crashed."
    assert "Burst" in texts(page)


def test_too_few_samples_are_said_to_be_too_few(soaked: Begun) -> None:
    page = soaked(hot_samples(until=8))
    assert page.board.sentence.text() == "Too short to tell a speed"
    assert "Too few samples" in page.board.notes.text()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModelNotFound("There is no file /models/s.gguf."), "There is no file"),
        (UsageError("There is no device CUDA0."), "There is no device"),
        (WorkerCrashed("The worker crashed."), "The worker crashed."),
        (Interrupted("stopped"), "Stopped before anything was measured."),
    ],
)
def test_a_soak_without_a_sample_leads_back_to_the_form(
    qtbot: QtBot, page: SoakPage, error: TunesmithError, said: str
) -> None:
    page.run._start = telling([], error)
    page.start_button.click()
    qtbot.waitUntil(lambda: page.state == "setup" and not page.run.busy)
    assert message(page).startswith(said)
    assert page.start_button.isEnabled()


# ------------------------------------------------------------- taking it away


def test_samples_are_saved_under_the_command_lines_columns(
    qtbot: QtBot, soaked: Begun, tmp_path: Path
) -> None:
    page = soaked()
    path = tmp_path / "soak.csv"
    page.save_csv(str(path))
    qtbot.waitUntil(path.exists)
    with path.open(encoding="utf-8", newline="") as file:
        head, *lines = csv.reader(file)
    assert tuple(head) == CSV_HEAD
    assert len(lines) == len(hot_samples())
    assert lines[0][:2] == ["prefill", "0.000"]


def test_a_file_that_cannot_be_written_is_said(qtbot: QtBot, soaked: Begun, tmp_path: Path) -> None:
    page = soaked()
    page.save_csv(str(tmp_path / "none" / "soak.csv"))
    qtbot.waitUntil(lambda: not page.message.isHidden())
    assert "cannot be written" in message(page)


def test_the_report_is_copied_as_the_command_line_prints_it(soaked: Begun) -> None:
    page = soaked()
    page.board.copy_button.click()
    text = QGuiApplication.clipboard().text()
    assert "\nDecode\nBurst" in text
    assert "After 3 min 42 s: −21.2%" in text
    assert text.endswith(f"Kept in the profile {TUNED.name}.\n")


def test_the_keys_scroll_what_was_found(soaked: Begun) -> None:
    page = soaked()
    page.resize(700, 480)
    QGuiApplication.processEvents()
    assert page.focusWidget() is page.board
    assert page.board.accessibleName() == "What was found"
    QTest.keyClick(page.board, Qt.Key.Key_PageDown)
    assert page.board.verticalScrollBar().value() > 0


def test_both_themes_draw_it(soaked: Begun) -> None:
    page = soaked()
    page.board.recolour(DARK)
    assert page.board.plots.plots["decode"]._means.opts["pen"].color().name() == DARK.text.lower()


# ------------------------------------------------------------- with the service


def simulated(machine: Machine, *, step: Callable[[], None]) -> Callable[..., Session[SoakResult]]:
    """What soaks a simulated machine with the service's own loop."""

    def start(plan: SoakPlan, keep: Callable[[SoakSample], None]) -> Session[SoakResult]:
        def run(stream: Stream, controls: Controls) -> SoakResult:
            request = SoakRequest(
                model_path=plan.model_path, workload=plan.workload, settings=TUNED.settings,
                seconds=plan.seconds,
            )  # fmt: skip

            def keep_slowly(sample: SoakSample) -> None:
                keep(sample)
                step()

            soak = Soak(
                request, machine, stream=stream, controls=controls, keep=keep_slowly,
                throttle=machine.throttle, clock=machine.clock,
            )  # fmt: skip
            soaked, _code = soak.run()
            whole = result_of(TUNED, soaked.samples)
            return SoakResult(soaked, whole.model, whole.surroundings, 0)

        return Session(run)

    return start


def test_a_simulated_machine_that_falls_is_found_out_in_the_window(qtbot: QtBot, page: SoakPage) -> None:
    page.run._start = simulated(Machine(falls_at=60), step=lambda: None)
    page.setup.time.setValue(2)
    page.start_button.click()
    qtbot.waitUntil(lambda: page.state == "result" and not page.board.kept.isHidden(), timeout=20_000)
    assert page.board.sentence.text().startswith("Decode fell by 50")
    assert "the CPU quota of a control group" in texts(page)
    assert page.board.kept.text().startswith("Kept in the profile")


def test_pause_waits_between_samples_and_stop_keeps_what_was_measured(qtbot: QtBot, page: SoakPage) -> None:
    """A paused soak is no profile's figure: the machine cooled meanwhile."""
    page.run._start = simulated(Machine(), step=lambda: time.sleep(0.002))
    page.setup.time.setValue(1000)
    page.start_button.click()
    qtbot.waitUntil(lambda: page.run.live.samples > 20)
    page.pause_button.click()
    assert page.pause_button.text() == "Resume"
    assert page.board.step.text() == "Paused after this sample"
    qtbot.wait(300)
    paused_at = page.run.live.samples
    qtbot.wait(300)
    assert page.run.live.samples == paused_at
    page.pause_button.click()
    qtbot.waitUntil(lambda: page.run.live.samples > paused_at + 20)
    page.stop_button.click()
    qtbot.waitUntil(lambda: page.state == "result")
    assert page.result is not None
    assert page.result.soaked.end == "interrupted"
    assert page.result.soaked.paused_seconds == pytest.approx(0.6, abs=0.5)
    assert "It was paused for" in page.board.notes.text()
    assert "Interrupted after" in page.board.notes.text()


@pytest.mark.model
def test_a_real_model_is_soaked_for_some_seconds(qtbot: QtBot, tmp_path: Path, smollm2_path: Path) -> None:
    """One thread, for a machine that tests share; the profile is of another model, which keeps none of it."""
    mine = TUNED.model_copy(
        update={
            "settings": TUNED.settings.replace(threads=1, threads_batch=1, n_ctx=256),
            "workload": Workload(prompt=32, generate=16),
            "model": identity(path=str(smollm2_path)),
        }
    )
    asked: list[SoakPlan] = []

    def start(plan: SoakPlan, keep: Callable[[SoakSample], None]) -> Session[SoakResult]:
        asked.append(plan)
        return start_soak(replace(plan, seconds=2), keep)

    with shown_page(qtbot, SoakPage, store_at(tmp_path / "new.sqlite3")) as page:
        page.run._start = start
        page.soak_profile(mine)
        page.start_button.click()
        qtbot.waitUntil(lambda: page.run.live.samples > 1, timeout=60_000)
        assert len(children()) == 1, "one worker"
        qtbot.waitUntil(lambda: page.state == "result" and not page.board.kept.isHidden(), timeout=60_000)
        assert page.result is not None
        soaked = page.result.soaked
        assert (asked[0].profile, soaked.settings) == (mine, mine.settings)
        assert soaked.end == "finished"
        assert soaked.seconds > 1.5
        assert soaked.paused_seconds == 0
        assert page.run.live.samples == len(soaked.samples) > 1
        assert page.board.kept.text().startswith("Not kept in the profile: ")
