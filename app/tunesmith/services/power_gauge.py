"""Own the energy of a run: idle power before it, what each sample drew, and what reading that cost."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

from tunesmith.domain.energy import Energy, GivenPower, counting, energy_of
from tunesmith.domain.events import PowerRead
from tunesmith.domain.power import (
    Drawn,
    IdlePower,
    PowerSensor,
    SensorUse,
    drawn,
    idle_power,
    not_believed,
    recent_watts,
)
from tunesmith.machine.power_watch import PowerWatch
from tunesmith.wording import tr

if TYPE_CHECKING:
    from types import TracebackType

    from tunesmith.domain.measurement import Sample
    from tunesmith.domain.power import PowerReading

_LOG = logging.getLogger(__name__)

IDLE_SECONDS = 3.0
_LOOK_SECONDS = 0.1


class PowerGauge:
    """Watches the sensors of power of this machine for as long as a run lasts."""

    def __init__(
        self, *, watch: Callable[[], PowerWatch] = PowerWatch, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        """Begin to watch; where nothing may be read, all that follows costs nothing."""
        self._watch = watch()
        self._idle_seconds = idle_seconds
        self._sensors = _asked(self._watch.sensors)
        self._idle: dict[str, IdlePower] = {}

    @property
    def reads(self) -> bool:
        """Whether anything is read."""
        return self._watch.reads

    def idle(self, *, stop: Callable[[], bool] = lambda: False) -> None:
        """Measure the idle power: to be called while no model is loaded. Returns at once if nothing is read.

        Args:
            stop: ends it early, without a figure.
        """
        if not self.reads:
            return
        begun_ns = time.monotonic_ns()
        self._watch.until(begun_ns)
        begun_ns = time.monotonic_ns()
        ended_ns = begun_ns + round(self._idle_seconds * 1e9)
        while time.monotonic_ns() < ended_ns:
            if stop():
                return
            time.sleep(_LOOK_SECONDS)
        readings = self._watch.until(ended_ns)
        for sensor in self._sensors:
            self._idle[sensor.id] = idle_power(sensor, readings, begun_ns, ended_ns)
            _LOG.debug("idle %s: %s", sensor.id, self._idle[sensor.id])

    @property
    def sensors(self) -> tuple[PowerSensor, ...]:
        """All that are there, also those that may not be read."""
        return self._watch.sensors

    def doubts(self) -> dict[str, str]:
        """Why sensors are not believed by what they told so far, by their ids."""
        readings = self._watch.readings()
        return {one.id: why for one in self._sensors if (why := not_believed(one, readings))}

    def latest(self) -> PowerRead | None:
        """What the machine draws now, of all sensors that count together; None where one does not tell."""
        readings = self._watch.recent()
        spans = [reading.mono_ns for reading in readings]
        if not self.reads or len(spans) < 2:
            return None
        uses = tuple(
            SensorUse(
                sensor=one.id, name=one.name, source=one.source, covers=one.covers,
                idle_watts=self._idle[one.id].watts if one.id in self._idle else None,
            )
            for one in self._sensors
        )  # fmt: skip
        chosen = counting(uses, {})
        told: list[float] = []
        for sensor in self._sensors:
            if sensor.id not in chosen:
                continue
            watts = recent_watts(sensor, readings)
            if watts is None:
                return None
            told.append(watts)
        if not told:
            return None
        cost = self._watch.cost()
        return PowerRead(
            watts=math.fsum(told), mono_ns=max(spans),
            sensors=tuple(one.name for one in self._sensors if one.id in chosen),
            core_share=None if cost is None else cost.core_share,
        )  # fmt: skip

    def silent(self) -> PowerRead | None:
        """Why nothing can be read; None where something is."""
        return None if self.reads else PowerRead(watts=None, why=silence(self._watch.sensors))

    def of(self, sample: Sample, *, until_ns: int | None = None) -> Sample:
        """The sample with what the sensors told of it.

        Args:
            sample: as it was taken.
            until_ns: when repetitions of it ended, over which the mean power is told as well.
        """
        if not self.reads:
            return sample
        begun_ns = sample.started_mono_ns
        middle_ns = begun_ns + (sample.prefill_ns or 0)
        ended_ns = middle_ns + sum(sample.step_ns)
        last_ns = max(ended_ns, until_ns or 0)
        readings = self._watch.until(last_ns)
        power = tuple(
            self._use(sensor, readings, begun_ns, middle_ns, ended_ns, last_ns) for sensor in self._sensors
        )
        conditions = sample.conditions.model_copy(update={"power": power})
        return sample.model_copy(update={"conditions": conditions})

    def sum_up(self, samples: Sequence[Sample], given: GivenPower | None = None) -> Energy:
        """The energy of samples, of this run or of an earlier session of it."""
        unread = tuple(sensor for sensor in self._watch.sensors if sensor.why)
        return energy_of(
            samples, lies=self.doubts(), silent=silence(self._watch.sensors),
            unread=unread if self.reads else (), given=given, cost=self._watch.cost(),
        )  # fmt: skip

    def close(self) -> None:
        """Stop watching."""
        self._watch.close()

    def _use(
        self, sensor: PowerSensor, readings: Sequence[PowerReading], begun_ns: int, middle_ns: int,
        ended_ns: int, last_ns: int,
    ) -> SensorUse:  # fmt: skip
        idle = self._idle.get(sensor.id)
        prefill = self._drawn(sensor, readings, begun_ns, middle_ns)
        decode = self._drawn(sensor, readings, middle_ns, ended_ns)
        whole = self._drawn(sensor, readings, begun_ns, last_ns)
        return SensorUse(
            sensor=sensor.id, name=sensor.name, source=sensor.source, covers=sensor.covers,
            idle_watts=None if idle is None else idle.watts,
            idle_error_watts=0.0 if idle is None else idle.error_watts,
            idle_why=tr("idle power was not measured") if idle is None else idle.why,
            prefill_joules=prefill.joules, prefill_why=prefill.why,
            decode_joules=decode.joules, decode_why=decode.why,
            mean_watts=whole.watts, mean_why=whole.why,
        )  # fmt: skip

    @staticmethod
    def _drawn(sensor: PowerSensor, readings: Sequence[PowerReading], begun_ns: int, ended_ns: int) -> Drawn:
        if ended_ns <= begun_ns:  # this part was not run
            return Drawn(joules=None, seconds=0.0)
        if sensor.why:
            return Drawn(joules=None, seconds=(ended_ns - begun_ns) / 1e9, why=sensor.why)
        return drawn(sensor, readings, begun_ns, ended_ns)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def silence(sensors: Sequence[PowerSensor]) -> str:
    """Why no sensor tells anything, in a few words; empty where one does."""
    if not sensors:
        return tr("this machine shows no sensor of power or energy")
    if any(not sensor.why for sensor in sensors):
        return ""
    reasons = dict.fromkeys(tr("{sensor}: {reason}", sensor=one.name, reason=one.why) for one in sensors)
    return "; ".join(reasons)


def _asked(sensors: Sequence[PowerSensor]) -> tuple[PowerSensor, ...]:
    """Those that are read, and processors that are not where others of the same kind are.

    A sum over two packages of which one may not be read would be no sum. A battery that rests is none of
    it: the machine draws from the other.
    """
    read = {sensor.source for sensor in sensors if not sensor.why and sensor.covers == "processors"}
    return tuple(
        sensor
        for sensor in sensors
        if not sensor.why or (sensor.covers == "processors" and sensor.source in read)
    )
