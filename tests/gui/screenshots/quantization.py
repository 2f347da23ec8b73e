"""Own the scenes of the quantization page: empty, the form, a run, its result."""

from __future__ import annotations

from typing import Any
from unittest import mock

from tests.gui.sample_choices import SOURCE, Choice, offer
from tests.gui.screenshots.scene import Ready, at_once, scene
from tests.gui.simulated_run import FakeSession
from tunesmith.gui.pages.quantization import QuantizationPage
from tunesmith.gui.window import MainWindow
from tunesmith.services.choose_result import ChooseResult
from tunesmith.services.made_files import MadeFiles


def _page(window: MainWindow) -> QuantizationPage:
    window.show_page("quantization")
    page = window.page("quantization")
    assert isinstance(page, QuantizationPage)
    page.setup._look = offer
    return page


@scene("quantization-empty")
def _empty(window: MainWindow) -> Ready:
    _page(window)
    return at_once


@scene("quantization-form", kept=True)
def _form(window: MainWindow) -> Ready:
    page = _page(window)
    page.choose_for(SOURCE)
    return lambda: page.setup.offer is not None


def _run(window: MainWindow, session: FakeSession[ChooseResult]) -> QuantizationPage:
    page = _page(window)

    def start(*_arguments: object) -> Any:
        return session

    page.run._start = start
    page.setup.set_model(SOURCE)
    page.setup._show_found(offer())
    page.begin()
    return page


@scene("quantization-running", kept=True)
def _running(window: MainWindow) -> Ready:
    session: FakeSession[ChooseResult] = FakeSession(Choice().until("judging", "IQ4_XS", 12), None)
    page = _run(window, session)
    return lambda: page.state == "running" and not session.waiting


@scene("quantization-result", kept=True)
def _result(window: MainWindow) -> Ready:
    choice = Choice()
    holds = mock.patch.object(MadeFiles, "holds", lambda _self, path: "quantized" in str(path))
    holds.start()
    page = _run(window, FakeSession(choice.events, choice.result()))
    window.destroyed.connect(lambda _gone: holds.stop())
    return lambda: page.state == "result"
