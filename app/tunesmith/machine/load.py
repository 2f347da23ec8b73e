"""Own the measurement of foreign CPU load between two instants."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tunesmith.domain.machine import ForeignLoad
from tunesmith.machine.files import parse_int, read_text
from tunesmith.machine.host import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MIN_ELAPSED_S = 0.2
"""CPU times are counted in ticks of 10 ms per CPU and process: a shorter interval tells nothing."""


@dataclass(frozen=True, slots=True)
class SystemTimes:
    """CPU-seconds since boot, summed over the CPUs looked at."""

    busy_s: float
    steal_s: float | None


@dataclass(frozen=True, slots=True)
class ThreadTimes:
    """Nanoseconds since a thread began."""

    run_ns: int
    wait_ns: int
    """Time it could have run and stood in the run queue."""


def system_times(cpus: frozenset[int] | None = None) -> SystemTimes | None:
    """Return the CPU time used, of all logical CPUs or of the given ones; None where it is unreadable.

    Busy is user + nice + system + irq + softirq + steal. Guest time is left out, for Linux counts it in
    user already; so are Windows' interrupt and dpc, counted in system. psutil lists the CPUs that are
    online, without numbers: where some are offline, all are summed.
    """
    try:
        if cpus is None:
            times = [psutil.cpu_times()]
        else:
            every = psutil.cpu_times(percpu=True)
            complete = len(every) == (os.cpu_count() or 0) and max(cpus, default=0) < len(every)
            times = [every[cpu] for cpu in cpus] if complete else every
    except UNREADABLE:
        return None
    parts = ("user", "nice", "system", "irq", "softirq", "steal")
    busy_s = sum(getattr(one, part, 0.0) for one in times for part in parts)
    steals = [getattr(one, "steal", None) for one in times]
    return SystemTimes(busy_s, None if None in steals else sum(steal or 0.0 for steal in steals))


def process_cpu_s(pid: int) -> float | None:
    """Return the CPU-seconds a process has used, threads included, or None if it is gone or hidden."""
    if pid == os.getpid():
        return time.process_time()  # in nanoseconds; the process table counts ticks
    try:
        times = psutil.Process(pid).cpu_times()
    except UNREADABLE:
        return None
    return times.user + times.system


def thread_times(pid: int, *, proc: Path = Path("/proc")) -> dict[int, ThreadTimes] | None:
    """Return run and wait times by thread (Linux, /proc/PID/task/TID/schedstat); None if not counted.

    Source: Documentation/scheduler/sched-stats.rst of the Linux kernel.
    """
    threads: dict[int, ThreadTimes] = {}
    try:
        tids = os.listdir(proc / str(pid) / "task")  # noqa: PTH208  names only, and thousands of times
    except OSError:
        return None
    for tid in tids:
        fields = (read_text(proc / str(pid) / "task" / tid / "schedstat", 128) or "").split()
        number, run_ns = parse_int(tid), parse_int(fields[0]) if len(fields) == 3 else None
        wait_ns = parse_int(fields[1]) if len(fields) == 3 else None
        if number is not None and run_ns is not None and wait_ns is not None:
            threads[number] = ThreadTimes(run_ns, wait_ns)
    # A kernel without CONFIG_SCHED_INFO writes zeros.
    return threads if any(thread.run_ns for thread in threads.values()) else None


@dataclass(frozen=True, slots=True)
class _Snapshot:
    at_s: float
    system: SystemTimes | None
    own_s: Mapping[int, float | None]
    threads: Mapping[int, Mapping[int, ThreadTimes] | None]


class LoadMeter:
    """Tells what others took of the CPU while our own processes ran.

    Reading takes well under a millisecond, but belongs outside a timed region.

    Args:
        own_pids: the processes that are not foreign; this one unless told otherwise.
        cpus: look at these logical CPUs only, for a process that is confined to them; None means all.
        min_elapsed_s: a shorter interval gives no foreign and own load.
        clock: monotonic seconds.
        system: reads system times.
        process: reads a process's CPU-seconds.
        threads: reads the run and wait times of a process's threads.
    """

    def __init__(
        self,
        own_pids: Iterable[int] | None = None,
        *,
        cpus: Iterable[int] | None = None,
        min_elapsed_s: float = MIN_ELAPSED_S,
        clock: Callable[[], float] = time.monotonic,
        system: Callable[[frozenset[int] | None], SystemTimes | None] = system_times,
        process: Callable[[int], float | None] = process_cpu_s,
        threads: Callable[[int], Mapping[int, ThreadTimes] | None] = thread_times,
    ) -> None:
        self._own_pids = frozenset((os.getpid(),) if own_pids is None else own_pids)
        self._cpus = None if cpus is None else frozenset(cpus)
        self._min_elapsed_s = min_elapsed_s
        self._clock = clock
        self._system = system
        self._process = process
        self._threads = threads
        self._last = self._snapshot()

    def lap(self) -> ForeignLoad:
        """Return the load since the last lap, or since the meter was made, and begin the next."""
        first, last = self._last, self._snapshot()
        self._last = last
        elapsed_s = last.at_s - first.at_s
        if elapsed_s <= 0:
            return ForeignLoad(
                elapsed_s=0.0, foreign_cores=None, own_cores=None, steal_cores=None, wait_share=None
            )
        foreign_cores = own_cores = steal_cores = None
        if elapsed_s >= self._min_elapsed_s:
            own_s = _own_s(first, last)
            if own_s is not None:
                own_cores = own_s / elapsed_s
            if first.system is not None and last.system is not None:
                if own_s is not None:
                    busy_s = last.system.busy_s - first.system.busy_s
                    foreign_cores = max(0.0, busy_s - own_s) / elapsed_s
                if first.system.steal_s is not None and last.system.steal_s is not None:
                    steal_cores = max(0.0, last.system.steal_s - first.system.steal_s) / elapsed_s
        wait_ns = _wait_ns(first, last)
        return ForeignLoad(
            elapsed_s=elapsed_s,
            foreign_cores=foreign_cores,
            own_cores=own_cores,
            steal_cores=steal_cores,
            wait_share=None if wait_ns is None else min(1.0, wait_ns / 1e9 / elapsed_s),
        )

    def _snapshot(self) -> _Snapshot:
        return _Snapshot(
            at_s=self._clock(),
            system=self._system(self._cpus),
            own_s={pid: self._process(pid) for pid in self._own_pids},
            threads={pid: self._threads(pid) for pid in self._own_pids},
        )


def _own_s(first: _Snapshot, last: _Snapshot) -> float | None:
    """Return the CPU-seconds of our own processes; None if one was gone, hidden or replaced."""
    total_s = 0.0
    for pid, before_s in first.own_s.items():
        after_s = last.own_s[pid]
        if before_s is None or after_s is None or after_s < before_s:
            return None
        total_s += after_s - before_s
    return total_s


def _wait_ns(first: _Snapshot, last: _Snapshot) -> int | None:
    """Return how long the thread stood in the run queue that ran or stood there longest, ns."""
    waits: list[tuple[int, int]] = []
    for pid, threads in last.threads.items():
        before = first.threads[pid]
        if threads is None or before is None:
            continue
        for tid, thread in threads.items():
            start = before.get(tid, ThreadTimes(0, 0))  # began within the interval
            wait_ns = thread.wait_ns - start.wait_ns
            run_ns = thread.run_ns - start.run_ns
            if wait_ns >= 0 and run_ns >= 0:
                waits.append((run_ns + wait_ns, wait_ns))
    return max(waits)[1] if waits else None
