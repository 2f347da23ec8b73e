"""Own a race: candidates measured side by side until it is known which is best."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal

from tunesmith.domain.settings import Settings
from tunesmith.domain.statistics import anytime_interval

State = Literal["racing", "lost", "tied", "won", "failed"]


@dataclass(slots=True)
class Arm:
    """One candidate in a race."""

    label: str
    settings: Settings
    scores: list[float] = field(default_factory=list)
    """One per kept round, relative to the round's anchor; logarithms."""
    state: State = "racing"
    why: str = ""

    @property
    def mean(self) -> float:
        """Mean score so far; minus infinity before the first."""
        return fmean(self.scores) if self.scores else -math.inf


def _percent(log_ratio: float) -> str:
    return f"{100 * math.expm1(abs(log_ratio)):.1f}%"


class Race:
    """Best-arm identification with paired, anytime-valid intervals.

    Arms stand in order of simplicity, what holds so far first. In each round every arm still racing
    gets one score, all taken beside the same anchor, so that the difference of two arms' scores in a
    round is a paired log-ratio. Two arms are compared by the anytime-valid interval of the mean of
    those differences: an arm whose interval against the leader lies below zero has lost; of two arms
    whose interval lies within the margin the simpler one stays. What holds so far is only replaced by
    an arm proven better than it.

    With ``alpha`` split over all pairs, a wrong loss happens in a whole race with probability at most
    ``alpha``, under the assumptions of :func:`~tunesmith.domain.statistics.t_evidence`.
    """

    def __init__(self, arms: list[Arm], *, alpha: float, margin: float, max_rounds: int) -> None:
        """Line up.

        Args:
            alpha: error probability for the whole race.
            margin: ratio below which a difference does not matter; 0.02 is 2%.
            max_rounds: rounds after which the race ends undecided.
        """
        if not arms:
            msg = "a race needs at least one arm"
            raise ValueError(msg)
        self.arms = arms
        self.rounds = 0
        self._max_rounds = max_rounds
        self._margin = math.log1p(margin)
        pairs = max(1, len(arms) * (len(arms) - 1) // 2)
        self._alpha = alpha / pairs

    @property
    def racing(self) -> list[Arm]:
        """Arms that still need measuring, in order of simplicity."""
        return [arm for arm in self.arms if arm.state == "racing"]

    @property
    def finished(self) -> bool:
        """Whether nothing more needs measuring."""
        return len(self.racing) <= 1 or self.rounds >= self._max_rounds

    def fail(self, arm: Arm, why: str) -> None:
        """Take an arm out that could not be measured."""
        arm.state, arm.why = "failed", why

    def interval(self, one: Arm, other: Arm) -> tuple[float, float]:
        """Anytime-valid interval for the mean log-ratio of ``one`` over ``other``."""
        count = min(len(one.scores), len(other.scores))
        differences = [a - b for a, b in zip(one.scores[:count], other.scores[:count], strict=True)]
        return anytime_interval(differences, self._alpha)

    def add_round(self, scores: dict[str, float]) -> list[Arm]:
        """Take one round's scores by label and return the arms it decided about.

        Raises:
            KeyError: an arm still racing has no score.
        """
        racing = self.racing
        for arm in racing:
            arm.scores.append(scores[arm.label])
        self.rounds += 1
        return self._judge(racing)

    def _judge(self, racing: list[Arm]) -> list[Arm]:
        decided: list[Arm] = []
        leader = max(racing, key=lambda arm: arm.mean)
        for arm in racing:
            if arm is leader or arm.state != "racing" or leader.state != "racing":
                continue
            low, high = self.interval(leader, arm)
            if -self._margin <= low and high <= self._margin:
                better, worse = sorted((leader, arm), key=self.arms.index)
                worse.state = "tied"
                worse.why = f"within {_percent(self._margin)} of {better.label}, which is simpler"
                decided.append(worse)
            elif low > 0:
                arm.state = "lost"
                arm.why = f"at least {_percent(low)} behind {leader.label}"
                decided.append(arm)
        return decided

    def winner(self) -> Arm:
        """Who holds from now on; the first arm unless another is proven better than it."""
        incumbent = self.arms[0]
        left = self.racing
        if incumbent.state == "racing":
            proven = [arm for arm in left if arm is not incumbent and self.interval(arm, incumbent)[0] > 0]
            best = max(proven, key=lambda arm: arm.mean) if proven else incumbent
        elif left:
            top = max(arm.mean for arm in left)
            best = next(arm for arm in left if arm.mean >= top - self._margin)
        else:
            alive = [arm for arm in self.arms if arm.state != "failed"]
            best = max(alive, key=lambda arm: arm.mean) if alive else incumbent
        for arm in left:
            if arm is not best:
                arm.state = "tied"
                arm.why = arm.why or f"not proven better than {best.label} in {self.rounds} rounds"
        if best.state != "failed":
            best.state = "won"
        return best
