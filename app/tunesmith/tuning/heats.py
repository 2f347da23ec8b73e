"""Own how a race is held: set up, run round by round, told as it goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from tunesmith.domain.events import Event, StageFinished, StageStarted
from tunesmith.domain.request import TuneRequest
from tunesmith.tuning.changes import changed, effect
from tunesmith.tuning.forecast import Forecast
from tunesmith.tuning.narration import tell_standing
from tunesmith.tuning.race import Arm, Race
from tunesmith.tuning.rounds import Course, Rounds
from tunesmith.tuning.shares import WHOLE, Share
from tunesmith.tuning.space import Question

if TYPE_CHECKING:
    from tunesmith.tuning.result import SearchResult


class Heats:
    """Holds the races of one search."""

    def __init__(
        self, request: TuneRequest, *, rounds: Rounds, forecast: Forecast, emit: Callable[[Event], None]
    ) -> None:
        self._request = request
        self._rounds = rounds
        self._forecast = forecast
        self._emit = emit

    def line_up(
        self,
        arms: list[Arm],
        *,
        alpha: float,
        max_rounds: int,
        anchor: Arm | None = None,
        share: Share = WHOLE,
    ) -> Race:
        """A race under the request's rules; see :class:`~tunesmith.tuning.race.Race`."""
        worse = "slower" if self._request.objective.of_speed else "worse"
        return Race(
            arms, alpha=alpha, margin=self._request.margin, max_rounds=max_rounds, worse=worse, settle=True,
            anchor=anchor, enough=math.expm1(min(1.0, share.in_part(math.log1p(self._request.margin)))),
        )  # fmt: skip

    def begin(self, stage: str, title: str, race: Race, ahead: Sequence[Question] = ()) -> None:
        """Tell that a race begins, and which questions come after it."""
        labels = tuple(arm.label for arm in race.arms)
        self._emit(StageStarted(stage=stage, title=title, candidates=labels))
        self._forecast.searching(title, len(race.arms), 0, ahead)

    def run(self, race: Race, course: Course, title: str, ahead: Sequence[Question] = ()) -> None:
        """Race until it is decided or the time runs out.

        Of the time that is left each question still to come keeps as much as this one: beyond its own
        share, a race only goes on where a proof that something is better is in sight.

        Raises:
            TrialFailure: what holds can no longer be measured.
        """
        kept = self._forecast.search_left * len(ahead) / (len(ahead) + 1)
        while not race.finished and (decided := self._rounds.run(race, course)) is not None:
            for arm in (*decided, *race.racing):
                tell_standing(self._emit, course.stage, race, arm)
            self._forecast.searching(title, len(race.racing), race.rounds, ahead)
            race.settle = self._forecast.search_left > kept

    def end(self, stage: str, race: Race, winner: Arm, sentence: str) -> None:
        """Tell how a race ended."""
        for arm in race.arms:
            tell_standing(self._emit, stage, race, arm)
        self._emit(StageFinished(stage=stage, winner=winner.label, sentence=sentence))

    def adopt(self, result: SearchResult, race: Race, winner: Arm) -> None:
        """Let the winner hold from now on."""
        holding = race.arms[0]
        if winner is holding:
            return
        found = effect(
            race, winner, confidence=self._request.confidence, noisy=self._rounds.retaker.disturbed
        )
        self._forecast.expect_confirmation()
        changes = changed(result.changes, holding.settings, winner.settings, found)
        result.adopt(winner.settings, changes, gain=fmean(winner.gains) - fmean(holding.gains))
