"""Claims about the foreign load between two instants."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tests.machine.trees import write
from tunesmith.machine.load import (
    LoadMeter,
    SystemTimes,
    ThreadTimes,
    process_cpu_s,
    system_times,
    thread_times,
)

BURN = "import time\nend = time.monotonic() + {}\nwhile time.monotonic() < end: pass"


@contextmanager
def burning(seconds: float) -> Iterator[int]:
    """Run a child that keeps one core busy; yield its pid."""
    child = subprocess.Popen([sys.executable, "-S", "-c", BURN.format(seconds)])
    try:
        yield child.pid
    finally:
        child.kill()
        child.wait()


@dataclass
class Script:
    """A machine whose next instants are written down."""

    now_s: float = 100.0
    system: SystemTimes | None = field(default_factory=lambda: SystemTimes(50.0, 1.0))
    processes: dict[int, float | None] = field(default_factory=lambda: {1: 5.0, 2: 7.0})
    threads: dict[int, Mapping[int, ThreadTimes] | None] = field(default_factory=dict)

    def meter(self, *pids: int) -> LoadMeter:
        return LoadMeter(
            pids or (1, 2),
            clock=lambda: self.now_s,
            system=lambda cpus: self.system,
            process=lambda pid: self.processes[pid],
            threads=lambda pid: self.threads.get(pid),
        )


def test_foreign_is_busy_minus_own_in_cores() -> None:
    script = Script()
    meter = script.meter()
    script.now_s += 2.0
    script.system = SystemTimes(56.0, 1.5)
    script.processes = {1: 8.0, 2: 8.0}
    load = meter.lap()
    assert load.elapsed_s == 2.0
    assert load.own_cores == 2.0
    assert load.foreign_cores == 1.0
    assert load.steal_cores == 0.25
    assert load.wait_share is None


def test_each_lap_begins_where_the_last_ended() -> None:
    script = Script()
    meter = script.meter()
    for _ in range(2):
        script.now_s += 1.0
        assert script.system is not None
        script.system = SystemTimes(script.system.busy_s + 0.5, 1.0)
        assert meter.lap().foreign_cores == 0.5


def test_rounding_never_makes_the_foreign_load_negative() -> None:
    script = Script()
    meter = script.meter()
    script.now_s += 1.0
    script.processes[1] = 6.0
    assert meter.lap().foreign_cores == 0.0


@pytest.mark.parametrize("after_s", [None, 0.1])
def test_an_own_process_that_vanished_or_was_replaced_leaves_the_load_unknown(after_s: float | None) -> None:
    script = Script()
    meter = script.meter()
    script.now_s += 1.0
    script.processes[2] = after_s
    load = meter.lap()
    assert load.foreign_cores is None
    assert load.own_cores is None
    assert load.steal_cores == 0.0


def test_too_short_an_interval_tells_no_load() -> None:
    script = Script()
    meter = script.meter()
    script.now_s += 0.1
    load = meter.lap()
    assert load.elapsed_s == pytest.approx(0.1)
    assert (load.foreign_cores, load.own_cores, load.steal_cores) == (None, None, None)


def test_a_clock_that_stands_still_tells_nothing() -> None:
    assert Script().meter().lap().elapsed_s == 0.0


def test_unreadable_system_times_leave_the_own_load() -> None:
    script = Script(system=None)
    meter = script.meter()
    script.now_s += 1.0
    script.processes[1] = 5.5
    load = meter.lap()
    assert load.own_cores == 0.5
    assert (load.foreign_cores, load.steal_cores) == (None, None)


def test_a_system_that_counts_no_stolen_time_says_so() -> None:
    script = Script(system=SystemTimes(1.0, None))
    meter = script.meter()
    script.now_s += 1.0
    assert meter.lap().steal_cores is None


def test_the_wait_share_is_the_busiest_thread_s() -> None:
    script = Script()
    script.threads = {1: {10: ThreadTimes(0, 0), 11: ThreadTimes(5, 5)}}
    meter = script.meter()
    script.now_s += 2.0
    idle_that_waited = ThreadTimes(1_000, 100_000_000)
    busy_that_waited = ThreadTimes(1_000_000_000, 500_000_005)
    script.threads = {1: {10: idle_that_waited, 11: busy_that_waited}}
    assert meter.lap().wait_share == pytest.approx(0.25)


def test_a_thread_that_began_within_the_interval_counts_from_zero() -> None:
    script = Script()
    script.threads = {1: {10: ThreadTimes(0, 0)}}
    meter = script.meter(1)
    script.now_s += 1.0
    script.threads = {1: {12: ThreadTimes(600_000_000, 400_000_000)}}
    assert meter.lap().wait_share == pytest.approx(0.4)


def test_thread_times_are_the_first_two_numbers_of_schedstat(tmp_path: Path) -> None:
    write(tmp_path, {"7/task/7/schedstat": "1000 200 3\n", "7/task/8/schedstat": "garbage\n"})
    write(tmp_path, {"7/task/9/schedstat": "", "7/task/x/schedstat": "1 2 3"})
    assert thread_times(7, proc=tmp_path) == {7: ThreadTimes(1000, 200)}


def test_a_kernel_that_counts_no_waiting_is_told_by_its_zeros(tmp_path: Path) -> None:
    write(tmp_path, {"7/task/7/schedstat": "0 0 0\n"})
    assert thread_times(7, proc=tmp_path) is None
    assert thread_times(8, proc=tmp_path) is None


def test_guest_time_is_not_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    times = SimpleNamespace(user=10, nice=1, system=2, idle=99, iowait=9, irq=0.5, softirq=0.25, steal=4)
    times.guest, times.guest_nice = 8, 1
    monkeypatch.setattr(psutil, "cpu_times", lambda: times)
    assert system_times() == SystemTimes(17.75, 4)


def test_only_the_given_cpus_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    every = [SimpleNamespace(user=n, system=n, idle=0) for n in (1, 2, 4)]
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: every)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert system_times(frozenset((0, 2))) == SystemTimes(10.0, None)
    assert system_times(frozenset((0, 7))) == SystemTimes(14.0, None)


@pytest.mark.parametrize("error", [psutil.NoSuchProcess(9), psutil.AccessDenied(9), PermissionError()])
def test_a_process_that_is_gone_or_hidden_reads_as_none(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(pid: int) -> psutil.Process:
        raise error

    monkeypatch.setattr(psutil, "Process", refuse)
    assert process_cpu_s(9) is None


def test_a_burning_child_is_foreign_unless_it_is_our_own() -> None:
    with burning(20) as pid:
        before_s = process_cpu_s(pid) or 0.0
        ignorant, knowing = LoadMeter(), LoadMeter((os.getpid(), pid))
        time.sleep(1.0)
        foreign, own = ignorant.lap(), knowing.lap()
        burnt_s = (process_cpu_s(pid) or 0.0) - before_s
    assert foreign.foreign_cores is not None
    assert own.foreign_cores is not None
    assert own.own_cores is not None
    assert foreign.foreign_cores > 0.5
    # The same interval: what separates the two is the child's burn, however busy the machine is.
    burnt_cores = burnt_s / own.elapsed_s
    assert foreign.foreign_cores - own.foreign_cores == pytest.approx(burnt_cores, abs=0.25)
    assert own.own_cores >= 0.8 * (foreign.foreign_cores - own.foreign_cores)


@pytest.mark.skipif(sys.platform != "linux", reason="schedstat is Linux's")
def test_this_machine_counts_run_queue_delay() -> None:
    meter = LoadMeter()
    time.sleep(0.05)
    share = meter.lap().wait_share
    assert share is None or 0.0 <= share <= 1.0
