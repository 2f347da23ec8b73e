"""Own what makes one sample better than another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.domain.digits import figures, memory_scale
from tunesmith.domain.event_base import Part
from tunesmith.domain.measurement import Sample
from tunesmith.domain.summary import itl_ms
from tunesmith.domain.workload import Constraints, Objective, Workload
from tunesmith.tuning.expense import Expense
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.energy import GivenPower

BREACH = 5.0
"""What breaking any constraint costs, as a logarithm: more than settings can gain (148 times)."""
PENALTY = 10.0
"""What each e-fold beyond a limit costs besides: among those that break it, the nearer is better."""


def breach_text(what: str, value: float, limit: float, unit: str) -> str:
    """What breaks a constraint, such as ``memory 812.4 MiB is above 512 MiB``."""
    return tr(
        "{what} {value} {unit} is above {limit} {unit}",
        what=what, value=figures(value, 4), limit=figures(limit, 4), unit=unit,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scorer:
    """Turns samples into scores: logarithms of a merit, higher is better, differences are ratios.

    The merit is requests per second; by energy requests per joule, by cost requests for an amount of money.
    """

    workload: Workload
    objective: Objective
    constraints: Constraints
    given: GivenPower | None = None
    """What the user says the machine draws."""

    @property
    def expense(self) -> Expense:
        """What a second takes of what is to be spared."""
        return Expense(self.objective, self.given)

    @property
    def parts(self) -> frozenset[Part]:
        """The parts of the workload that the objective depends on."""
        there: set[Part] = set()
        if self.workload.prompt and self.objective.name != "decode":
            there.add("prefill")
        if self.workload.generate and self.objective.name != "prefill":
            there.add("decode")
        return frozenset(there)

    @property
    def measured_parts(self) -> frozenset[Part]:
        """The parts that have to be measured: those of the objective and those a constraint is about."""
        needed = set(self.parts)
        if self.workload.prompt and self.constraints.max_ttft_ms is not None:
            needed.add("prefill")
        if self.workload.generate and self.constraints.max_itl_ms is not None:
            needed.add("decode")
        return frozenset(needed)

    def prefill_ms(self, sample: Sample) -> float | None:
        """TTFT of the whole workload at the sample's prefill speed, ms."""
        per_token = sample.prefill_ns_per_token
        if per_token is None:
            return None
        return per_token * self.workload.prompt * self.workload.parallel / 1e6

    def step_ms(self, sample: Sample) -> float | None:
        """Mean wall time of a decoding step, ms: what the response depends on."""
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

    def spent(self, sample: Sample, parts: frozenset[Part]) -> float:
        """What one request takes over parts: seconds, joules or money, as the objective goes.

        Raises:
            ValueError: the sample holds none of the parts, or does not tell its energy.
        """
        return self.response_ms(sample, parts) / 1e3 * self.expense.of_second(sample)

    def merit(self, sample: Sample, parts: frozenset[Part]) -> float:
        """Logarithm of requests per second, joule or money, over those parts that the objective is about.

        0 if it is about none of them: such a part is measured for a constraint's sake.

        Raises:
            NotTold: the objective is about energy, and the sample does not tell it.
        """
        parts &= self.parts
        return -math.log(self.spent(sample, parts)) if parts else 0.0

    def _breaches(self, sample: Sample, memory_bytes: int | None) -> list[tuple[str, float, float, str]]:
        """What the sample breaks: name, value, limit and unit."""
        limits = self.constraints
        memory_unit, mib = memory_scale("mega")
        memory = None if memory_bytes is None else memory_bytes / mib
        most = None if limits.max_memory_bytes is None else limits.max_memory_bytes / mib
        return [
            (name, value, limit, unit)
            for name, value, limit, unit in (
                (tr("memory"), memory, most, memory_unit),
                ("TTFT", self.prefill_ms(sample), limits.max_ttft_ms, "ms"),
                ("ITL", itl_ms(sample), limits.max_itl_ms, "ms"),
            )
            if value is not None and limit is not None and value > limit
        ]

    def broken(self, sample: Sample, memory_bytes: int | None) -> str:
        """Which constraints the sample breaks, in words; empty if none."""
        return "; ".join(
            breach_text(name, value, limit, unit)
            for name, value, limit, unit in self._breaches(sample, memory_bytes)
        )

    def penalty(self, sample: Sample, memory_bytes: int | None) -> float:
        """How far the sample breaks constraints: 0 when it breaks none."""
        breaches = self._breaches(sample, memory_bytes)
        return sum(BREACH + PENALTY * math.log(value / limit) for _, value, limit, _ in breaches)

    def score(
        self,
        sample: Sample,
        parts: frozenset[Part],
        *,
        anchor_merit: float,
        memory_bytes: int | None = None,
        slack: float = 0.0,
    ) -> float:
        """How good a sample is; compare only with scores against the same anchor, higher is better.

        Args:
            sample: the candidate's.
            parts: what is looked at.
            anchor_merit: :meth:`merit` of the anchor over the same parts.
            memory_bytes: the candidate's peak memory, where it matters.
            slack: for ``memory``, how much slower than the anchor it may be, as a logarithm.
        """
        gain = self.merit(sample, parts) - anchor_merit
        if self.objective.name == "memory" and memory_bytes is not None:
            gain = -math.log(memory_bytes) - PENALTY * max(0.0, -gain - slack)
        return gain - self.penalty(sample, memory_bytes)

    @property
    def slack(self) -> float:
        """How much slower than the baseline the objective allows, as a logarithm."""
        return math.log1p(self.objective.max_slowdown) if self.objective.name == "memory" else 0.0

    @property
    def bent(self) -> bool:
        """Whether a score is more than a merit: memory counts, or what breaks a constraint."""
        return self.objective.name == "memory" or any(
            limit is not None for limit in self.constraints.model_dump().values()
        )

    @property
    def needs_memory(self) -> bool:
        """Whether candidates' memory has to be known to score them."""
        return self.objective.name == "memory" or self.constraints.max_memory_bytes is not None
