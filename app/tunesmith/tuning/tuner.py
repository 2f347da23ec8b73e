"""Own the search: questions asked one after another, each settled by a race."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean, median

from pydantic import ValidationError

from tunesmith.domain.events import (
    CandidateStanding,
    Event,
    Part,
    Progress,
    RoundDiscarded,
    StageFinished,
    StageStarted,
)
from tunesmith.domain.machine import Machine
from tunesmith.domain.measurement import Sample
from tunesmith.domain.profile import Change
from tunesmith.domain.request import TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.statistics import quantity
from tunesmith.domain.workload import Workload
from tunesmith.tuning.meter import Job, Meter, TrialFailure
from tunesmith.tuning.objective import Scorer
from tunesmith.tuning.pace import Pace, choose_pace, pilot_workload
from tunesmith.tuning.race import Arm, Race
from tunesmith.tuning.space import Option, Question, format_setting, questions

ANCHOR = "anchor"
BASELINE_LABEL = "llama.cpp's defaults"
DRIFT_FLOOR = math.log(1.06)
"""An anchor that moved less than this within a round is taken for steady."""
MAX_ATTEMPTS = 3
"""How often a drifted round is tried."""
CONFIRM_SHARE = 0.4
"""Part of the budget kept for the confirmation, at most."""


@dataclass(slots=True)
class SearchResult:
    """What the search found; nothing of it is confirmed yet."""

    settings: Settings
    changes: list[Change] = field(default_factory=list)
    budget_spent: bool = False
    """The budget ran out before all questions were answered."""
    runner_up: list[Settings] = field(default_factory=list)
    """What held before, newest first: where to fall back if the settings do not confirm."""


class Tuner:
    """Searches for better settings than the baseline, deterministic but for the samples it is given."""

    def __init__(
        self, request: TuneRequest, *, baseline: Settings, machine: Machine, meter: Meter,
        emit: Callable[[Event], None],
    ) -> None:  # fmt: skip
        self._request = request
        self._baseline = baseline
        self._machine = machine
        self._meter = meter
        self._emit = emit
        self._random = random.Random(request.seed)  # noqa: S311 (an order, not a secret)
        self.scorer = Scorer(request.workload, request.objective, request.constraints)
        self._drifts: list[float] = []
        self._memory: dict[str, int | None] = {}
        self._asked = 0
        self.whole_sample_seconds = 1.0
        """What one sample of the whole workload takes, by the pilot's speeds."""

    # ------------------------------------------------------------- the search

    def search(self, start: Settings) -> SearchResult:
        """Go through all questions, from ``start``, until nothing changes or the budget is spent.

        Raises:
            TrialFailure: not even the baseline can be measured.
            Interrupted: the user stopped the run.
        """
        pilot = self._meter.sample(
            self._job("pilot", BASELINE_LABEL, 0, self._baseline, pilot_workload(self._request.workload))
        )
        pace = choose_pace(self._request.workload, pilot, self._request.budget)
        result = SearchResult(settings=start)
        for number in range(self._request.budget.passes):
            before = result.settings
            self._pass(number, result, pace)
            if result.budget_spent or result.settings == before:
                break
        return result

    def _pass(self, number: int, result: SearchResult, pace: Pace) -> None:
        stages = [question.stage for question in self._questions(result.settings)]
        for place, stage in enumerate(stages):
            # asked anew each time: an earlier answer may have changed what is left to ask
            question = next((q for q in self._questions(result.settings) if q.stage == stage), None)
            if question is None:
                continue
            if self._out_of_time():
                result.budget_spent = True
                return
            self._progress(question.title.lower(), number, place, len(stages))
            self._ask(f"{stage}-{number + 1}" if number else stage, question, result, pace)

    def _questions(self, settings: Settings) -> list[Question]:
        request = self._request
        return questions(
            settings,
            workload=request.workload,
            machine=self._machine,
            rules=request.rules,
            parts=self.scorer.parts,
            memory_only=request.objective.name == "memory",
            everything=request.budget.passes > 1,
        )

    @property
    def _search_seconds(self) -> float:
        return self._request.budget.seconds * (1 - CONFIRM_SHARE)

    def _out_of_time(self) -> bool:
        return self._meter.spent_seconds >= self._search_seconds

    def _progress(self, step: str, number: int, place: int, count: int) -> None:
        passes = self._request.budget.passes
        done = (number + place / max(1, count)) / passes
        fraction = (1 - CONFIRM_SHARE) * max(done, min(1.0, self._meter.spent_seconds / self._search_seconds))
        spent = self._meter.spent_seconds
        per_question = spent / self._asked if self._asked else None
        left = (count - place) * per_question if per_question is not None else None
        if left is not None:
            left = min(left, max(0.0, self._search_seconds - spent))
        eta = None if left is None else left + self._request.budget.seconds * CONFIRM_SHARE / 2
        self._emit(Progress(step=step, fraction=fraction, eta_seconds=eta))

    # ------------------------------------------------------------- one question

    def _ask(self, stage: str, question: Question, result: SearchResult, pace: Pace) -> None:
        """Race a question's options against what holds so far and adopt the winner."""
        incumbent = result.settings
        label = BASELINE_LABEL if incumbent == self._baseline else "best so far"
        arms = [Arm(label, incumbent), *self._arms(question.options, incumbent)]
        if len(arms) == 1:
            return
        self._asked += 1
        self._emit(
            StageStarted(stage=stage, title=question.title, candidates=tuple(arm.label for arm in arms))
        )
        race = Race(
            arms,
            alpha=(1 - self._request.confidence) / 10,
            margin=self._request.margin,
            max_rounds=self._request.budget.max_rounds,
        )
        parts = question.parts & self.scorer.parts
        workload = pace.workload(self._request.workload, parts)
        self._learn_memory(race, stage)
        while not race.finished and not (race.rounds >= 3 and self._out_of_time()):
            scores = self._round(stage, race, workload, parts)
            if scores is None:
                break
            for arm in race.add_round(scores):
                self._standing(stage, race, arm)
            for arm in race.racing:
                self._standing(stage, race, arm)
        undecided = len(race.racing) > 1
        winner = race.winner()
        if undecided and self._out_of_time():
            result.budget_spent = True
        for arm in arms:
            self._standing(stage, race, arm)
        sentence = f"{winner.label} holds" if winner is arms[0] else f"{winner.label} is better"
        self._emit(StageFinished(stage=stage, winner=winner.label, sentence=sentence))
        if winner is not arms[0]:
            result.runner_up.insert(0, incumbent)
            result.changes = _merge(result.changes, incumbent, winner, arms[0])
            result.settings = winner.settings

    def _arms(self, options: tuple[Option, ...], incumbent: Settings) -> list[Arm]:
        arms = []
        for option in options:
            try:
                settings = option.apply(incumbent)
            except ValidationError:
                continue  # this option makes no sense beside what holds so far
            arms.append(Arm(option.label, settings))
        return arms

    def _round(
        self, stage: str, race: Race, workload: Workload, parts: frozenset[Part]
    ) -> dict[str, float] | None:
        """Measure every racing arm once between two measurements of the anchor.

        The first arm is the anchor. The baseline is measured too when it is another. A round in which
        the anchor drifted is thrown away and repeated after a rest. None if no arm is left to race.
        """
        number = race.rounds + 1
        samples: dict[str, Sample] = {}
        for attempt in range(MAX_ATTEMPTS):
            samples, drift = self._measure_round(stage, race, number, attempt, workload, parts)
            if len(race.racing) < 2:
                return None
            steady = max(DRIFT_FLOOR, 4 * median(self._drifts) if len(self._drifts) >= 4 else 0.0)
            self._drifts.append(abs(drift))
            if abs(drift) <= steady:
                break
            self._emit(RoundDiscarded(stage=stage, round=number, drift=drift))
            if attempt + 1 < MAX_ATTEMPTS:
                self._meter.rest(1.0 * (attempt + 1), why="the machine's speed changed within a round")
        return self._scores(race, samples, parts)

    def _measure_round(
        self, stage: str, race: Race, number: int, attempt: int, workload: Workload, parts: frozenset[Part]
    ) -> tuple[dict[str, Sample], float]:
        incumbent = race.arms[0]
        jobs = [arm for arm in race.racing if arm is not incumbent]
        if incumbent.settings != self._baseline and incumbent.state == "racing":
            jobs.append(Arm(BASELINE_LABEL, self._baseline))
        self._random.shuffle(jobs)
        samples: dict[str, Sample] = {}
        places = [(incumbent, f"{ANCHOR} 1"), *((arm, arm.label) for arm in jobs), (incumbent, f"{ANCHOR} 2")]
        for position, (arm, label) in enumerate(places):
            job = self._job(
                stage, arm.label, number, arm.settings, workload, attempt=attempt, position=position
            )
            try:
                samples[label] = self._meter.sample(job)
            except TrialFailure as failure:
                if arm is incumbent:
                    raise
                if arm in race.arms:
                    race.fail(arm, f"{failure.cause}: {failure.message}")
                    self._standing(stage, race, arm)
        drift = self.scorer.speed(samples[f"{ANCHOR} 2"], parts) - self.scorer.speed(
            samples[f"{ANCHOR} 1"], parts
        )
        return samples, drift

    def _scores(self, race: Race, samples: dict[str, Sample], parts: frozenset[Part]) -> dict[str, float]:
        """Each arm's score against the mean of the two anchors of its round."""
        anchors = [samples[f"{ANCHOR} 1"], samples[f"{ANCHOR} 2"]]
        anchor_speed = fmean(self.scorer.speed(sample, parts) for sample in anchors)
        scores = {}
        for arm in race.racing:
            taken = anchors if arm is race.arms[0] else [samples[arm.label]]
            memory = self._memory.get(arm.settings.digest)
            scores[arm.label] = fmean(
                self.scorer.score(sample, parts, anchor_speed=anchor_speed, memory_bytes=memory)
                for sample in taken
            )
        return scores

    def _learn_memory(self, race: Race, stage: str) -> None:
        """Where memory decides, run each arm once in a process of its own, at the whole workload."""
        if not self.scorer.needs_memory:
            return
        for arm in race.arms:
            digest = arm.settings.digest
            if digest in self._memory:
                continue
            job = self._job(
                f"{stage}-memory",
                arm.label,
                0,
                arm.settings,
                self._request.workload,
                group=f"memory-{digest}",
            )
            try:
                self._memory[digest] = self._meter.sample(job).memory.peak_rss_bytes
            except TrialFailure as failure:
                if arm is race.arms[0] and arm.settings == self._baseline:
                    raise
                race.fail(arm, f"{failure.cause}: {failure.message}")

    def _job(
        self, stage: str, label: str, number: int, settings: Settings, workload: Workload, *,
        attempt: int = 0, position: int = 0, group: str = "search",
    ) -> Job:  # fmt: skip
        return Job(
            stage=stage, candidate=label, round=number, attempt=attempt, position=position,
            settings=settings, workload=workload, group=group,
        )  # fmt: skip

    def _standing(self, stage: str, race: Race, arm: Arm) -> None:
        low = high = None
        ratio = 1.0
        if arm is not race.arms[0] and arm.scores:
            count = len(arm.scores)
            ratio = math.exp(
                fmean(a - b for a, b in zip(arm.scores, race.arms[0].scores[:count], strict=True))
            )
            bounds = race.interval(arm, race.arms[0])
            if all(map(math.isfinite, bounds)):
                low, high = (math.exp(max(-50.0, min(50.0, bound))) for bound in bounds)
        self._emit(
            CandidateStanding(
                stage=stage, candidate=arm.label, rounds=len(arm.scores), ratio=ratio, low=low, high=high,
                state=arm.state, why=arm.why,
            )
        )  # fmt: skip


def _merge(changes: list[Change], before: Settings, winner: Arm, incumbent: Arm) -> list[Change]:
    """The list of changes with the winner's added; a setting changed twice keeps its first ``before``."""
    count = len(winner.scores)
    ratios = [math.exp(a - b) for a, b in zip(winner.scores, incumbent.scores[:count], strict=True)]
    effect = quantity(ratios, interval="mean") if ratios else None
    merged = {change.setting: change for change in changes}
    for name in Settings.model_fields:
        old, new = getattr(before, name), getattr(winner.settings, name)
        if old != new:
            first = merged[name].before if name in merged else format_setting(old)
            merged[name] = Change(setting=name, before=first, after=format_setting(new), effect=effect)
    return [change for change in merged.values() if change.before != change.after]
