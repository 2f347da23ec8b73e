"""Own the look at who else uses the machine while we do nothing."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from tunesmith.domain.machine import ProcessLoad, QuietState
from tunesmith.machine.host import UNREADABLE
from tunesmith.machine.load import LoadMeter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_TOP = 3
_IDLE_CORES = 0.01
_IDLE_PID = 0
"""Windows' idle process; on other systems no process that can be read."""


@dataclass(frozen=True, slots=True)
class ProcessTimes:
    """One process at one instant."""

    name: str
    created_s: float
    """When it began, seconds since the epoch: tells a reused pid from the same process."""
    cpu_s: float


def process_table() -> dict[int, ProcessTimes]:
    """Return the processes that can be read, by pid."""
    table: dict[int, ProcessTimes] = {}
    try:
        for process in psutil.process_iter():
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    table[process.pid] = ProcessTimes(
                        process.name(), process.create_time(), times.user + times.system
                    )
            except UNREADABLE:
                continue  # it vanished, or belongs to somebody else
    except UNREADABLE:
        pass  # the list of processes itself is hidden
    return table


def quiet_state(
    interval_s: float = 1.0,
    *,
    own_pids: Iterable[int] | None = None,
    meter: LoadMeter | None = None,
    table: Callable[[], Mapping[int, ProcessTimes]] = process_table,
    sleep: Callable[[float], None] = time.sleep,
) -> QuietState:
    """Watch the machine for ``interval_s`` seconds and return what others used of it.

    Args:
        interval_s: below 0.2 s the load of the machine is not told.
        own_pids: processes that are not others; this one unless told otherwise.
        meter: measures the load; one of ``own_pids`` unless given.
        table: reads all processes.
        sleep: waits seconds.
    """
    own = frozenset((os.getpid(),) if own_pids is None else own_pids) | {_IDLE_PID}
    before = table()
    meter = meter or LoadMeter(own - {_IDLE_PID})
    sleep(interval_s)
    load = meter.lap()
    after = table()
    return QuietState(
        interval_s=load.elapsed_s,
        foreign_cores=load.foreign_cores,
        steal_cores=load.steal_cores,
        top=_top(before, after, own, load.elapsed_s),
    )


def _top(
    before: Mapping[int, ProcessTimes],
    after: Mapping[int, ProcessTimes],
    own: frozenset[int],
    elapsed_s: float,
) -> tuple[ProcessLoad, ...]:
    if elapsed_s <= 0:
        return ()
    loads: list[ProcessLoad] = []
    for pid, process in after.items():
        start = before.get(pid)
        # A process that began meanwhile has used all its time meanwhile.
        used_s = process.cpu_s - (start.cpu_s if start and start.created_s == process.created_s else 0.0)
        cores = used_s / elapsed_s
        if pid not in own and cores >= _IDLE_CORES:
            loads.append(ProcessLoad(pid=pid, name=process.name, cores=round(cores, 3)))
    return tuple(sorted(loads, key=lambda load: (-load.cores, load.pid))[:_TOP])
