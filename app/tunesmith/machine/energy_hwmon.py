"""Own the sensors of Linux's hwmon that tell the power of processors or of the whole machine."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.domain.power import Covers, PowerReading, PowerSensor
from tunesmith.machine.energy_reader import load_int, why_unread
from tunesmith.machine.files import load_text, one_line, read_text
from tunesmith.wording import tr

if TYPE_CHECKING:
    from collections.abc import Callable

HWMON = Path("/sys/class/hwmon")
_SOCKET = re.compile(r"Esocket[0-9]{1,3}")
_INPUT_RAILS = ("VDD_IN", "POM_5V_IN")
"""The rail that feeds the whole module of an NVIDIA Jetson; those that have none tell only parts."""
_CHANNELS = range(1, 9)


@dataclass(frozen=True, slots=True)
class _Channel:
    sensor: PowerSensor
    read: Callable[[], float]
    """Joules of one that counts, watts of another; raises OSError and ValueError."""


class HwmonReader:
    """Reads the few drivers whose numbers are of a whole: other rails and graphics devices are not asked.

    - ``power_meter``: a server's own meter of all that it draws (ACPI), from its supplies.
    - ``amd_energy``, ``zenergy``: counters of AMD's sockets; the second, from outside the kernel, lets anyone
      read them.
    - ``macsmc_hwmon``: Linux on Apple's computers, total system power.
    - ``ina3221``: NVIDIA's Jetson boards, voltage times current of the rail that feeds all.

    Sources: Documentation/hwmon/sysfs-interface.rst (µW, µJ, mV, mA), acpi_power_meter.rst, amd_energy.rst
    and ina3221.rst of the Linux kernel; github.com/BoukeHaarsma23/zenergy.
    """

    def __init__(
        self,
        root: Path = HWMON,
        *,
        load: Callable[[Path], str] = load_text,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """``load`` reads a file of the tree ``root``."""
        self._load = load
        self._clock_ns = clock_ns
        self._channels = tuple(channel for folder in _folders(root) for channel in self._of(folder))

    def sensors(self) -> tuple[PowerSensor, ...]:
        """All of them."""
        return tuple(channel.sensor for channel in self._channels)

    def power(self) -> tuple[PowerReading, ...]:
        """Every one that may be read."""
        found: list[PowerReading] = []
        for channel in self._channels:
            if channel.sensor.why:
                continue
            value: float | None
            try:
                value = channel.read()
            except (OSError, ValueError):
                value = None
            now_ns, counts = self._clock_ns(), channel.sensor.counts
            found.append(
                PowerReading(
                    sensor=channel.sensor.id, mono_ns=now_ns,
                    joules=value if counts else None, watts=None if counts else value,
                )
            )  # fmt: skip
        return tuple(found)

    def close(self) -> None:
        """There is nothing to let go of."""

    def _of(self, folder: Path) -> list[_Channel]:
        match one_line(read_text(folder / "name", 64)):
            case "power_meter":
                inside = folder if (folder / "power1_average").exists() else folder / "device"
                return self._channel(folder, inside / "power1_average", tr("power meter"), "machine")
            case "macsmc_hwmon":
                for number in _CHANNELS:
                    if _label(folder, f"power{number}_label") == "Total System Power":
                        name = tr("total system power")
                        return self._channel(folder, folder / f"power{number}_input", name, "machine")
            case "amd_energy" | "zenergy":
                return [
                    channel
                    for number in range(1, 300)
                    if _SOCKET.fullmatch(label := _label(folder, f"energy{number}_label"))
                    for channel in self._channel(
                        folder, folder / f"energy{number}_input", label, "processors", counts=True
                    )
                ]
            case "ina3221":
                for number in _CHANNELS:
                    if (label := _label(folder, f"in{number}_label")) in _INPUT_RAILS:
                        return self._rail(folder, number, label)
            case _:
                pass
        return []

    def _channel(
        self, folder: Path, file: Path, name: str, covers: Covers, *, counts: bool = False
    ) -> list[_Channel]:
        return self._with(
            f"{folder.name}:{file.name}",
            name,
            covers,
            lambda: load_int(file, self._load) / 1e6,
            counts=counts,
        )

    def _rail(self, folder: Path, number: int, label: str) -> list[_Channel]:
        volts, amperes = folder / f"in{number}_input", folder / f"curr{number}_input"

        def watts() -> float:
            return load_int(volts, self._load) / 1e3 * load_int(amperes, self._load) / 1e3

        return self._with(f"{folder.name}:{label}", label, "machine", watts, counts=False)

    def _with(
        self, key: str, name: str, covers: Covers, read: Callable[[], float], *, counts: bool
    ) -> list[_Channel]:
        why = ""
        try:
            read()
        except (OSError, ValueError) as error:
            why = why_unread(error)
        return [
            _Channel(
                PowerSensor(
                    id=f"hwmon:{key}", name=name, source="hwmon", covers=covers, counts=counts, why=why
                ),
                read,
            )
        ]


def _label(folder: Path, file: str) -> str:
    return one_line(read_text(folder / file, 64)) or ""


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(root.iterdir())
    except OSError:
        return []
