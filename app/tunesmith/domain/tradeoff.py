"""Own what a run's candidates are worth by several measures: speed, energy and memory of one request."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tunesmith.domain.base import Value
from tunesmith.domain.energy import GivenPower, Origin
from tunesmith.domain.event_base import Part
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.roofline import Standing
from tunesmith.domain.sample_energy import NotTold, part_watts
from tunesmith.domain.statistics import quantity
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.measurement import Sample
    from tunesmith.domain.settings import Settings
    from tunesmith.domain.workload import Workload

_NOT_OF: dict[Part, frozenset[str]] = {
    "prefill": frozenset({"threads"}),
    "decode": frozenset({"threads_batch", "n_batch", "n_ubatch", "op_offload"}),
}
"""Settings that a part does not depend on where one sequence is decoded at a time."""


class TradedCandidate(Value):
    """One candidate over one request of the workload, as far as the objective is about it."""

    candidate: str
    """Its label, as the run named it first."""
    digest: str
    """Of its settings."""
    standing: Standing
    samples: int
    tokens_per_s: Quantity
    """Tokens of a request by the time they take; over all sequences."""
    joules_per_token: Quantity | None
    """All that was drawn in that time; None where it is not told."""
    mean_watts: float | None
    energy_reason: str
    """Why its energy is not told; empty where it is."""
    memory_bytes: int | None
    """In use after a sample, devices included: the most of its samples."""


class Tradeoff(Value):
    """A run's candidates, so that one measure can be held against another."""

    parts: tuple[Part, ...]
    """What a request means here: the parts of the workload that the objective is about."""
    candidates: tuple[TradedCandidate, ...]
    left_out: int
    """Candidates of which too little was measured."""
    origin: Origin
    """Where their energy comes from."""
    reason: str
    """Why no candidate's energy is told; empty where one is."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A sample, and whose it is."""

    candidate: str
    settings: Settings
    sample: Sample


@dataclass(slots=True)
class _Pool:
    """What was seen of one part, under settings that are alike for it."""

    seconds: list[float] = field(default_factory=list)
    """For each token."""
    joules: list[float] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def tradeoff_of(
    measured: Iterable[Measured], workload: Workload, parts: Iterable[Part], *, baseline: str, chosen: str,
    given: GivenPower | None = None, lies: Mapping[str, str] | None = None, silent: str = "",
) -> Tradeoff:  # fmt: skip
    """What candidates are worth over one request.

    A question of the search measures only the part that its answer can change. What it leaves out is taken
    from samples whose settings are the same but for what that part does not depend on. Samples that others
    disturbed are left out where there are others.

    Args:
        measured: the samples of the search.
        workload: one request.
        parts: those that count.
        baseline: digest of the settings that the others were compared with.
        chosen: digest of the settings that were kept; empty where none were.
        given: watts that the user named; they overrule sensors.
        lies: why a sensor is not believed for all of the run, by its name.
        silent: why no sensor tells anything, where that is known.
    """
    wanted = _tokens(workload, parts)
    own: dict[str, list[Measured]] = defaultdict(list)
    for one in measured:
        own[one.settings.digest].append(one)
    pools = _pools(own.values(), wanted, alone=workload.parallel == 1, given=given, lies=lies or {})
    found = [
        made
        for digest, group in own.items()
        if (made := _traded(group, pools, wanted, _standing(digest, baseline, chosen))) is not None
    ]
    order = {"other": 0, "baseline": 1, "chosen": 2}
    told = any(one.joules_per_token is not None for one in found)
    origin: Origin = "none" if not told else "measured" if given is None else "given"
    reasons = dict.fromkeys(one.energy_reason for one in found if one.energy_reason)
    return Tradeoff(
        parts=tuple(wanted), candidates=tuple(sorted(found, key=lambda one: order[one.standing])),
        left_out=len(own) - len(found), origin=origin,
        reason="" if told else silent or next(iter(reasons), tr("nothing was measured")),
    )  # fmt: skip


def _tokens(workload: Workload, parts: Iterable[Part]) -> dict[Part, int]:
    """Tokens of a request, part by part, without those that have none."""
    counts: dict[Part, int] = {"prefill": workload.prompt, "decode": workload.generate}
    chosen = set(parts)
    return {part: count for part, count in counts.items() if count and part in chosen}


def _standing(digest: str, baseline: str, chosen: str) -> Standing:
    if digest == baseline:
        return "baseline"
    return "chosen" if digest == chosen else "other"


_PoolKey = tuple[Part, str]


def _key(settings: Settings, part: Part, *, alone: bool) -> _PoolKey:
    """What samples have in common that tell the same of a part."""
    return part, settings.model_dump_json(exclude=set(_NOT_OF[part]) if alone else set())


class _Pools:
    """What was seen, by part and settings."""

    def __init__(self, pools: dict[_PoolKey, _Pool], *, alone: bool) -> None:
        self._pools, self._alone = pools, alone

    def of(self, settings: Settings, part: Part) -> _Pool | None:
        return self._pools.get(_key(settings, part, alone=self._alone))


def _pools(
    groups: Iterable[Sequence[Measured]], wanted: Iterable[Part], *, alone: bool, given: GivenPower | None,
    lies: Mapping[str, str],
) -> _Pools:  # fmt: skip
    gathered: dict[_PoolKey, list[Sample]] = defaultdict(list)
    for group in groups:
        for one in group:
            for part in wanted:
                if _seconds_per_token(one.sample, part) is not None:
                    gathered[_key(one.settings, part, alone=alone)].append(one.sample)
    made: dict[_PoolKey, _Pool] = {}
    for key, samples in gathered.items():
        pool = made[key] = _Pool()
        for sample in [one for one in samples if not one.noisy] or samples:
            seconds = _seconds_per_token(sample, key[0]) or 0.0
            pool.seconds.append(seconds)
            try:
                watts = given.load_watts if given is not None else part_watts(sample, key[0], lies)
            except NotTold as missing:
                pool.reasons.append(str(missing))
            else:
                pool.joules.append(watts * seconds)
    return _Pools(made, alone=alone)


def _seconds_per_token(sample: Sample, part: Part) -> float | None:
    """By the clock, for each token over all sequences; None where the part was not run."""
    if part == "prefill":
        per_token = sample.prefill_ns_per_token
        return None if per_token is None else per_token / 1e9
    step = sample.step_ns_mean
    return None if step is None else step / 1e9 / sample.sequences


def _traded(
    group: Sequence[Measured], pools: _Pools, wanted: Mapping[Part, int], standing: Standing
) -> TradedCandidate | None:  # fmt: skip
    """A candidate; None where a part of the request was not measured."""
    settings = group[0].settings
    found = {part: pool for part in wanted if (pool := pools.of(settings, part)) is not None}
    if not wanted or found.keys() != wanted.keys():
        return None
    whole = sum(wanted.values())
    seconds = _sum([(wanted[part], quantity(found[part].seconds, interval="mean")) for part in wanted])
    reason = next((pool.reasons[0] for pool in found.values() if not pool.joules), "")
    joules = None
    if not reason:
        joules = _sum([(wanted[part], quantity(found[part].joules, interval="mean")) for part in wanted])
    return TradedCandidate(
        candidate=group[0].candidate, digest=settings.digest, standing=standing, samples=len(group),
        tokens_per_s=_mapped(seconds, lambda value: whole / value),
        joules_per_token=None if joules is None else _mapped(joules, lambda value: value / whole),
        mean_watts=None if joules is None else joules.median / seconds.median,
        energy_reason=reason,
        memory_bytes=max(filter(None, (_memory(one.sample) for one in group)), default=None),
    )  # fmt: skip


def _sum(parts: Sequence[tuple[int, Quantity]]) -> Quantity:
    """A sum of independent quantities, each so many times; its interval's halves are added in quadrature.

    The samples are those of the only part; a sum of several has none of its own.
    """
    middle = math.fsum(count * one.median for count, one in parts)
    ends: list[float | None] = [None, None]
    if all(one.low is not None and one.high is not None for _, one in parts):
        below = math.hypot(*(count * (one.median - (one.low or 0.0)) for count, one in parts))
        above = math.hypot(*(count * ((one.high or 0.0) - one.median) for count, one in parts))
        ends = [max(middle - below, middle * 1e-3), middle + above]
    count, first = parts[0]
    return Quantity(
        median=middle, low=ends[0], high=ends[1], confidence=first.confidence,
        samples=tuple(count * value for value in first.samples) if len(parts) == 1 else (),
        noisy=False, interval="mean",
    )  # fmt: skip


def _mapped(one: Quantity, by: Callable[[float], float]) -> Quantity:
    """A quantity by a function that only rises or only falls."""
    ends: list[float | None] = [None, None]
    if one.low is not None and one.high is not None:
        ends = [*sorted((by(one.low), by(one.high)))]
    return one.model_copy(
        update={
            "median": by(one.median), "low": ends[0], "high": ends[1],
            "samples": tuple(map(by, one.samples)),
        }
    )  # fmt: skip


def _memory(sample: Sample) -> int | None:
    host = sample.memory.pss_bytes or sample.memory.rss_bytes
    devices = sum(sample.memory.device_used_bytes.values())
    return host + devices if host else devices or None


def front(spots: Sequence[tuple[Quantity, Quantity]], *, tie: float = 0.0) -> frozenset[int]:
    """Numbers of those that none makes superfluous, of pairs of a speed and of what it takes.

    One makes another superfluous if it is no slower and takes no more, and in one of the two their intervals
    do not meet. So noise alone takes nobody out; what has no interval counts as it was measured.

    Args:
        spots: the pairs.
        tie: what is taken counts as alike within this share.
    """

    def beats(one: tuple[Quantity, Quantity], other: tuple[Quantity, Quantity]) -> bool:
        (speed, takes), (speed_, takes_) = one, other
        if speed.median < speed_.median or takes.median > takes_.median * (1 + tie):
            return False
        return _low(speed) > _high(speed_) or _high(takes) * (1 + tie) < _low(takes_)

    return frozenset(
        number for number, spot in enumerate(spots) if not any(beats(other, spot) for other in spots)
    )


def _low(one: Quantity) -> float:
    return one.median if one.low is None else one.low


def _high(one: Quantity) -> float:
    return one.median if one.high is None else one.high
