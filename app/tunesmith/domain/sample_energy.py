"""Own what one sample says of energy: the power it was taken at, by the sensors that count or as given."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tunesmith.domain.energy import counting
from tunesmith.wording import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tunesmith.domain.measurement import Sample
    from tunesmith.domain.power import PowerSensor, SensorUse


class NotTold(ValueError):
    """A sample does not tell its energy; the text says why."""


def mean_watts(sample: Sample) -> float:
    """Mean power of the machine while a sample was taken, of all sensors that count together.

    Raises:
        NotTold: a sensor that counts tells nothing, or there is none.
    """
    return mean_watts_of(sample.conditions.power)


def mean_watts_of(power: Sequence[SensorUse]) -> float:
    """As :func:`mean_watts`, of what sensors told of one sample.

    Raises:
        NotTold: a sensor that counts tells nothing, or there is none.
    """
    return math.fsum(
        _told(use, use.mean_watts, use.mean_why or tr("it tells nothing")) for use in _counting(power)
    )


def idle_watts(sample: Sample) -> float:
    """Power of the idle machine before the run, of the same sensors.

    Raises:
        NotTold: a sensor that counts tells nothing, or there is none.
    """
    return math.fsum(_told(use, use.idle_watts, use.idle_why) for use in _counting(sample.conditions.power))


def too_slow(sensors: Sequence[PowerSensor]) -> bool:
    """Whether only a battery tells of this machine: it is renewed too seldom to tell candidates apart."""
    told = [sensor for sensor in sensors if not sensor.why]
    return bool(told) and all(sensor.source == "battery" for sensor in told)


def _counting(power: Sequence[SensorUse]) -> list[SensorUse]:
    chosen = counting(tuple(power), {})
    if not chosen:
        raise NotTold(tr("no sensor tells it"))
    return [use for use in power if use.sensor in chosen]


def _told(use: SensorUse, watts: float | None, why: str) -> float:
    if watts is None:
        raise NotTold(tr("{sensor}: {reason}", sensor=use.name, reason=why))
    return watts
