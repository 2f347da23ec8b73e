"""Own what blocks of settings by turns say: what each held, and which is proven to hold more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from tunesmith.domain.event_base import Part
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.sample_energy import NotTold, mean_watts_of
from tunesmith.domain.soak import SoakPart, SoakSample
from tunesmith.domain.statistics import quantity
from tunesmith.domain.steady import (
    ComparedSetting,
    SteadyBlock,
    SteadyFindings,
    SteadyMeasure,
    SteadyRatio,
    SteadySetting,
    SteadySpeed,
)
from tunesmith.tuning.soak_findings import SETTLED_SHARE, findings, mean_conditions
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.workload import Workload

CONFIDENCE = 0.95
WARM_UP_SHARE = 1 / 3
"""Of a block, at its begin, that is never counted: the machine is as warm as the setting before left it."""
LEAST_STEADY_SECONDS = 30.0
"""A shorter block is never called steady: Intel's turbo alone lasts 28 seconds by default (the time window
of the long-term limit, ``constraint_0_time_window_us`` of powercap), and heat takes longer."""
_PARTS: tuple[Part, ...] = ("prefill", "decode")


def steady_blocks(
    samples: Sequence[SoakSample], *, rounds: int, workload: Workload
) -> tuple[SteadyBlock, ...]:
    """The blocks of complete rounds, in the order they were run; ``workload`` is what was asked for."""
    turns: dict[tuple[int, int], list[SoakSample]] = {}
    for sample in samples:
        if sample.block < rounds and sample.tokens_per_s > 0:
            turns.setdefault((sample.block, sample.setting), []).append(sample)
    return tuple(_block(own, workload) for own in turns.values())


def steady_findings(
    samples: Sequence[SoakSample],
    compared: Sequence[ComparedSetting],
    *,
    rounds: int,
    workload: Workload,
    confidence: float = CONFIDENCE,
    doubt: str = "",
    unseen_variance: float = 0.0,
) -> SteadyFindings | None:
    """What complete rounds say; None where there is none.

    The unit is the block: samples of one hang together, means of two blocks far apart hardly do. Ratios are
    of blocks of one round, so that what the machine does over the rounds falls on both. All pairs of settings
    are compared, each with a share of the error allowed, so that whichever looked best is judged
    by an interval that was fixed before (Bonferroni).

    Args:
        samples: of all settings, in the order they were taken.
        compared: the settings; the first is what the others are compared with.
        rounds: how many are complete.
        workload: what was asked for; its proportion of both parts makes the request.
        confidence: with which all ratios of one measure hold together.
        doubt: why no sensor of power is believed; empty where they are.
        unseen_variance: of a ratio's logarithm, by what was the same in all blocks, such as one process.
    """
    blocks = steady_blocks(samples, rounds=rounds, workload=workload)
    if doubt:
        blocks = tuple(block.model_copy(update={"joules_per_token": {}}) for block in blocks)
    by_setting = [
        sorted((block for block in blocks if block.setting == number), key=lambda block: block.round)
        for number in range(len(compared))
    ]
    if not all(len(own) == rounds for own in by_setting) or rounds == 0:
        return None
    measures = tuple(by_setting[0][0].sustained_tokens_per_s)
    pairs = list(combinations(range(len(compared)), 2))
    each = 1 - (1 - confidence) / len(pairs)
    ratios = tuple(
        SteadyRatio(
            measure=measure, setting=later, against=earlier,
            ratio=_ratio(by_setting[later], by_setting[earlier], measure, each, unseen_variance),
        )
        for measure in measures
        for earlier, later in pairs
    )  # fmt: skip
    measure = measures[-1]
    told = {(one.setting, one.against): one.ratio for one in ratios if one.measure == measure}
    most = [
        number
        for number in range(len(compared))
        if all(
            _above(told[number, other]) if number > other else _below(told[other, number])
            for other in range(len(compared))
            if other != number
        )
    ]
    later = range(1, len(compared))
    joules = all(block.joules_per_token for block in blocks)
    return SteadyFindings(
        confidence=confidence,
        measure=measure,
        rounds=rounds,
        settings=tuple(
            _setting(one, own, [s for s in samples if s.setting == number])
            for number, (one, own) in enumerate(zip(compared, by_setting, strict=True))
        ),
        ratios=ratios,
        holds_most=most[0] if most else None,
        holds_more=tuple(number for number in later if _above(told[number, 0])),
        holds_less=tuple(number for number in later if _below(told[number, 0])),
        joules_reason="" if joules else doubt or _why_no_joules(samples),
    )


def _above(ratio: Quantity) -> bool:
    return ratio.low is not None and ratio.low > 1


def _below(ratio: Quantity) -> bool:
    return ratio.high is not None and ratio.high < 1


def _ratio(
    blocks: Sequence[SteadyBlock], against: Sequence[SteadyBlock], measure: SteadyMeasure, confidence: float,
    unseen_variance: float,
) -> Quantity:  # fmt: skip
    values = [
        one.sustained_tokens_per_s[measure] / other.sustained_tokens_per_s[measure]
        for one, other in zip(blocks, against, strict=False)
    ]
    return quantity(values, confidence=confidence, interval="mean", unseen_variance=unseen_variance)


def _block(samples: Sequence[SoakSample], workload: Workload) -> SteadyBlock:
    """One setting's turn, and what of it is counted."""
    begun = min(sample.begun_s for sample in samples)
    seconds = max(sample.begun_s + sample.seconds for sample in samples) - begun
    told = {part.part: part for part in findings(samples)}
    warm_up: dict[Part, float] = {}
    counted: dict[Part, list[SoakSample]] = {}
    for part in _PARTS:
        own = [sample for sample in samples if sample.part == part]
        if not own:
            continue
        edge = max(begun + WARM_UP_SHARE * seconds, _last_change(told.get(part)))
        counted[part] = [sample for sample in own if sample.begun_s >= edge] or own[-1:]
        warm_up[part] = counted[part][0].begun_s - begun
    settled = (
        seconds >= LEAST_STEADY_SECONDS
        and len(told) == len(counted)
        and all(seconds - warmed >= SETTLED_SHARE * seconds for warmed in warm_up.values())
    )
    burst: dict[SteadyMeasure, float] = {
        part: told[part].burst_tokens_per_s.median
        if part in told
        else _speed([s for s in samples if s.part == part])
        for part in counted
    }
    sustained: dict[SteadyMeasure, float] = {part: _speed(own) for part, own in counted.items()}
    joules = _joules(counted)
    if len(counted) == len(_PARTS):
        tokens = {"prefill": workload.prompt, "decode": workload.generate}
        every = sum(tokens.values())
        burst["request"] = every / sum(tokens[part] / burst[part] for part in _PARTS)
        sustained["request"] = every / sum(tokens[part] / sustained[part] for part in _PARTS)
        if len(joules) == len(_PARTS):
            joules["request"] = sum(tokens[part] * joules[part] for part in _PARTS) / every
        else:
            joules = {}
    return SteadyBlock(
        setting=samples[0].setting, round=samples[0].block, begun_s=begun, seconds=seconds,
        warm_up_seconds=warm_up, counted={part: len(own) for part, own in counted.items()}, settled=settled,
        burst_tokens_per_s=burst, sustained_tokens_per_s=sustained, joules_per_token=joules,
    )  # fmt: skip


def _last_change(part: SoakPart | None) -> float:
    return part.changes[-1].at_s if part is not None and part.changes else -math.inf


def _speed(samples: Sequence[SoakSample]) -> float:
    """Tokens over time, not a mean of speeds: what works by fits and starts is as fast as it gets on."""
    return sum(sample.tokens for sample in samples) / math.fsum(sample.seconds for sample in samples)


def _joules(counted: dict[Part, list[SoakSample]]) -> dict[SteadyMeasure, float]:
    """Energy of each counted token, all that was drawn; empty for a part where sensors do not tell."""
    found: dict[SteadyMeasure, float] = {}
    for part, samples in counted.items():
        try:
            drawn = math.fsum(mean_watts_of(sample.conditions.power) * sample.seconds for sample in samples)
        except NotTold:
            continue
        found[part] = drawn / sum(sample.tokens for sample in samples)
    return found


def _why_no_joules(samples: Sequence[SoakSample]) -> str:
    for sample in samples:
        try:
            mean_watts_of(sample.conditions.power)
        except NotTold as why:
            return str(why)
    return tr("sensors did not tell of every block")


def _setting(
    compared: ComparedSetting, blocks: Sequence[SteadyBlock], samples: Sequence[SoakSample]
) -> SteadySetting:
    measures = tuple(blocks[0].sustained_tokens_per_s)
    edges = {
        (block.round, part): block.begun_s + warmed
        for block in blocks
        for part, warmed in block.warm_up_seconds.items()
    }
    counted = [
        sample for sample in samples if sample.begun_s >= edges.get((sample.block, sample.part), math.inf)
    ]
    return SteadySetting(
        label=compared.label,
        settings=compared.settings,
        speeds=tuple(
            SteadySpeed(
                measure=measure,
                burst_tokens_per_s=_over_blocks([block.burst_tokens_per_s[measure] for block in blocks]),
                sustained_tokens_per_s=_over_blocks(
                    [block.sustained_tokens_per_s[measure] for block in blocks]
                ),
                joules_per_token=_over_blocks([block.joules_per_token[measure] for block in blocks])
                if all(measure in block.joules_per_token for block in blocks)
                else None,
            )
            for measure in measures
        ),
        settled=all(block.settled for block in blocks),
        conditions=mean_conditions(counted),
    )


def _over_blocks(values: Sequence[float]) -> Quantity:
    return quantity(values, confidence=CONFIDENCE, interval="mean")
