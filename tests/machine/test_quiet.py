"""Claims about who else uses the machine."""

from __future__ import annotations

import psutil
import pytest

from tests.machine.test_load import Script, burning
from tunesmith.machine.load import SystemTimes
from tunesmith.machine.quiet import ProcessTimes, process_table, quiet_state


def test_the_three_busiest_of_the_others_are_named() -> None:
    script = Script()
    before = {pid: ProcessTimes(f"p{pid}", 1.0, 10.0) for pid in range(8)}
    after = {pid: ProcessTimes(f"p{pid}", 1.0, 10.0 + pid / 10) for pid in range(8)}
    tables = iter((before, after))

    def sleep(seconds: float) -> None:
        script.now_s += seconds
        script.system = SystemTimes(54.0, 1.0)

    state = quiet_state(2.0, own_pids=(7,), meter=script.meter(1), table=lambda: next(tables), sleep=sleep)
    assert state.interval_s == 2.0
    assert state.foreign_cores == 2.0
    assert [(load.name, load.cores) for load in state.top] == [("p6", 0.3), ("p5", 0.25), ("p4", 0.2)]


def test_new_reused_and_idle_processes() -> None:
    script = Script()
    before = {
        3: ProcessTimes("old", 1.0, 50.0),
        4: ProcessTimes("idle", 1.0, 3.0),
        9: ProcessTimes("gone", 1.0, 1.0),
    }
    after = {
        3: ProcessTimes("reused", 99.0, 0.5),
        4: ProcessTimes("idle", 1.0, 3.0),
        5: ProcessTimes("new", 99.5, 0.25),
        0: ProcessTimes("System Idle Process", 0.0, 900.0),
    }
    tables = iter((before, after))

    def sleep(seconds: float) -> None:
        script.now_s += seconds

    state = quiet_state(1.0, own_pids=(1,), meter=script.meter(1), table=lambda: next(tables), sleep=sleep)
    assert [(load.name, load.cores) for load in state.top] == [("reused", 0.5), ("new", 0.25)]


def test_processes_that_vanish_or_are_hidden_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Vanishing(psutil.Process):
        def name(self) -> str:
            raise psutil.NoSuchProcess(self.pid)

    monkeypatch.setattr(psutil, "process_iter", lambda: iter((Vanishing(), psutil.Process())))
    assert set(process_table()) == {psutil.Process().pid}


def test_a_hidden_process_list_is_an_empty_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError

    monkeypatch.setattr(psutil, "process_iter", refuse)
    assert process_table() == {}


def test_a_burning_child_is_seen_on_this_machine() -> None:
    with burning(20) as pid:
        state = quiet_state(0.5)
        table = process_table()
    assert pid in table
    assert state.foreign_cores is not None
    assert state.foreign_cores > 0.2
    assert state.top
