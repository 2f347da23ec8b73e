"""Claims about remembered columns."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QSettings, Qt
from PySide6.QtWidgets import QHeaderView, QTableWidget
from pytestqt.qtbot import QtBot

from tunesmith.gui.columns import RememberedColumns, window_settings

ROOM = 900


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)


def table(qtbot: QtBot, columns: int = 4) -> QTableWidget:
    """A table as pages have them: the last column takes what is left."""
    made = QTableWidget(3, columns)
    qtbot.addWidget(made)
    made.horizontalHeader().setStretchLastSection(True)
    made.horizontalHeader().setSectionsMovable(True)
    made.setSortingEnabled(True)
    made.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    made.resize(ROOM, 200)
    return made


def remembered(made: QTableWidget, settings: QSettings, *, version: int = 1) -> RememberedColumns:
    return RememberedColumns(made.horizontalHeader(), settings, "things", version=version)


def test_widths_order_and_sorting_come_back(qtbot: QtBot, settings: QSettings) -> None:
    first = table(qtbot)
    columns = remembered(first, settings)
    assert not columns.chosen
    first.setColumnWidth(1, 173)
    first.horizontalHeader().moveSection(0, 2)
    first.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    columns.save()
    again = table(qtbot)
    assert remembered(again, settings).chosen
    header = again.horizontalHeader()
    assert again.columnWidth(1) == 173
    assert header.visualIndex(0) == 2
    assert header.sortIndicatorSection() == 2
    assert header.sortIndicatorOrder() == Qt.SortOrder.DescendingOrder


def test_a_change_is_stored_without_being_asked_for(qtbot: QtBot, settings: QSettings) -> None:
    first = table(qtbot)
    remembered(first, settings)
    first.setColumnWidth(1, 173)
    qtbot.waitUntil(lambda: bool(settings.allKeys()), timeout=2000)
    again = table(qtbot)
    remembered(again, settings)
    assert again.columnWidth(1) == 173


def test_what_the_table_does_itself_is_not_remembered(qtbot: QtBot, settings: QSettings) -> None:
    made = table(qtbot)
    columns = remembered(made, settings)
    made.show()
    with columns.arranging():
        made.setColumnWidth(1, 173)
    made.resize(ROOM + 200, 200)  # stretches the last
    made.hideColumn(2)
    columns.save()
    assert not columns.chosen
    assert settings.allKeys() == []


def test_stretched_columns_give_way_unremembered(qtbot: QtBot, settings: QSettings) -> None:
    made = table(qtbot)
    made.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    columns = remembered(made, settings)
    made.show()
    made.resize(ROOM - 200, 200)
    assert not columns.chosen


@pytest.mark.parametrize(("columns", "version"), [(4, 2), (5, 1)])
def test_a_state_of_other_columns_is_left_alone(
    qtbot: QtBot, settings: QSettings, columns: int, version: int
) -> None:
    first = table(qtbot)
    kept = remembered(first, settings)
    first.setColumnWidth(1, 173)
    kept.save()
    other = table(qtbot, columns)
    usual = other.columnWidth(1)
    assert not remembered(other, settings, version=version).chosen
    assert other.columnWidth(1) == usual
    back = table(qtbot)
    assert remembered(back, settings).chosen


@pytest.mark.parametrize("state", [QByteArray(b"no state at all"), QByteArray(), "text", 7])
def test_a_state_that_cannot_be_read_is_as_none(qtbot: QtBot, settings: QSettings, state: object) -> None:
    settings.setValue("columns/things/1.4", state)
    made = table(qtbot)
    usual = made.columnWidth(1)
    assert not remembered(made, settings).chosen
    assert made.columnWidth(1) == usual


def test_the_settings_are_the_windows_own(qtbot: QtBot, tmp_path: Path) -> None:
    made = table(qtbot)
    columns = remembered(made, window_settings(tmp_path, made))
    made.setColumnWidth(1, 173)
    columns.save()
    on_disk = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    assert on_disk.allKeys() == ["columns/things/1.4"]
