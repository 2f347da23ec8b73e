"""Own the end of a tune for sustained speed: finalists at steady state, and which of them is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tunesmith.domain.digits import fixed
from tunesmith.domain.measurement import Measurement, Quantity, Sample
from tunesmith.domain.steady import ComparedSetting, SteadyFindings
from tunesmith.domain.summary import summarize
from tunesmith.tuning.confirm import START_DEVIATION, broken_constraints
from tunesmith.tuning.meter import Job, Meter, TrialFailure
from tunesmith.tuning.steady import FEWEST_ROUNDS, BlockPlan, SteadyCourse, Turn, plan_blocks
from tunesmith.tuning.steady_findings import steady_findings
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.request import TuneRequest
    from tunesmith.domain.settings import Settings
    from tunesmith.domain.workload import Workload
    from tunesmith.tuning.finalists import Finalist
    from tunesmith.tuning.forecast import Forecast

STAGE = "steady"
STEADY_SHARE = 0.5
"""Part of the budget that the search leaves for the finalists."""
SHORT_ROUNDS = 3
"""Two pairs make no interval that tells."""
LOAD_SHARE = 4
"""Blocks have fresh processes where loading takes at most this fraction of one, within the warm-up: 1 / 4.
Else all share theirs, and the interval bears what a start may add."""


@dataclass(frozen=True, slots=True)
class SteadyConfirmation:
    """What the finalists held."""

    finalists: tuple[Finalist, ...]
    """Those that could be measured, the baseline first."""
    measured: tuple[Measurement, ...]
    """Each at the end of its blocks, the whole workload."""
    findings: SteadyFindings
    chosen: int
    speedup: Quantity
    """Of the chosen over the baseline, sustained."""
    why: str
    """Why the baseline is kept; empty where it is not."""

    @property
    def settled(self) -> bool:
        """Whether all of them reached a steady state."""
        return all(one.settled for one in self.findings.settings)


class _Lost(Exception):
    """A finalist cannot be measured."""

    def __init__(self, place: int, failure: TrialFailure) -> None:
        super().__init__(place)
        self.place = place
        self.failure = failure


@dataclass(slots=True)
class SteadyConfirmer:
    """Compares finalists in what is left of the budget; all goes by the time that samples took, so that a
    resumed run walks the same way."""

    request: TuneRequest
    meter: Meter
    forecast: Forecast
    _whole: dict[int, list[Sample]] = field(default_factory=dict)

    def compare(self, finalists: Sequence[Finalist]) -> SteadyConfirmation:
        """Run them by turns, and choose.

        What can no longer be measured is left out, and the others begin anew.

        Args:
            finalists: the baseline first.

        Raises:
            TrialFailure: the baseline cannot be measured.
            Interrupted: the user stopped the run.
        """
        left, tries = list(finalists), 0
        while True:
            try:
                return self._compared(left, f"again-{tries}-{STAGE}" if tries else STAGE)
            except _Lost as lost:
                if lost.place == 0:
                    raise lost.failure from None
                del left[lost.place]
                tries += 1

    def _compared(self, finalists: Sequence[Finalist], stage: str) -> SteadyConfirmation:
        compared = [ComparedSetting(label=one.label, settings=one.settings) for one in finalists]
        plan = self._plan(len(finalists))
        fresh = LOAD_SHARE * self.forecast.load_seconds <= plan.block_seconds
        self._whole = {place: [] for place in range(len(finalists))}
        ends = self.meter.spent_seconds + plan.block_seconds * plan.rounds * len(finalists)

        def sample(turn: Turn, settings: Settings, workload: Workload, kind: str) -> Sample:
            step = tr(
                "{setting}, block {number}", setting=compared[turn.setting].label, number=turn.round + 1
            )
            self.forecast.comparing(step, max(0.0, ends - self.meter.spent_seconds))
            try:
                taken = self.meter.sample(
                    Job(
                        stage=kind, candidate=compared[turn.setting].label, round=turn.round,
                        attempt=turn.number, position=turn.setting, settings=settings, workload=workload,
                        group=f"{stage}-{turn.round}/{turn.setting}" if fresh else stage,
                    )
                )  # fmt: skip
            except TrialFailure as failure:
                raise _Lost(turn.setting, failure) from failure
            timed_ns = (taken.prefill_ns or 0) + sum(taken.step_ns)
            begun_ns = round(self.meter.spent_seconds * 1e9) - timed_ns
            return taken.model_copy(update={"started_mono_ns": begun_ns})

        def take(turn: Turn, settings: Settings, workload: Workload) -> Sample:
            return sample(turn, settings, workload, stage)

        def end(turn: Turn, settings: Settings) -> None:
            """The whole workload once, warm: what the profile states."""
            taken = sample(turn, settings, self.request.workload, "confirm")
            self._whole[turn.setting].append(taken)

        course = SteadyCourse(
            self.request.workload, compared, plan, take, lambda: self.meter.spent_seconds, end=end,
            end_seconds=self.forecast.timed_seconds(self.request.workload),
        )  # fmt: skip
        course.run()
        unseen = 0.0 if fresh else 2 * START_DEVIATION**2
        findings = steady_findings(
            course.samples, compared, rounds=course.rounds, workload=self.request.workload,
            confidence=self.request.confidence, unseen_variance=unseen,
        )  # fmt: skip
        assert findings is not None  # noqa: S101 (all rounds are complete)
        measured = tuple(self._summarize(place, one.settings) for place, one in enumerate(finalists))
        chosen, why = self._choose(findings, measured)
        speedup = ratio_of(findings, chosen) if chosen else None
        same = Quantity(
            median=1.0, low=1.0, high=1.0, confidence=self.request.confidence, samples=(), noisy=False,
            interval="mean",
        )  # fmt: skip
        return SteadyConfirmation(tuple(finalists), measured, findings, chosen, speedup or same, why)

    def _plan(self, count: int) -> BlockPlan:
        """What is left, in four rounds or more where each block bears two whole workloads; else in three."""
        left, whole = self.forecast.left, self.forecast.timed_seconds(self.request.workload)
        short = left < count * FEWEST_ROUNDS * 2 * whole
        return plan_blocks(left, count, SHORT_ROUNDS if short else None)

    def _summarize(self, place: int, settings: Settings) -> Measurement:
        return summarize(
            self._whole[place], settings, self.request.workload, confidence=self.request.confidence
        )

    def _choose(self, findings: SteadyFindings, measured: Sequence[Measurement]) -> tuple[int, str]:
        """What holds is replaced only by what is proven to hold more: ties go to the earlier one."""
        limits = self.request.constraints
        broken = ["; ".join(broken_constraints(one, limits)) for one in measured]
        chosen = 0
        for place in range(1, len(measured)):
            ratio = ratio_of(findings, place, chosen)
            better = ratio.low is not None and ratio.low > 1
            if not broken[place] and (better or broken[chosen]):
                chosen = place
        if chosen:
            return chosen, ""
        if all(broken[1:]):
            return 0, broken[1]
        told = [ratio_of(findings, place) for place in range(1, len(measured)) if not broken[place]]
        best = max(told, key=lambda ratio: ratio.median)
        return 0, tr(
            "at steady state none was shown to hold more: {low}–{high}",
            low=fixed(best.low or 0.0, 3), high=fixed(best.high or 0.0, 3),
        )  # fmt: skip


def ratio_of(findings: SteadyFindings, setting: int, against: int = 0) -> Quantity:
    """Of what decides, the sustained speed of a later setting over an earlier one's."""
    return next(
        one.ratio
        for one in findings.ratios
        if (one.measure, one.setting, one.against) == (findings.measure, setting, against)
    )
