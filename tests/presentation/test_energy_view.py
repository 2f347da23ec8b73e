"""Claims about how a run's energy is shown: sentences, bars, figures with reasons, sensors, plain text."""

from __future__ import annotations

import pytest

from tests.domain.test_energy import sample, use
from tunesmith.domain.energy import Energy, GivenPower, ReadingCost, energy_of
from tunesmith.domain.power import PowerSensor
from tunesmith.presentation.energy_view import energy_view, to_text
from tunesmith.services.run_energy import RunEnergy

COST = ReadingCost(readings=48, seconds=12.0, cpu_seconds=0.0024)
DRAM = PowerSensor(
    id="d", name="dram", source="powercap", covers="memory", counts=True, why="its counter stands still"
)


def energy(factor: float = 1.0) -> Energy:
    """Of two samples that scatter by 2%."""
    told = [sample(use(prefill_j=100.0 * f, decode_j=200.0 * f)) for f in (0.99 * factor, 1.01 * factor)]
    return energy_of([*told, *told], cost=COST)


def test_what_a_token_takes_is_said_beside_the_defaults() -> None:
    view = energy_view(RunEnergy(energy(), energy(0.7)))
    assert view.sentences == (
        "A token of the prompt takes 0.70 J, 30% less than with the defaults.",
        "A token of the answer takes 1.75 J, 30% less than with the defaults.",
    )
    worse = energy_view(RunEnergy(energy(), energy(1.5)))
    assert worse.sentences[1].endswith("50% more than with the defaults.")


def test_what_cannot_be_told_apart_is_not_called_better_or_worse() -> None:
    view = energy_view(RunEnergy(energy(), energy(1.001)))
    assert all("cannot be told from the defaults" in sentence for sentence in view.sentences)
    assert all(figure.row.better is None for figure in view.figures)


def test_every_figure_has_its_line_with_interval_and_change() -> None:
    view = energy_view(RunEnergy(energy(), energy(0.7)))
    rows = {figure.row.name: figure.row for figure in view.figures}
    assert list(rows) == [
        "Prefill", "Prefill, above idle", "Decode", "Decode, above idle", "Idle power", "Power in prefill",
        "Power in decode",
    ]  # fmt: skip
    assert rows["Decode"].before[0] == "2.5 J/tok"
    assert rows["Decode"].before[1]
    assert (rows["Decode"].change, rows["Decode"].better) == ("−30%", True)
    assert rows["Decode, above idle"].before[0] == "2.0 J/tok"
    assert rows["Idle power"].after == ("10.0 W", "")
    assert rows["Power in decode"].after == ("35.0 W", "")


def test_a_bar_tells_the_idle_machines_share() -> None:
    (prefill, decode) = energy_view(RunEnergy(energy(), energy(0.7))).bars
    assert (prefill.title, decode.title) == ("Prefill", "Decode")
    assert [bar.name for bar in decode.bars] == ["llama.cpp's defaults", "Tuned"]
    assert decode.bars[0].joules == pytest.approx(2.5)
    assert decode.bars[0].idle_joules == pytest.approx(0.5)
    assert decode.bars[0].low is not None


def test_without_idle_power_a_bar_has_no_share_of_it() -> None:
    found = energy_of([sample(use(idle_watts=None)), sample(use(idle_watts=None))])
    view = energy_view(RunEnergy(found, None))
    assert view.bars[1].bars[0].idle_joules is None
    above = next(one for one in view.figures if one.row.name == "Decode, above idle")
    assert above.reasons[0] == "package-0: idle was not read"
    assert above.row.before == ("–", "")


def test_a_missing_figure_is_a_dash_with_its_reason_and_draws_no_bar() -> None:
    found = energy_of([sample(use(prefill_j=None, why="too short"))])
    view = energy_view(RunEnergy(found, None))
    assert not view.both
    assert [bars.title for bars in view.bars] == ["Decode"]
    prefill = view.figures[0]
    assert (prefill.row.before[0], prefill.reasons[0]) == ("–", "package-0: too short")
    assert "Prefill: – package-0: too short" in to_text(view)


def test_sensors_say_what_they_tell_of_and_why_one_is_not_in_the_sum() -> None:
    battery = use("BAT0", "battery", "machine")
    found = energy_of([sample(use(), battery)], unread=(DRAM,))
    package, second, dram = energy_view(RunEnergy(found, None)).sensors
    assert package.cells == ("package-0 (powercap)", "processors", "10.0 W", "50.0 W", "50.0 W")
    assert package.note == ""
    assert (second.cells[1], second.note) == ("the whole machine", "not in the sum: another tells the same")
    assert (dram.cells[2:], dram.note) == (("–", "–", "–"), "its counter stands still")


def test_given_watts_are_labelled_in_every_line_of_the_text() -> None:
    found = energy_of([sample()], given=GivenPower(load_watts=65.0, idle_watts=15.0))
    view = energy_view(RunEnergy(found, None))
    assert view.given
    figures = to_text(view).splitlines()[len(view.sentences) : len(view.sentences) + len(view.figures)]
    assert all(line.endswith("(given)") for line in figures)
    assert any("you gave, not measured" in note for note in view.notes)


def test_where_nothing_tells_it_the_reason_and_the_way_out_are_said() -> None:
    view = energy_view(RunEnergy(energy_of([sample()], silent="package-0: only root may read it"), None))
    assert view.sentences == ("Nothing tells the energy: package-0: only root may read it.",)
    assert view.bars == ()
    assert "doctor" in view.notes[0]


def test_what_reading_cost_is_told_and_the_text_tells_before_and_after() -> None:
    view = energy_view(RunEnergy(energy(), energy(0.7)))
    assert "Reading the sensors 48 times took 0.02% of one core." in view.notes
    text = to_text(view)
    assert "Decode: 2.5 J/tok (" in text
    assert " → 1.75 J/tok (" in text
    assert "package-0 (powercap), processors: Idle 10.0 W · Prefill 35.0 W · Decode 35.0 W" in text


def test_a_measurement_is_not_called_the_defaults() -> None:
    view = energy_view(RunEnergy(energy(), None, of_defaults=False))
    assert view.before_name == "These settings"
