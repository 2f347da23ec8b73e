"""Claims about the quantization page, with sessions that say what they are told to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPointF, Qt, QThreadPool
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from tests.gui.pages_support import heard
from tests.gui.sample_choices import KINDS, SOURCE, Choice, header, offer
from tests.gui.simulated_run import FakeSession
from tunesmith.domain.events import Event
from tunesmith.domain.quality import QualityLimits
from tunesmith.errors import ModelNotFound, UsageError
from tunesmith.gui.choice_table import NAME, STATUS
from tunesmith.gui.context import AppContext
from tunesmith.gui.pages.quantization import QuantizationPage
from tunesmith.services.choose_files import Offer
from tunesmith.services.choose_result import ChooseRequest, ChooseResult


class Source:
    """Starts sessions, and remembers what was asked."""

    def __init__(self) -> None:
        self.session: FakeSession[ChooseResult] | None = None
        self.asked: list[ChooseRequest] = []
        self.offer: Offer | UsageError = offer()

    def start(self, request: ChooseRequest, _store: object) -> FakeSession[ChooseResult]:
        self.asked.append(request)
        assert self.session is not None
        return self.session

    def look(self, _path: str) -> Offer:
        if isinstance(self.offer, UsageError):
            raise self.offer
        return self.offer


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setattr("tunesmith.services.context.read_model", header)
    return Source()


@pytest.fixture
def page(qtbot: QtBot, app_context: AppContext, source: Source) -> Iterator[QuantizationPage]:
    made = QuantizationPage(app_context, start=source.start, look=source.look)  # type: ignore[arg-type]
    qtbot.addWidget(made)
    made.resize(1048, 700)
    made.show()
    yield made
    made.closing()
    QThreadPool.globalInstance().waitForDone(10_000)


def message(page: QuantizationPage) -> str:
    found = page.message.findChild(QLabel)
    assert found is not None
    return found.text() if page.message.isVisible() else ""


def choose(qtbot: QtBot, page: QuantizationPage) -> None:
    page.choose_for(SOURCE)
    qtbot.waitUntil(lambda: page.setup.ready)


def run(
    qtbot: QtBot, page: QuantizationPage, source: Source, events: list[Event],
    end: ChooseResult | BaseException | None,
) -> FakeSession[ChooseResult]:  # fmt: skip
    session = source.session = FakeSession(events, end)
    choose(qtbot, page)
    page.begin()
    qtbot.waitUntil(lambda: not session.waiting)
    if end is not None:
        qtbot.waitUntil(lambda: not page.run.busy)
    return session


def cells(page: QuantizationPage, column: int) -> dict[str, str]:
    files = page.board.table.files
    return {row.label: str(files.index(n, column).data()) for n, row in enumerate(files.rows)}


# ---------------------------------------------------------------- the form


def test_an_empty_page_says_what_to_do(page: QuantizationPage) -> None:
    assert page.state == "empty"
    told = " ".join(one.text() for one in page.empty.findChildren(QLabel))
    assert "Choose a model in F16" in told
    assert not page.start_button.isVisible()


def test_the_ladder_is_chosen_with_sizes_and_what_is_there_is_marked(
    qtbot: QtBot, page: QuantizationPage
) -> None:
    choose(qtbot, page)
    assert [one.kind for one in page.setup.files.chosen] == [kind.name for kind in KINDS]
    assert page.setup.files.boxes["Q8_0"].accessibleName() == "Q8_0, 138.1 MiB, there already"
    further = page.setup.files.boxes["Q5_0"]
    assert not further.isVisible()
    page.setup.files.more.click()
    assert further.isVisible()
    assert not further.isChecked()
    plan = page.setup.plan.text()
    assert "689 MiB at most, 42 GiB are free" in plan
    assert "mean KLD at most 0.05" in plan
    assert "956 MiB in the cache" in plan


def test_what_there_is_no_room_for_is_said_before_it_begins(
    qtbot: QtBot, page: QuantizationPage, source: Source
) -> None:
    assert isinstance(source.offer, Offer)
    full = source.offer
    source.offer = Offer(full.header, full.warnings, full.files, full.folder, free_bytes=300 * 2**20)
    choose(qtbot, page)
    assert "That is more than is free" in page.setup.plan.text()
    for kind in ("Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q3_K_M"):
        page.setup.files.boxes[kind].setChecked(False)
    assert "more than is free" not in page.setup.plan.text()


@pytest.mark.parametrize(
    ("measure", "value", "limits"),
    [
        ("kld", 0.1, QualityLimits(max_kld=0.1)),
        ("ratio", 1.03, QualityLimits(max_perplexity_ratio=1.03)),
        ("top1", 92.5, QualityLimits(min_top1=0.925)),
    ],
)
def test_each_measure_can_be_limited(
    qtbot: QtBot, page: QuantizationPage, measure: str, value: float, limits: QualityLimits
) -> None:
    choose(qtbot, page)
    page.setup.measure.setCurrentIndex(page.setup.measure.findData(measure))
    getattr(page.setup, measure).setValue(value)
    assert page.setup.request().limits == limits
    shown = [one for one in (page.setup.kld, page.setup.ratio, page.setup.top1) if one.isVisible()]
    assert shown == [getattr(page.setup, measure)]


def test_the_form_asks_for_what_it_says(qtbot: QtBot, page: QuantizationPage, tmp_path: Path) -> None:
    choose(qtbot, page)
    page.setup.text.setCurrentIndex(1)
    assert not page.setup.ready
    page.setup.text_path.setText(str(tmp_path / "mine.txt"))
    page.setup.chunks.setValue(16)
    page.setup.budget.choose("quick")
    page.setup.files.boxes["Q2_K"].setChecked(False)
    request = page.setup.request()
    assert request.text_path == str(tmp_path / "mine.txt")
    assert request.chunks == 16
    assert request.tune.budget.name == "quick"
    assert request.tune.model_path == SOURCE
    assert request.types is not None
    assert "Q2_K" not in request.types
    assert request.keep == "within"


def test_a_quantized_source_is_refused_with_the_reason_and_a_way(
    qtbot: QtBot, page: QuantizationPage, source: Source
) -> None:
    source.offer = UsageError("s.gguf is quantized already (Q4_0).", todo="say --allow-requantize")
    page.choose_for(SOURCE)
    qtbot.waitUntil(lambda: "quantized already" in page.setup.looking.text())
    assert "--allow-requantize" in page.setup.looking.text()
    assert not page.start_button.isEnabled()


# ---------------------------------------------------------------- a run


def test_a_run_shows_each_file_at_its_step(qtbot: QtBot, page: QuantizationPage, source: Source) -> None:
    choice = Choice()
    session = run(qtbot, page, source, choice.until("making", "IQ4_XS", 4), None)
    assert page.state == "running"
    status = cells(page, STATUS)
    assert status["IQ4_XS"] == "making 40%"
    assert status["Q2_K"] == "waiting"
    assert status["Q4_0"] == "within the limit"
    assert cells(page, 1)["Q2_K"] == "about 84 MiB"
    session.waiting = choice.until("judging", "IQ4_XS", 12)[len(choice.until("making", "IQ4_XS", 4)) :]
    qtbot.waitUntil(lambda: cells(page, STATUS)["IQ4_XS"].startswith("judged 6 of 40"))
    assert cells(page, 3)["IQ4_XS"].endswith("so far")
    assert page.board.progress.value() > 0


def test_pause_and_stop_reach_the_session_and_what_was_measured_stays_in_view(
    qtbot: QtBot, page: QuantizationPage, source: Source
) -> None:
    session = run(qtbot, page, source, Choice().until("judging", "Q2_K"), None)
    paused = []
    for _ in range(2):
        page.pause_button.click()
        paused.append(page.run.paused)
    assert paused == [True, False]
    page.stop_button.click()
    assert session.controls.cancelled
    qtbot.waitUntil(lambda: page.state == "stopped")
    assert "What was measured is shown" in message(page)
    page.board.select("Q4_K_M")
    assert not page.board.details.try_button.isVisible()  # the file is gone
    assert "0.02" in cells(page, 3)["Q4_K_M"]
    page.back_button.click()
    assert page.state == "setup"


def test_an_error_before_anything_was_measured_leads_back_to_the_form(
    qtbot: QtBot, page: QuantizationPage, source: Source
) -> None:
    run(qtbot, page, source, [], ModelNotFound("The model file is no longer there.", todo="Put it back."))
    assert page.state == "setup"
    assert "Put it back" in message(page)


def test_two_runs_at_once_are_not_begun(qtbot: QtBot, page: QuantizationPage) -> None:
    choose(qtbot, page)
    assert page.start_button.isEnabled()
    page.context.bus.busy_changed.emit(True)
    assert not page.start_button.isEnabled()
    page.context.bus.busy_changed.emit(False)
    assert page.start_button.isEnabled()


# ---------------------------------------------------------------- the result


@pytest.fixture
def done(qtbot: QtBot, page: QuantizationPage, source: Source, tmp_path: Path) -> Choice:
    choice = Choice(folder=tmp_path / "made")
    choice.put_files()
    run(qtbot, page, source, choice.events, choice.result())
    assert page.state == "result"
    return choice


@pytest.mark.usefixtures("done")
def test_the_result_is_a_sentence_and_the_pick_is_chosen(page: QuantizationPage) -> None:
    told = page.board.sentence.text()
    assert told.startswith("Q4_K_M: 2.3 times as fast as F16, 39% of its size, quality loss KLD 0.02")
    assert told.endswith("under your limit of 0.05")
    assert page.board.big.text() == "2.31×"
    assert page.board.selected == "Q4_K_M"
    assert page.board.details.name.text() == "Q4_K_M"
    assert page.board.details.profile_button.isVisible()
    assert cells(page, NAME)["Q4_K_M"] == "Q4_K_M"
    assert cells(page, STATUS)["Q3_K_M"].startswith("over the limit: mean KLD")


@pytest.mark.usefixtures("done")
def test_a_click_on_a_dot_shows_all_that_was_measured_of_it(page: QuantizationPage) -> None:
    plot = page.board.plot
    point = next(one for one in page.run.live.points if one.label == "Q4_0")
    spot = plot.mapFromScene(plot.getPlotItem().getViewBox().mapViewToScene(QPointF(*plot.place(point))))
    QTest.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    details = page.board.details
    assert details.name.text() == "Q4_0"
    assert "truer to the source" in details.why.text()
    told = [one.text() for one in details.findChildren(QLabel)]
    for name in ("Mean KLD", "99% KLD", "Top-1", "Perplexity", "Speed", "Bits/weight"):
        assert name in told, name
    assert page.board.table.currentIndex().row() == 5


@pytest.mark.usefixtures("done")
def test_the_keys_go_over_the_rows(page: QuantizationPage) -> None:
    page.board.table.setFocus()
    QTest.keyClick(page.board.table, Qt.Key.Key_Down)
    assert page.board.selected == "Q4_0"


def test_a_discarded_file_stays_until_it_cannot_be_undone(
    qtbot: QtBot, page: QuantizationPage, done: Choice
) -> None:
    path = done.folder / "Q5_K_M.gguf"
    page.board.select("Q5_K_M")
    page.board.details.discard_button.click()
    assert path.exists()
    assert not page.board.details.try_button.isVisible()
    page.undo_bar.undo_button.click()
    assert page.board.details.discard_button.isVisible()
    page.board.details.discard_button.click()
    page.left()
    qtbot.waitUntil(lambda: not path.exists())
    assert (done.folder / "Q4_K_M.gguf").exists()


def test_all_but_the_pick_go_at_once_and_nothing_of_the_users(
    qtbot: QtBot, page: QuantizationPage, done: Choice
) -> None:
    mine = done.folder / "mine.gguf"
    mine.write_bytes(b"GGUF")
    changed = done.folder / "Q4_0.gguf"
    changed.write_bytes(b"another by now")
    page.board.others_button.click()
    assert not page.board.others_button.isVisible()
    page.new_choice()
    qtbot.waitUntil(lambda: not (done.folder / "Q6_K.gguf").exists())
    QThreadPool.globalInstance().waitForDone(5_000)
    assert sorted(path.name for path in done.folder.iterdir()) == ["Q4_0.gguf", "Q4_K_M.gguf", "mine.gguf"]


def test_what_was_there_before_cannot_be_discarded(page: QuantizationPage, done: Choice) -> None:
    del done
    page.board.select("Q8_0")
    assert page.board.details.try_button.isVisible()
    assert not page.board.details.discard_button.isVisible()


@pytest.mark.usefixtures("done")
def test_other_pages_are_told_of_the_file_and_its_profile(page: QuantizationPage) -> None:
    bus = page.context.bus
    tried, tuned, shown = heard(bus.try_model), heard(bus.tune_model), heard(bus.show_profile)
    details = page.board.details
    details.try_button.click()
    details.tune_button.click()
    details.profile_button.click()
    path = page.run.live.contenders["Q4_K_M"].path
    assert [found[0] for found in tried] == [path]  # type: ignore[index]
    assert tuned == [path]
    assert shown == ["a1b2c3d4"]


@pytest.mark.usefixtures("done")
def test_both_themes_are_drawn(page: QuantizationPage) -> None:
    page.context.theme.set_mode("dark")
    assert page.board.plot.backgroundBrush().color().name() == page.context.theme.colours.surface.lower()
