"""Own the confirmation: the winner against the baseline, in fresh processes, at the whole workload."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tunesmith.domain.events import Event, Progress
from tunesmith.domain.measurement import Measurement, Quantity, Sample
from tunesmith.domain.request import TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.statistics import quantity
from tunesmith.domain.summary import summarize
from tunesmith.domain.workload import Constraints
from tunesmith.tuning.meter import Job, Meter
from tunesmith.tuning.objective import Scorer

PROCESSES = 2
"""Pairs of fresh processes: what differs from one start to the next is in the interval too."""
MIN_PAIRS, MAX_PAIRS = 4, 12
NOISY_SPREAD = 0.25
"""A speedup whose 95% interval is wider than this, as a logarithm, on a disturbed machine tells nothing."""

Verdict = Literal["better", "not_better", "breaks_constraints", "too_noisy"]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Both measured side by side, and what that says."""

    baseline: Measurement
    tuned: Measurement
    speedup: Quantity
    verdict: Verdict
    why: str


def pairs_within(seconds: float, one_sample_seconds: float) -> int:
    """How many pairs of samples to take in ``seconds``: an even number between 4 and 12."""
    affordable = int(seconds / max(1e-9, 2 * one_sample_seconds))
    return max(MIN_PAIRS, min(MAX_PAIRS, affordable)) // 2 * 2


def broken_constraints(measured: Measurement, constraints: Constraints) -> list[str]:
    """What the measured medians break, in words; empty if nothing."""
    broken = []
    for what, value, limit, unit, scale in (
        ("memory", measured.peak_memory_bytes, constraints.max_memory_bytes, "MiB", 2**20),
        ("TTFT", measured.ttft_ms, constraints.max_ttft_ms, "ms", 1),
        ("ITL", measured.itl_ms, constraints.max_itl_ms, "ms", 1),
    ):
        if value is not None and limit is not None and value.median > limit:
            broken.append(f"{what} {value.median / scale:.4g} {unit} is above {limit / scale:.4g} {unit}")
    return broken


class Confirmer:
    """Measures baseline and winner alternately and judges."""

    def __init__(
        self, request: TuneRequest, *, scorer: Scorer, meter: Meter, emit: Callable[[Event], None]
    ) -> None:
        self._request = request
        self._scorer = scorer
        self._meter = meter
        self._emit = emit

    def baseline_alone(self, baseline: Settings, *, pairs: int) -> Measurement:
        """Measure the baseline when there is nothing to compare it with."""
        samples = []
        for number in range(pairs):
            self._emit(
                Progress(step="measuring the defaults", fraction=0.6 + 0.4 * number / pairs, eta_seconds=None)
            )
            samples.append(self._sample("baseline", baseline, number, pairs))
        return summarize(samples, baseline, self._request.workload, confidence=self._request.confidence)

    def compare(self, baseline: Settings, tuned: Settings, *, pairs: int) -> Confirmation:
        """Measure ``pairs`` pairs, ABBA, half of them in one pair of fresh processes and half in another.

        The speedup is the geometric mean of the paired ratios with Student's interval; the number of
        pairs is fixed beforehand, so no correction for looking is needed.
        """
        first: list[Sample] = []
        second: list[Sample] = []
        for number in range(pairs):
            fraction = 0.6 + 0.4 * number / pairs
            self._emit(Progress(step="confirming in fresh processes", fraction=fraction, eta_seconds=None))
            order = [("baseline", baseline, first), ("tuned", tuned, second)]
            for role, settings, into in order if number % 2 == 0 else order[::-1]:
                into.append(self._sample(role, settings, number, pairs))
        parts = self._scorer.parts
        ratios = [
            math.exp(self._scorer.speed(b, parts) - self._scorer.speed(a, parts))
            for a, b in zip(first, second, strict=True)
        ]
        confidence = self._request.confidence
        noisy = sum(sample.noisy for sample in first + second) * 2 > len(first + second)
        speedup = quantity(ratios, confidence=confidence, noisy=noisy, interval="mean")
        workload = self._request.workload
        before = summarize(first, baseline, workload, confidence=confidence)
        after = summarize(second, tuned, workload, confidence=confidence)
        verdict, why = self._judge(before, after, speedup)
        return Confirmation(baseline=before, tuned=after, speedup=speedup, verdict=verdict, why=why)

    def _sample(self, role: str, settings: Settings, number: int, pairs: int) -> Sample:
        process = number * PROCESSES // pairs
        return self._meter.sample(
            Job(
                stage="confirm", candidate="llama.cpp's defaults" if role == "baseline" else "tuned",
                round=number, attempt=0, position=0, settings=settings, workload=self._request.workload,
                group=f"confirm-{process}/{role}",
            )
        )  # fmt: skip

    def _judge(self, before: Measurement, after: Measurement, speedup: Quantity) -> tuple[Verdict, str]:
        broken = broken_constraints(after, self._request.constraints)
        if broken:
            return "breaks_constraints", "; ".join(broken)
        if broken_constraints(before, self._request.constraints):
            return "better", "the defaults break a constraint and these settings do not"
        low, high = speedup.low or 0.0, speedup.high or math.inf
        if self._request.objective.name == "memory":
            return self._judge_memory(before, after, low)
        if low > 1:
            return "better", f"proven faster at {self._request.confidence:.0%} confidence"
        undecided = low <= 1 <= high
        if undecided and speedup.noisy and math.log(high / max(low, 1e-9)) > NOISY_SPREAD:
            return "too_noisy", f"the machine was busy and the ratio lies anywhere in {low:.2f}–{high:.2f}"
        return "not_better", f"the gain did not show again: {low:.3f}–{high:.3f}"

    def _judge_memory(self, before: Measurement, after: Measurement, low: float) -> tuple[Verdict, str]:
        if before.peak_memory_bytes is None or after.peak_memory_bytes is None:
            return "not_better", "memory cannot be read on this system"
        saved = 1 - after.peak_memory_bytes.median / before.peak_memory_bytes.median
        allowed = self._request.objective.max_slowdown
        if saved > 0.01 and low >= 1 / (1 + allowed):
            return "better", f"{saved:.0%} less memory at no more than {allowed:.0%} slower"
        return "not_better", f"{saved:.1%} less memory, speed ratio at least {low:.2f}"
