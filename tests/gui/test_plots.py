"""Own the tests of the live plots: what they draw, and how little they redraw."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEvent, QPointF, QSettings, Qt
from PySide6.QtGui import QColor, QMouseEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.gui.record_run import recorded
from tests.gui.simulated_run import simulated
from tunesmith.domain.events import PowerRead
from tunesmith.gui import line_plot
from tunesmith.gui.candidates_table import INTERVAL, STATE, CandidatesTable
from tunesmith.gui.line_plot import axis_text, clock_text, x_end, y_end
from tunesmith.gui.plots import LivePlots
from tunesmith.gui.theme import DARK, LIGHT
from tunesmith.gui.tune_running import TuneRunning
from tunesmith.presentation.live import LiveView
from tunesmith.presentation.tune_result_view import spoken_number

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints", extend=True)


@pytest.fixture
def view() -> LiveView:
    made = LiveView()
    made.take_all(simulated().events[:700])
    return made


@pytest.fixture
def plots(qtbot: QtBot, view: LiveView) -> LivePlots:
    made = LivePlots(LIGHT)
    qtbot.addWidget(made)
    made.resize(900, 420)
    made.show()
    made.show_run(view)
    return made


def test_axes_grow_in_whole_steps() -> None:
    assert [x_end(t) for t in (0, 29.9, 30, 299, 301)] == [30, 30, 60, 300, 600]
    assert [y_end(v) for v in (0, 61, 93, 690, 1400)] == [1, 80, 150, 800, 2000]
    assert [clock_text(t) for t in (0, 34, 75, 3725)] == ["0:00", "0:34", "1:15", "1:02:05"]


def test_every_plot_begins_at_zero_and_holds_its_line(plots: LivePlots, view: LiveView) -> None:
    for plot, line in zip(plots.plots, (view.decode, view.prefill, view.memory_mib), strict=True):
        (left, right), (bottom, top) = plot.getPlotItem().viewRange()
        assert (left, bottom) == (0, 0)
        assert right >= view.seconds
        assert top >= line.highest


def test_all_plots_share_one_time_axis(plots: LivePlots) -> None:
    assert len({plot.getPlotItem().viewRange()[0][1] for plot in plots.plots}) == 1


def test_the_current_value_stands_large_beside_its_line(plots: LivePlots, view: LiveView) -> None:
    assert view.decode.latest is not None
    assert plots.readings[0].value.text() == f"{view.decode.latest:.0f}"


def test_the_baseline_is_dashed_and_named_at_the_right(plots: LivePlots, view: LiveView) -> None:
    decode = plots.decode
    assert decode._baseline.isVisible()
    assert decode._baseline.pen.style() == Qt.PenStyle.DashLine
    assert decode._baseline.value() == view.baseline_speed("decode")
    assert decode._baseline_text.toPlainText().startswith("defaults 6")
    assert not plots.memory._baseline.isVisible()


def test_lines_are_one_pixel_without_antialiasing(plots: LivePlots) -> None:
    for plot in plots.plots:
        assert plot.curve.opts["pen"].widthF() == 1
        assert not plot.curve.opts["antialias"]


def test_nothing_new_draws_nothing(plots: LivePlots, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[object] = []
    for plot in plots.plots:
        monkeypatch.setattr(plot.curve, "setData", lambda *_a, **_k: drawn.append(1))
        monkeypatch.setattr(plot, "setXRange", lambda *_a, **_k: drawn.append(2))
    plots.refresh()
    assert not drawn


def test_a_plot_of_power_is_there_only_where_a_sensor_tells_it(plots: LivePlots) -> None:
    assert plots.plots == (plots.decode, plots.prefill, plots.memory)
    assert not plots.power.isVisible()
    told = LiveView()
    told.take_all(simulated(sensor=True).events[:700])
    plots.show_run(told)
    assert plots.plots[-1] is plots.power
    assert plots.power.isVisible()
    assert plots.readings[3].value.text() == spoken_number(told.power_watts.latest)
    assert (plots.memory._show_times, plots.power._show_times) == (False, True)
    silent = LiveView()
    silent.take(PowerRead(watts=None, why="package-0: only root may read it"))
    plots.show_run(silent)
    assert not plots.power.isVisible()
    assert plots.memory._show_times


def test_the_mouse_reads_the_power_too(plots: LivePlots, qtbot: QtBot) -> None:
    told = LiveView()
    told.take_all(simulated(sensor=True).events[:700])
    plots.show_run(told)
    with qtbot.waitSignal(plots.pointed) as read:
        plots.point_at(told.power_watts.seconds[-1])
    assert " W" in read.args[0].rsplit("power", 1)[1]


def test_hidden_plots_draw_nothing(plots: LivePlots, view: LiveView) -> None:
    plots.hide()
    before = plots.decode._drawn
    view.decode.add(view.seconds + 1, 70.0)
    plots.refresh()
    assert plots.decode._drawn == before


def test_the_memory_limit_is_dotted_only_when_in_reach(plots: LivePlots, view: LiveView) -> None:
    plots.show_run(view, memory_limit_mib=500)
    assert plots.memory._limit.isVisible()
    assert plots.memory._limit.pen.style() == Qt.PenStyle.DotLine
    plots.show_run(view, memory_limit_mib=64_000)
    assert not plots.memory._limit.isVisible()


def test_a_known_physical_limit_is_dotted_labelled_and_on_the_axis(plots: LivePlots, view: LiveView) -> None:
    decode = plots.decode
    assert not decode._limit.isVisible()
    view.limits["decode"] = 152
    plots.show_run(view)
    assert decode._limit.isVisible()
    assert decode._limit.value() == 152
    assert decode._limit.pen.style() == Qt.PenStyle.DotLine
    assert decode._limit_label.toPlainText() == "limit 152 tok/s"
    assert decode.getPlotItem().viewRange()[1][1] >= 152
    plots.show_at(view)
    assert decode._limit.isVisible(), "a replay keeps it"
    view.limits["decode"] = None
    plots.show_run(view)
    assert not decode._limit.isVisible()
    assert decode.getPlotItem().viewRange()[1][1] < 120


def test_prefill_has_its_own_limit(plots: LivePlots, view: LiveView) -> None:
    limit = 1.5 * view.prefill.highest
    view.limits["prefill"] = limit
    plots.show_run(view)
    assert plots.prefill._limit.isVisible()
    assert plots.prefill._limit.value() == limit
    assert plots.prefill._limit_label.toPlainText().startswith("limit ")
    assert plots.prefill.getPlotItem().viewRange()[1][1] >= limit
    assert not plots.decode._limit.isVisible()


def test_a_limit_far_above_what_was_measured_does_not_press_the_line_flat(
    plots: LivePlots, view: LiveView
) -> None:
    view.limits["decode"] = 1000
    plots.show_run(view)
    assert not plots.decode._limit.isVisible()
    assert plots.decode.getPlotItem().viewRange()[1][1] < 120


@pytest.mark.parametrize(("limit", "edge"), [(150.0, 1.0), (66.0, 0.0)])
def test_the_labels_of_limit_and_baseline_never_lie_on_each_other(
    plots: LivePlots, view: LiveView, limit: float, edge: float
) -> None:
    view.limits["decode"] = limit
    plots.show_run(view)
    assert plots.decode._limit_label.anchor.x() == edge


def test_the_state_of_the_machine_is_read_out_over_the_plots_in_a_replay_too(
    qtbot: QtBot, view: LiveView
) -> None:
    running = TuneRunning(LIGHT)
    qtbot.addWidget(running)
    running.resize(900, 500)
    running.show()
    running.show_run(LiveView(), replay=True)
    row = running.read_outs
    assert not any(row.value(kind).isVisible() for kind in ("temperature", "clock", "power", "load"))
    height = row.height()
    running.show_run(view, replay=True)
    shown = [kind for kind in ("temperature", "clock", "power", "load") if row.value(kind).isVisible()]
    assert shown == ["temperature", "load"], "clock and power were not read in this run"
    assert row.value("temperature").text().endswith(" °C")
    assert "/sys/class/hwmon" in row.value("temperature").toolTip()
    assert row.value("load").text() == "quiet machine"
    assert row.height() == height
    assert running.slider.value() == running.slider.maximum()


def test_memory_is_drawn_and_read_in_the_units_preferred(
    qtbot: QtBot, view: LiveView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunesmith.gui.plots.memory_scale", lambda _unit: ("MB", 10**6))
    made = LivePlots(LIGHT)
    qtbot.addWidget(made)
    made.resize(900, 420)
    made.show()
    made.show_run(view, memory_limit_mib=500)
    assert view.memory_mib.latest is not None
    assert made.readings[2].value.text() == f"{view.memory_mib.latest * 1.048576:.0f}"
    assert made.memory.curve.yData[-1] == pytest.approx(view.memory_mib.latest * 1.048576)
    assert made.memory._limit.value() == pytest.approx(524.288)


def test_numbers_of_an_axis_have_the_marks_of_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    values = (0.75, 80, 1500, 20_000)
    assert [axis_text(value) for value in values] == ["0.75", "80", "1,500", "20,000"]
    monkeypatch.setattr(line_plot, "decimal_mark", lambda: ",")
    assert [axis_text(value) for value in values] == ["0,75", "80", "1.500", "20.000"]


def test_a_switch_of_theme_recolours_lines(plots: LivePlots) -> None:
    plots.recolour(DARK)
    assert plots.decode.curve.opts["pen"].color() == QColor(DARK.decode)
    assert plots.decode.backgroundBrush().color() == QColor(DARK.surface)


def test_pointing_at_a_time_reads_all_lines(plots: LivePlots, view: LiveView, qtbot: QtBot) -> None:
    place = QPointF(90, 20)
    with qtbot.waitSignal(plots.pointed) as read:
        QApplication.sendEvent(
            plots.decode.viewport(),
            QMouseEvent(
                QEvent.Type.MouseMove, place, plots.decode.viewport().mapToGlobal(place),
                Qt.MouseButton.NoButton, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
            ),
        )  # fmt: skip
    (text,) = read.args or ("",)
    assert any(candidate in text for candidate in ("llama.cpp's defaults", "all CPUs", "one CPU a core"))
    assert "decode" in text
    assert "tok/s" in text
    assert plots.prefill._cursor.isVisible()
    plots.point_at(None)
    assert not plots.prefill._cursor.isVisible()


def test_names_of_candidates_never_overlap(plots: LivePlots) -> None:
    chosen = plots.decode._bottom._tickLevels[0]
    assert len(chosen) >= 3
    assert len({name for _, name in chosen}) >= 2
    assert [t for t, _ in chosen] == sorted((t for t, _ in chosen), reverse=True)


def test_the_table_shows_the_newest_question_first_with_reasons(qtbot: QtBot, view: LiveView) -> None:
    table = CandidatesTable(LIGHT)
    qtbot.addWidget(table)
    table.resize(900, 300)
    table.show()
    table.show_run(view.candidates)
    rows = table.rows
    newest = view.candidates.stages[-1]
    assert rows.data(rows.index(0, 0)).startswith(newest.title)
    texts = [rows.data(rows.index(row, STATE)) for row in range(rows.rowCount())]
    assert any("slower than" in text for text in texts if text)
    changes = [rows.data(rows.index(row, INTERVAL)) for row in range(rows.rowCount())]
    assert "reference" in changes
    assert not table.grab().isNull()


def test_widths_of_the_candidates_columns_are_remembered_and_the_usual_ones_fit_the_window(
    qtbot: QtBot, view: LiveView, tmp_path: Path
) -> None:
    settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)

    def made(width: int) -> CandidatesTable:
        table = CandidatesTable(LIGHT, settings)
        qtbot.addWidget(table)
        table.resize(width, 300)
        table.show()
        table.show_run(view.candidates)
        return table

    first = made(900)
    assert (first.columnWidth(0), first.columnWidth(INTERVAL)) == (179, 224)
    first.resize(600, 300)
    assert (first.columnWidth(0), first.columnWidth(INTERVAL)) == (136, 206)
    first.hide()
    assert settings.allKeys() == [], "nobody has changed anything"
    first.show()
    first.setColumnWidth(INTERVAL, 251)
    first.resize(900, 300)
    assert first.columnWidth(INTERVAL) == 251
    first.hide()
    assert made(600).columnWidth(INTERVAL) == 251


def test_a_recorded_real_run_can_be_shown(plots: LivePlots) -> None:
    view = LiveView()
    view.take_all(recorded())
    assert view.end is not None
    assert len(view.decode) > 20
    plots.show_run(view)
    assert plots.decode._drawn == view.decode.added


def test_the_page_needs_no_pyqtgraph_until_a_run_is_shown() -> None:
    code = (
        "import sys, tunesmith.gui.pages.tune; sys.exit(bool({'pyqtgraph', 'sqlmodel'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, env=os.environ).returncode == 0
