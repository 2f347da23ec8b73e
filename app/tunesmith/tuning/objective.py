"""Own what makes one sample better than another."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tunesmith.domain.events import Part
from tunesmith.domain.measurement import Sample
from tunesmith.domain.workload import Constraints, Objective, Workload

PENALTY = 10.0
"""How much worse, as a logarithm, a candidate becomes per e-fold by which it breaks a constraint."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """Turns samples into scores: logarithms of a speed, higher is better, differences are ratios."""

    workload: Workload
    objective: Objective
    constraints: Constraints

    @property
    def parts(self) -> frozenset[Part]:
        """The parts of the workload that the objective depends on."""
        there: set[Part] = set()
        if self.workload.prompt:
            there.add("prefill")
        if self.workload.generate:
            there.add("decode")
        match self.objective.name:
            case "decode":
                there &= {"decode"}
            case "prefill":
                there &= {"prefill"}
            case "response" | "throughput" | "memory":
                pass
        return frozenset(there)

    def prefill_ms(self, sample: Sample) -> float | None:
        """TTFT of the whole workload at the sample's prefill speed, ms."""
        per_token = sample.prefill_ns_per_token
        if per_token is None:
            return None
        return per_token * self.workload.prompt * self.workload.parallel / 1e6

    def step_ms(self, sample: Sample) -> float | None:
        """Inter-token latency, ms."""
        step = sample.step_ns_mean
        return None if step is None else step / 1e6

    def response_ms(self, sample: Sample, parts: frozenset[Part]) -> float:
        """What the given parts of one request take at the sample's speeds, ms.

        Raises:
            ValueError: the sample holds none of the parts.
        """
        prefill = self.prefill_ms(sample) if "prefill" in parts else None
        step = self.step_ms(sample) if "decode" in parts else None
        if prefill is None and step is None:
            msg = "the sample holds none of the parts to be scored"
            raise ValueError(msg)
        return (prefill or 0.0) + (step or 0.0) * self.workload.generate

    def speed(self, sample: Sample, parts: frozenset[Part]) -> float:
        """Logarithm of requests per second over the given parts, constraints aside."""
        return -math.log(self.response_ms(sample, parts) / 1e3)

    def penalty(self, sample: Sample, memory_bytes: int | None) -> float:
        """How far the sample breaks constraints: 0 when it breaks none."""
        limits = self.constraints
        total = 0.0
        for value, limit in (
            (self.prefill_ms(sample), limits.max_ttft_ms),
            (self.step_ms(sample), limits.max_itl_ms),
            (memory_bytes, limits.max_memory_bytes),
        ):
            if value is not None and limit is not None and value > limit:
                total += math.log(value / limit)
        return PENALTY * total

    def score(
        self, sample: Sample, parts: frozenset[Part], *, anchor_speed: float, memory_bytes: int | None = None
    ) -> float:
        """How good a sample is against an anchor measured beside it; 0 is as good.

        Args:
            anchor_speed: :meth:`speed` of the anchor over the same parts.
            memory_bytes: the candidate's peak memory, where it matters.
        """
        gain = self.speed(sample, parts) - anchor_speed
        if self.objective.name == "memory" and memory_bytes is not None:
            too_slow = max(0.0, -gain - math.log1p(self.objective.max_slowdown))
            gain = -math.log(memory_bytes) - PENALTY * too_slow
        return gain - self.penalty(sample, memory_bytes)

    @property
    def needs_memory(self) -> bool:
        """Whether candidates' memory has to be known to score them."""
        return self.objective.name == "memory" or self.constraints.max_memory_bytes is not None
