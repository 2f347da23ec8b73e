"""Own the scenes of the soak page: empty, the form, a run, its result."""

from __future__ import annotations

from tests.gui.sample_profiles import samples
from tests.gui.sample_soaks import hot_samples, result_of, telling
from tests.gui.screenshots.profiles import with_profiles
from tests.gui.screenshots.scene import Ready, scene, wait
from tunesmith.gui.pages.soak import SoakPage
from tunesmith.gui.soak_run import Start
from tunesmith.gui.window import MainWindow


def _page(window: MainWindow) -> SoakPage:
    window.show_page("soak")
    page = window.page("soak")
    assert isinstance(page, SoakPage)
    return page


def _begun(window: MainWindow, start: Start) -> SoakPage:
    page = _page(window)
    wait(lambda: page.state == "setup" and page.setup.ready)
    page.run._start = start
    page.begin()
    return page


@scene("soak-empty", kept=True)
def _empty(window: MainWindow) -> Ready:
    page = _page(window)
    return lambda: page.state == "empty"


@scene("soak-form", furnish=with_profiles)
def _form(window: MainWindow) -> Ready:
    page = _page(window)
    return lambda: page.state == "setup" and page.setup.ready


@scene("soak-model", furnish=with_profiles)
def _model(window: MainWindow) -> Ready:
    page = _page(window)
    wait(lambda: page.state == "setup")
    page.setup.what.setCurrentIndex(page.setup.what.count() - 1)
    return lambda: page.state == "setup"


@scene("soak-running", furnish=with_profiles, kept=True)
def _running(window: MainWindow) -> Ready:
    page = _begun(window, telling(hot_samples(until=268), None))
    return lambda: page.state == "running" and page.run.live.samples > 100


@scene("soak-untold", furnish=with_profiles)
def _untold(window: MainWindow) -> Ready:
    """A system that tells neither temperature nor clock."""
    page = _begun(window, telling(hot_samples(until=100, told=False), None))
    return lambda: page.state == "running" and page.run.live.samples > 30


@scene("soak-result", furnish=with_profiles, kept=True)
def _result(window: MainWindow) -> Ready:
    fallen = hot_samples()
    page = _begun(window, telling(fallen, result_of(samples()[0], fallen)))
    return lambda: page.state == "result" and page.board.profile_button.isVisible()


@scene("soak-steady", furnish=with_profiles)
def _steady(window: MainWindow) -> Ready:
    """Nothing was found, and it was stopped early."""
    held = hot_samples(falls_at=9e9, until=190)
    page = _begun(window, telling(held, result_of(samples()[0], held, end="interrupted")))
    return lambda: page.state == "result" and not page.board.kept.isHidden()
