"""Own the scenes of the Pareto plot of a tune's candidates."""

from __future__ import annotations

from tests.gui.screenshots.scene import Ready, scene, wait
from tests.gui.screenshots.tune import MODEL, result_scene
from tests.gui.simulated_run import simulated
from tunesmith.gui.pages.tune import TunePage
from tunesmith.gui.window import MainWindow


def _shown(window: MainWindow, *, sensor: bool) -> TunePage:
    """The candidates of the simulated run; its sensor is made up."""
    wait(result_scene(window))
    page = window.page("tune")
    assert isinstance(page, TunePage)
    found = simulated(model_path=MODEL, sensor=sensor).result.tradeoff
    assert found is not None
    page._show("tradeoff")
    page.views.tradeoff.show_tradeoff(found)
    return page


@scene("pareto", kept=True)
def _pareto(window: MainWindow) -> Ready:
    page = _shown(window, sensor=True)
    return lambda: page.state == "tradeoff"


@scene("pareto-memory")
def _memory(window: MainWindow) -> Ready:
    """Nothing tells the power."""
    page = _shown(window, sensor=False)
    return lambda: page.state == "tradeoff"


@scene("pareto-empty")
def _none(window: MainWindow) -> Ready:
    """The run is not in the store."""
    wait(result_scene(window))
    page = window.page("tune")
    assert isinstance(page, TunePage)
    page.result_view.tradeoff_button.click()  # type: ignore[attr-defined]
    return lambda: bool(page.views.tradeoff.empty.text())
