"""Own the samples of a soak: how large they are, and what is kept of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tunesmith.domain.event_base import Part
from tunesmith.domain.soak import SoakSample, Throttle
from tunesmith.domain.workload import Workload

if TYPE_CHECKING:
    from tunesmith.domain.measurement import Sample

SHORTEST_SAMPLE_SECONDS = 0.3
"""Foreign load is told of no shorter time than 0.2 s."""
LONGEST_SAMPLE_SECONDS = 2.0
PILOT_PROMPT, PILOT_GENERATE = 64, 8
LEAST_PROMPT, LEAST_GENERATE = 16, 4
MOST_PROMPT, MOST_GENERATE = 2048, 512


def sized(whole: Workload, seconds: float, speed: Callable[[Part, Workload], float]) -> dict[Part, Workload]:
    """What one sample of each part runs so that it takes about so long.

    Args:
        whole: what is soaked.
        seconds: what a sample is meant to take.
        speed: takes a pilot of a part and tells its speed, tokens per second over all sequences.
    """
    kinds: tuple[tuple[Part, int, int, int, int], ...] = (
        ("prefill", whole.prompt, PILOT_PROMPT, LEAST_PROMPT, MOST_PROMPT),
        ("decode", whole.generate, PILOT_GENERATE, LEAST_GENERATE, MOST_GENERATE),
    )
    found: dict[Part, Workload] = {}
    for part, asked, tried, least, most in kinds:
        if asked:
            fitting = round(seconds * speed(part, piece(whole, part, min(asked, tried))) / whole.parallel)
            found[part] = piece(whole, part, min(asked, most, max(least, fitting)))
    return found


def piece(whole: Workload, part: Part, tokens: int) -> Workload:
    """So many tokens of one part of the workload; it decodes where the workload does, behind its prompt."""
    if part == "prefill":
        return Workload(prompt=tokens, generate=0, depth=whole.depth, parallel=whole.parallel)
    return Workload(prompt=0, generate=tokens, depth=whole.depth + whole.prompt, parallel=whole.parallel)


def part_speed(sample: Sample, part: Part) -> float:
    """Tokens per second over all sequences; 0 where it was too short to tell."""
    return (sample.prefill_tokens_per_s if part == "prefill" else sample.decode_tokens_per_s) or 0.0


def soak_sample(
    sample: Sample, part: Part, *, begun_ns: int, held: Throttle | None, setting: int = 0, block: int = 0
) -> SoakSample:
    """What is kept of a sample.

    Args:
        sample: of one part alone.
        part: which.
        begun_ns: when the soak's first sample began.
        held: how often control groups held the process back since the sample before; None if not counted.
        setting: which of the settings compared.
        block: which of that setting's blocks.
    """
    timed_ns = (sample.prefill_ns or 0) + sum(sample.step_ns)
    return SoakSample(
        part=part,
        begun_s=(sample.started_mono_ns - begun_ns) / 1e9,
        seconds=timed_ns / 1e9,
        tokens=sample.prefill_tokens if part == "prefill" else len(sample.step_ns) * sample.sequences,
        tokens_per_s=part_speed(sample, part),
        conditions=sample.conditions,
        throttled_periods=None if held is None else held.periods,
        throttled_seconds=None if held is None else held.seconds,
        setting=setting,
        block=block,
    )


def held_since(before: Throttle | None, now: Throttle | None) -> Throttle | None:
    """What was counted between two readings; None where one is missing."""
    if before is None or now is None:
        return None
    return Throttle(
        periods=max(0, now.periods - before.periods), seconds=max(0.0, now.seconds - before.seconds)
    )
