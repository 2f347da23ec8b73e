"""Own the speed of a model's files against each other: measured side by side, round by round, in pairs."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Protocol

from tunesmith.domain.bandwidth import DecodeLimit, cannot_win
from tunesmith.domain.choice import Contender
from tunesmith.domain.digits import figures, fixed, memory_scale
from tunesmith.domain.events import Event, StageFinished, StageStarted
from tunesmith.domain.measurement import Measurement, Quantity, Sample
from tunesmith.domain.request import TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.statistics import quantity
from tunesmith.domain.summary import summarize
from tunesmith.domain.workload import Budget, Workload
from tunesmith.services.file_rigs import FileMeter
from tunesmith.tuning.confirm import Confirmation, Confirmer
from tunesmith.tuning.forecast import LEAST_ROUNDS, TYPICAL_ROUNDS, Forecast
from tunesmith.tuning.meter import Job, Meter, TrialFailure
from tunesmith.tuning.narration import tell_standing
from tunesmith.tuning.objective import Scorer, breach_text
from tunesmith.tuning.pace import choose_pace, pilot_workload
from tunesmith.tuning.race import Arm, Race
from tunesmith.tuning.retake import Retaker
from tunesmith.tuning.rounds import Course, Rounds
from tunesmith.wording import tr

STAGE = "screen"


class Tell(Protocol):
    """Takes what has become known of a contender."""

    def __call__(self, label: str, **changes: object) -> None:
        """Take it in."""


class _Time(Forecast):
    """A forecast by which the fewest rounds that tell anything may take the time kept for confirming."""

    short_of_rounds = True

    @property
    def search_left(self) -> float:
        """What the search may still take, seconds."""
        return self.left if self.short_of_rounds else super().search_left


@dataclass
class Screening:
    """The race of all files within the limit, at the same settings, the source's first."""

    request: TuneRequest
    settings: Settings
    contenders: list[Contender]
    """The source, then the others, the truest first: ties go to the truer."""
    meter: Meter
    emit: Callable[[Event], None]
    tell: Tell
    budget_seconds: float
    decode_limit: Callable[[Contender], DecodeLimit] | None = None
    """What memory bandwidth allows of a file; None where decoding is not all that counts."""
    race: Race | None = None
    unsettled: list[str] = field(default_factory=list)
    """Labels of those that may yet be better than the winner, the best-looking first."""
    _samples: dict[str, list[Sample]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        request = self.request
        budget = Budget(
            name="custom", seconds=self.budget_seconds, max_rounds=request.budget.max_rounds, passes=1
        )
        self.scorer = Scorer(request.workload, request.objective, request.constraints)
        self.forecast = _Time(budget, meter=self.meter, emit=lambda event: self.emit(event))
        self.forecast.expect_confirmation()  # whatever wins is tuned and confirmed

    # ------------------------------------------------------------- a first look at each

    def look(self) -> list[Contender]:
        """Measure each once, little; return those that can be raced.

        Raises:
            TrialFailure: the source cannot be measured.
            Interrupted: the user stopped the run.
        """
        source, *others = self.contenders
        first = self._glance(source, 0)
        self.forecast.learn(first, self.request.workload)
        fit = [source] if self._fits(source, first) else []
        shown: tuple[str, float] | None = None
        for place, contender in enumerate(sorted(others, key=lambda one: one.size_bytes or 0), 1):
            if shown is not None and self._cannot_win(contender, *shown):
                continue
            if len(fit) > 1 and self.forecast.left <= 0:
                self.tell(contender.label, state="waiting", why=tr("the time ran out before its turn"))
                continue
            try:
                sample = self._glance(contender, place)
                if shown is None and self.decode_limit is not None:
                    shown = contender.label, self._decode_at_least(contender, place)
            except TrialFailure as failure:
                self.tell(contender.label, state="failed", why=failure.message)
                continue
            if self._fits(contender, sample):
                fit.append(contender)
        return sorted(fit, key=self.contenders.index)

    def _glance(self, contender: Contender, place: int, number: int = 0) -> Sample:
        """One small sample of a file."""
        meter = FileMeter(self.meter, _by_candidate)
        retaker = Retaker(meter, out_of_time=lambda: self.forecast.search_left <= 0)
        sample = retaker.sample(
            Job(
                stage="pilot", candidate=contender.label, round=number, attempt=0, position=place,
                settings=self.settings, workload=pilot_workload(self.request.workload),
            )
        )  # fmt: skip
        self._samples.setdefault(contender.label, [sample])
        return sample

    def _fits(self, contender: Contender, sample: Sample) -> bool:
        """Whether a file keeps the limit on memory."""
        why = self._too_large(sample)
        if why:
            measured = summarize([sample], self.settings, pilot_workload(self.request.workload))
            self.tell(contender.label, state="infeasible", why=why, measured=measured)
        return not why

    def _decode_at_least(self, contender: Contender, place: int) -> float:
        """The lower end of a file's decode speed, tokens/s; 0 where that is not known."""
        samples = [self._samples[contender.label][0]]
        samples += [self._glance(contender, place, number) for number in range(1, LEAST_ROUNDS)]
        speeds = [speed for sample in samples if (speed := sample.decode_tokens_per_s)]
        if len(speeds) < LEAST_ROUNDS:
            return 0.0
        return quantity(speeds, confidence=self.request.confidence, interval="mean").low or 0.0

    def _cannot_win(self, contender: Contender, label: str, tokens_per_s: float) -> bool:
        """Whether memory bandwidth keeps a file from ever being as fast as another was; told if so."""
        if self.decode_limit is None:
            return False
        limit = self.decode_limit(contender)
        if limit.tokens_per_s is None or not cannot_win(limit, tokens_per_s):
            return False
        why = tr(
            "memory bandwidth allows it at most {limit} tokens/s, and {label} decodes at {speed}",
            limit=figures(limit.tokens_per_s, 3), label=label, speed=figures(tokens_per_s, 3),
        )  # fmt: skip
        self.tell(contender.label, state="slower", why=why)
        return True

    def _too_large(self, sample: Sample) -> str:
        most, peak = self.request.constraints.max_memory_bytes, sample.memory.peak_rss_bytes
        if most is None or peak is None or peak <= most:
            return ""
        unit, scale = memory_scale("mega")
        return breach_text(tr("memory"), peak / scale, most / scale, unit)

    # ------------------------------------------------------------- the race

    def run(self) -> str:
        """Race; return the label of the winner: the truest that none is proven faster than.

        Raises:
            TrialFailure: the source cannot be measured.
            Interrupted: the user stopped the run.
        """
        fit = self.look()
        source = self.contenders[0].label
        if len(fit) < 2:
            return fit[0].label if fit else source
        arms = [Arm(contender.label, self.settings) for contender in fit]
        quickest = min(arms, key=lambda arm: self._pilot_ms(arm.label))
        race = self.race = Race(
            arms, alpha=1 - self.request.confidence, margin=self.request.margin,
            max_rounds=self.request.budget.max_rounds, anchor=quickest,
        )  # fmt: skip
        title = tr("Speed at the same settings, side by side")
        self.emit(StageStarted(stage=STAGE, title=title, candidates=tuple(arm.label for arm in arms)))
        course = Course(STAGE, self._workload(), self.scorer.measured_parts, {})
        rounds = Rounds(
            scorer=self.scorer, meter=FileMeter(self.meter, _by_candidate, self._take), emit=self.emit,
            order=random.Random(self.request.seed),  # noqa: S311 (an order, not a secret)
            forecast=self.forecast,
        )  # fmt: skip
        while not race.finished:
            self.forecast.short_of_rounds = race.rounds < LEAST_ROUNDS
            decided = rounds.run(race, course)
            if decided is None:
                break
            self._tell_all(race, course.workload)
            self.forecast.searching(title, len(race.racing), race.rounds, ())
        self.forecast.short_of_rounds = False
        still = sorted(race.racing, key=lambda arm: -fmean(arm.scores) if arm.scores else 0.0)
        winner = race.winner()
        self.unsettled = [
            arm.label for arm in still
            if arm is not winner and race.interval(arm, winner)[1] > math.log1p(self.request.margin)
        ]  # fmt: skip
        self._tell_all(race, course.workload)
        for arm in race.arms:
            tell_standing(self.emit, STAGE, race, arm)
        if race.rounds < LEAST_ROUNDS:
            sentence = tr("{label} kept: the budget ran out before anything was told", label=winner.label)
        else:
            sentence = self._answer(winner, source)
        self.emit(StageFinished(stage=STAGE, winner=winner.label, sentence=sentence))
        return winner.label

    def _pilot_ms(self, label: str) -> float:
        return self.scorer.response_ms(self._samples[label][0], self.scorer.measured_parts)

    def _workload(self) -> Workload:
        """What a sample of the race measures: as much of the workload as the time bears."""
        slowest = max(self._samples, key=self._pilot_ms)
        samples = (len(self._samples) + 1) * TYPICAL_ROUNDS
        seconds = self.forecast.search_left
        pace = choose_pace(self.request.workload, self._samples[slowest][0], seconds=seconds, samples=samples)
        return pace.workload(self.request.workload, self.scorer.measured_parts)

    def _take(self, label: str, sample: Sample) -> None:
        self._samples.setdefault(label, []).append(sample)

    def _tell_all(self, race: Race, workload: Workload) -> None:
        for arm in race.arms:
            tell_standing(self.emit, STAGE, race, arm)
            changes: dict[str, object] = {
                "speedup": self.speedup(arm.label),
                "measured": self._measured(arm.label, workload),
            }
            match arm.state:
                case "lost":
                    changes |= {"state": "slower", "why": arm.why}
                case "tied" | "infeasible" | "failed":
                    changes |= {"state": arm.state, "why": arm.why}
                case _:
                    changes |= {"state": "within", "why": ""}
            self.tell(arm.label, **changes)

    def _measured(self, label: str, workload: Workload) -> Measurement | None:
        samples = self._samples[label][1:]
        return summarize(samples, self.settings, workload) if samples else None

    def speedup(self, label: str) -> Quantity | None:
        """Ratio of a file's speed to the source's, by round; the interval holds however often it is asked."""
        race = self.race
        if race is None:
            return None
        arm, source = self._arm(race, label), race.arms[0]
        if source.label != self.contenders[0].label:  # it does not fit the memory there may be
            return None
        ratios = tuple(math.exp(a - b) for a, b in zip(arm.gains, source.gains, strict=False))
        if len(ratios) < LEAST_ROUNDS:
            return None
        low, high = (math.exp(max(-50.0, min(50.0, end))) for end in race.gain_interval(arm))
        middle = math.exp(fmean(math.log(ratio) for ratio in ratios))
        return Quantity(
            median=middle, low=min(low, middle), high=max(high, middle), confidence=self.request.confidence,
            samples=ratios, noisy=False, interval="mean",
        )  # fmt: skip

    def not_slower(self, one: str, other: str) -> bool:
        """Whether a file is proven to be at most the margin slower than another."""
        race = self.race
        if race is None or not {one, other} <= {arm.label for arm in race.arms if arm.scores}:
            return False
        low = race.interval(self._arm(race, one), self._arm(race, other))[0]
        return low >= -math.log1p(self.request.margin)

    @staticmethod
    def _arm(race: Race, label: str) -> Arm:
        return next(arm for arm in race.arms if arm.label == label)

    def _answer(self, winner: Arm, source: str) -> str:
        speedup = self.speedup(winner.label)
        if winner.label == source or speedup is None:
            return tr("{label} kept: no other file was proven faster", label=winner.label)
        ratio = fixed(speedup.median, 2)
        return tr(
            "{label} is {ratio} times as fast as {source}", label=winner.label, ratio=ratio, source=source
        )

    # ------------------------------------------------------------- pairs at the end

    def compare(self, stage: str, one: tuple[str, Settings], other: tuple[str, Settings]) -> Confirmation:
        """Two files, each at settings of its own, alternately, in fresh processes.

        Raises:
            TrialFailure: the first cannot be measured.
            Interrupted: the user stopped the run.
        """

        def route(job: Job) -> tuple[str, Job]:
            label = one[0] if job.group.endswith("/baseline") else other[0]
            return label, replace(job, stage=stage, candidate=label)

        confirmer = Confirmer(
            self.request, scorer=self.scorer, meter=FileMeter(self.meter, route), forecast=self.forecast
        )
        return confirmer.compare(one[1], other[1])


def _by_candidate(job: Job) -> tuple[str, Job]:
    return job.candidate, job
