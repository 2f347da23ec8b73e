"""Own how long a worker may take before it is taken for dead, and who notices."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tunesmith.domain.worker_events import Heartbeat, WorkerEvent
from tunesmith.wording import tr


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a worker may take before it is taken for dead, seconds."""

    start: float = 60.0
    """Until it says that it is ready."""
    silence: float = 20.0
    """Between two heartbeats while it is at work."""
    stall: float = 600.0
    """Without any progress while busy; the longest single llama_decode must fit in."""
    cancel: float = 0.8
    """After a cancel, before it is terminated."""
    terminate: float = 1.0
    """After SIGTERM, before it is killed."""


class Watch:
    """Decides from heartbeats whether a worker hangs."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._heard = self._moved = time.monotonic()
        self._progress = -1

    def saw(self, event: WorkerEvent, now: float) -> None:
        """Take note of a sign of life."""
        self._heard = now
        if not isinstance(event, Heartbeat):
            self._moved = now
        elif event.progress != self._progress or not event.busy:
            self._progress = event.progress
            self._moved = now

    def complaint(self, now: float) -> str | None:
        """What is wrong, or None."""
        if now - self._heard > self._patience.silence:
            return tr(
                "The worker gave no sign of life for {seconds} s and was killed.",
                seconds=f"{self._patience.silence:g}",
            )
        if self._heard - self._moved > self._patience.stall:  # in silence nothing is known of progress
            return tr(
                "The worker made no progress for {seconds} s and was killed.",
                seconds=f"{self._patience.stall:g}",
            )
        return None
