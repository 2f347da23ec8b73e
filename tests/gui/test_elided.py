"""Claims about texts that have no room: shortened in sight, whole on hover, read aloud with what they are."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from tunesmith.gui.theme import ThemeManager
from tunesmith.gui.widgets.choice_grid import ChoiceGrid
from tunesmith.gui.widgets.elided import ElidedChoice, ElidedLabel
from tunesmith.gui.window import StatusText

LONG = "AMD EPYC 9654 96-Core Processor of a server with a very long name · 192 cores · 755 GiB"

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints", extend=True)


def test_a_label_gives_way_to_an_ellipsis_and_widens_nothing(qtbot: QtBot) -> None:
    holder = QWidget()
    qtbot.addWidget(holder)
    column = QVBoxLayout(holder)
    one = ElidedLabel(LONG)
    column.addWidget(one)
    assert holder.minimumSizeHint().width() < 120
    holder.resize(200, 60)
    holder.show()
    qtbot.waitUntil(lambda: one.toolTip() == LONG)
    assert one.shown.endswith("…")
    holder.resize(1400, 60)
    qtbot.waitUntil(lambda: one.toolTip() == "")
    assert one.shown == LONG


def test_a_choice_keeps_beginning_and_end_of_a_long_name(qtbot: QtBot, theme: ThemeManager) -> None:
    box = ElidedChoice()
    qtbot.addWidget(box)
    box.addItem("Meta Llama 3.1 8B Instruct Q4_K_M · chat")
    box.addItem("short")
    box.resize(160, 28)
    box.show()
    assert box.shown.startswith("Meta")
    assert box.shown.endswith("chat")
    assert "…" in box.shown
    assert box.toolTip() == "Meta Llama 3.1 8B Instruct Q4_K_M · chat"
    box.setCurrentIndex(1)
    assert (box.shown, box.toolTip()) == ("short", "short")


def test_four_choices_stand_in_one_row_only_where_their_names_can_be_told_apart(qtbot: QtBot) -> None:
    boxes = [ElidedChoice() for _ in range(4)]
    grid = ChoiceGrid("ABCD", boxes)
    qtbot.addWidget(grid)
    grid.show()
    for width, rows in ((668, 2), (1048, 1), (668, 2)):
        grid.resize(width, 80)
        qtbot.waitUntil(lambda rows=rows: len({box.y() for box in boxes}) == rows)  # type: ignore[misc]
        assert len({box.width() // 4 for box in boxes}) <= 2


def test_the_status_bar_is_read_aloud_with_its_values(qtbot: QtBot) -> None:
    status = StatusText("Free memory")
    qtbot.addWidget(status)
    assert status.accessibleName() == "Free memory"
    status.tell("22.6 GiB free")
    assert status.text() == "22.6 GiB free"
    assert status.accessibleName() == "Free memory: 22.6 GiB free"
