"""Own the power that the processor packages draw, as far as Linux's energy counters can be read."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.machine.files import read_int, read_text

if TYPE_CHECKING:
    from collections.abc import Callable

POWERCAP = Path("/sys/class/powercap")
"""Linux's powercap framework; AMD's processors count under Intel's name as well.

Source: Documentation/power/powercap/powercap.rst of the Linux kernel.
"""
MIN_ELAPSED_S = 0.02
"""Counters advance about every millisecond: a shorter interval tells little."""
_MOST_WATTS = 5000.0
"""Above this a reading is believed to be a counter's reset."""
# "intel-rapl:0" is a package, "intel-rapl:0:1" a part of one; intel-rapl-mmio counts the same again.
_ZONE = re.compile(r"intel-rapl:[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class _Zone:
    energy: Path
    range_uj: int | None
    """Where the counter begins anew at 0; None where that is not told."""


class PowerMeter:
    """Tells the mean power of all processor packages together between two instants.

    The counters are often for root alone, and virtual machines have none; then it tells nothing.

    Args:
        root: of the powercap tree.
        clock: monotonic seconds.
    """

    def __init__(self, root: Path = POWERCAP, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._zones = _package_zones(root)
        self._last = self._snapshot()

    def lap(self) -> float | None:
        """Return the mean power since the last lap, or since the meter was made, watts, and begin the next.

        None where a counter cannot be read, or the interval is shorter than MIN_ELAPSED_S.
        """
        (begun_s, before), (ended_s, after) = self._last, self._snapshot()
        self._last = ended_s, after
        elapsed_s = ended_s - begun_s
        if elapsed_s < MIN_ELAPSED_S or before is None or after is None:
            return None
        used_uj = 0
        for zone, first, last in zip(self._zones, before, after, strict=True):
            if last < first:  # it has begun anew
                if zone.range_uj is None:
                    return None
                last += zone.range_uj
            used_uj += last - first
        watts = used_uj / 1e6 / elapsed_s
        return watts if 0 < watts < _MOST_WATTS else None

    def _snapshot(self) -> tuple[float, tuple[int, ...] | None]:
        counts = tuple(read_int(zone.energy) for zone in self._zones)
        known = tuple(count for count in counts if count is not None and count >= 0)
        return self._clock(), known if known and len(known) == len(counts) else None


def _package_zones(root: Path) -> tuple[_Zone, ...]:
    try:
        folders = sorted(folder for folder in root.iterdir() if _ZONE.fullmatch(folder.name))
    except OSError:
        return ()
    return tuple(
        _Zone(folder / "energy_uj", read_int(folder / "max_energy_range_uj"))
        for folder in folders
        if (read_text(folder / "name", 64) or "").startswith("package")  # psys counts the whole board
    )
