"""Own how much is measured at a time: enough to tell, not more than the budget bears."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tunesmith.domain.event_base import Part
from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload

TARGET_PART_SECONDS = 0.35
"""Long enough that a clock tick and a scheduler slice are small beside it."""
STEADY_SECONDS = 1.5
"""What sensors of power, read four times a second, need to tell a mean power."""
MOST_PART_SECONDS = 2.0
"""Beyond this another round tells more than a longer sample."""
MIN_STEPS = 8
MIN_PROMPT = 32
BATCH_SHARE = 3
"""Comparing batch sizes may, in the fewest rounds, take at most this fraction of the time: 1 / 3."""
BATCH_SAMPLES = 3 * 9
"""Seven sizes and the anchor twice, three times."""
DEPTH_SHARE = 12
"""Prefilling the depth once may take at most this fraction of the time there is: 1 / 12."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Sizes of the samples taken while searching; the confirmation always measures the whole workload."""

    prompt: int
    generate: int
    depth: int
    batch_prompt: int
    """Prompt tokens where batch sizes are compared: those larger than a prompt are all alike."""

    def workload(self, whole: Workload, parts: frozenset[Part], *, batches: bool = False) -> Workload:
        """The part of the workload that a question needs, in this size.

        Args:
            whole: the workload asked for.
            parts: the parts to measure.
            batches: whether the question is about batch sizes.
        """
        prompt = self.batch_prompt if batches else self.prompt
        return Workload(
            prompt=prompt if "prefill" in parts else 0,
            generate=self.generate if "decode" in parts else 0,
            depth=self.depth,
            parallel=whole.parallel,
        )


def pilot_workload(whole: Workload) -> Workload:
    """A small taste of the workload, to learn how fast this is at all."""
    return Workload(
        prompt=min(whole.prompt, 64),
        generate=min(whole.generate, MIN_STEPS),
        depth=0,
        parallel=whole.parallel,
    )


def second_pilot_workload(whole: Workload, settings: Settings, pilot: Sample) -> Workload | None:
    """A whole physical batch, which a device computes at another speed than a few tokens; None if none can.

    A GPU was reported to read 4 times as many prompt tokens a second in batches of 512 as of 64.
    """
    prompt = min(whole.prompt, settings.n_ubatch)
    if not pilot.prefill_ns_per_token or prompt <= pilot.prefill_tokens // whole.parallel:
        return None
    return Workload(prompt=prompt, generate=min(whole.generate, MIN_STEPS), depth=0, parallel=whole.parallel)


def choose_pace(
    whole: Workload, pilot: Sample, *, seconds: float, samples: int,
    least_seconds: float = TARGET_PART_SECONDS,
) -> Pace:  # fmt: skip
    """Size the search's samples by the pilot's speeds.

    Args:
        whole: the workload asked for.
        pilot: a sample of :func:`pilot_workload`.
        seconds: what the search may take.
        samples: how many samples the search is likely to take.
        least_seconds: what a part of a sample is meant to take at least.

    A part of a sample is meant to take what the plan bears, but never so little that the clock and the
    scheduler show, nor so much that a further round would tell more.
    """
    part_seconds = min(MOST_PART_SECONDS, max(least_seconds, seconds / max(1, samples) / 2))
    prompt, generate = min(whole.prompt, MIN_PROMPT), min(whole.generate, MIN_STEPS)
    batch_prompt = whole.prompt
    per_token = pilot.prefill_ns_per_token
    if whole.prompt and per_token:
        affordable = math.ceil(part_seconds * 1e9 / (per_token * whole.parallel))
        prompt = min(whole.prompt, max(MIN_PROMPT, affordable))
        most = seconds / BATCH_SHARE / BATCH_SAMPLES * 1e9 / (per_token * whole.parallel)
        batch_prompt = max(prompt, min(whole.prompt, int(most)))
    step = pilot.step_ns_mean
    if whole.generate and step:
        generate = min(whole.generate, max(MIN_STEPS, math.ceil(part_seconds * 1e9 / step)))
    depth = whole.depth
    reference = per_token or (step or 0.0) / max(1, whole.parallel)
    if depth and reference:
        depth = min(depth, max(MIN_PROMPT, int(seconds / DEPTH_SHARE / (reference / 1e9))))
    return Pace(prompt=prompt, generate=generate, depth=depth, batch_prompt=batch_prompt)
