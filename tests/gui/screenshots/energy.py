"""Own the scenes of a tune's energy; its sensors are made up."""

from __future__ import annotations

from tests.domain.test_energy import sample, use
from tests.gui.screenshots.scene import Ready, scene, wait
from tests.gui.screenshots.tune import MODEL, result_scene
from tests.gui.simulated_run import simulated
from tunesmith.domain.energy import Energy, GivenPower, energy_of
from tunesmith.domain.power import PowerSensor
from tunesmith.gui.pages.tune import TunePage
from tunesmith.gui.window import MainWindow
from tunesmith.presentation.energy_view import energy_view
from tunesmith.services.run_energy import RunEnergy


def _page(window: MainWindow) -> TunePage:
    wait(result_scene(window))
    page = window.page("tune")
    assert isinstance(page, TunePage)
    return page


def _shown(window: MainWindow, before: Energy | None, after: Energy | None) -> Ready:
    page = _page(window)
    assert before is not None
    page._show("energy")
    page.views.energy.show_view(energy_view(RunEnergy(before, after)))
    return lambda: page.state == "energy"


@scene("energy", kept=True)
def _energy(window: MainWindow) -> Ready:
    found = simulated(model_path=MODEL, sensor=True).result
    return _shown(window, found.baseline_energy, found.tuned_energy)


@scene("energy-missing")
def _missing(window: MainWindow) -> Ready:
    """Prefill was too short, memory stands still, and a battery tells the same again."""
    battery = use("BAT0", "battery", "machine")
    why = "0.7 s are too short for it: ask for more tokens"
    prefill = use(prefill_j=None, why=why)
    dram = PowerSensor(
        id="d", name="dram", source="powercap", covers="memory", counts=True, why="its counter stands still"
    )
    before = energy_of([sample(prefill, battery), sample(prefill, battery)], unread=(dram,))
    return _shown(window, before, before)


@scene("energy-given")
def _given(window: MainWindow) -> Ready:
    """Watts of the user's own, where nothing can be read."""
    given = GivenPower(load_watts=65.0, idle_watts=15.0)
    return _shown(window, energy_of([sample(), sample()], given=given), None)


@scene("energy-none")
def _none(window: MainWindow) -> Ready:
    """Sensors are there, and may not be read."""
    denied = PowerSensor(
        id="p", name="package-0", source="powercap", covers="processors", counts=True,
        why="only root may read it",
    )  # fmt: skip
    silent = energy_of([sample()], silent="package-0: only root may read it", unread=(denied,))
    return _shown(window, silent, silent)


@scene("energy-empty")
def _empty(window: MainWindow) -> Ready:
    """The run is not in the store."""
    page = _page(window)
    page.result_view.energy_button.click()  # type: ignore[attr-defined]
    return lambda: bool(page.views.energy.empty.text())
