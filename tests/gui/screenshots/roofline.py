"""Own the scenes of the roofline."""

from __future__ import annotations

from tests.gui.sample_roofline import sample_roofline
from tests.gui.screenshots.scene import Ready, scene, wait
from tests.gui.screenshots.tune import result_scene
from tunesmith.gui.pages.tune import TunePage
from tunesmith.gui.window import MainWindow
from tunesmith.presentation.roofline import roofline_view


def _page(window: MainWindow) -> TunePage:
    wait(result_scene(window))
    page = window.page("tune")
    assert isinstance(page, TunePage)
    return page


@scene("roofline", kept=True)
def _roofline(window: MainWindow) -> Ready:
    page = _page(window)
    page._show("roofline")
    page.views.roofline.show_view(roofline_view(sample_roofline()))
    return lambda: page.state == "roofline"


@scene("roofline-slope-unknown")
def _half(window: MainWindow) -> Ready:
    """Memory was not measured."""
    page = _page(window)
    page._show("roofline")
    page.views.roofline.show_view(roofline_view(sample_roofline(bandwidth=None)))
    return lambda: page.state == "roofline"


@scene("roofline-empty")
def _none(window: MainWindow) -> Ready:
    """The run is not in the store."""
    page = _page(window)
    page.result_view.roofline_button.click()  # type: ignore[attr-defined]
    return lambda: bool(page.views.roofline.empty.text())
