"""Own the energy of a measurement: joules for each token of prefill and decode, and where they come from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tunesmith.domain.base import Value
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.power import Covers, PowerSensor, PowerSource, SensorUse, mean_or_none
from tunesmith.domain.statistics import quantity
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.measurement import Sample

Origin = Literal["measured", "given", "none"]
Phase = Literal["prefill", "decode"]

_PROCESSORS: tuple[PowerSource, ...] = ("powercap", "msr", "hwmon", "powermetrics", "amdgpu")
_MACHINE: tuple[PowerSource, ...] = ("hwmon", "battery")
"""Which is asked where several tell the same, the best first."""


class GivenPower(Value):
    """What the user says the machine draws; every figure from it is labelled as given."""

    load_watts: float = Field(gt=0)
    """While it computes."""
    idle_watts: float = Field(ge=0)


class PhaseEnergy(Value):
    """The energy of prefill or of decode, for each token; a missing figure has its reason."""

    joules_per_token: Quantity | None = None
    """All that was drawn meanwhile."""
    above_idle_joules_per_token: Quantity | None = None
    """Less what the idle machine would have drawn in that time."""
    watts: float | None = None
    """Mean power."""
    reason: str = ""
    above_idle_reason: str = ""


class SensorFacts(Value):
    """One sensor, what it told, and whether it counts."""

    name: str
    source: PowerSource
    covers: Covers
    counted: bool
    """Whether the figures are its sum with others; one that tells the same again is not."""
    idle_watts: float | None
    prefill_watts: float | None
    decode_watts: float | None
    reason: str
    """Why it is not believed or tells nothing; empty where it is."""


class ReadingCost(Value):
    """What reading the sensors cost itself."""

    readings: int
    """How often all of them were read."""
    seconds: float
    """Over which time."""
    cpu_seconds: float
    """Of one core, by the process that reads; what a driver does elsewhere is not in it."""

    @property
    def core_share(self) -> float | None:
        """Share of one core."""
        return self.cpu_seconds / self.seconds if self.seconds > 0 else None


class Energy(Value):
    """The energy of a measurement."""

    origin: Origin
    """Measured, from watts that the user gave, or there is none."""
    idle_watts: float | None
    """Of the idle machine, by the sensors that count; or as given."""
    idle_reason: str
    prefill: PhaseEnergy
    decode: PhaseEnergy
    sensors: tuple[SensorFacts, ...]
    cost: ReadingCost | None
    """None where nothing was read."""


class _Missing(Exception):
    """A figure cannot be told; the text says why."""


def energy_of(
    samples: Sequence[Sample],
    *,
    lies: Mapping[str, str] | None = None,
    silent: str = "",
    unread: Sequence[PowerSensor] = (),
    given: GivenPower | None = None,
    cost: ReadingCost | None = None,
    confidence: float = 0.95,
) -> Energy:
    """Sum up what sensors told of samples, or reckon from the watts that the user gave.

    Sensors are summed that tell of different things: processors, memory and devices. Where no sensor tells
    of the processors, one of the whole machine stands for all; where there is none either, the devices
    are told alone. A sum that lacks a part of the processors or a device is none; memory that is not
    told is left out.

    Args:
        lies: why a sensor is not believed for the whole run, by its id.
        silent: why no sensor tells anything, where none was read.
        unread: sensors that are there and told nothing; they are shown with their reasons.
        given: overrules the sensors, which are shown all the same.
    """
    lies = lies or {}
    uses = {use.sensor: use for sample in samples for use in sample.conditions.power}
    chosen = counting(tuple(uses.values()), lies)
    facts = (
        *(_facts(use, samples, lies, counted=use.sensor in chosen) for use in uses.values()),
        *(_unread(sensor) for sensor in unread if sensor.id not in uses),
    )
    if given is not None:
        return Energy(
            origin="given", idle_watts=given.idle_watts, idle_reason="",
            prefill=_given(samples, "prefill", given, confidence),
            decode=_given(samples, "decode", given, confidence),
            sensors=facts, cost=cost,
        )  # fmt: skip
    if not chosen:
        reason = silent or tr("no sensor tells it")
        nothing = PhaseEnergy(reason=reason, above_idle_reason=reason)
        return Energy(
            origin="none", idle_watts=None, idle_reason=reason, prefill=nothing, decode=nothing,
            sensors=facts, cost=cost,
        )  # fmt: skip
    try:
        idle_watts, idle_error = _idle([uses[sensor] for sensor in chosen], lies)
        idle_reason = ""
    except _Missing as missing:
        idle_watts, idle_error, idle_reason = None, 0.0, str(missing)
    told: list[PhaseEnergy] = []
    for phase in ("prefill", "decode"):
        try:
            told.append(_phase(samples, phase, chosen, lies, idle_watts, idle_error, idle_reason, confidence))
        except _Missing as missing:
            told.append(PhaseEnergy(reason=str(missing), above_idle_reason=str(missing)))
    prefill, decode = told
    measured = prefill.joules_per_token is not None or decode.joules_per_token is not None
    return Energy(
        origin="measured" if measured else "none", idle_watts=idle_watts, idle_reason=idle_reason,
        prefill=prefill, decode=decode, sensors=facts, cost=cost,
    )  # fmt: skip


def counting(uses: Sequence[SensorUse], lies: Mapping[str, str]) -> tuple[str, ...]:
    """The ids of the sensors whose sum is told: each thing once, by the best that tells of it."""
    processors = _best([use for use in uses if use.covers == "processors"], _PROCESSORS)
    devices = [use for use in uses if use.covers == "device"]
    if processors:
        memory = [
            use
            for use in uses
            if use.covers == "memory" and use.source == processors[0].source and use.sensor not in lies
            and use.idle_watts is not None
        ]  # fmt: skip
        return tuple(use.sensor for use in (*processors, *memory, *devices))
    machine = _best([use for use in uses if use.covers == "machine"], _MACHINE)
    return tuple(use.sensor for use in machine or devices)


def _best(uses: Sequence[SensorUse], order: Sequence[PowerSource]) -> list[SensorUse]:
    sources = {use.source for use in uses}
    best = next((source for source in order if source in sources), None)
    return [use for use in uses if use.source == best]


def _phase_seconds(sample: Sample, phase: Phase) -> float:
    return (sample.prefill_ns or 0) / 1e9 if phase == "prefill" else sum(sample.step_ns) / 1e9


def _phase_tokens(sample: Sample, phase: Phase) -> int:
    return sample.prefill_tokens if phase == "prefill" else len(sample.step_ns) * sample.sequences


def _joules(use: SensorUse, phase: Phase) -> float | None:
    return use.prefill_joules if phase == "prefill" else use.decode_joules


def _told_of(sample: Sample, sensor: str) -> SensorUse | None:
    return next((use for use in sample.conditions.power if use.sensor == sensor), None)


def _ran(samples: Sequence[Sample], phase: Phase) -> list[Sample]:
    ran = [sample for sample in samples if _phase_tokens(sample, phase) and _phase_seconds(sample, phase)]
    if not ran:
        raise _Missing(tr("nothing was prefilled") if phase == "prefill" else tr("nothing was decoded"))
    return ran


def _idle(uses: Sequence[SensorUse], lies: Mapping[str, str]) -> tuple[float, float]:
    """Sum and its standard error, watts."""
    for use in uses:
        if use.sensor in lies or use.idle_watts is None:
            raise _Missing(_named(use, lies.get(use.sensor) or use.idle_why))
    return (
        math.fsum(use.idle_watts or 0.0 for use in uses),
        math.sqrt(math.fsum(use.idle_error_watts**2 for use in uses)),
    )


def _phase(
    samples: Sequence[Sample], phase: Phase, chosen: Sequence[str], lies: Mapping[str, str],
    idle_watts: float | None, idle_error: float, idle_reason: str, confidence: float,
) -> PhaseEnergy:  # fmt: skip
    ran = _ran(samples, phase)
    sums = [_sum(sample, phase, chosen, lies) for sample in ran]
    seconds = [_phase_seconds(sample, phase) for sample in ran]
    return _told(ran, phase, sums, seconds, idle_watts, idle_error, idle_reason, confidence)


def _told(
    ran: Sequence[Sample], phase: Phase, sums: Sequence[float], seconds: Sequence[float],
    idle_watts: float | None, idle_error: float, idle_reason: str, confidence: float,
) -> PhaseEnergy:  # fmt: skip
    tokens = [_phase_tokens(sample, phase) for sample in ran]
    noisy = 2 * sum(sample.noisy for sample in ran) >= len(ran)
    gross = quantity(
        [used / count for used, count in zip(sums, tokens, strict=True)], confidence=confidence, noisy=noisy
    )
    net, why = None, idle_reason
    if idle_watts is not None:
        above = [used - idle_watts * span for used, span in zip(sums, seconds, strict=True)]
        if min(above) > 0:
            unseen = (idle_error * fmean(seconds) / fmean(above)) ** 2
            net = quantity(
                [used / count for used, count in zip(above, tokens, strict=True)],
                confidence=confidence, noisy=noisy, unseen_variance=unseen,
            )  # fmt: skip
        else:
            why = tr("no more was drawn than when idle")
    return PhaseEnergy(
        joules_per_token=gross, above_idle_joules_per_token=net, watts=math.fsum(sums) / math.fsum(seconds),
        above_idle_reason="" if net is not None else why,
    )  # fmt: skip


def _sum(sample: Sample, phase: Phase, chosen: Sequence[str], lies: Mapping[str, str]) -> float:
    """What the sensors told of one sample together, joules."""
    parts: list[float] = []
    for sensor in chosen:
        use = _told_of(sample, sensor)
        if use is None:
            raise _Missing(tr("a sensor was not read at every sample"))
        joules = None if sensor in lies else _joules(use, phase)
        if joules is None:
            told = use.prefill_why if phase == "prefill" else use.decode_why
            raise _Missing(_named(use, lies.get(sensor) or told or tr("it tells nothing")))
        parts.append(joules)
    return math.fsum(parts)


def _given(samples: Sequence[Sample], phase: Phase, given: GivenPower, confidence: float) -> PhaseEnergy:
    """Time times the watts given; the interval is that of the time alone."""
    try:
        ran = _ran(samples, phase)
    except _Missing as missing:
        return PhaseEnergy(reason=str(missing), above_idle_reason=str(missing))
    seconds = [_phase_seconds(sample, phase) for sample in ran]
    sums = [given.load_watts * span for span in seconds]
    return _told(ran, phase, sums, seconds, given.idle_watts, 0.0, "", confidence)


def _facts(
    use: SensorUse, samples: Sequence[Sample], lies: Mapping[str, str], *, counted: bool
) -> SensorFacts:
    told = [found for sample in samples if (found := _told_of(sample, use.sensor)) is not None]
    lie = lies.get(use.sensor, "")
    why = lie or next(
        (why for found in told for why in (found.decode_why, found.prefill_why, found.idle_why) if why), ""
    )

    def watts(phase: Phase) -> float | None:
        ran = [sample for sample in samples if _phase_seconds(sample, phase)]
        values: list[float | None] = []
        for sample in ran:
            found = _told_of(sample, use.sensor)
            joules = None if found is None else _joules(found, phase)
            values.append(None if joules is None else joules / _phase_seconds(sample, phase))
        return None if lie else mean_or_none(values)

    return SensorFacts(
        name=use.name, source=use.source, covers=use.covers, counted=counted and not lie,
        idle_watts=None if lie else use.idle_watts, prefill_watts=watts("prefill"),
        decode_watts=watts("decode"), reason=why,
    )  # fmt: skip


def _unread(sensor: PowerSensor) -> SensorFacts:
    return SensorFacts(
        name=sensor.name, source=sensor.source, covers=sensor.covers, counted=False, idle_watts=None,
        prefill_watts=None, decode_watts=None, reason=sensor.why,
    )  # fmt: skip


def _named(use: SensorUse, why: str) -> str:
    return tr("{sensor}: {reason}", sensor=use.name, reason=why)


def prefill_joules_per_token(energy: Energy) -> float | None:
    """The median, all that was drawn; for what reckons on with it."""
    told = energy.prefill.joules_per_token
    return None if told is None else told.median


def decode_joules_per_token(energy: Energy) -> float | None:
    """The median, all that was drawn; for what reckons on with it."""
    told = energy.decode.joules_per_token
    return None if told is None else told.median
