"""Own the scenes of the tune page: the form, a run, its ends."""

from __future__ import annotations

from typing import Any

from tests.gui.screenshots.scene import Ready, at_once, scene, settle
from tests.gui.simulated_run import FakeSession, flat_truth, laptop_truth, simulated
from tunesmith.errors import NoisyMachineError
from tunesmith.gui.pages.tune import TunePage
from tunesmith.gui.window import MainWindow
from tunesmith.services.tune_result import TuneResult

MODEL = "/home/ada/models/SmolLM2-135M-Instruct.Q4_1.gguf"


def session_of(state: str) -> FakeSession[TuneResult]:
    """What the page is told in a state."""
    if state == "no-gain":
        run = simulated(flat_truth, model_path=MODEL)
        return FakeSession(run.events, run.result)
    run = simulated(laptop_truth, model_path=MODEL)
    if state == "early":
        return FakeSession(run.events[:160], None)
    if state == "running":
        return FakeSession(run.events[:900], None)
    if state == "error":
        return FakeSession(
            run.events[:300],
            NoisyMachineError(
                "The machine was too noisy to tell: no answer for Threads to decode.",
                unharmed="All samples are kept in run 20261123-174501-ab12.",
                todo="Close other programs and tune again.",
            ),
        )
    return FakeSession(run.events, run.result)


def _page(window: MainWindow, model: str = MODEL) -> TunePage:
    window.show_page("tune")
    page = window.page("tune")
    assert isinstance(page, TunePage)
    if model:
        page.setup.set_model(model)
        settle()
    return page


@scene("tune-empty")
def _empty(window: MainWindow) -> Ready:
    _page(window, "")
    return at_once


@scene("tune-form", kept=True)
def _form(window: MainWindow) -> Ready:
    page = _page(window)
    return lambda: bool(page.setup.file.model_name)


@scene("tune-workload")
def _workload(window: MainWindow) -> Ready:
    _page(window).setup.show_workload.setChecked(True)
    return at_once


def _run(window: MainWindow, state: str) -> tuple[TunePage, FakeSession[TuneResult]]:
    page = _page(window)
    session = session_of(state)

    def start(*_arguments: object, **_options: object) -> Any:
        return session

    page.run._start = start
    page.begin()
    return page, session


def _under_way(window: MainWindow, state: str) -> Ready:
    page, session = _run(window, state)
    return lambda: page.state == "running" and not session.waiting


@scene("tune-early")
def _early(window: MainWindow) -> Ready:
    return _under_way(window, "early")


@scene("tune-running", kept=True)
def _running(window: MainWindow) -> Ready:
    return _under_way(window, "running")


@scene("tune-result", kept=True)
def _result(window: MainWindow) -> Ready:
    page, _session = _run(window, "result")
    return lambda: page.state == "result"


@scene("tune-no-gain", kept=True)
def _no_gain(window: MainWindow) -> Ready:
    page, _session = _run(window, "no-gain")
    return lambda: page.state == "result"


@scene("tune-error")
def _error(window: MainWindow) -> Ready:
    page, _session = _run(window, "error")
    return lambda: page.state == "setup" and not page.run.busy
