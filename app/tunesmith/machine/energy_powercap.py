"""Own the energy counters of processors that Linux's powercap framework shows."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.domain.power import Covers, PowerReading, PowerSensor
from tunesmith.machine.energy_reader import ONLY_ROOT, load_int, why_unread
from tunesmith.machine.files import load_text, one_line, read_int, read_text
from tunesmith.wording import tr

if TYPE_CHECKING:
    from collections.abc import Callable

POWERCAP = Path("/sys/class/powercap")
"""AMD's processors count under Intel's name as well."""
GRANT = tr(
    "Run `sudo chmod a+r /sys/class/powercap/intel-rapl:*/*energy*_uj` to let every program read it until "
    "the next start; how one group may for good, and what speaks against it, is in the guide, page Energy."
)
# "intel-rapl:0" is a package, "intel-rapl:0:1" a part of one; intel-rapl-mmio counts the same again. The
# kernel writes the numbers in hexadecimal: the eleventh package is "intel-rapl:a".
_PACKAGE = re.compile(r"intel-rapl:[0-9a-f]{1,4}")
_PART = re.compile(r"intel-rapl:[0-9a-f]{1,4}:[0-9a-f]{1,4}")


@dataclass(frozen=True, slots=True)
class _Zone:
    sensor: PowerSensor
    counter: Path


class PowercapReader:
    """Reads packages and main memory; parts of packages are in them, and psys, the board, is often wrong.

    Sources: Documentation/power/powercap/powercap.rst of the Linux kernel; drivers/powercap/powercap_sys.c
    for the names. Since Linux 5.10 the counters are for root alone (CVE-2020-8694, "PLATYPUS": the energy
    of a processor tells what it computes).
    """

    def __init__(
        self,
        root: Path = POWERCAP,
        *,
        load: Callable[[Path], str] = load_text,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """``load`` reads a file of the tree ``root``."""
        self._load = load
        self._clock_ns = clock_ns
        self._zones = tuple(zone for folder in _folders(root) if (zone := self._zone(folder)) is not None)

    def sensors(self) -> tuple[PowerSensor, ...]:
        """Packages, and memory where it is counted."""
        return tuple(zone.sensor for zone in self._zones)

    def power(self) -> tuple[PowerReading, ...]:
        """Every counter that may be read."""
        found: list[PowerReading] = []
        for zone in self._zones:
            if zone.sensor.why:
                continue
            try:
                joules = load_int(zone.counter, self._load) / 1e6
            except (OSError, ValueError):
                joules = None
            found.append(PowerReading(sensor=zone.sensor.id, mono_ns=self._clock_ns(), joules=joules))
        return tuple(found)

    def close(self) -> None:
        """There is nothing to let go of."""

    def _zone(self, folder: Path) -> _Zone | None:
        name = one_line(read_text(folder / "name", 64)) or ""
        covers: Covers | None = None
        if _PACKAGE.fullmatch(folder.name) and name.startswith("package"):
            covers = "processors"
        elif _PART.fullmatch(folder.name) and name == "dram":
            covers = "memory"
        if covers is None:
            return None
        counter, why = folder / "energy_uj", ""
        try:
            load_int(counter, self._load)
        except (OSError, ValueError) as error:
            why = why_unread(error)
        range_uj = read_int(folder / "max_energy_range_uj")
        return _Zone(
            PowerSensor(
                id=f"powercap:{folder.name}", name=name, source="powercap", covers=covers, counts=True,
                wraps_joules=range_uj / 1e6 if range_uj is not None and range_uj > 0 else None,
                why=why, todo=GRANT if why == ONLY_ROOT else "",
            ),
            counter,
        )  # fmt: skip


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(root.iterdir())
    except OSError:
        return []
