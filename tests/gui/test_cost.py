"""Claims about the calculator of what tokens cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from tests.gui import unmarked_texts
from tests.gui.pages_support import shown_page, store_at
from tests.gui.sample_profiles import filled
from tunesmith.gui import price_form
from tunesmith.gui.cost import CostPanel
from tunesmith.gui.pages.profiles import ProfilesPage

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints", extend=True)
NAMED = {
    "electricity": 0.3, "hardware": 1200.0, "hours_per_day": 8.0, "utilisation": 25.0, "load_watts": 65.0,
    "idle_watts": 20.0, "api_input": 0.15, "api_output": 0.6,
}  # fmt: skip


@pytest.fixture
def page(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProfilesPage]:
    """The profiles page on a profile that decodes 59.64 tokens/s."""
    monkeypatch.setenv("TUNESMITH_CONFIG_DIR", str(tmp_path / "config"))
    with shown_page(qtbot, ProfilesPage, store_at(filled(tmp_path / "store.sqlite3"))) as page:
        page.choose("p-0001")
        qtbot.waitUntil(lambda: page.details.profile is not None and page.details.profile.id == "p-0001")
        yield page


def opened(page: ProfilesPage) -> CostPanel:
    page.details.cost_button.click()
    assert page.states.currentWidget() is page.cost
    return page.cost


def told(widget: QWidget) -> list[str]:
    return [one.text() for one in widget.findChildren(QLabel) if one.isVisible()]


def test_the_currencies_offered_are_those_that_need_no_translation() -> None:
    assert price_form.CURRENCIES == unmarked_texts.CURRENCIES


def test_nothing_is_assumed_before_prices_are_named(page: ProfilesPage) -> None:
    panel = opened(page)
    assert told(panel.output) == [
        "Total", "–", "Electricity at work", "– (no price)",
        "Electricity while it waits", "0.00 EUR", "Hardware", "– (no price)",
    ]  # fmt: skip
    assert not panel.verdict.isVisible()


def test_costs_follow_what_is_entered_and_are_there_the_next_time(page: ProfilesPage) -> None:
    panel = opened(page)
    for name, value in NAMED.items():
        panel.form.fields[name].setValue(value)
    shown = told(panel.output)
    assert shown[1].startswith("2.09 EUR ("), "as docs/cost.md works it at 59.64 tokens/s"
    assert shown[-1] == "0.60 EUR"
    assert "against the API" in panel.verdict.text()
    QTest.keyClick(panel, Qt.Key.Key_Escape)
    assert page.states.currentWidget() is page.full
    again = CostPanel(page.context, page._settings)
    assert {name: again.form.fields[name].value() for name in NAMED} == NAMED
    again.deleteLater()


def test_what_contradicts_itself_is_said_and_gives_no_figure(page: ProfilesPage) -> None:
    panel = opened(page)
    panel.form.fields["load_watts"].setValue(10)
    panel.form.fields["idle_watts"].setValue(20)
    assert panel.wrong.isVisible()
    assert panel.cost is None
    assert not panel.copy_button.isEnabled()
    panel.form.fields["idle_watts"].setValue(5)
    assert not panel.wrong.isVisible()
    assert panel.cost is not None


def test_the_amounts_are_copied_for_a_spreadsheet(page: ProfilesPage) -> None:
    panel = opened(page)
    panel.copy_button.click()
    text = QGuiApplication.clipboard().text()
    assert text.splitlines()[0].startswith("profile_id,profile,of,currency,")
    assert text.count("p-0001,") == 3
