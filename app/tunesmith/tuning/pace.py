"""Own how much is measured at a time: enough to tell, not more than the budget bears."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tunesmith.domain.events import Part
from tunesmith.domain.measurement import Sample
from tunesmith.domain.workload import Budget, Workload

TARGET_PART_SECONDS = 0.35
"""Long enough that a clock tick and a scheduler slice are small beside it."""
MIN_STEPS = 8
MIN_PROMPT = 32
BUDGET_SHARE = 60
"""A sample's part may take at most this fraction of the budget: budget / 60."""
DEPTH_SHARE = 15
"""Prefilling the depth once may take at most budget / 15."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Sizes of the samples taken while searching; the confirmation always measures the whole workload."""

    prompt: int
    generate: int
    depth: int

    def workload(self, whole: Workload, parts: frozenset[Part]) -> Workload:
        """The part of the workload that a question needs, in this size."""
        return Workload(
            prompt=self.prompt if "prefill" in parts else 0,
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


def choose_pace(whole: Workload, pilot: Sample, budget: Budget) -> Pace:
    """Size the search's samples by the pilot's speeds."""
    most = budget.seconds / BUDGET_SHARE
    prompt = generate = 0
    per_token = pilot.prefill_ns_per_token
    if whole.prompt and per_token:
        seconds = per_token * whole.parallel / 1e9
        affordable = int(max(TARGET_PART_SECONDS, most) / seconds)
        prompt = min(whole.prompt, max(MIN_PROMPT, affordable))
    step = pilot.step_ns_mean
    if whole.generate and step:
        seconds = step / 1e9
        wanted = math.ceil(TARGET_PART_SECONDS / seconds)
        affordable = int(most / seconds)
        generate = min(whole.generate, max(MIN_STEPS, min(wanted, affordable)))
    depth = whole.depth
    reference = per_token or (step or 0) / max(1, whole.parallel)
    if depth and reference:
        depth = min(depth, max(MIN_PROMPT, int(budget.seconds / DEPTH_SHARE / (reference / 1e9))))
    return Pace(prompt=prompt, generate=generate, depth=depth)
