"""Own a race: candidates measured side by side until it is known which is best."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal

from tunesmith.domain.digits import percent
from tunesmith.domain.settings import Settings
from tunesmith.domain.statistics import anytime_interval, proof_in_sight
from tunesmith.wording import tr, trn

State = Literal["racing", "lost", "tied", "won", "infeasible", "failed"]


@dataclass(slots=True)
class Arm:
    """One candidate in a race."""

    label: str
    settings: Settings
    scores: list[float] = field(default_factory=list)
    """One per kept round, relative to the round's anchor; logarithms. What decides."""
    gains: list[float] = field(default_factory=list)
    """Beside the scores: the speed alone, as a logarithm of its ratio to the anchor's."""
    broken: str = ""
    """The constraint that it breaks, in words."""
    state: State = "racing"
    why: str = ""


class Race:
    """Best-arm identification by successive elimination, on pairs measured side by side.

    Arms stand in order of simplicity, what holds so far first. In each round every arm still racing
    gets one score, all taken beside the same anchor, so that the difference of two arms' scores in a
    round is a paired log-ratio, free of what the round did to both. Two arms are compared by
    :func:`~tunesmith.domain.statistics.anytime_interval` of those differences:

    * an arm proven worse than the leader, or than what holds, has *lost*;
    * an arm that is, proven, at most the margin better than what holds is *tied* and leaves, even if it is
      proven a little better, and so does, unless the race is to settle all, one for which no proof is in
      sight within the rounds there are: ties go to the simpler;
    * the first arm is only replaced by one proven better than it. What holds is the first arm while it
      races; then the simplest arm that is proven better than it.

    (Even-Dar, Mannor & Mansour 2006, "Action elimination and stopping conditions for the multi-armed
    bandit and reinforcement learning problems".) Let k be the number of arms. Only comparisons with the
    truly best arm can drop it, and only comparisons with the first can replace it: 2k - 3 pairs. Each
    gets an equal share of ``alpha``, so that with probability at least ``1 - alpha``, under the
    assumptions of ``anytime_interval``, the best arm is neither called worse than another nor called
    tied while it is better by more than the margin, and the first arm is not replaced by a slower one.
    An arm that left for want of proof in sight is not covered: :meth:`bound` says what it may be worth.
    """

    def __init__(
        self, arms: list[Arm], *, alpha: float, margin: float, max_rounds: int, worse: str = "slower",
        settle: bool = False, anchor: Arm | None = None, enough: float = 0.0,
    ) -> None:  # fmt: skip
        """Line up.

        Args:
            arms: the candidates; labels differ.
            alpha: error probability for the whole race.
            margin: ratio below which a difference does not matter; 0.02 is 2%.
            max_rounds: rounds after which the race ends undecided; at least 3.
            worse: what a lower score means, in a word.
            settle: go on until every arm is proven to be at most the margin better than what holds, also
                where no proof that it is better is in sight.
            anchor: the arm that opens and closes each round; the first unless given. What decides are
                differences, so that it makes none but in time: the faster, the shorter the rounds.
            enough: ratio that an arm need not be told from what holds within, once no proof that it is better
                is in sight; 0.04 is 4%. Never less than the margin.

        Raises:
            ValueError: there are no arms, or two of one label.
        """
        if not arms or len({arm.label for arm in arms}) < len(arms):
            msg = "a race needs arms, each with a label of its own"
            raise ValueError(msg)
        self.arms = arms
        self.anchor = anchor or arms[0]
        self.rounds = 0
        self._horizon = max(3, max_rounds)
        self._margin = math.log1p(margin)
        self._enough = max(self._margin, math.log1p(enough))
        self._alpha = alpha / max(1, 2 * len(arms) - 3)
        self._worse = worse
        self.settle = settle
        """As given; may be changed at any time."""

    @property
    def racing(self) -> list[Arm]:
        """Arms that still need measuring, in order of simplicity."""
        return [arm for arm in self.arms if arm.state == "racing"]

    @property
    def finished(self) -> bool:
        """Whether nothing more needs measuring."""
        return len(self.racing) <= 1 or self.rounds >= self._horizon

    @property
    def in_doubt(self) -> bool:
        """Whether an arm that is still in it may yet be proven better than what holds."""
        holding = self._holding or self.arms[0]
        return any(self._in_sight(arm, holding) for arm in self.racing if arm is not holding)

    def fail(self, arm: Arm, why: str) -> None:
        """Take an arm out that could not be measured; the first is the anchor again if it was."""
        arm.state, arm.why = "failed", why
        if arm is self.anchor:
            self.anchor = self.arms[0]

    def differences(self, one: Arm, other: Arm) -> list[float]:
        """Log-ratios of ``one`` over ``other``, by round, over the rounds both were in."""
        return [a - b for a, b in zip(one.scores, other.scores, strict=False)]

    def interval(self, one: Arm, other: Arm) -> tuple[float, float]:
        """Anytime-valid interval for the mean log-ratio of ``one`` over ``other``."""
        return anytime_interval(self.differences(one, other), self._alpha, horizon=self._horizon)

    def gain_interval(self, arm: Arm) -> tuple[float, float]:
        """As :meth:`interval`, of the arm's speed alone over the first arm's."""
        gains = [a - b for a, b in zip(arm.gains, self.arms[0].gains, strict=False)]
        return anytime_interval(gains, self._alpha, horizon=self._horizon)

    def bound(self) -> float:
        """The most, as a logarithm, by which any arm that was measured may be better than the winner."""
        winner = next((arm for arm in self.arms if arm.state == "won"), self.arms[0])
        others = [arm for arm in self.arms if arm is not winner and arm.state != "failed" and not arm.broken]
        return max((max(0.0, self.interval(arm, winner)[1]) for arm in others), default=0.0)

    def add_round(self, scores: dict[str, float], gains: dict[str, float] | None = None) -> list[Arm]:
        """Take one round's scores, and its speeds alone, by label; return the arms it decided about.

        The anchor is scored in every round, also when it has lost.

        Raises:
            KeyError: an arm still racing has no score, or the anchor has none.
        """
        for arm in self.arms:
            if arm.state == "racing" or arm is self.anchor:
                arm.scores.append(scores[arm.label])
                arm.gains.append((gains or scores)[arm.label])
        self.rounds += 1
        return self._judge()

    def _proven(self, one: Arm, other: Arm) -> bool:
        return self.interval(one, other)[0] > 0

    @property
    def _holding(self) -> Arm | None:
        """The first arm while it races; then the simplest that is proven better than it, if any."""
        first = self.arms[0]
        if first.state == "racing":
            return first
        return next((arm for arm in self.racing if self._proven(arm, first)), None)

    def _judge(self) -> list[Arm]:
        """Drop what has lost or is tied; what holds comes last, so that a tie is found before a loss."""
        holding = self._holding
        decided = [arm for arm in self.racing if arm is not holding and self._lost(arm, holding)]
        if holding is not None:
            for arm in self.racing[self.racing.index(holding) + 1 :]:
                if why := self._tie(arm, holding):
                    arm.state, arm.why = "tied", why
                    decided.append(arm)
            if self._lost(holding, None):
                decided.append(holding)
        return decided

    def _lost(self, arm: Arm, holding: Arm | None) -> bool:
        """Whether the leader, or what holds, is proven better than an arm, which then leaves."""
        leader = max(self.racing, key=lambda arm: fmean(arm.scores))
        for better in (leader, holding):
            if better is not None and better is not arm and self._proven(better, arm):
                low = self.interval(better, arm)[0]
                behind = self._behind(-math.expm1(-low), better)
                arm.state, arm.why = ("infeasible", arm.broken) if arm.broken else ("lost", behind)
                return True
        return False

    def _behind(self, share: float, better: Arm) -> str:
        """Why an arm has lost: by so much of the speed, or of what counts as well, to another."""
        values = {"share": percent(share, 1), "label": better.label}
        if self._worse == "worse":
            return tr("at least {share} worse than {label}", **values)
        return tr("at least {share} slower than {label}", **values)

    def _tie(self, arm: Arm, holding: Arm) -> str:
        """Why an arm need not be raced against a simpler one any longer; empty if it must."""
        differences = self.differences(arm, holding)
        change, most = (
            percent(math.expm1(value), 1, sign=True)
            for value in (fmean(differences), min(700.0, self.interval(arm, holding)[1]))
        )
        high = self.interval(arm, holding)[1]
        if high <= self._margin or (high <= self._enough and not self._in_sight(arm, holding)):
            return tr(
                "no gain worth a change from {label}: {change}, at most {most}",
                label=holding.label, change=change, most=most,
            )  # fmt: skip
        if not self.settle and not self._in_sight(arm, holding) and self.rounds < self._horizon:
            return trn(
                "no gain over {label} in sight: {change} after {count} round",
                "no gain over {label} in sight: {change} after {count} rounds",
                len(differences), label=holding.label, change=change,
            )  # fmt: skip
        return ""

    def _in_sight(self, arm: Arm, holding: Arm) -> bool:
        return proof_in_sight(self.differences(arm, holding), self._alpha, horizon=self._horizon)

    def winner(self) -> Arm:
        """Who holds from now on: the first arm, unless another is proven better than it."""
        first = self.arms[0]
        proven = [arm for arm in self.racing if arm is not first and self._proven(arm, first)]
        best = first
        if proven:
            top = max(fmean(arm.scores) for arm in proven)
            best = next(arm for arm in proven if fmean(arm.scores) >= top - self._margin)
        for arm in self.racing:
            if arm is not best:
                arm.state = "tied"
                arm.why = arm.why or trn(
                    "not proven better than {label} in {count} round",
                    "not proven better than {label} in {count} rounds",
                    self.rounds, label=best.label,
                )  # fmt: skip
        if best.state != "failed":
            best.state, best.why = "won", ""
        return best
