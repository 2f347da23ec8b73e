"""Own the looks: many values of one setting, each loaded and measured once, to find those worth racing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from tunesmith.domain.digits import percent
from tunesmith.domain.events import CandidateStanding, Event, StageFinished, StageStarted
from tunesmith.domain.measurement import MemoryUse
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.tuning.forecast import Forecast
from tunesmith.tuning.headroom import Refusals, Seen, spilled
from tunesmith.tuning.meter import Job, TrialFailure
from tunesmith.tuning.objective import Scorer
from tunesmith.tuning.options import Option
from tunesmith.tuning.retake import Retaker
from tunesmith.tuning.rounds import Course
from tunesmith.tuning.space import Question
from tunesmith.wording import tr

SAMPLES = 2
"""So many are taken at each look that loads the model; the faster counts, since what disturbs only slows."""
NEAR = math.log(1.08)
"""Who looks no further behind the best than this is not left out by its look."""
SHARE = 0.5
"""Part of what the search may still take that looks may take."""


@dataclass(slots=True)
class Look:
    """One candidate, and what was seen of it."""

    option: Option
    settings: Settings
    speeds: list[float] = field(default_factory=list)
    """Logarithms of requests per second; empty where it could not be measured."""
    memory: MemoryUse | None = None
    """Of its last sample."""

    @property
    def speed(self) -> float:
        return max(self.speeds, default=-math.inf)


class Looks:
    """Looks at a ladder of values, then half-way between the best and its neighbours, until none is left.

    Each value costs a load of the model, or a whole long prompt, so that interleaved rounds of all of them
    would take the time for all else. Nothing is proven here: who is seen further behind than :data:`NEAR` is
    left out, as what cannot win is; the best is raced against what holds, and the others near it stay open.
    """

    def __init__(
        self, *, scorer: Scorer, retaker: Retaker, forecast: Forecast, emit: Callable[[Event], None],
        refusals: Refusals,
    ) -> None:  # fmt: skip
        self._refusals = refusals
        self._scorer = scorer
        self._retaker = retaker
        self._forecast = forecast
        self._emit = emit
        self._until = self._each = 0.0
        self._samples = 1
        self.seen: tuple[Settings, ...] = ()
        """What was looked at and could be measured, what holds aside."""

    def find(
        self, question: Question, holding: Settings, course: Course, *,
        nearer: Callable[[Settings, Sequence[Settings]], Sequence[Option]], failed: dict[str, str],
    ) -> list[Look]:  # fmt: skip
        """Those worth racing, the best first; what holds is not among them.

        Args:
            question: whose options are looked at, in its order while there is time.
            holding: what holds.
            course: what a sample measures; its stage names the question.
            nearer: options to look at next, from the best so far and all that were looked at.
            failed: why settings could not be measured, by digest; added to.

        Raises:
            TrialFailure: what holds cannot be measured.
        """
        self._samples = SAMPLES if question.reloads else 1
        self._each = self.seconds(question, course.workload)
        self._until = self._forecast.search_left_at_most * (1 - SHARE)
        held = Look(Option(question.held, ()), holding)
        seen, options, step = [held], list(question.options), 0
        self._sample(held, course, step)
        while options and self._time_left:
            step += 1
            self._look_at(options, seen, course, step, title=question.title, failed=failed)
            best = max(seen, key=lambda look: look.speed)
            options = list(nearer(best.settings, [look.settings for look in seen]))
        if question.reloads and len(seen) > 1:
            self._sample(held, course, step + 1)
        self.seen = tuple(look.settings for look in seen[1:] if look.speeds)
        best_speed = max(look.speed for look in seen)
        near = max(NEAR, 2 * abs(held.speeds[-1] - held.speeds[0]))
        found = [look for look in seen[1:] if look.speeds and look.speed >= best_speed - near]
        return sorted(found, key=lambda look: -look.speed)

    def seconds(self, question: Question, workload: Workload) -> float:
        """What a look is likely to take."""
        samples = SAMPLES if question.reloads else 1
        return self._forecast.look_seconds(workload, samples, load=question.reloads)

    @property
    def _time_left(self) -> bool:
        """Whether there is time for another look and for a race of what is best."""
        return self._forecast.search_left_at_most - self._each >= self._until

    def _look_at(
        self, options: Sequence[Option], seen: list[Look], course: Course, step: int, *, title: str,
        failed: dict[str, str],
    ) -> None:  # fmt: skip
        """Look at options beside the best so far, while there is time."""
        before = max(seen, key=lambda look: look.speed)
        stage = f"{course.stage}-look-{step}"
        held = seen[0]
        fresh = [
            look for look in _made(options, held.settings, failed) if self._refusals.allows(look.settings)
        ]
        labels = (before.option.label, *(look.option.label for look in fresh))
        self._emit(
            StageStarted(stage=stage, title=tr("{question}, one look", question=title), candidates=labels)
        )
        for place, look in enumerate(fresh):
            if not self._time_left:
                break
            if not self._refusals.allows(look.settings):  # a look of this very step told so
                continue
            try:
                self._sample(look, course, step, place + 1)
            except TrialFailure as failure:
                failed[look.settings.digest] = why = f"{failure.cause}: {failure.message}"
                self._refusals.note(look.settings, why)
                self._stand(stage, look, before, "failed", why)
            seen.append(look)
        self._put_out_spilled(seen, stage, before, failed)
        best = max(seen, key=lambda look: look.speed)
        for look in fresh:
            if look.speeds and look is not best:
                behind = percent(-math.expm1(look.speed - best.speed), 1)
                values = {"share": behind, "label": best.option.label}
                if self._scorer.objective.of_speed:
                    why = tr("{share} slower than {label} at one look", **values)
                else:
                    why = tr("{share} worse than {label} at one look", **values)
                self._stand(stage, look, before, "lost", why)
        if best is not before:
            self._stand(stage, best, before, "won", "")
        self._emit(
            StageFinished(
                stage=stage, winner=best.option.label,
                sentence=self._sentence(best, len(seen)),
            )
        )  # fmt: skip

    def _sentence(self, best: Look, count: int) -> str:
        if self._scorer.objective.of_speed:
            return tr("{label} is the fastest of {count} looked at", label=best.option.label, count=count)
        return tr("{label} is the best of {count} looked at", label=best.option.label, count=count)

    def _put_out_spilled(
        self, seen: Sequence[Look], stage: str, before: Look, failed: dict[str, str]
    ) -> None:
        """Those of which a driver moved a part to main memory are no candidates, however they look here."""
        known = [(look, self._seen_of(look)) for look in seen if look.speeds and look.memory is not None]
        for look, one in known[1:]:
            why = spilled(one, (other for _, other in known))
            if why is not None:
                failed[look.settings.digest] = why
                look.speeds.clear()
                self._stand(stage, look, before, "failed", why)

    def _seen_of(self, look: Look) -> Seen:
        assert look.memory is not None  # noqa: S101 (the caller looked)
        used = look.memory.device_used_bytes
        return Seen(
            label=look.option.label, placed_bytes=self._refusals.placed_bytes(look.settings),
            used_bytes=sum(used.values()) if used else None, short=self._refusals.is_short(look.memory),
            speed=math.exp(look.speed),
        )  # fmt: skip

    def _stand(self, stage: str, look: Look, before: Look, state: str, why: str) -> None:
        ratio = math.exp(look.speed - before.speed) if look.speeds else 1.0
        self._emit(
            CandidateStanding.model_validate(
                {
                    "stage": stage, "candidate": look.option.label,
                    "rounds": len(look.speeds) // self._samples, "ratio": ratio, "low": None, "high": None,
                    "state": state, "why": why,
                }
            )
        )  # fmt: skip

    def _sample(self, look: Look, course: Course, step: int, place: int = 0) -> None:
        """Take a look's samples.

        Raises:
            TrialFailure: it cannot be measured.
        """
        for number in range(self._samples):
            job = Job(
                stage=f"{course.stage}-look-{step}", candidate=look.option.label, round=place, attempt=0,
                position=number, settings=look.settings, workload=course.workload,
            )  # fmt: skip
            sample = self._retaker.sample(job)
            look.memory = sample.memory
            look.speeds.append(self._scorer.merit(sample, course.parts))


def _made(options: Iterable[Option], holding: Settings, failed: dict[str, str]) -> Iterable[Look]:
    """Looks at what makes sense beside what holds and was not found to fail before."""
    for option in options:
        try:
            settings = option.apply(holding)
        except ValidationError:
            continue
        if settings.digest not in failed:
            yield Look(option, settings)
