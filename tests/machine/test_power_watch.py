"""Claims about the watch over sensors of power, on sensors made for it."""

from __future__ import annotations

import threading
import time

from tunesmith.domain.power import PowerReading, PowerSensor
from tunesmith.machine.energy_reader import EnergyReader
from tunesmith.machine.power_watch import PowerWatch

SENSOR = PowerSensor(id="s", name="package-0", source="powercap", covers="processors", counts=True)


class Steady:
    """A counter of 50 W, read at every look or renewed only now and then."""

    def __init__(self, *, every_s: float = 0.0, why: str = "") -> None:
        self._every_s = every_s
        self._sensor = SENSOR.model_copy(update={"why": why})
        self._last: PowerReading | None = None
        self.closed = False

    def sensors(self) -> tuple[PowerSensor, ...]:
        return (self._sensor,)

    def power(self) -> tuple[PowerReading, ...]:
        now_ns = time.monotonic_ns()
        if self._last is None or now_ns - self._last.mono_ns >= self._every_s * 1e9:
            self._last = PowerReading(sensor="s", mono_ns=now_ns, joules=50.0 * now_ns / 1e9)
        return (self._last,)

    def close(self) -> None:
        self.closed = True


def test_a_reading_after_an_instant_is_there_when_it_is_asked_for() -> None:
    with PowerWatch(open_all=lambda: (Steady(),), period_s=30.0) as watch:  # the period itself would not do
        now_ns = time.monotonic_ns()
        readings = watch.until(now_ns)
    assert readings[-1].mono_ns >= now_ns
    assert [reading.mono_ns for reading in readings] == sorted({reading.mono_ns for reading in readings})


def test_a_sensor_that_is_renewed_seldom_is_waited_for_but_not_for_ever() -> None:
    with PowerWatch(open_all=lambda: (Steady(every_s=0.15),), period_s=0.02) as watch:
        now_ns = time.monotonic_ns()
        assert watch.until(now_ns)[-1].mono_ns >= now_ns
    with PowerWatch(open_all=lambda: (Steady(every_s=60),), period_s=0.02) as watch:
        time.sleep(0.03)
        begun = time.monotonic()
        readings = watch.until(time.monotonic_ns(), timeout_s=0.1)
        assert time.monotonic() - begun < 5
    assert len(readings) == 1


def test_its_own_cost_is_counted() -> None:
    with PowerWatch(open_all=lambda: (Steady(),), period_s=0.01) as watch:
        time.sleep(0.05)
        watch.until(time.monotonic_ns())
        cost = watch.cost()
    assert cost is not None
    assert cost.readings >= 2
    assert 0 <= cost.cpu_seconds < cost.seconds


def test_where_nothing_may_be_read_no_thread_runs_and_nothing_is_waited_for() -> None:
    denied = Steady(why="only root may read it")
    with PowerWatch(open_all=lambda: (denied,)) as watch:
        assert not watch.reads
        assert [sensor.why for sensor in watch.sensors] == ["only root may read it"]
        assert watch.until(time.monotonic_ns()) == ()
        assert watch.cost() is None
    assert denied.closed
    with PowerWatch(open_all=tuple[EnergyReader, ...]) as watch:
        assert watch.sensors == ()
    assert not any(thread.name == "power" for thread in threading.enumerate())
