"""Own what runs inside a worker process: the engine's child with the machine's probes wired in."""

from __future__ import annotations

import os

from tunesmith.domain.measurement import Conditions, MemoryUse
from tunesmith.machine.listeners import listening_pids
from tunesmith.machine.load import LoadMeter
from tunesmith.machine.power import PowerMeter
from tunesmith.machine.process_memory import process_memory, reset_peak
from tunesmith.machine.sensors import cpu_mhz, temperature_celsius
from tunesmith.worker.child import Child, connection_from_argument


class MachineProbe:
    """Asks the machine what went on around a timed region of this very process."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._meter = LoadMeter((self._pid,))
        self._power = PowerMeter()

    def adopt(self, endpoints: tuple[str, ...]) -> None:
        """Count the RPC servers of this very machine as our own."""
        if endpoints:
            self._meter = LoadMeter((self._pid, *listening_pids(endpoints)))

    def begin(self) -> None:
        """Start watching for foreign load and power."""
        self._meter.lap()
        self._power.lap()

    def end(self) -> Conditions:
        """What others did since :meth:`begin`."""
        load, watts = self._meter.lap(), self._power.lap()
        return Conditions(
            foreign_cores=load.foreign_cores,
            wait_share=load.wait_share,
            steal_cores=load.steal_cores,
            cpu_mhz=cpu_mhz(),
            temperature_celsius=temperature_celsius(),
            package_watts=watts,
        )

    def memory(self) -> MemoryUse:
        """This process's memory, shares of shared pages included."""
        try:
            found = process_memory(self._pid)
        except OSError:
            return MemoryUse(peak_rss_bytes=None, rss_bytes=None, pss_bytes=None)
        return MemoryUse(
            peak_rss_bytes=found.peak_rss_bytes, rss_bytes=found.rss_bytes, pss_bytes=found.pss_bytes
        )

    def resident_bytes(self) -> int | None:
        """Resident memory, cheaply."""
        try:
            return process_memory(self._pid, shares=False).rss_bytes
        except OSError:
            return None

    def reset_peak(self) -> None:
        """Let the kernel count the peak anew."""
        reset_peak(self._pid)


def main(argument: str) -> None:
    """Serve the parent at the other end of the pipe; returns only by ending the process."""
    Child(connection_from_argument(argument), MachineProbe()).run()
