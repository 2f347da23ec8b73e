"""Own what a battery tells of the power that is taken from it: coarse, and the last resort."""

from __future__ import annotations

import plistlib
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.domain.power import PowerReading, PowerSensor
from tunesmith.machine.energy_reader import NOT_A_NUMBER, load_int, why_unread
from tunesmith.machine.files import load_text, one_line, read_text
from tunesmith.wording import tr

if TYPE_CHECKING:
    from collections.abc import Callable

POWER_SUPPLY = Path("/sys/class/power_supply")
APPLE_PERIOD_S = 2.0
NOT_DISCHARGING = tr("it does not discharge")


class BatteryReader:
    """Reads batteries of the machine itself while they discharge; their chips renew it every few seconds.

    ``power_now`` is in µW, else ``current_now`` in µA times ``voltage_now`` in µV. Some drivers write a
    discharge as a negative number, as Documentation/ABI/testing/sysfs-class-power wants it of currents,
    others as a positive one: the state says which way it flows. Each battery is a sensor, and the power of
    the machine is the sum of those that discharge.
    """

    def __init__(
        self,
        root: Path = POWER_SUPPLY,
        *,
        load: Callable[[Path], str] = load_text,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """``load`` reads a file of the tree ``root``."""
        self._load = load
        self._clock_ns = clock_ns
        self._batteries = {
            sensor.id: (sensor, folder) for folder in _batteries(root) for sensor in [self._sensor(folder)]
        }

    def sensors(self) -> tuple[PowerSensor, ...]:
        """Every battery of the machine."""
        return tuple(sensor for sensor, _ in self._batteries.values())

    def power(self) -> tuple[PowerReading, ...]:
        """Every battery that discharges."""
        found: list[PowerReading] = []
        for sensor, folder in self._batteries.values():
            if sensor.why:
                continue
            watts: float | None
            try:
                watts = self._watts(folder)
            except (OSError, ValueError):
                watts = None
            found.append(PowerReading(sensor=sensor.id, mono_ns=self._clock_ns(), watts=watts))
        return tuple(found)

    def close(self) -> None:
        """There is nothing to let go of."""

    def _watts(self, folder: Path) -> float:
        """The power taken out.

        Raises:
            OSError: it cannot be read.
            ValueError: it does not discharge, or tells no number.
        """
        if self._load(folder / "status") != "Discharging":
            raise ValueError(NOT_DISCHARGING)
        if (folder / "power_now").exists():
            return abs(load_int(folder / "power_now", self._load)) / 1e6
        amperes = abs(load_int(folder / "current_now", self._load)) / 1e6
        return amperes * load_int(folder / "voltage_now", self._load) / 1e6

    def _sensor(self, folder: Path) -> PowerSensor:
        why = ""
        try:
            self._watts(folder)
        except (OSError, ValueError) as error:
            why = why_unread(error)
        return PowerSensor(
            id=f"battery:{folder.name}", name=tr("battery {name}", name=folder.name), source="battery",
            covers="machine", counts=False, why=why,
        )  # fmt: skip


def _batteries(root: Path) -> list[Path]:
    """Folders of batteries, those of mice and headsets left out."""
    try:
        folders = sorted(root.iterdir())
    except OSError:
        return []
    return [
        folder
        for folder in folders
        if one_line(read_text(folder / "type", 32)) == "Battery"
        and one_line(read_text(folder / "scope", 32)) != "Device"
        and read_text(folder / "present", 8) in (None, "1")
    ]


class AppleBatteryReader:
    """Reads the battery of a portable Mac in the I/O Registry, which anyone may: current times voltage.

    macOS renews it now and then, up to a minute apart, so it is asked every two seconds, and only while the
    machine runs on it.
    """

    def __init__(
        self,
        ask: Callable[[], bytes] | None = None,
        *,
        period_s: float = APPLE_PERIOD_S,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """``ask`` returns the property list that ``ioreg -arn AppleSmartBattery`` writes."""
        self._ask = ask or _ioreg
        self._period_ns = round(period_s * 1e9)
        self._clock_ns = clock_ns
        self._asked_ns: int | None = None
        self._sensors: tuple[PowerSensor, ...] = ()
        why = ""
        try:
            self._watts()
        except ValueError as error:
            why = str(error)
        except (OSError, subprocess.SubprocessError):
            return  # there is no battery, or nobody to ask
        self._sensors = (
            PowerSensor(
                id="battery:AppleSmartBattery", name=tr("battery"), source="battery", covers="machine",
                counts=False, why=why,
            ),
        )  # fmt: skip

    def sensors(self) -> tuple[PowerSensor, ...]:
        """The battery, if there is one."""
        return self._sensors

    def power(self) -> tuple[PowerReading, ...]:
        """The power taken out, if the last look is long enough ago."""
        now_ns = self._clock_ns()
        if not self._sensors or self._sensors[0].why:
            return ()
        if self._asked_ns is not None and now_ns - self._asked_ns < self._period_ns:
            return ()
        self._asked_ns = now_ns
        watts: float | None
        try:
            watts = self._watts()
        except (OSError, ValueError, subprocess.SubprocessError):
            watts = None
        return (PowerReading(sensor=self._sensors[0].id, mono_ns=self._clock_ns(), watts=watts),)

    def close(self) -> None:
        """There is nothing to let go of."""

    def _watts(self) -> float:
        """The power taken out.

        Raises:
            OSError, SubprocessError: there is no battery, or nobody to ask.
            ValueError: it does not discharge, or tells no number.
        """
        document = self._ask()
        if not document.strip():
            raise OSError("there is no battery")
        try:
            listed = plistlib.loads(document)
        except Exception as error:
            raise ValueError(NOT_A_NUMBER) from error
        entry = listed[0] if isinstance(listed, list) and listed else listed
        if not isinstance(entry, dict):
            raise ValueError(NOT_A_NUMBER)
        if entry.get("ExternalConnected") is not False:
            raise ValueError(NOT_DISCHARGING)
        milliamperes, millivolts = entry.get("Amperage"), entry.get("Voltage")
        if not isinstance(milliamperes, int) or not isinstance(millivolts, int):
            raise ValueError(NOT_A_NUMBER)
        if milliamperes >= 2**63:  # a negative number that was written without its sign
            milliamperes -= 2**64
        return abs(milliamperes) * millivolts / 1e6


def _ioreg() -> bytes:
    return subprocess.run(
        ("/usr/sbin/ioreg", "-arn", "AppleSmartBattery"), capture_output=True, timeout=2.0, check=True
    ).stdout
