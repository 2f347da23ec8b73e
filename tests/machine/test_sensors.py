"""Claims about temperature and clock."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tunesmith.machine.sensors import cpu_mhz, temperature_celsius


class Reading(NamedTuple):
    label: str
    current: float | None


class Frequency(NamedTuple):
    current: float


def test_the_hottest_package_wins_over_cores_and_other_chips() -> None:
    chips = {
        "coretemp": [Reading("Package id 0", 61.0), Reading("Core 0", 66.0), Reading("Package id 1", 58.0)],
        "nvme": [Reading("Composite", 80.0)],
        "acpitz": [Reading("", 90.0)],
    }
    assert temperature_celsius(lambda: chips) == 61.0


@pytest.mark.parametrize("chip", ["cpu_thermal", "soc_thermal", "bigcore0-thermal", "k10temp", "coretemp"])
def test_a_chip_without_a_package_gives_its_hottest_reading(chip: str) -> None:
    assert temperature_celsius(lambda: {chip: [Reading("", 40.0), Reading("", 55.5)]}) == 55.5


@pytest.mark.parametrize("value", [0.0, -40.0, 255.0, None, float("nan")])
def test_a_sensor_without_a_value_is_passed_over(value: float | None) -> None:
    assert temperature_celsius(lambda: {"coretemp": [Reading("Package id 0", value)]}) is None


@pytest.mark.parametrize("error", [OSError(), NotImplementedError(), ValueError()])
def test_what_cannot_be_read_is_none(error: Exception) -> None:
    def refuse() -> None:
        raise error

    assert temperature_celsius(refuse) is None  # type: ignore[arg-type]
    assert cpu_mhz(refuse) is None


def test_a_clock_of_zero_is_unknown() -> None:
    assert cpu_mhz(lambda: Frequency(0.0)) is None
    assert cpu_mhz(lambda: None) is None
    assert cpu_mhz(lambda: Frequency(2600.0)) == 2600.0


def test_this_machine_tells_believable_values_or_none() -> None:
    temperature, clock = temperature_celsius(), cpu_mhz()
    assert temperature is None or 0 < temperature < 150
    assert clock is None or 10 < clock < 20_000
