"""Claims about how energy reads."""

from __future__ import annotations

from tests.domain.test_energy import sample, use
from tunesmith.domain.energy import GivenPower, ReadingCost, energy_of
from tunesmith.domain.power import PowerSensor
from tunesmith.presentation.energy_text import energy_comparison, energy_notes, energy_rows


def test_every_figure_has_its_row_and_idle_power_stands_beside_the_load() -> None:
    cost = ReadingCost(readings=48, seconds=12.0, cpu_seconds=0.0024)
    energy = energy_of([sample(use()), sample(use(prefill_j=102.0, decode_j=204.0))], cost=cost)
    rows = dict(energy_rows(energy))
    assert rows["Energy, prefill"].startswith("1.0 J/tok (")
    assert rows["Energy, decode, above idle"].startswith("2.0")
    assert rows["Power"] == "idle 10.0 W · prefill 50.5 W · decode 50.5 W"
    assert rows["package-0 (powercap)"] == rows["Power"]
    assert energy_notes(energy) == [
        "Energy is what these sensors tell, and no more: package-0.",
        "Reading the sensors 48 times took 0.02% of one core.",
    ]


def test_a_figure_that_is_missing_is_a_dash_with_its_reason() -> None:
    energy = energy_of([sample(use(decode_j=None, why="its counter was set back"))])
    rows = dict(energy_rows(energy))
    assert rows["Energy, decode"] == "– package-0: its counter was set back"
    assert "Energy, decode, above idle" not in rows


def test_without_any_sensor_there_is_one_row() -> None:
    energy = energy_of([sample()], silent="this machine shows no sensor of power or energy")
    assert energy_rows(energy) == [("Energy", "– this machine shows no sensor of power or energy")]
    assert energy_notes(energy) == []
    assert energy_rows(None) == []
    assert energy_notes(None) == []


def test_watts_that_were_given_are_said_to_be() -> None:
    energy = energy_of([sample()], given=GivenPower(load_watts=65.0, idle_watts=15.0))
    rows = dict(energy_rows(energy))
    assert rows["Power"] == "idle 15.0 W · prefill 65.0 W · decode 65.0 W (given)"
    assert len(rows) == 5
    assert all(text.endswith(" (given)") for text in rows.values())
    (note,) = energy_notes(energy)
    assert "you gave, not measured" in note


def test_a_sensor_that_is_not_in_the_sum_says_so() -> None:
    energy = energy_of([sample(use(), use("battery BAT0", "battery", "machine"))])
    assert dict(energy_rows(energy))["battery BAT0 (battery)"].endswith("; not in the sum")


def test_before_and_after_stand_side_by_side_and_only_what_is_known() -> None:
    before = energy_of([sample(use(prefill_j=None, why="too short"))])
    after = energy_of([sample(use(prefill_j=None, decode_j=160.0, why="too short"))])
    assert energy_comparison(before, after) == [
        ("Energy, decode", "2.50 J/tok", "2.00 J/tok"),
        ("Energy, decode, above idle", "2.00 J/tok", "1.50 J/tok"),
    ]
    assert energy_comparison(before, None) == []


def test_sensors_without_a_figure_leave_a_dash_and_the_reason_beside_the_comparison() -> None:
    lying = energy_of([sample(use())], lies={"powercap:package-0": "its counter stands still"})
    (row,) = energy_comparison(lying, lying)
    assert row[0] == "Energy"
    assert row[1] == "– package-0: its counter stands still"
    silent = energy_of([sample()], silent="nothing")
    assert energy_comparison(silent, silent) == []


def test_a_device_that_tells_nothing_is_said_to_be_missing_from_the_sum() -> None:
    device = PowerSensor(
        id="nvml:0", name="GeForce GTX 1050", source="nvml", covers="device", counts=False,
        why="the driver says: Not Supported",
    )  # fmt: skip
    energy = energy_of([sample(use())], unread=[device])
    assert dict(energy_rows(energy))["GeForce GTX 1050 (nvml)"] == "– the driver says: Not Supported"
    assert "What GeForce GTX 1050 draws is not in it, for nothing tells it." in energy_notes(energy)
