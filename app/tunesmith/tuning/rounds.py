"""Own the rounds of a race: every candidate once between two anchors, on a machine that holds still."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean, median

from tunesmith.domain.event_base import Part
from tunesmith.domain.events import Event, RoundDiscarded
from tunesmith.domain.measurement import Sample
from tunesmith.domain.workload import Workload
from tunesmith.tuning.forecast import Forecast
from tunesmith.tuning.meter import Job, Meter, TrialFailure
from tunesmith.tuning.objective import Scorer
from tunesmith.tuning.race import Arm, Race
from tunesmith.tuning.retake import REST_SECONDS, Retaker
from tunesmith.tuning.shares import WHOLE, Share

DRIFT_FLOOR = math.log(1.1)
"""An anchor that moved less than this within a round is taken for steady."""
MAX_ATTEMPTS = 3
"""How often a drifted round is tried."""


@dataclass(frozen=True, slots=True)
class Course:
    """What a race is run over."""

    stage: str
    workload: Workload
    parts: frozenset[Part]
    memory: Mapping[str, int | None]
    """Peak memory by the settings' digest, where it matters."""
    slack: float = 0.0
    """For ``memory``: how much slower than the anchor a candidate may be, as a logarithm."""


class Rounds:
    """Takes the samples of one round after another, and watches the machine while it does.

    The anchor, measured first and last in each round, is what holds so far. The baseline is the anchor
    until something proven better takes its place; it comes back, pair by pair, in the confirmation. (To
    measure it in each round besides would cost a third more samples in a race of two and tell nothing
    that the chain of proofs does not.)
    """

    def __init__(
        self,
        *,
        scorer: Scorer,
        meter: Meter,
        emit: Callable[[Event], None],
        order: random.Random,
        forecast: Forecast,
    ) -> None:
        self._scorer = scorer
        self._meter = meter
        self.retaker = Retaker(meter, out_of_time=lambda: self._out_of_time)
        self._emit = emit
        self._order = order
        self._forecast = forecast
        self._drifts: list[float] = []
        self._range: dict[Part, tuple[float, float]] = {}

    @property
    def _out_of_time(self) -> bool:
        return self._forecast.search_left_at_most <= 0

    def note(self, sample: Sample, *, holds: bool) -> None:
        """Take in what the parts take, time or what else counts: the least of all, the most of what holds."""
        for part in self._scorer.parts:
            try:
                value = self._scorer.spent(sample, frozenset({part}))
            except ValueError:
                continue
            least, most = self._range.get(part, (value, value))
            self._range[part] = (min(least, value), max(most, value) if holds else most)

    def share(self, parts: frozenset[Part]) -> Share:
        """The most that parts take of what counts: they at their slowest, the rest at its fastest.

        It is over all samples so far, so that noise, depth and what held before only widen it. All of it
        where a score is more than a speed.
        """
        about = self._scorer.parts
        if self._scorer.bent or not about & parts or about <= parts or not about <= self._range.keys():
            return WHOLE
        taken = sum(self._range[part][1] for part in about & parts)
        rest = sum(self._range[part][0] for part in about - parts)
        return Share(taken / (taken + rest))

    def run(self, race: Race, course: Course) -> list[Arm] | None:
        """Measure one round and give it to the race; a round in which the anchor drifted is repeated.

        So is one that others disturbed on a machine that was quiet in the beginning: what is best beside them
        need not be best without.

        Returns:
            The arms it decided about; None if no round came about: nothing is left to race, no time, or no
            quiet.

        Raises:
            TrialFailure: the anchor cannot be measured.
        """
        for attempt in range(MAX_ATTEMPTS):
            samples = self._measure(race, course, attempt)
            if samples is None or len(race.racing) < 2:
                return None
            drift = self._drift(samples, course.parts)
            disturbed = any(sample.noisy for taken in samples.values() for sample in taken)
            if disturbed and self.retaker.turned:
                self._emit(RoundDiscarded(stage=course.stage, round=race.rounds + 1, drift=drift))
                if attempt + 1 == MAX_ATTEMPTS:
                    return None
                self._meter.rest(REST_SECONDS * (attempt + 1), why="others began to use the machine")
                continue
            if self._steady(drift) or attempt + 1 == MAX_ATTEMPTS:
                return self._score(race, course, samples)
            self._emit(RoundDiscarded(stage=course.stage, round=race.rounds + 1, drift=drift))
            self._meter.rest(1.0 * (attempt + 1), why="the machine's speed changed within a round")
        raise AssertionError("unreachable: the last attempt returns")

    def _measure(self, race: Race, course: Course, attempt: int) -> dict[str, list[Sample]] | None:
        """Samples by label, the anchor's two under the first arm's; None if the time ran out."""
        anchor = race.anchor
        others = [arm for arm in race.racing if arm is not anchor]
        self._order.shuffle(others)
        samples: dict[str, list[Sample]] = {}
        for position, arm in enumerate((anchor, *others, anchor)):
            if self._out_of_time:
                return None
            job = Job(
                stage=course.stage, candidate=arm.label, round=race.rounds + 1, attempt=attempt,
                position=position, settings=arm.settings, workload=course.workload,
            )  # fmt: skip
            try:
                sample = self.retaker.sample(job)
            except TrialFailure as failure:
                if arm is race.arms[0]:
                    raise
                race.fail(arm, f"{failure.cause}: {failure.message}")
                if arm is anchor:
                    return None
                continue
            samples.setdefault(arm.label, []).append(sample)
            self._forecast.count_search_sample()
            self.note(sample, holds=arm is anchor)
            if arm is anchor:
                self._forecast.observe_anchor(sample)
        return samples

    def _drift(self, samples: dict[str, list[Sample]], parts: frozenset[Part]) -> float:
        """Logarithm of the anchor's second speed over its first."""
        first, second = (self._scorer.response_ms(sample, parts) for sample in next(iter(samples.values())))
        return math.log(first / second)

    def _steady(self, drift: float) -> bool:
        """Whether an anchor's change is of the size that is usual on this machine."""
        usual = 4 * median(self._drifts) if len(self._drifts) >= 4 else 0.0
        self._drifts.append(abs(drift))
        return abs(drift) <= max(DRIFT_FLOOR, usual)

    def _score(self, race: Race, course: Course, samples: dict[str, list[Sample]]) -> list[Arm]:
        """Score every arm against the mean of the two anchors of its round."""
        anchor = race.anchor
        parts = course.parts
        anchor_merit = fmean(self._scorer.merit(sample, parts) for sample in samples[anchor.label])
        scores, gains = {}, {}
        for arm in (anchor, *(arm for arm in race.racing if arm is not anchor)):
            taken = samples[arm.label]
            memory = course.memory.get(arm.settings.digest)
            arm.broken = self._scorer.broken(taken[-1], memory)
            gains[arm.label] = fmean(self._scorer.merit(sample, parts) for sample in taken) - anchor_merit
            scores[arm.label] = fmean(
                self._scorer.score(
                    sample, parts, anchor_merit=anchor_merit, memory_bytes=memory, slack=course.slack
                )
                for sample in taken
            )
        return race.add_round(scores, gains)
