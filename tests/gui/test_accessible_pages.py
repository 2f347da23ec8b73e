"""Claims about reaching everything on a page by keyboard, and hearing what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QThreadPool
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.pages_support import store_at
from tests.gui.sample_models import fake_model
from tests.gui.sample_profiles import filled
from tunesmith.gui.app import page_factories
from tunesmith.gui.context import AppContext
from tunesmith.gui.page import Page
from tunesmith.gui.pages.compare import ComparePage
from tunesmith.gui.pages.machine import MachinePage
from tunesmith.gui.pages.models import ModelsPage
from tunesmith.gui.pages.profiles import ProfilesPage
from tunesmith.gui.pages.tune import TunePage
from tunesmith.gui.theme import ThemeManager

NAMES = ("models", "tune", "profiles", "compare", "soak", "machine", "fleet")
MakePage = Callable[[str], Page]


@pytest.fixture
def make(home: Path, tmp_path: Path, theme: ThemeManager, no_leaks: None, qtbot: QtBot) -> Iterator[MakePage]:
    """How to make a page over six profiles and one model."""
    fake_model(home / ".lmstudio" / "models" / "tiny.gguf", "Tiny", "F16", 0.001)
    context = AppContext(theme, open_store=store_at(filled(tmp_path / "store.sqlite3")))
    made: list[Page] = []

    def make_page(name: str) -> Page:
        page = page_factories()[name](context)
        qtbot.addWidget(page)
        page.resize(1200, 800)
        made.append(page)
        return page

    yield make_page
    while made:  # the fixture outlives the look for leaks
        made.pop().closing()
    QThreadPool.globalInstance().waitForDone(20_000)
    context.close()


def said(widget: QWidget) -> str:
    """What is heard of a widget."""
    text = getattr(widget, "text", str)
    return widget.accessibleName() or str(text())


def stops(page: Page) -> list[QWidget]:
    """Everything on a page that Tab can come to, now or in another state of it."""
    own = [one for one in page.findChildren(QWidget) if one.window() is page]  # not what pops up
    return [one for one in own if one.focusPolicy() & Qt.FocusPolicy.TabFocus and one.focusProxy() is None]


@pytest.mark.parametrize("name", NAMES)
def test_everything_that_takes_keys_has_a_name(make: MakePage, name: str) -> None:
    page = make(name)
    if isinstance(page, TunePage):
        assert page.isAncestorOf(page.running)  # made when first asked for
        assert page.isAncestorOf(page.result_view)
    assert page.accessibleName() == page.title
    assert len(stops(page)) > 2
    assert [repr(one) for one in stops(page) if not said(one).strip()] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_only_is_no_stop(make: MakePage, name: str) -> None:
    assert [one.text() for one in stops(make(name)) if isinstance(one, QLabel)] == []


def test_names_of_buttons_follow_what_they_say(make: MakePage) -> None:
    tune, profiles = make("tune"), make("profiles")
    assert isinstance(tune, TunePage)
    assert isinstance(profiles, ProfilesPage)
    for page, button in ((tune, tune.pause_button), (profiles, profiles.compare_button)):
        assert button.accessibleName() == button.text(), page
    profiles._offer_comparison(3)
    assert profiles.compare_button.accessibleName() == "Compare 3"


def walk(page: Page) -> list[str]:
    """What is heard as Tab goes round the page once."""
    heard: list[str] = []
    first: QWidget | None = None
    while page.focusNextChild():
        at = page.focusWidget()
        if at is first:
            break
        first = first or at
        heard.append(said(at))
    return heard


def test_tab_goes_over_the_profiles_as_they_are_read(make: MakePage, qtbot: QtBot) -> None:
    page = make("profiles")
    assert isinstance(page, ProfilesPage)
    page.show()
    page.shown()
    qtbot.waitUntil(lambda: page.details.profile is not None)
    page.details.notes.setFocus()
    assert walk(page) == [
        "Search profiles", "Import…", "Details", "Model", "Machine class", "Profiles",
        "Facts of the profile", "Try it", "Tune again", "More", "Why these settings",
        "How long the speed holds", "What tokens cost",
        "Show how it was found",
        "Notes",
    ]  # fmt: skip


def test_tab_goes_over_a_comparison_as_it_is_read(make: MakePage, qtbot: QtBot) -> None:
    page = make("compare")
    assert isinstance(page, ComparePage)
    page.show()
    page.shown()
    qtbot.waitUntil(lambda: page.comparison is not None)
    page.table.setFocus()
    assert walk(page) == [
        "Copy as Markdown", "Copy as CSV", "Save chart…", "Profile A", "Profile B", "Profile C", "Profile D",
        "Comparison", "Only what differs", "Differences",
    ]  # fmt: skip


def test_tab_goes_over_the_models_as_they_are_read(make: MakePage, qtbot: QtBot) -> None:
    page = make("models")
    assert isinstance(page, ModelsPage)
    page.show()
    page.shown()
    qtbot.waitUntil(lambda: page.details.tune.isEnabled() and page.library.idle, timeout=20_000)
    page.filter.setFocus()
    heard = walk(page)
    order = ["Group quantizations", "Add models", "Show details", "Models", "Tune", "Try it",
             "Reveal in file manager", "Copy path", "Facts of the header", "Filter"]  # fmt: skip
    assert [one for one in heard if one in order] == order


def test_the_machine_can_be_read_by_keyboard(make: MakePage) -> None:
    page = make("machine")
    assert isinstance(page, MachinePage)
    page.show()
    page._ready()
    page.again.setFocus()
    assert walk(page) == ["Copy report", "What was found", "Address of an RPC server", "Check again"]
