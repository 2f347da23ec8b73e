"""Own what sensors of power and energy tell: readings, counters that begin anew, and sensors that lie."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, stdev
from typing import Literal

from pydantic import Field

from tunesmith.domain.base import Value
from tunesmith.domain.digits import fixed
from tunesmith.wording import tr

PowerSource = Literal[
    "powercap", "msr", "hwmon", "nvml", "amdgpu", "i915", "xe", "powermetrics", "battery"
]  # fmt: skip
Covers = Literal["processors", "memory", "device", "machine"]
"""Processor packages with what is in them, main memory, one graphics device, or all that one plug feeds."""

MOST_WATTS: dict[Covers, float] = {
    "processors": 2000.0, "memory": 500.0, "device": 3000.0, "machine": 20_000.0,
}  # fmt: skip
"""Above this nothing is believed of a sensor: the largest sockets are sold with 600 W, devices with 1400."""
LONGEST_GAP_S = 3.0
"""Between two readings; a longer one is not bridged by a guess."""
LEAST_READINGS = 4
"""Within a span, that its energy is told: what lies beyond the outermost is interpolated."""
STANDING_READINGS = 8
"""So many readings alike to the last digit, idle and under load, are no measurement."""
_AGREE_SECONDS = 10.0
_AGREE_RATIO = 1.3
"""Counter and power of one device, over at least so long, may differ by this factor and no more."""


class PowerSensor(Value):
    """One sensor that is there, whether it may be read or not."""

    id: str
    """Among the sensors of this machine, such as ``powercap:intel-rapl:0``."""
    name: str
    """For people, such as ``package-0`` or the device's name."""
    source: PowerSource
    covers: Covers
    counts: bool
    """Whether it counts energy; else it tells the power of the moment, or a short mean."""
    wraps_joules: float | None = None
    """Where a counter begins anew at 0; None where it does not say, or never does."""
    why: str = ""
    """Why it tells nothing; empty where it may be read."""
    todo: str = ""
    """What the user can do that it may be read; empty where nothing helps."""


class PowerReading(Value):
    """One sensor at one instant: its counter, the power of the moment, or both."""

    sensor: str
    """The sensor's id."""
    mono_ns: int
    joules: float | None = None
    """Since some instant in the past: only differences mean something."""
    watts: float | None = None


class Drawn(Value):
    """The energy that one sensor told for a span of time; None and a reason where it cannot be told."""

    joules: float | None
    seconds: float
    why: str = ""

    @property
    def watts(self) -> float | None:
        """Mean power."""
        return None if self.joules is None or self.seconds <= 0 else self.joules / self.seconds


class IdlePower(Value):
    """Mean power of one sensor before the run, when no model was loaded."""

    watts: float | None
    error_watts: float = 0.0
    """Standard error of the mean."""
    why: str = ""


class SensorUse(Value):
    """What one sensor told of one sample, and of the idle time before the run."""

    sensor: str
    """The sensor's id."""
    name: str
    source: PowerSource
    covers: Covers
    idle_watts: float | None = None
    idle_error_watts: float = Field(default=0.0, ge=0)
    idle_why: str = ""
    prefill_joules: float | None = Field(default=None, ge=0)
    prefill_why: str = ""
    """Why there is no figure; empty where there is one, or nothing was prefilled."""
    decode_joules: float | None = Field(default=None, ge=0)
    decode_why: str = ""
    mean_watts: float | None = Field(default=None, gt=0)
    """Over the whole sample, and over repetitions right after it where it is too short by itself."""
    mean_why: str = ""


def counted(before: float, after: float, *, seconds: float, most_watts: float, wraps: float | None) -> float:
    """The energy between two readings of a counter that may have begun anew once, joules.

    Args:
        before: the earlier reading, joules.
        after: the later one.
        seconds: between them.
        most_watts: what is believed at most.
        wraps: where the counter begins anew at 0, joules; None where that is not known.

    Raises:
        ValueError: no believable energy lies between them; the text says why, for people.
    """
    if before < 0 or after < 0:
        raise ValueError(tr("it told a negative energy"))
    used = after - before
    if used < 0:
        if wraps is None:
            raise ValueError(tr("its counter was set back, and where it begins anew is not told"))
        used += wraps
        if used < 0 or used > most_watts * seconds:
            raise ValueError(tr("its counter was set back"))
    if used > most_watts * seconds:
        raise ValueError(tr("its counter jumped by {joules} J", joules=watts_text(used)))
    return used


def drawn(sensor: PowerSensor, readings: Sequence[PowerReading], begun_ns: int, ended_ns: int) -> Drawn:
    """The energy that a sensor told between two instants of the monotonic clock.

    A counter is interpolated between its readings, power is integrated by trapezoids. No figure comes of a
    span that readings do not enclose, in which fewer than :data:`LEAST_READINGS` lie, or whose readings
    cannot be true.

    Args:
        readings: of any sensors, oldest first.
    """
    seconds = max(0.0, (ended_ns - begun_ns) / 1e9)
    own = [reading for reading in readings if reading.sensor == sensor.id]
    times = [reading.mono_ns for reading in own]
    first, last = bisect_right(times, begun_ns) - 1, bisect_left(times, ended_ns)
    if first < 0 or last >= len(own) or not seconds:
        return Drawn(joules=None, seconds=seconds, why=tr("it was not read around this time"))
    inside = own[bisect_left(times, begun_ns) : bisect_right(times, ended_ns)]
    if len(inside) < LEAST_READINGS:
        why = tr("{seconds} s are too short for it: ask for more tokens", seconds=fixed(seconds, 1))
        return Drawn(joules=None, seconds=seconds, why=why)
    if sensor.source == "battery" and len({reading.watts for reading in inside}) == 1:
        return Drawn(joules=None, seconds=seconds, why=tr("it was not renewed meanwhile"))
    try:
        told = _curve(sensor, own[first : last + 1])
    except ValueError as error:
        return Drawn(joules=None, seconds=seconds, why=str(error))
    used = _at(told, ended_ns) - _at(told, begun_ns)
    if used <= 0:
        return Drawn(joules=None, seconds=seconds, why=tr("its counter stands still"))
    return Drawn(joules=used, seconds=seconds)


def recent_watts(sensor: PowerSensor, readings: Sequence[PowerReading]) -> float | None:
    """Mean power over all readings of a sensor, of the last moments; None where they are not believed."""
    own = [reading for reading in readings if reading.sensor == sensor.id]
    if len(own) < LEAST_READINGS or sensor.why or not_believed(sensor, own):
        return None
    return drawn(sensor, own, own[0].mono_ns, own[-1].mono_ns).watts


def idle_power(
    sensor: PowerSensor, readings: Sequence[PowerReading], begun_ns: int, ended_ns: int
) -> IdlePower:
    """The mean power between two instants, with the error that its unrest leaves."""
    used = drawn(sensor, readings, begun_ns, ended_ns)
    if used.watts is None:
        return IdlePower(watts=None, why=used.why)
    inside = [
        reading
        for reading in readings
        if reading.sensor == sensor.id and begun_ns <= reading.mono_ns <= ended_ns
    ]
    times, joules = _curve(sensor, inside)
    pieces = [
        (more - less) / ((later - sooner) / 1e9)
        for (sooner, later), (less, more) in zip(pairwise(times), pairwise(joules), strict=True)
        if later > sooner
    ]
    error = stdev(pieces) / math.sqrt(len(pieces)) if len(pieces) > 1 else 0.0
    return IdlePower(watts=used.watts, error_watts=error)


def not_believed(sensor: PowerSensor, readings: Sequence[PowerReading]) -> str:
    """Why a sensor is not believed for all of a run, idle and load together; empty where nothing speaks
    against it.

    A counter that never moves and a power that never changes to the last digit are made up or stuck. Where a
    device tells both, they have to agree.
    """
    own = [reading for reading in readings if reading.sensor == sensor.id]
    if len(own) < STANDING_READINGS:
        return ""
    if sensor.counts:
        if len({reading.joules for reading in own}) == 1:
            return tr("its counter stands still")
        return _disagreement(sensor, own)
    told = {reading.watts for reading in own}
    if len(told) > 1:
        return ""
    (watts,) = told
    if not watts:
        return tr("it tells 0 W all along")
    return tr("it tells {watts} W all along, idle and under load", watts=watts_text(watts))


def _disagreement(sensor: PowerSensor, own: Sequence[PowerReading]) -> str:
    both = [reading for reading in own if reading.watts is not None and reading.joules is not None]
    if len(both) < STANDING_READINGS:
        return ""
    seconds = (both[-1].mono_ns - both[0].mono_ns) / 1e9
    if seconds < _AGREE_SECONDS:
        return ""
    try:
        by_counter = _curve(sensor, both)[1][-1] / seconds
        by_power = _curve(sensor.model_copy(update={"counts": False}), both)[1][-1] / seconds
    except ValueError:
        return ""
    if 1 / _AGREE_RATIO <= by_counter / by_power <= _AGREE_RATIO:
        return ""
    return tr(
        "its counter says {counted} W and its power {told} W",
        counted=watts_text(by_counter), told=watts_text(by_power),
    )  # fmt: skip


def _curve(sensor: PowerSensor, readings: Sequence[PowerReading]) -> tuple[list[int], list[float]]:
    """Times, ns, and the energy since the first of them, joules.

    Raises:
        ValueError: a reading cannot be true, or one is missing.
    """
    most = MOST_WATTS[sensor.covers]
    times, joules = [readings[0].mono_ns], [0.0]
    for before, after in pairwise(readings):
        seconds = (after.mono_ns - before.mono_ns) / 1e9
        if seconds > LONGEST_GAP_S:
            raise ValueError(tr("it was not read for {seconds} s", seconds=fixed(seconds, 1)))
        if sensor.counts:
            if before.joules is None or after.joules is None:
                raise ValueError(tr("it stopped telling"))
            used = counted(
                before.joules, after.joules, seconds=seconds, most_watts=most, wraps=sensor.wraps_joules
            )
        else:
            used = (_watts(before, most) + _watts(after, most)) / 2 * seconds
        times.append(after.mono_ns)
        joules.append(joules[-1] + used)
    return times, joules


def _watts(reading: PowerReading, most: float) -> float:
    if reading.watts is None:
        raise ValueError(tr("it stopped telling"))
    if reading.watts < 0:
        raise ValueError(tr("it told a negative power, {watts} W", watts=watts_text(reading.watts)))
    if reading.watts == 0:
        raise ValueError(tr("it told 0 W"))
    if reading.watts > most:
        raise ValueError(tr("it told {watts} W, which is not believed", watts=watts_text(reading.watts)))
    return reading.watts


def _at(told: tuple[list[int], list[float]], mono_ns: int) -> float:
    """The energy at an instant within the readings, interpolated linearly."""
    times, joules = told
    above = bisect_left(times, mono_ns)
    if above == 0:
        return joules[0]
    share = (mono_ns - times[above - 1]) / (times[above] - times[above - 1])
    return joules[above - 1] + share * (joules[above] - joules[above - 1])


def watts_text(watts: float) -> str:
    """A number of watts or joules, without its unit."""
    return fixed(watts, 0 if abs(watts) >= 100 else 1 if abs(watts) >= 1 else 2)


def mean_or_none(values: Sequence[float | None]) -> float | None:
    """The mean; None where a value is missing, or there are none."""
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None
