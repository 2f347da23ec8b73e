"""Own the search: questions asked one after another, each settled by a race."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from pydantic import ValidationError

from tunesmith.domain.events import CandidateStanding, Event, Part, StageFinished, StageStarted
from tunesmith.domain.machine import Machine
from tunesmith.domain.profile import Change
from tunesmith.domain.request import TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.tuning.changes import changed, effect, given_changes
from tunesmith.tuning.forecast import TYPICAL_ROUNDS, Forecast
from tunesmith.tuning.meter import Job, Meter, TrialFailure
from tunesmith.tuning.objective import Scorer
from tunesmith.tuning.options import Option
from tunesmith.tuning.pace import Pace, choose_pace, pilot_workload
from tunesmith.tuning.race import Arm, Race
from tunesmith.tuning.rounds import Course, Rounds
from tunesmith.tuning.space import Question, questions

BASELINE_LABEL = "llama.cpp's defaults"
BLIND_SPREAD = math.log(1.25)
"""Where others disturb most samples and a candidate may still be this much better, nothing was told."""


@dataclass(slots=True)
class SearchResult:
    """What the search found; nothing of it is confirmed yet."""

    settings: Settings
    changes: tuple[Change, ...] = ()
    budget_spent: bool = False
    """The budget ran out before all questions were answered."""
    candidates: int = 0
    """How many candidates were measured besides what held."""
    blind: tuple[str, ...] = ()
    """Titles of questions that could not be answered for the noise that others made."""
    slack: float = 0.0
    """For ``memory``: how much slower it may become yet, as a logarithm."""
    earlier: list[SearchResult] = field(default_factory=list)
    """What held before, newest last: where to go back to if what holds can no longer be measured."""

    def adopt(self, settings: Settings, changes: tuple[Change, ...], *, gain: float) -> None:
        """Let other settings hold from now on."""
        self.earlier.append(SearchResult(self.settings, self.changes, slack=self.slack))
        self.settings, self.changes = settings, changes
        self.slack += gain

    def go_back(self) -> None:
        """Let hold again what held before."""
        before = self.earlier.pop()
        self.settings, self.changes, self.slack = before.settings, before.changes, before.slack


class Tuner:
    """Searches for better settings than the baseline, deterministic but for the samples it is given.

    The error probability, one minus the request's confidence, is divided by the passes and, within each,
    by the questions planned at its start, so that over the whole search the probability of any wrong
    step is at most that; :class:`~tunesmith.tuning.race.Race` says what a wrong step is.
    """

    def __init__(
        self, request: TuneRequest, *, baseline: Settings, machine: Machine, meter: Meter,
        emit: Callable[[Event], None],
    ) -> None:  # fmt: skip
        self._request = request
        self._baseline = baseline
        self._machine = machine
        self._meter = meter
        self._emit = emit
        self.scorer = Scorer(request.workload, request.objective, request.constraints)
        self.forecast = Forecast(request.budget, meter=meter, emit=emit)
        self._rounds = Rounds(
            scorer=self.scorer, meter=meter, emit=emit, forecast=self.forecast,
            order=random.Random(request.seed),  # noqa: S311 (an order, not a secret)
        )  # fmt: skip
        self._memory: dict[str, int | None] = {}
        self._failed: dict[str, str] = {}

    @property
    def _out_of_time(self) -> bool:
        return self.forecast.search_left <= 0

    # ------------------------------------------------------------- the search

    def search(self, start: Settings) -> SearchResult:
        """Go through all questions, from ``start``, until nothing changes or the budget is spent.

        Raises:
            TrialFailure: not even the baseline can be measured, or not what the user fixed.
            Interrupted: the user stopped the run.
        """
        request = self._request
        pilot = self._rounds.retaker.sample(
            Job(
                stage="pilot", candidate=BASELINE_LABEL, round=0, attempt=0, position=0,
                settings=self._baseline, workload=pilot_workload(request.workload),
            )
        )  # fmt: skip
        self.forecast.learn(pilot, request.workload)
        result = SearchResult(
            settings=start, changes=given_changes(self._baseline, start), slack=self.scorer.slack
        )
        planned = self._questions(start, request.workload)
        samples = sum((len(question.options) + 2) * TYPICAL_ROUNDS for question in planned)
        pace = choose_pace(request.workload, pilot, seconds=self.forecast.search_left, samples=samples)
        self.forecast.expect_samples_of(pace.workload(request.workload, self.scorer.measured_parts))
        for number in range(request.budget.passes):
            before = result.settings
            self._pass(number, result, pace)
            if result.budget_spent or result.settings == before:
                break
        return result

    def _pass(self, number: int, result: SearchResult, pace: Pace) -> None:
        measured = pace.workload(self._request.workload, self.scorer.measured_parts)
        plan = self._questions(result.settings, measured)
        alpha = (1 - self._request.confidence) / self._request.budget.passes / max(1, len(plan))
        for place, planned in enumerate(plan):
            # asked anew each time: an earlier answer may have changed what is left to ask
            now = self._questions(result.settings, measured)
            question = next((found for found in now if found.stage == planned.stage), None)
            if question is None or not question.options:
                continue
            if not self.forecast.affords(len(question.options) + 1, self._paced(question, pace)):
                result.budget_spent = True
                continue
            stage = f"{question.stage}-{number + 1}" if number else question.stage
            try:
                self._ask(stage, question, result, pace, alpha=alpha, ahead=plan[place + 1 :])
            except TrialFailure:
                if not result.earlier:
                    raise
                result.go_back()

    def _questions(self, settings: Settings, workload: Workload) -> list[Question]:
        request = self._request
        return questions(
            settings,
            workload=workload,
            machine=self._machine,
            rules=request.rules,
            parts=self.scorer.measured_parts,
            memory_only=request.objective.name == "memory",
            everything=request.budget.passes > 1,
        )

    # ------------------------------------------------------------- one question

    def _ask(
        self, stage: str, question: Question, result: SearchResult, pace: Pace, *, alpha: float,
        ahead: Sequence[Question],
    ) -> None:  # fmt: skip
        """Race a question's options against what holds so far and adopt the winner."""
        holding = Arm(question.held, result.settings)
        arms = [holding, *self._arms(question.options, result.settings)]
        if len(arms) == 1:
            return
        race = Race(
            arms, alpha=alpha, margin=self._request.margin, max_rounds=self._request.budget.max_rounds,
            worse="worse" if self.scorer.objective.name == "memory" else "slower",
        )  # fmt: skip
        course = self._course(stage, question, result, pace)
        labels = tuple(arm.label for arm in arms)
        self._emit(StageStarted(stage=stage, title=question.title, candidates=labels))
        self.forecast.searching(question.title, len(arms), 0, ahead)
        self._learn_memory(stage, race, question)
        while not race.finished and (decided := self._rounds.run(race, course)) is not None:
            for arm in (*decided, *race.racing):
                self._standing(stage, race, arm)
            self.forecast.searching(question.title, len(race.racing), race.rounds, ahead)
        cut_short = race.undecided and self._out_of_time
        result.budget_spent |= cut_short
        winner = race.winner()
        self._note(result, race, question)
        for arm in arms:
            self._standing(stage, race, arm)
        sentence = self._sentence(race, winner, question, cut_short=cut_short)
        self._emit(StageFinished(stage=stage, winner=winner.label, sentence=sentence))
        if winner is not holding:
            found = effect(
                race, winner, confidence=self._request.confidence, noisy=self._rounds.retaker.disturbed
            )
            changes = changed(result.changes, holding.settings, winner.settings, found)
            result.adopt(winner.settings, changes, gain=fmean(winner.gains) - fmean(holding.gains))

    def _arms(self, options: Sequence[Option], holding: Settings) -> list[Arm]:
        """Candidates that make sense beside what holds, and were not found to fail before."""
        arms = []
        for option in options:
            try:
                settings = option.apply(holding)
            except ValidationError:
                continue
            if settings.digest not in self._failed:
                arms.append(Arm(option.label, settings))
        return arms

    def _parts(self, question: Question) -> frozenset[Part]:
        """The parts to measure: only those that the answer can change, unless the whole response counts."""
        parts = self.scorer.measured_parts
        return parts if self.scorer.objective.name == "memory" else parts & question.parts

    def _paced(self, question: Question, pace: Pace) -> Workload:
        return pace.workload(self._request.workload, self._parts(question))

    def _course(self, stage: str, question: Question, result: SearchResult, pace: Pace) -> Course:
        memory = self._memory if question.moves_memory else {}
        parts = self._parts(question)
        return Course(stage, self._paced(question, pace), parts, memory, slack=result.slack)

    def _learn_memory(self, stage: str, race: Race, question: Question) -> None:
        """Where memory decides, run each arm once in a process of its own, at the whole workload."""
        if not self.scorer.needs_memory or not question.moves_memory:
            return
        for place, arm in enumerate(race.arms):
            digest = arm.settings.digest
            if digest in self._memory or self._out_of_time:
                continue
            job = Job(
                stage=f"{stage}-memory", candidate=arm.label, round=0, attempt=0, position=place,
                settings=arm.settings, workload=self._request.workload, group=f"memory-{digest}",
            )  # fmt: skip
            try:
                self._memory[digest] = self._meter.sample(job).memory.peak_rss_bytes
            except TrialFailure as failure:
                if place == 0:
                    raise
                race.fail(arm, f"{failure.cause}: {failure.message}")

    def _note(self, result: SearchResult, race: Race, question: Question) -> None:
        """Take in what a finished race says beside its winner."""
        result.candidates += sum(bool(arm.scores) for arm in race.arms[1:])
        self._failed.update((arm.settings.digest, arm.why) for arm in race.arms if arm.state == "failed")
        retaker = self._rounds.retaker
        if (retaker.disturbed or retaker.mostly_disturbed) and race.bound() > BLIND_SPREAD:
            result.blind += (question.title,)

    # ------------------------------------------------------------- what is told

    def _standing(self, stage: str, race: Race, arm: Arm) -> None:
        holding = race.arms[0]
        low = high = None
        ratio = 1.0
        if arm is not holding and arm.gains:
            ratio = math.exp(fmean(a - b for a, b in zip(arm.gains, holding.gains, strict=False)))
            bounds = race.gain_interval(arm)
            if all(map(math.isfinite, bounds)):
                low, high = (math.exp(max(-50.0, min(50.0, bound))) for bound in bounds)
        self._emit(
            CandidateStanding(
                stage=stage, candidate=arm.label, rounds=len(arm.scores), ratio=ratio, low=low, high=high,
                state=arm.state, why=arm.why,
            )
        )  # fmt: skip

    def _sentence(self, race: Race, winner: Arm, question: Question, *, cut_short: bool) -> str:
        """The answer to a question."""
        holding = race.arms[0]
        if winner is holding:
            if cut_short:
                return f"{holding.label} stays: the time ran out after {race.rounds} rounds"
            return f"{holding.label} stays: nothing better was proven in {race.rounds} rounds"
        low, high = (100 * math.expm1(bound) for bound in race.gain_interval(winner))
        gain = 100 * math.expm1(fmean(a - b for a, b in zip(winner.gains, holding.gains, strict=False)))
        verb = {frozenset({"prefill"}): "prefills", frozenset({"decode"}): "decodes"}
        speed = f"{verb.get(question.parts & self.scorer.parts, 'is')} {abs(gain):.1f}%"
        speed += f" {'faster' if gain >= 0 else 'slower'} ({low:+.1f}% to {high:+.1f}%)"
        before, after = (self._memory.get(arm.settings.digest) for arm in (holding, winner))
        if self.scorer.objective.name == "memory" and before and after:
            return f"{winner.label} needs {1 - after / before:.0%} less memory and {speed}"
        return f"{winner.label} {speed}"
