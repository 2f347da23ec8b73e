"""Own what the samples of a soak say: burst and sustained speed, the changes between, and their causes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from statistics import fmean, median

from tunesmith.domain.event_base import Part
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.soak import CauseName, MeanConditions, SoakPart, SoakSample, SpeedChange
from tunesmith.tuning.change_point import (
    ALPHA,
    LEAST_RATIO,
    LEAST_SAMPLES,
    Ratio,
    change_points,
    mean_interval,
    speed_ratio,
)

CONFIDENCE = 0.95
SETTLED_SHARE = 0.2
"""A last stretch of at least this share of the soak is a steady state."""
LEAST_STRETCH_SECONDS = 5.0
"""A speed that holds for less is no state of the machine: turbo and heat take tens of seconds to change
one, while neighbours on a shared host come and go within a few."""
HOT_CELSIUS = 80.0
"""Processors and devices begin to hold their clocks down between 80 and 105 °C."""
_CLOCK_RATIO = 0.97
_MORE_CORES = 0.1
_MORE_CORES_BESIDE_A_QUOTA = 0.5
"""The system counts CPU time in ticks, and a quota cuts in their rhythm: 0.2 cores were seen that nobody
used."""
_MORE_UTILIZATION = 0.1
_MORE_THROTTLED = 0.1


def findings(
    samples: Sequence[SoakSample], *, alpha: float = ALPHA, least_ratio: float = LEAST_RATIO
) -> tuple[SoakPart, ...]:
    """What the samples say of each part that has enough of them; ``alpha`` is divided among the parts."""
    parts: tuple[Part, ...] = ("prefill", "decode")
    by_part = [[sample for sample in samples if sample.part == part] for part in parts]
    told = [own for own in by_part if len(own) >= LEAST_SAMPLES]
    return tuple(_part(own, alpha / len(told), least_ratio) for own in told)


def _part(samples: Sequence[SoakSample], alpha: float, least_ratio: float) -> SoakPart:
    speeds = [sample.tokens_per_s for sample in samples]
    cuts = change_points(speeds, alpha=alpha, least_ratio=least_ratio, least_samples=_least_samples(samples))
    stretches = [samples[low:high] for low, high in pairwise((0, *cuts, len(samples)))]
    first, last = stretches[0], stretches[-1]
    whole = Ratio(1.0, 1.0, 1.0)
    against = speed_ratio(_speeds(first), _speeds(last), confidence=CONFIDENCE) if cuts else whole
    changes = tuple(
        _change(before, after, cut) for (before, after), cut in zip(pairwise(stretches), cuts, strict=True)
    )
    soaked = samples[-1].begun_s + samples[-1].seconds - samples[0].begun_s
    lasted = last[-1].begun_s + last[-1].seconds - last[0].begun_s
    fell = against.high < 1 and against.value < 1 - least_ratio
    return SoakPart(
        part=samples[0].part,
        samples=len(samples),
        burst_tokens_per_s=_quantity(first),
        sustained_tokens_per_s=_quantity(last),
        changes=changes,
        drop=1 - against.value,
        drop_low=1 - against.high,
        drop_high=1 - against.low,
        time_to_throttle_s=next((c.at_s for c in changes if c.ratio < 1), None) if fell else None,
        sustained_seconds=lasted,
        settled=lasted >= SETTLED_SHARE * soaked,
        burst_conditions=mean_conditions(first),
        sustained_conditions=mean_conditions(last),
    )


def _least_samples(samples: Sequence[SoakSample]) -> int:
    """So many samples as lie in :data:`LEAST_STRETCH_SECONDS`, but no more than a third of all."""
    apart = (samples[-1].begun_s - samples[0].begun_s) / (len(samples) - 1)
    held = math.ceil(LEAST_STRETCH_SECONDS / apart) if apart > 0 else LEAST_SAMPLES
    return max(LEAST_SAMPLES, min(held, len(samples) // 3))


def _speeds(samples: Iterable[SoakSample]) -> list[float]:
    return [sample.tokens_per_s for sample in samples]


def _quantity(samples: Sequence[SoakSample]) -> Quantity:
    """The stretch's speed, with an interval of its mean that bears samples that hang together."""
    speeds = _speeds(samples)
    mean, middle = mean_interval(speeds, confidence=CONFIDENCE), median(speeds)
    return Quantity(
        median=middle, low=min(mean.low, middle), high=max(mean.high, middle), confidence=CONFIDENCE,
        samples=tuple(speeds), noisy=False, interval="mean",
    )  # fmt: skip


def _change(before: Sequence[SoakSample], after: Sequence[SoakSample], cut: int) -> SpeedChange:
    ratio = speed_ratio(_speeds(before), _speeds(after), confidence=CONFIDENCE)
    slower, faster = mean_conditions(after), mean_conditions(before)
    if ratio.value > 1:
        slower, faster = faster, slower
    return SpeedChange(
        at_s=after[0].begun_s, sample=cut, ratio=ratio.value, low=ratio.low, high=ratio.high,
        causes=likely_causes(faster, slower),
    )  # fmt: skip


def likely_causes(faster: MeanConditions, slower: MeanConditions) -> tuple[CauseName, ...]:
    """What was read that can explain the slower stretch, the surest first; ``not_known`` where nothing can.

    Args:
        faster: conditions of the faster of two neighbouring stretches.
        slower: of the slower one.
    """
    found: list[CauseName] = []
    said = [reason for reason in slower.device_throttled if reason not in faster.device_throttled]
    if any(reason.startswith("heat") for reason in said):
        found.append("heat")
    if any(reason in ("power limit", "current limit") for reason in said):
        found.append("power_limit")
    if _grew(faster.throttled_share, slower.throttled_share, _MORE_THROTTLED):
        found.append("quota")
    more = _MORE_CORES_BESIDE_A_QUOTA if "quota" in found else _MORE_CORES
    if _grew(faster.foreign_cores, slower.foreign_cores, more) or _grew(
        faster.foreign_utilization, slower.foreign_utilization, _MORE_UTILIZATION
    ):
        found.append("other_program")
    if _grew(faster.steal_cores, slower.steal_cores, _MORE_CORES):
        found.append("hypervisor")
    for clock, heat in (("cpu_mhz", "temperature_celsius"), ("device_mhz", "device_celsius")):
        before, after = getattr(faster, clock), getattr(slower, clock)
        if before is None or after is None or after > _CLOCK_RATIO * before:
            continue
        celsius = getattr(slower, heat)
        name: CauseName = "heat" if celsius is not None and celsius >= HOT_CELSIUS else "clock"
        if name not in found and not (name == "clock" and "power_limit" in found):
            found.append(name)
    return tuple(found) or ("not_known",)


def _grew(before: float | None, after: float | None, least: float) -> bool:
    """Whether something grew by at least so much; what was not read before counts as 0."""
    return after is not None and after - (before or 0.0) >= least


def mean_conditions(samples: Sequence[SoakSample]) -> MeanConditions:
    """The conditions of one stretch."""
    told = [sample.conditions for sample in samples]
    loads = [load for conditions in told for load in conditions.devices]
    counted = [s.throttled_periods > 0 for s in samples if s.throttled_periods is not None]
    return MeanConditions(
        foreign_cores=_over(fmean, (c.foreign_cores for c in told)),
        steal_cores=_over(fmean, (c.steal_cores for c in told)),
        cpu_mhz=_over(fmean, (c.cpu_mhz for c in told)),
        temperature_celsius=_over(max, (c.temperature_celsius for c in told)),
        package_watts=_over(fmean, (c.package_watts for c in told)),
        device_mhz=_over(fmean, (load.clock_mhz for load in loads)),
        device_celsius=_over(max, (load.temperature_celsius for load in loads)),
        device_watts=_over(fmean, (_over(math.fsum, (load.power_watts for load in c.devices)) for c in told)),
        foreign_utilization=_over(max, (load.foreign_utilization for load in loads)),
        device_throttled=tuple(dict.fromkeys(why for load in loads for why in load.throttled or ())),
        throttled_share=fmean(counted) if counted else None,
    )


def _over(join: Callable[[list[float]], float], values: Iterable[float | None]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return join(known) if known else None
