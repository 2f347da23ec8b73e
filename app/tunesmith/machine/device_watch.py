"""Own the watch over devices while something is measured: a thread that reads them twice a second."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Self

import psutil

from tunesmith.domain.device_reading import DeviceLoad, load_between
from tunesmith.machine.device_reader import open_readers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from tunesmith.domain.device_reading import DeviceReading
    from tunesmith.machine.device_reader import DeviceReader

PERIOD_S = 0.5
"""Between readings; the drivers' own averages are about as long."""
_KEPT = 7200
"""Readings kept: an hour of one device."""
_CLOSE_SECONDS = 2.0


def own_tree() -> frozenset[int]:
    """This process and those it started."""
    try:
        children = psutil.Process().children(recursive=True)
    except (psutil.Error, OSError):
        children = []
    return frozenset({os.getpid(), *(child.pid for child in children)})


class DeviceWatch:
    """Reads devices in a thread of the parent, never in the process that is measured.

    A driver that hangs stops the watch and nothing else. Where there is nothing to read, no thread runs.
    """

    def __init__(
        self,
        *,
        open_all: Callable[[], Sequence[DeviceReader]] = open_readers,
        own_pids: Callable[[], frozenset[int]] = own_tree,
        period_s: float = PERIOD_S,
    ) -> None:
        """Begin to watch."""
        self._own_pids = own_pids
        self._period_s = period_s
        self._readings: deque[DeviceReading] = deque(maxlen=_KEPT)
        self._fresh: deque[tuple[DeviceReading, ...]] = deque(maxlen=1)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(open_all,), name="devices", daemon=True)
        self._thread.start()

    def take(self) -> tuple[DeviceReading, ...]:
        """The newest readings, once each; empty where there are none since the last call."""
        try:
            return self._fresh.popleft()
        except IndexError:
            return ()

    def between(self, begun_ns: int, ended_ns: int) -> tuple[DeviceLoad, ...]:
        """What the devices did between two instants; see :func:`load_between`."""
        return load_between(tuple(self._readings), begun_ns, ended_ns)

    def readings(self) -> tuple[DeviceReading, ...]:
        """All that is kept, oldest first."""
        return tuple(self._readings)

    def close(self) -> None:
        """Stop watching."""
        self._over.set()
        self._thread.join(_CLOSE_SECONDS)  # one that hangs in a driver is left behind

    def _run(self, open_all: Callable[[], Sequence[DeviceReader]]) -> None:
        readers = open_all()
        try:
            while readers and not self._over.is_set():
                begun = time.monotonic()
                found = tuple(reading for reader in readers for reading in reader.read(self._own_pids))
                if found:
                    self._readings.extend(found)
                    self._fresh.append(found)
                self._over.wait(max(0.0, self._period_s - (time.monotonic() - begun)))
        finally:
            for reader in readers:
                reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
