"""Own the scenes of the fleet page."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.gui.sample_fleet import fill_folder
from tests.gui.screenshots.scene import Ready, scene, wait
from tunesmith.gui.pages.fleet import FleetPage
from tunesmith.gui.window import MainWindow


def _page(window: MainWindow) -> FleetPage:
    window.show_page("fleet")
    page = window.page("fleet")
    assert isinstance(page, FleetPage)
    return page


@scene("fleet", kept=True)
def _fleet(window: MainWindow) -> Ready:
    page = _page(window)
    with tempfile.TemporaryDirectory() as folder:
        page.read(fill_folder(Path(folder)))
        wait(page.choose_button.isEnabled)
    return lambda: page.states.currentWidget() is page.full


@scene("fleet-empty", kept=True)
def _empty(window: MainWindow) -> Ready:
    page = _page(window)
    return lambda: page.states.currentWidget() is page.empty


@scene("fleet-drifted")
def _drifted(window: MainWindow) -> Ready:
    ready = _fleet(window)
    page = _page(window)
    page.answer.setCurrentIndex(page.answer.findData("drifted"))
    return ready


@scene("fleet-none-found")
def _none_found(window: MainWindow) -> Ready:
    ready = _fleet(window)
    _page(window).search.setText("nothing of the kind")
    return ready
