"""Own the scenes of the profiles and compare pages."""

from __future__ import annotations

from pathlib import Path

from tests.gui.sample_profiles import filled
from tests.gui.sample_runs import with_run
from tests.gui.screenshots.scene import Bring, Ready, at_once, keep_at_end, scene, settle, wait
from tests.support.soaks import kept
from tunesmith.gui.pages.compare import ComparePage
from tunesmith.gui.pages.profiles import ProfilesPage
from tunesmith.gui.window import MainWindow
from tunesmith.store import Store


def with_profiles(home: Path) -> None:
    """A store of six profiles."""
    filled(home / "store.sqlite3")


def _page(window: MainWindow) -> ProfilesPage:
    window.show_page("profiles")
    settle()
    page = window.page("profiles")
    assert isinstance(page, ProfilesPage)
    return page


@scene("profiles", furnish=with_profiles, kept=True)
def _profiles(window: MainWindow) -> Ready:
    page = _page(window)
    return lambda: page.details.profile is not None


@scene("profiles-empty")
def _empty(window: MainWindow) -> Ready:
    page = _page(window)
    return lambda: page.states.currentWidget() is page.empty


@scene("profiles-several", furnish=with_profiles)
def _several(window: MainWindow) -> Ready:
    _page(window).table.choose(lambda line: line.id in {"p-0001", "p-0004", "p-0006"})
    return at_once


@scene("profiles-deleted", furnish=with_profiles)
def _deleted(window: MainWindow) -> Ready:
    page = _page(window)
    page.acts.delete.trigger()
    return page.undo_bar.isVisible


@scene("profiles-best", furnish=with_profiles)
def _best(window: MainWindow) -> Ready:
    _page(window).table.choose(lambda line: line.id == "p-0003")
    return at_once


@scene("profiles-none-found", furnish=with_profiles)
def _none_found(window: MainWindow) -> Ready:
    _page(window).search.setText("mistral")
    return at_once


@scene("profiles-failed", furnish=with_profiles)
def _failed(window: MainWindow) -> Ready:
    page = _page(window)
    page.deeds.import_files([__file__])
    return page.message.isVisible


def _with_run(home: Path) -> None:
    """A store of six profiles, and one more whose run is there too."""
    with_profiles(home)
    with_run(home / "store.sqlite3")


def _with_soak(home: Path) -> None:
    """The same, and what a soak of it found."""
    with_profiles(home)
    tuned = with_run(home / "store.sqlite3")
    with Store.open(home / "store.sqlite3") as store:
        store.set_soak(tuned.id, kept(falls_to=0.8, tuned=tuned))


@scene("profiles-soaked", furnish=_with_soak)
def _soaked(window: MainWindow) -> Ready:
    """The foot of a profile's details: a soak, and all that the profile leads to."""
    page = _page(window)
    page.table.choose(lambda line: line.id == "a1b2c3d4")
    keep_at_end(page.details._scroll)
    return page.details.roofline_button.isVisible


def _explained(profile_id: str) -> Bring:
    """Why a profile's settings won."""

    def bring(window: MainWindow) -> Ready:
        page = _page(window)
        page.table.choose(lambda line: line.id == profile_id)
        wait(lambda: page.details.profile is not None and page.details.profile.id == profile_id)
        page.explain()
        return lambda: page.why.view is not None

    return bring


def _costed(window: MainWindow) -> Ready:
    """What tokens cost, with everything named."""
    page = _page(window)
    page.table.choose(lambda line: line.id == "p-0001")
    wait(lambda: page.details.profile is not None and page.details.profile.id == "p-0001")
    page.reckon()
    named = {
        "electricity": 0.3, "hardware": 1200, "hours_per_day": 8, "utilisation": 25, "load_watts": 65,
        "idle_watts": 20, "api_input": 0.15, "api_output": 0.6,
    }  # fmt: skip
    for name, value in named.items():
        page.cost.form.fields[name].setValue(value)
    return lambda: page.cost.cost is not None


@scene("cost-unnamed", furnish=with_profiles)
def _unnamed(window: MainWindow) -> Ready:
    page = _page(window)
    page.table.choose(lambda line: line.id == "p-0001")
    wait(lambda: page.details.profile is not None and page.details.profile.id == "p-0001")
    page.reckon()
    return lambda: page.cost.cost is not None


scene("cost", furnish=with_profiles, kept=True)(_costed)
scene("why", furnish=_with_run, kept=True)(_explained("a1b2c3d4"))
scene("why-imported", furnish=with_profiles)(_explained("p-0001"))
scene("why-imported-defaults", furnish=with_profiles)(_explained("p-0003"))


def _compared(count: int, *, all_lines: bool = False) -> Bring:
    """Some profiles side by side."""

    def bring(window: MainWindow) -> Ready:
        window.show_page("compare")
        settle()
        page = window.page("compare")
        assert isinstance(page, ComparePage)
        page.choose(["p-0001", "p-0004", "p-0006", "p-0002"][:count])
        page.only_differences.setChecked(not all_lines)
        settle()
        return at_once

    return bring


scene("compare", furnish=with_profiles, kept=True)(_compared(3))
scene("compare-two", furnish=with_profiles)(_compared(2))
scene("compare-four", furnish=with_profiles)(_compared(4))
scene("compare-all", furnish=with_profiles)(_compared(3, all_lines=True))
scene("compare-empty")(_compared(2))
