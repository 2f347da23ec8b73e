"""Own the search: questions asked one after another, each settled by a race."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from pydantic import ValidationError

from tunesmith.domain.blocks import Blocks
from tunesmith.domain.event_base import Part
from tunesmith.domain.events import Event
from tunesmith.domain.machine import Machine
from tunesmith.domain.measurement import Sample
from tunesmith.domain.request import TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.tuning import assurance
from tunesmith.tuning.changes import given_changes
from tunesmith.tuning.forecast import TYPICAL_ROUNDS, Forecast
from tunesmith.tuning.headroom import Refusals
from tunesmith.tuning.heats import Heats
from tunesmith.tuning.known import STAGE as KNOWN
from tunesmith.tuning.known import known_question
from tunesmith.tuning.looks import SHARE, Looks
from tunesmith.tuning.meter import Job, Meter, TrialFailure
from tunesmith.tuning.narration import answer_sentence
from tunesmith.tuning.objective import Scorer
from tunesmith.tuning.options import Option, has_device, nearer_layer_options
from tunesmith.tuning.pace import (
    STEADY_SECONDS,
    TARGET_PART_SECONDS,
    Pace,
    choose_pace,
    pilot_workload,
    second_pilot_workload,
)
from tunesmith.tuning.placement_options import nearer_placements
from tunesmith.tuning.race import Arm, Race
from tunesmith.tuning.result import SearchResult
from tunesmith.tuning.rounds import Course, Rounds
from tunesmith.tuning.space import Question, questions
from tunesmith.tuning.steady_confirm import STEADY_SHARE
from tunesmith.wording import tr

BASELINE_LABEL = tr("llama.cpp's defaults")
ASSURANCE_SHARE = 0.25
"""Part of the error probability kept for the final statement about all candidates."""
LEAST_LOOKS = 3
"""With time for fewer, offloads are not asked about."""
TYPICAL_LOOKS = 8
"""So many tell, typically, how many layers are best."""
BLIND_SPREAD = math.log(1.25)
"""Where others disturb most samples and a candidate may still be this much better, nothing was told."""


class Tuner:
    """Searches for better settings than the baseline, deterministic but for the samples it is given.

    The error probability, one minus the request's confidence, is divided: a part is kept for the last
    race, the rest is divided by the passes and, within each, by the questions planned at its start. So
    over the whole search the probability of any wrong step is at most that;
    :class:`~tunesmith.tuning.race.Race` says what a wrong step is. The last race, the assurance, is
    between what holds and all candidates that are not yet proven to be at most the margin better; what is
    proven in the end is in :class:`~tunesmith.tuning.considered.Considered`.
    """

    def __init__(
        self, request: TuneRequest, *, baseline: Settings, machine: Machine, meter: Meter,
        emit: Callable[[Event], None], blocks: Blocks | None = None,
    ) -> None:  # fmt: skip
        """Prepare a search.

        Args:
            request: what is asked for.
            baseline: the defaults.
            machine: what the settings to try depend on.
            meter: takes the samples.
            emit: is told how it goes.
            blocks: the model's layers, where its header says how many there are.
        """
        self._request = request
        self._baseline = baseline
        self._machine = machine
        self._meter = meter
        self._emit = emit
        self.scorer = Scorer(
            request.workload, request.objective, request.constraints, request.given_power
        )  # fmt: skip
        steady = STEADY_SECONDS if self.scorer.expense.by_sensors else 0.0
        self.forecast = Forecast(
            request.budget, meter=meter, emit=emit, least_seconds=steady,
            kept_share=STEADY_SHARE if request.objective.name == "sustained" else None,
        )  # fmt: skip
        self._rounds = Rounds(
            scorer=self.scorer, meter=meter, emit=emit, forecast=self.forecast,
            order=random.Random(request.seed),  # noqa: S311 (an order, not a secret)
        )  # fmt: skip
        self._blocks = blocks
        self._refusals = Refusals(blocks, machine)
        self._looks = Looks(
            scorer=self.scorer, retaker=self._rounds.retaker, forecast=self.forecast, emit=emit,
            refusals=self._refusals,
        )  # fmt: skip
        self._heats = Heats(request, rounds=self._rounds, forecast=self.forecast, emit=emit)
        self._memory: dict[str, int | None] = {}
        self._failed: dict[str, str] = {}
        self.began = False
        """Whether the baseline could be measured."""

    @property
    def _out_of_time(self) -> bool:
        return self.forecast.search_left_at_most <= 0

    @property
    def _alpha(self) -> float:
        return 1 - self._request.confidence

    # ------------------------------------------------------------- the search

    def search(self, start: Settings) -> SearchResult:
        """Go through all questions, from ``start``, until nothing changes or the budget is spent.

        Raises:
            TrialFailure: not even the baseline can be measured, or not what the user fixed.
            Interrupted: the user stopped the run.
        """
        request = self._request
        if start != self._baseline:
            self.forecast.expect_confirmation()
        pilot = self._pilot()
        self.began = True
        result = SearchResult(
            settings=start, changes=given_changes(self._baseline, start), slack=self.scorer.slack
        )
        planned = self._questions(start, request.workload)
        samples = sum((len(question.options) + 2) * TYPICAL_ROUNDS for question in planned)
        pace = choose_pace(
            request.workload, pilot, seconds=self.forecast.search_left, samples=samples,
            least_seconds=STEADY_SECONDS if self.scorer.expense.by_sensors else TARGET_PART_SECONDS,
        )  # fmt: skip
        self.forecast.expect_samples_of(pace.workload(request.workload, self.scorer.measured_parts))
        for number in range(request.budget.passes):
            before = result.settings
            self._pass(number, result, pace)
            if self._out_of_time or result.skipped or result.settings == before:
                break
        assurance.assure(
            result, lambda parts, batches: self._last_course(result, pace, parts, batches=batches),
            request=request, heats=self._heats, rounds=self._rounds, scorer=self.scorer,
            forecast=self.forecast, alpha=self._alpha * ASSURANCE_SHARE, failed=self._failed,
        )  # fmt: skip
        settled = result.considered.bound <= math.log1p(request.margin)
        result.budget_spent = result.skipped or (result.cut_short and not settled)
        return result

    def _pilot(self) -> Sample:
        """What this machine does at all: a taste, and where a device computes, a batch."""
        taste = self._take_pilot(pilot_workload(self._request.workload), 0)
        self.forecast.learn(taste, self._request.workload)
        larger = second_pilot_workload(self._request.workload, self._baseline, taste)
        if not has_device(self._machine) or larger is None:
            return taste
        batch = self._take_pilot(larger, 1)
        self.forecast.learn_better(batch)
        return batch

    def _take_pilot(self, workload: Workload, number: int) -> Sample:
        sample = self._rounds.retaker.sample(
            Job(
                stage="pilot", candidate=BASELINE_LABEL, round=number, attempt=0, position=0,
                settings=self._baseline, workload=workload,
            )
        )  # fmt: skip
        self._rounds.note(sample, holds=True)
        return sample

    def _pass(self, number: int, result: SearchResult, pace: Pace) -> None:
        measured = pace.workload(self._request.workload, self.scorer.measured_parts, batches=True)
        plan = self._questions(result.settings, measured)
        if number == 0 and (known := self._known(result.settings)) is not None:
            plan.insert(0, known)
        self._put_off(plan, pace)
        alpha = self._alpha * (1 - ASSURANCE_SHARE) / self._request.budget.passes / max(1, len(plan))
        for place, planned in enumerate(plan):
            # asked anew each time: an earlier answer may have changed what is left to ask
            now = [planned] if planned.stage == KNOWN else self._questions(result.settings, measured)
            question = next((found for found in now if found.stage == planned.stage), None)
            if question is None or not question.options:
                continue
            if not self._affords(question, pace):
                result.skipped = True
                continue
            stage = f"{question.stage}-{number + 1}" if number else question.stage
            try:
                self._ask(stage, question, result, pace, alpha=alpha, ahead=plan[place + 1 :])
            except TrialFailure:
                if not result.earlier:
                    raise
                result.go_back()

    def _put_off(self, plan: list[Question], pace: Pace) -> None:
        """Ask last what there is hardly time for: all else would go without an answer."""
        for question in [found for found in plan if found.by_looks and found.reloads]:
            each = self._looks.seconds(question, self._paced(question, pace))
            if self.forecast.search_left * SHARE < TYPICAL_LOOKS * each:
                plan.remove(question)
                plan.append(question)

    def _known(self, start: Settings) -> Question | None:
        request = self._request
        return known_question(request.known, start, request.rules, self.scorer.measured_parts)

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
            blocks=None if request.objective.name == "memory" else self._blocks,
            whole=request.workload,
        )

    # ------------------------------------------------------------- one question

    def _ask(
        self, stage: str, question: Question, result: SearchResult, pace: Pace, *, alpha: float,
        ahead: Sequence[Question],
    ) -> None:  # fmt: skip
        """Race a question's options against what holds so far and adopt the winner."""
        holding = Arm(question.held, result.settings)
        options = self._worth_racing(stage, question, result, pace) if question.by_looks else question.options
        arms = [holding, *self._arms(options, result.settings)]
        if len(arms) == 1:
            return
        course = self._course(stage, question, result, pace)
        share = self._rounds.share(course.parts)
        race = self._heats.line_up(
            arms, alpha=alpha, max_rounds=self._request.budget.max_rounds,
            anchor=arms[1] if question.by_looks else holding, share=share,
        )  # fmt: skip
        self._heats.begin(stage, question.title, race, ahead)
        self._learn_memory(stage, race, question)
        self._heats.run(race, course, question.title, ahead)
        cut_short = race.in_doubt and self._out_of_time
        result.cut_short |= cut_short
        winner = race.winner()
        self._note(result, race, question)
        whole = self.scorer.parts <= course.parts
        share = self._rounds.share(course.parts)
        result.considered.take(race, winner, whole=whole, parts=course.parts, share=share)
        sentence = answer_sentence(
            race, winner, scorer=self.scorer, parts=question.parts, memory=self._memory, cut_short=cut_short
        )
        self._heats.end(stage, race, winner, sentence)
        self._heats.adopt(result, race, winner)

    def _affords(self, question: Question, pace: Pace) -> bool:
        workload = self._paced(question, pace)
        if question.by_looks:
            needed = LEAST_LOOKS * self._looks.seconds(question, workload)
            return self.forecast.search_left_at_most * SHARE >= needed
        return self.forecast.affords(len(question.options) + 1, workload)

    def _worth_racing(
        self, stage: str, question: Question, result: SearchResult, pace: Pace
    ) -> Sequence[Option]:
        """The option that looked best, if any looked near or better than what holds; the others stay open."""
        blocks = self._blocks

        def nearer(best: Settings, tried: Sequence[Settings]) -> Sequence[Option]:
            if blocks is None or not question.reloads:
                return ()
            name = question.varies[0]
            if name == "n_gpu_layers":
                return nearer_layer_options(blocks, best, tried)
            return nearer_placements(name, blocks, self._machine, best, tried)

        course = self._course(stage, question, result, pace)
        found = self._looks.find(
            question, result.settings, course, nearer=nearer, failed=self._failed
        )  # fmt: skip
        result.candidates += len(self._looks.seen) - len(found[:1])
        result.looked_at += self._looks.seen
        for look in found[1:]:
            result.considered.leave_open(look.option.label, look.settings)
        return [look.option for look in found[:1]]

    def _arms(self, options: Sequence[Option], holding: Settings) -> list[Arm]:
        """Candidates that make sense beside what holds, and were not found to fail before."""
        arms = []
        for option in options:
            try:
                settings = option.apply(holding)
            except ValidationError:
                continue
            if settings.digest not in self._failed and self._refusals.allows(settings):
                arms.append(Arm(option.label, settings))
        return arms

    def _parts(self, question: Question) -> frozenset[Part]:
        """The parts to measure: only those that the answer can change, unless the whole response counts."""
        parts = self.scorer.measured_parts
        return parts if self.scorer.objective.name == "memory" else parts & question.parts

    def _paced(self, question: Question, pace: Pace) -> Workload:
        if question.whole_prompt:
            pace = replace(pace, batch_prompt=self._request.workload.prompt)
        batches = "n_ubatch" in question.varies
        return pace.workload(self._request.workload, self._parts(question), batches=batches)

    def _course(self, stage: str, question: Question, result: SearchResult, pace: Pace) -> Course:
        memory = self._memory if question.moves_memory else {}
        parts = self._parts(question)
        return Course(stage, self._paced(question, pace), parts, memory, slack=result.slack)

    def _last_course(
        self, result: SearchResult, pace: Pace, parts: frozenset[Part], *, batches: bool
    ) -> Course:
        workload = pace.workload(self._request.workload, parts, batches=batches)
        return Course(assurance.STAGE, workload, parts, self._memory, slack=result.slack)

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
        for arm in race.arms:
            if arm.state == "failed":
                self._failed[arm.settings.digest] = arm.why
                self._refusals.note(arm.settings, arm.why)
        retaker = self._rounds.retaker
        if (retaker.disturbed or retaker.mostly_disturbed) and race.bound() > BLIND_SPREAD:
            result.blind += (question.title,)
