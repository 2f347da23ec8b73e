"""Own the CPU's temperature and clock, as far as the machine tells them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import psutil

from tunesmith.machine.host import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    class _Reading(Protocol):
        @property
        def label(self) -> str: ...

        @property
        def current(self) -> float | None: ...

    class _Frequency(Protocol):
        @property
        def current(self) -> float: ...


# coretemp, k10temp, zenpower; cpu_thermal, soc_thermal, bigcore0-thermal … of boards.
_CPU_CHIP = re.compile(r"coretemp|k\d+temp|zenpower|x86_pkg|cpu|soc|core", re.IGNORECASE)
_PACKAGE_LABEL = re.compile(r"package|tctl|tdie", re.IGNORECASE)


def _read_temperatures() -> Mapping[str, Sequence[_Reading]]:
    return psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}


def _read_frequency() -> _Frequency | None:
    return psutil.cpu_freq() if hasattr(psutil, "cpu_freq") else None


def temperature_celsius(
    read: Callable[[], Mapping[str, Sequence[_Reading]]] = _read_temperatures,
) -> float | None:
    """Return the hottest CPU package's temperature, or the hottest core's, °C; None where none is told."""
    try:
        chips = read()
    except UNREADABLE:
        return None
    readings = [reading for name, chip in chips.items() if _CPU_CHIP.search(name) for reading in chip]
    packages = [reading for reading in readings if _PACKAGE_LABEL.search(reading.label or "")]
    for group in (packages, readings):
        # A sensor without a value reads 0, -40 or 255.
        plausible = [float(r.current) for r in group if r.current is not None and 0 < r.current < 150]
        if plausible:
            return max(plausible)
    return None


def cpu_mhz(read: Callable[[], _Frequency | None] = _read_frequency) -> float | None:
    """Return the mean current clock of the logical CPUs, MHz; the nominal one on Windows; None if unknown."""
    try:
        frequency = read()
    except UNREADABLE:
        return None
    return float(frequency.current) if frequency is not None and frequency.current > 0 else None
