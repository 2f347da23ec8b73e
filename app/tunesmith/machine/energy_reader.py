"""Own the interface through which power and energy are read, and the choice of readers on this system."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

from tunesmith.machine.files import parse_int
from tunesmith.wording import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tunesmith.domain.power import PowerReading, PowerSensor

ONLY_ROOT = tr("only root may read it")
NOT_A_NUMBER = tr("it tells no number")


class EnergyReader(Protocol):
    """Reads the sensors that one interface knows; nothing raises, and nothing asks for rights."""

    def sensors(self) -> tuple[PowerSensor, ...]:
        """Those that are there, with the reason where one may not be read."""
        ...

    def power(self) -> tuple[PowerReading, ...]:
        """Read those that may be read, a millisecond or less each."""
        ...

    def close(self) -> None:
        """Let go of the interface."""
        ...


def load_int(path: Path, load: Callable[[Path], str]) -> int:
    """The decimal integer a file holds.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds something else.
    """
    number = parse_int(load(path))
    if number is None:
        raise ValueError(NOT_A_NUMBER)
    return number


def why_unread(error: OSError | ValueError) -> str:
    """Why a file told nothing, for people."""
    if isinstance(error, PermissionError):
        return ONLY_ROOT
    if isinstance(error, OSError):
        return tr("the system says: {words}", words=error.strerror or type(error).__name__)
    return str(error)


def open_energy_readers() -> tuple[EnergyReader, ...]:
    """The readers that know a sensor here, also one that may not be read; none without a word."""
    from tunesmith.machine.device_nvml import open_nvml

    found: list[EnergyReader | None] = [open_nvml()]
    if sys.platform.startswith("linux"):
        found = [*_linux_readers(), *found]
    if sys.platform == "darwin":
        from tunesmith.machine.energy_battery import AppleBatteryReader
        from tunesmith.machine.energy_powermetrics import PowermetricsReader

        found += [PowermetricsReader(), AppleBatteryReader()]
    return _with_sensors([reader for reader in found if reader is not None])


def _linux_readers() -> list[EnergyReader]:
    from tunesmith.machine.device_sysfs import SysfsReader
    from tunesmith.machine.energy_battery import BatteryReader
    from tunesmith.machine.energy_hwmon import HwmonReader
    from tunesmith.machine.energy_msr import MsrReader
    from tunesmith.machine.energy_powercap import PowercapReader

    powercap = PowercapReader()
    found: list[EnergyReader] = [powercap, HwmonReader(), SysfsReader(), BatteryReader()]
    if not powercap.sensors():  # the same registers, without the kernel's help
        found.insert(1, MsrReader())
    return found


def _with_sensors(readers: Sequence[EnergyReader]) -> tuple[EnergyReader, ...]:
    kept: list[EnergyReader] = []
    for reader in readers:
        if reader.sensors():
            kept.append(reader)
        else:
            reader.close()
    return tuple(kept)
