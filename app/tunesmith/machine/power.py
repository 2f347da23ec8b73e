"""Own the power that the processor packages draw, as far as Linux's energy counters can be read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tunesmith.domain.power import MOST_WATTS, counted
from tunesmith.machine.energy_powercap import POWERCAP, PowercapReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MIN_ELAPSED_S = 0.02
"""Counters advance about every millisecond: a shorter interval tells little."""


class PowerMeter:
    """Tells the mean power of all processor packages together between two instants.

    The counters are often for root alone, and virtual machines have none; then it tells nothing.

    Args:
        root: of the powercap tree.
        clock: monotonic seconds.
    """

    def __init__(self, root: Path = POWERCAP, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._reader = PowercapReader(root)
        self._packages = [sensor for sensor in self._reader.sensors() if sensor.covers == "processors"]
        self._last = self._snapshot()

    def lap(self) -> float | None:
        """Return the mean power since the last lap, or since the meter was made, watts, and begin the next.

        None where a counter cannot be read, or the interval is shorter than MIN_ELAPSED_S.
        """
        (begun_s, before), (ended_s, after) = self._last, self._snapshot()
        self._last = ended_s, after
        seconds = ended_s - begun_s
        if seconds < MIN_ELAPSED_S or not self._packages:
            return None
        used = 0.0
        for sensor in self._packages:
            first, last = before.get(sensor.id), after.get(sensor.id)
            if first is None or last is None:
                return None
            try:
                used += counted(
                    first, last, seconds=seconds, most_watts=MOST_WATTS["processors"],
                    wraps=sensor.wraps_joules,
                )  # fmt: skip
            except ValueError:
                return None
        return used / seconds or None

    def _snapshot(self) -> tuple[float, dict[str, float | None]]:
        readings = self._reader.power()
        return self._clock(), {reading.sensor: reading.joules for reading in readings}
