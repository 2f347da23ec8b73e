"""Claims about the power of the processor packages, on trees as Linux shows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tunesmith.machine.power import PowerMeter

RANGE_UJ = 262_143_328_850


def zone(root: Path, number: str, name: str, energy_uj: int, *, range_uj: int | None = RANGE_UJ) -> Path:
    """One folder of /sys/class/powercap; returns its counter."""
    folder = root / f"intel-rapl:{number}"
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    if range_uj is not None:
        (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
    counter = folder / "energy_uj"
    counter.write_text(f"{energy_uj}\n")
    return counter


class Clock:
    """Two seconds a look."""

    def __init__(self, step_s: float = 2.0) -> None:
        self._times = self._go(step_s)

    @staticmethod
    def _go(step_s: float) -> Iterator[float]:
        at_s = 100.0
        while True:
            yield at_s
            at_s += step_s

    def __call__(self) -> float:
        return next(self._times)


def test_packages_are_added_and_their_parts_and_the_board_are_not(tmp_path: Path) -> None:
    packages = [zone(tmp_path, "0", "package-0", 1_000_000), zone(tmp_path, "1", "package-1", 5_000_000)]
    parts = [zone(tmp_path, "0:0", "core", 7), zone(tmp_path, "0:1", "dram", 7)]
    board = zone(tmp_path, "2", "psys", 7)
    (tmp_path / "intel-rapl").mkdir()
    meter = PowerMeter(tmp_path, clock=Clock())
    for counter, energy_uj in zip(packages, (83_000_000, 25_000_000), strict=True):
        counter.write_text(str(energy_uj))
    for counter in (*parts, board):
        counter.write_text("900000000")
    assert meter.lap() == pytest.approx((82 + 20) / 2)


def test_each_lap_begins_where_the_last_one_ended(tmp_path: Path) -> None:
    counter = zone(tmp_path, "0", "package-0", 0)
    meter = PowerMeter(tmp_path, clock=Clock())
    counter.write_text("60000000")
    assert meter.lap() == pytest.approx(30)
    counter.write_text("80000000")
    assert meter.lap() == pytest.approx(10)


def test_a_counter_that_begins_anew_is_followed(tmp_path: Path) -> None:
    counter = zone(tmp_path, "0", "package-0", RANGE_UJ - 10_000_000)
    meter = PowerMeter(tmp_path, clock=Clock())
    counter.write_text("70000000")
    assert meter.lap() == pytest.approx(40)


def test_a_counter_that_begins_anew_at_an_unknown_end_tells_nothing(tmp_path: Path) -> None:
    counter = zone(tmp_path, "0", "package-0", 90_000_000, range_uj=None)
    meter = PowerMeter(tmp_path, clock=Clock())
    counter.write_text("70000000")
    assert meter.lap() is None
    counter.write_text("130000000")
    assert meter.lap() == pytest.approx(30)


def test_a_counter_set_back_is_not_taken_for_a_great_power(tmp_path: Path) -> None:
    counter = zone(tmp_path, "0", "package-0", RANGE_UJ // 2)
    meter = PowerMeter(tmp_path, clock=Clock())
    counter.write_text("0")
    assert meter.lap() is None


def test_an_instant_is_too_short_to_tell(tmp_path: Path) -> None:
    counter = zone(tmp_path, "0", "package-0", 0)
    meter = PowerMeter(tmp_path, clock=Clock(step_s=0.001))
    counter.write_text("60000")
    assert meter.lap() is None


@pytest.mark.parametrize("text", ["", "no number", "-5", "1e9"])
def test_a_counter_that_says_nonsense_tells_nothing(tmp_path: Path, text: str) -> None:
    counter = zone(tmp_path, "0", "package-0", 0)
    meter = PowerMeter(tmp_path, clock=Clock())
    counter.write_text(text)
    assert meter.lap() is None


def test_one_package_that_cannot_be_read_leaves_the_whole_unknown(tmp_path: Path) -> None:
    """As a file for root alone reads; the tests may run as root, so it is a folder here."""
    counter = zone(tmp_path, "0", "package-0", 0)
    forbidden = zone(tmp_path, "1", "package-1", 0)
    forbidden.unlink()
    forbidden.mkdir()
    meter = PowerMeter(tmp_path, clock=Clock())
    counter.write_text("60000000")
    assert meter.lap() is None


@pytest.mark.parametrize("there", [True, False])
def test_a_machine_without_counters_tells_nothing(tmp_path: Path, there: bool) -> None:
    root = tmp_path / "powercap"
    if there:
        root.mkdir()
    meter = PowerMeter(root, clock=Clock())
    assert meter.lap() is None


def test_this_machine_tells_a_believable_value_or_none() -> None:
    watts = PowerMeter().lap()
    assert watts is None or 0 < watts < 5000
