"""Own what a worker asks of its surroundings while it measures; someone above supplies it."""

from __future__ import annotations

from typing import Protocol

from tunesmith.domain.measurement import Conditions, MemoryUse


class Probe(Protocol):
    """Watches the machine and the worker's own process around a timed region."""

    def adopt(self, endpoints: tuple[str, ...]) -> None:
        """Called before a model is loaded: RPC servers of this machine work for us and are not foreign."""

    def begin(self) -> None:
        """Called right before a timed region."""

    def end(self) -> Conditions:
        """Called right after it: what else went on meanwhile."""

    def memory(self) -> MemoryUse:
        """What this process holds now, and held at most."""

    def resident_bytes(self) -> int | None:
        """What this process holds now; cheap enough to ask while a sample runs."""

    def reset_peak(self) -> None:
        """Forget the highest memory use so far, where the system can."""
