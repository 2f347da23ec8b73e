"""Own the quick look at the machine for the status bar: its class, free memory, how quiet it is."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psutil

from tunesmith.domain.machine import machine_class
from tunesmith.machine.load import LoadMeter
from tunesmith.machine.probe import probe_machine


@dataclass(frozen=True, slots=True)
class Vitals:
    """One look."""

    machine: str
    """Such as ``Intel Xeon Processor · 2 cores · 24 GiB``."""
    available_bytes: int
    foreign_cores: float | None
    """CPU that other programs used since the last look, in cores; None where it cannot be told."""


class VitalsReader:
    """Looks again and again, from one thread at a time; some milliseconds each."""

    def __init__(self) -> None:
        self._own: frozenset[int] = frozenset()
        self._meter: LoadMeter | None = None

    def read(self) -> Vitals:
        """Look; the first look, and one after workers came or went, cannot tell the load."""
        machine = probe_machine()
        own = _own_pids()
        foreign = None
        if self._meter is not None and own == self._own:
            foreign = self._meter.lap().foreign_cores
        else:
            self._own, self._meter = own, LoadMeter(own)
        return Vitals(machine_class(machine).label, machine.memory.available_bytes, foreign)


def free_memory_bytes() -> int:
    """Memory that can be allocated without swapping, bytes."""
    return probe_machine().memory.available_bytes


def _own_pids() -> frozenset[int]:
    """This process and the workers it started."""
    try:
        children = psutil.Process().children(recursive=True)
    except (psutil.Error, OSError):
        children = []
    return frozenset({os.getpid(), *(child.pid for child in children)})
