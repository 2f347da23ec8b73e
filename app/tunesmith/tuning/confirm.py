"""Own the confirmation: the winner against the baseline, in fresh processes, at the whole workload."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from tunesmith.domain.digits import fixed, memory_scale, percent
from tunesmith.domain.measurement import Measurement, Quantity, Sample
from tunesmith.domain.request import TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.statistics import quantity
from tunesmith.domain.summary import summarize
from tunesmith.domain.workload import Constraints
from tunesmith.tuning.forecast import FEWEST_STARTS, MIN_PAIRS, Forecast
from tunesmith.tuning.meter import Job, Meter, TrialFailure
from tunesmith.tuning.objective import Scorer, breach_text
from tunesmith.tuning.retake import Retaker
from tunesmith.wording import tr

FEWEST = 2
"""So many samples of each make an interval; they are taken whatever the budget says."""

WIDE_SPREAD = 0.25
"""A speedup whose interval holds 1 and is wider than this, as a logarithm, tells nothing."""

START_DEVIATION = 0.01
"""How much the logarithm of a speed differs from one start of the same settings to the next, taken for
granted where too few starts were made to see it; 1% to 2.5% were seen on a virtual machine of two cores."""

_ROLES = {
    "baseline": tr("llama.cpp's defaults"), "tuned": tr("tuned"), "fitted": tr("llama.cpp's --fit"),
}  # fmt: skip

Verdict = Literal["better", "not_better", "breaks_constraints", "too_noisy", "failed", "out_of_time"]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Both measured side by side, and what that says."""

    baseline: Measurement
    tuned: Measurement
    """The baseline's where these settings could not be measured."""
    speedup: Quantity
    verdict: Verdict
    why: str
    fitted: Measurement | None = None
    """The second baseline, where there was one and it could be measured."""
    against_fitted: Quantity | None = None
    """Ratio of the winner's speed to the second baseline's."""


def broken_constraints(measured: Measurement, constraints: Constraints) -> list[str]:
    """What the measured medians break, in words; empty if nothing."""
    broken = []
    memory_unit, mib = memory_scale("mega")
    for what, value, limit, unit, scale in (
        (tr("memory"), measured.peak_memory_bytes, constraints.max_memory_bytes, memory_unit, mib),
        ("TTFT", measured.ttft_ms, constraints.max_ttft_ms, "ms", 1),
        ("ITL", measured.itl_ms, constraints.max_itl_ms, "ms", 1),
    ):
        if value is not None and limit is not None and value.median > limit:
            broken.append(breach_text(what, value.median / scale, limit / scale, unit))
    return broken


class Confirmer:
    """Measures baseline and winner alternately and judges."""

    def __init__(
        self, request: TuneRequest, *, scorer: Scorer, meter: Meter, forecast: Forecast
    ) -> None:  # fmt: skip
        self._request = request
        self._scorer = scorer
        self._forecast = forecast
        self._retaker = Retaker(meter, out_of_time=lambda: self._out_of_time)

    @property
    def _out_of_time(self) -> bool:
        return self._forecast.left <= 0

    def baseline_alone(self, baseline: Settings) -> Measurement:
        """Measure the baseline when there is nothing to compare it with; at least twice, for an interval.

        Raises:
            TrialFailure: it cannot be measured.
            Interrupted: the user stopped the run.
        """
        pairs, starts = self._forecast.confirm_plan()
        samples: list[Sample] = []
        while len(samples) < pairs and not (len(samples) >= FEWEST and self._out_of_time):
            start = len(samples) * starts // pairs
            self._forecast.confirming(tr("measuring the defaults"), pairs - len(samples), starts - start)
            samples.append(self._sample("baseline", baseline, len(samples), start))
        return self._summarize(samples, baseline)

    def compare(self, baseline: Settings, tuned: Settings, fitted: Settings | None = None) -> Confirmation:
        """Measure pairs, ABBA, each in fresh processes where the budget bears it, else all in the same two.

        The speedup is the ratio of each pair with Student's interval for the geometric mean, over the
        pairs that others left alone where these are enough. How many pairs are taken is fixed beforehand
        and cut short only by the budget, neither by what they say, so that no correction for looking is
        needed.

        Args:
            baseline: the defaults.
            tuned: what won.
            fitted: a second baseline, measured beside both; it decides nothing.

        Raises:
            TrialFailure: the baseline cannot be measured.
            Interrupted: the user stopped the run.
        """
        first: list[Sample] = []
        second: list[Sample] = []
        third: list[Sample] = []
        order = [("baseline", baseline, first), ("tuned", tuned, second)]
        if fitted is not None:
            order.append(("fitted", fitted, third))
        pairs, starts = self._forecast.confirm_plan(len(order))
        for number in range(pairs):
            start = number * starts // pairs
            for role, settings, into in order if number % 2 == 0 else order[::-1]:
                if min(len(first), len(second)) >= FEWEST and self._out_of_time:
                    judged = self._judge(baseline, tuned, first, second, starts=start, cut_short=True)
                    return self._with_fitted(judged, fitted, second, third)
                left = len(order) * pairs - len(first) - len(second) - len(third)
                ahead = len(order) * (starts - start)
                self._forecast.confirming(tr("confirming in fresh processes"), left, ahead)
                try:
                    into.append(self._sample(role, settings, number, start))
                except TrialFailure as failure:
                    if role == "baseline":
                        raise
                    if role == "fitted":
                        order = [arm for arm in order if arm[0] != "fitted"]
                        continue
                    return self._unmeasured(baseline, first, f"{failure.cause}: {failure.message}")
        judged = self._judge(baseline, tuned, first, second, starts=starts, cut_short=False)
        return self._with_fitted(judged, fitted, second, third)

    def _with_fitted(
        self, judged: Confirmation, fitted: Settings | None, tuned: list[Sample], samples: list[Sample]
    ) -> Confirmation:
        """What is said, and how the winner compares with the second baseline."""
        if fitted is None or not samples:
            return judged
        parts, pairs = self._scorer.parts, zip(samples, tuned, strict=False)
        ratios = [math.exp(self._scorer.merit(b, parts) - self._scorer.merit(a, parts)) for a, b in pairs]
        noisy = sum(sample.noisy for sample in samples) * 2 > len(samples)
        against = quantity(ratios or [1.0], confidence=self._request.confidence, noisy=noisy, interval="mean")
        return replace(judged, fitted=self._summarize(samples, fitted), against_fitted=against)

    def _sample(self, role: str, settings: Settings, number: int, start: int) -> Sample:
        return self._retaker.sample(
            Job(
                stage="confirm", candidate=_ROLES[role],
                round=number, attempt=0, position=0, settings=settings, workload=self._request.workload,
                group=f"confirm-{start}/{role}",
            )
        )  # fmt: skip

    def _summarize(self, samples: list[Sample], settings: Settings) -> Measurement:
        return summarize(samples, settings, self._request.workload, confidence=self._request.confidence)

    def _unmeasured(self, baseline: Settings, samples: list[Sample], why: str) -> Confirmation:
        before = self._summarize(samples, baseline)
        same = quantity([1.0], confidence=self._request.confidence, interval="mean")
        return Confirmation(baseline=before, tuned=before, speedup=same, verdict="failed", why=why)

    def _judge(
        self, baseline: Settings, tuned: Settings, first: list[Sample], second: list[Sample], *, starts: int,
        cut_short: bool,
    ) -> Confirmation:  # fmt: skip
        pairs = list(zip(first, second, strict=False))
        quiet = [pair for pair in pairs if not any(sample.noisy for sample in pair)]
        if len(quiet) >= MIN_PAIRS:
            pairs = quiet
        before = self._summarize(first, baseline)
        parts = self._scorer.parts
        ratios = [math.exp(self._scorer.merit(b, parts) - self._scorer.merit(a, parts)) for a, b in pairs]
        noisy = sum(sample.noisy for sample in first + second) * 2 > len(first + second)
        unseen = 0.0 if starts >= FEWEST_STARTS else 2 * START_DEVIATION**2 / max(1, starts)
        speedup = quantity(
            ratios or [1.0], confidence=self._request.confidence, noisy=noisy, interval="mean",
            unseen_variance=unseen,
        )  # fmt: skip
        if cut_short and self._retaker.mostly_disturbed:
            why = tr("others used the machine until the budget ran out")
            return Confirmation(before, before, speedup, "too_noisy", why)
        if not pairs:
            return Confirmation(before, before, speedup, "out_of_time", tr("the budget ran out"))
        after = self._summarize(second, tuned)
        verdict, why = self._verdict(before, after, speedup)
        if cut_short and verdict in ("not_better", "too_noisy"):
            verdict, why = "out_of_time", tr("the budget ran out after {pairs} pairs", pairs=len(pairs))
        return Confirmation(before, after, speedup, verdict, why)

    def _verdict(self, before: Measurement, after: Measurement, speedup: Quantity) -> tuple[Verdict, str]:
        broken = broken_constraints(after, self._request.constraints)
        if broken:
            return "breaks_constraints", "; ".join(broken)
        if broken_constraints(before, self._request.constraints):
            return "better", tr("the defaults break a constraint and these settings do not")
        low, high = speedup.low or 0.0, speedup.high or math.inf
        if self._request.objective.name == "memory":
            return self._judge_memory(before, after, low)
        if low > 1:
            share = percent(self._request.confidence)
            if self._request.objective.of_speed:
                return "better", tr("proven faster at {share} confidence", share=share)
            return "better", tr("proven better at {share} confidence", share=share)
        if low <= 1 <= high and math.log(high / max(low, 1e-9)) > WIDE_SPREAD:
            ends = {"low": fixed(low, 2), "high": fixed(high, 2)}
            if speedup.noisy:
                why = tr("others used the machine and the ratio lies anywhere in {low}–{high}", **ends)
            elif not self._request.objective.of_speed:
                why = tr("the energy varied much and the ratio lies anywhere in {low}–{high}", **ends)
            else:
                why = tr("the speed varied much and the ratio lies anywhere in {low}–{high}", **ends)
            return "too_noisy", why
        ends = {"low": fixed(low, 3), "high": fixed(high, 3)}
        return "not_better", tr("the gain did not show again: {low}–{high}", **ends)

    def _judge_memory(self, before: Measurement, after: Measurement, low: float) -> tuple[Verdict, str]:
        if before.peak_memory_bytes is None or after.peak_memory_bytes is None:
            return "not_better", tr("memory cannot be read on this system")
        saved = 1 - after.peak_memory_bytes.median / before.peak_memory_bytes.median
        allowed = self._request.objective.max_slowdown
        if saved > 0.01 and low >= 1 / (1 + allowed):
            return "better", tr(
                "{saved} less memory at no more than {allowed} slower",
                saved=percent(saved), allowed=percent(allowed),
            )  # fmt: skip
        return "not_better", tr(
            "{saved} less memory, speed ratio at least {ratio}", saved=percent(saved, 1), ratio=fixed(low, 2)
        )
