"""Own the question of who runs a run, and whether that process lives."""

from __future__ import annotations

import os
import platform
import threading
from dataclasses import dataclass

import psutil

_START_TOLERANCE_S = 5.0
"""A process's start time is derived from the boot time, which moves a little when the clock is set."""


_SILENCE_S = 3600.0
"""A process of another computer that stored nothing for so long is taken for dead."""


@dataclass(frozen=True, slots=True)
class Owner:
    """One process on one computer."""

    pid: int
    host: str
    started: float
    """Seconds since 1970."""

    @property
    def is_this_process(self) -> bool:
        """Whether it is the process that asks."""
        if (self.pid, self.host) != (os.getpid(), platform.node()):
            return False
        return abs(psutil.Process().create_time() - self.started) <= _START_TOLERANCE_S

    def lives(self, silent_s: float) -> bool:
        """Whether the process runs.

        Of another computer's process nobody here can tell, and this computer may have got another
        name since, so that then its silence counts.

        Args:
            silent_s: how long ago it last stored something, seconds.
        """
        if self.host != platform.node():
            return silent_s < _SILENCE_S
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return abs(process.create_time() - self.started) <= _START_TOLERANCE_S
        except psutil.NoSuchProcess:
            return False
        except psutil.Error:
            return True  # it exists and is somebody else's


class AtWork:
    """The runs that this process is at work on.

    A run whose end could not be stored, since the store was locked or the disk full, still bears the mark of
    this living process; that it is not among these tells that nobody is at work on it any more.
    """

    def __init__(self) -> None:
        self._runs: set[str] = set()
        self._lock = threading.Lock()

    def add(self, run_id: str) -> None:
        """Work on a run begins."""
        with self._lock:
            self._runs.add(run_id)

    def discard(self, run_id: str) -> None:
        """It is over, however it ended."""
        with self._lock:
            self._runs.discard(run_id)

    def __contains__(self, run_id: str) -> bool:
        with self._lock:
            return run_id in self._runs


AT_WORK = AtWork()
"""Of the process, whichever of its stores a run is asked of."""


def this_process() -> Owner:
    """The owner that this process is."""
    return Owner(os.getpid(), platform.node(), psutil.Process().create_time())
