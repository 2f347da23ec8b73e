"""Own what one sample says of energy: the power it was taken at, by the sensors that count or as given."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tunesmith.domain.energy import counting
from tunesmith.wording import tr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tunesmith.domain.event_base import Part
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


def part_watts(sample: Sample, part: Part, lies: Mapping[str, str]) -> float:
    """Mean power of the machine during a part of a sample; during all of it where the part is too short.

    Args:
        lies: why a sensor is not believed for all of a run, by its name.

    Raises:
        NotTold: a sensor that counts tells nothing or is not believed, or there is none.
    """
    own = sum(sample.step_ns) if part == "decode" else sample.prefill_ns or 0
    told_of = sample.conditions.power
    uses = _counting(told_of, {use.sensor: lies[use.name] for use in told_of if use.name in lies})
    for use in uses:
        if use.name in lies:
            raise NotTold(tr("{sensor}: {reason}", sensor=use.name, reason=lies[use.name]))
    told = [use.prefill_joules if part == "prefill" else use.decode_joules for use in uses]
    if own and all(told):
        return math.fsum(joules or 0.0 for joules in told) / (own / 1e9)
    return mean_watts(sample)


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


def _counting(power: Sequence[SensorUse], lies: Mapping[str, str] | None = None) -> list[SensorUse]:
    chosen = counting(tuple(power), lies or {})
    if not chosen:
        raise NotTold(tr("no sensor tells it"))
    return [use for use in power if use.sensor in chosen]


def _told(use: SensorUse, watts: float | None, why: str) -> float:
    if watts is None:
        raise NotTold(tr("{sensor}: {reason}", sensor=use.name, reason=why))
    return watts
