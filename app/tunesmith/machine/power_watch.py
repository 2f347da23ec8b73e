"""Own the watch over sensors of power while something is measured: a thread that reads them at 4 Hz."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Self

from tunesmith.domain.energy import ReadingCost
from tunesmith.machine.energy_reader import open_energy_readers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from tunesmith.domain.power import PowerReading, PowerSensor
    from tunesmith.machine.energy_reader import EnergyReader

PERIOD_S = 0.25
_KEPT = 100_000
"""Readings kept: well over an hour of five sensors."""
_RECENT_LOOKS = 8
"""Kept apart, for what is told while it runs: two seconds."""
_OPEN_SECONDS = 5.0
_LOOK_SECONDS = 0.25
_CLOSE_SECONDS = 2.0


class PowerWatch:
    """Reads sensors in a thread of the parent, never in the process that is measured.

    A driver that hangs stops the watch and nothing else. Where nothing may be read, no thread runs on.
    """

    def __init__(
        self,
        *,
        open_all: Callable[[], Sequence[EnergyReader]] = open_energy_readers,
        period_s: float = PERIOD_S,
    ) -> None:
        """Begin to watch."""
        self._period_s = period_s
        self._readings: deque[PowerReading] = deque(maxlen=_KEPT)
        self._recent: deque[tuple[PowerReading, ...]] = deque(maxlen=_RECENT_LOOKS)
        self._newest: dict[str, int] = {}
        self._sensors: tuple[PowerSensor, ...] = ()
        self._opened, self._over, self._wanted = threading.Event(), threading.Event(), threading.Event()
        self._looked = threading.Condition()
        self._looked_ns = 0
        self._looks, self._cpu_ns, self._begun_ns = 0, 0, time.monotonic_ns()
        self._thread = threading.Thread(target=self._run, args=(open_all,), name="power", daemon=True)
        self._thread.start()
        self._opened.wait(_OPEN_SECONDS)

    @property
    def sensors(self) -> tuple[PowerSensor, ...]:
        """All that are there, also those that may not be read."""
        return self._sensors

    @property
    def reads(self) -> bool:
        """Whether anything is read."""
        return any(not sensor.why for sensor in self._sensors)

    def until(self, mono_ns: int, *, timeout_s: float = 1.5) -> tuple[PowerReading, ...]:
        """All readings so far, oldest first, after each sensor was read at ``mono_ns`` or later.

        A sensor that is not renewed within the timeout is not waited for.
        """
        deadline = time.monotonic() + timeout_s
        waiting = {sensor.id for sensor in self._sensors if not sensor.why}
        while self._thread.is_alive() and any(self._newest.get(one, 0) < mono_ns for one in waiting):
            now_ns = time.monotonic_ns()
            self._wanted.set()
            with self._looked:
                while self._looked_ns < now_ns and (left := deadline - time.monotonic()) > 0:
                    self._looked.wait(min(left, _LOOK_SECONDS))
            if time.monotonic() >= deadline:
                break
            if any(self._newest.get(one, 0) < mono_ns for one in waiting):
                self._over.wait(0.05)
        return self.readings()

    def readings(self) -> tuple[PowerReading, ...]:
        """All that are kept, oldest first."""
        return tuple(self._readings)

    def recent(self) -> tuple[PowerReading, ...]:
        """Those of the last two seconds, oldest first."""
        return tuple(reading for look in tuple(self._recent) for reading in look)

    def cost(self) -> ReadingCost | None:
        """What reading has cost so far; None where nothing was read."""
        if not self._looks:
            return None
        seconds = (time.monotonic_ns() - self._begun_ns) / 1e9
        return ReadingCost(readings=self._looks, seconds=seconds, cpu_seconds=self._cpu_ns / 1e9)

    def close(self) -> None:
        """Stop watching."""
        self._over.set()
        self._wanted.set()
        self._thread.join(_CLOSE_SECONDS)  # one that hangs in a driver is left behind

    def _run(self, open_all: Callable[[], Sequence[EnergyReader]]) -> None:
        readers = open_all()
        try:
            self._sensors = tuple(sensor for reader in readers for sensor in reader.sensors())
            self._begun_ns = time.monotonic_ns()
            self._opened.set()
            while self.reads and not self._over.is_set():
                begun, began_ns, cpu_ns = time.monotonic(), time.monotonic_ns(), time.thread_time_ns()
                fresh = [
                    reading
                    for reader in readers
                    for reading in reader.power()
                    if reading.mono_ns > self._newest.get(reading.sensor, -1)
                ]
                self._readings.extend(fresh)
                self._recent.append(tuple(fresh))
                self._newest.update((reading.sensor, reading.mono_ns) for reading in fresh)
                self._looks += 1
                self._cpu_ns += time.thread_time_ns() - cpu_ns
                with self._looked:
                    self._looked_ns = began_ns
                    self._looked.notify_all()
                self._wanted.wait(max(0.0, self._period_s - (time.monotonic() - begun)))
                self._wanted.clear()
        finally:
            self._opened.set()
            for reader in readers:
                reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
