"""Own what is known of all candidates together: how much better than what holds any may be."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tunesmith.domain.event_base import Part
from tunesmith.domain.settings import Settings
from tunesmith.tuning.race import Arm, Race
from tunesmith.tuning.shares import WHOLE, Share


@dataclass(slots=True)
class Candidate:
    """Settings that were measured, and the most by which they may be better than what holds."""

    label: str
    settings: Settings
    bound: float
    """Logarithm of a ratio, at least 0; infinite where too little was measured."""
    against: str = ""
    """Digest of the settings that it was raced against, if it was."""
    parts: frozenset[Part] = frozenset()
    """The parts of the workload that it was raced over."""
    leads: tuple[float, ...] = ()
    """Its log-ratios over those, by round."""


@dataclass(slots=True)
class Considered:
    """Upper bounds for every candidate of a search against what holds, carried from race to race.

    Let the search's answer be f and the truly best candidate considered c. Within c's own race its
    advantage over that race's winner w has a proven upper bound u, and every later change of what
    holds was proven to gain at least some l >= 0. So c is better than f by at most u minus the sum of
    those l: no more than the largest bound kept here. All intervals used are among those that
    :class:`~tunesmith.tuning.race.Race` answers for, the best arm against the others and the first
    against the others, so the statement costs no further error probability. It is (ε, δ)-PAC
    identification of the best arm (Even-Dar, Mannor & Mansour 2006; Kalyanakrishnan et al. 2012, "PAC
    subset selection in stochastic multi-armed bandits") with ε found from the data.

    A race over one part of the workload bounds the whole: what makes a part faster by a ratio makes the
    whole faster by no more, and by the less the smaller the most that the part takes of it
    (:class:`~tunesmith.tuning.shares.Share`). What it gains for the whole is not counted, since of that
    only the most is known.
    """

    _found: dict[str, Candidate] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._found)

    @property
    def settings(self) -> tuple[Settings, ...]:
        """All candidates, what holds among them."""
        return tuple(candidate.settings for candidate in self._found.values())

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All that were measured, what holds among them."""
        return tuple(self._found.values())

    def take(
        self,
        race: Race,
        winner: Arm,
        *,
        whole: bool,
        parts: frozenset[Part] = frozenset(),
        share: Share = WHOLE,
    ) -> None:
        """Take in a finished race.

        Args:
            race: its arms, the first of which held before.
            winner: which of them holds now.
            whole: whether it looked at all that the objective is about.
            parts: the parts of the workload that it looked at.
            share: the most that they take of what the objective is about.
        """
        first = race.arms[0]
        if winner is not first:
            gained = max(0.0, race.interval(winner, first)[0]) if whole else 0.0
            for candidate in self._found.values():
                candidate.bound = max(0.0, candidate.bound - gained)
        for arm in race.arms:
            if arm is winner:
                self._put(arm, 0.0)
            elif arm.state == "failed" or arm.broken:
                self._found.pop(arm.settings.digest, None)
            elif arm.scores:
                candidate = self._put(arm, share.of_whole(max(0.0, race.interval(arm, winner)[1])))
                candidate.against, candidate.parts = first.settings.digest, parts
                candidate.leads = tuple(race.differences(arm, first))

    def leave_open(self, label: str, settings: Settings) -> None:
        """Consider settings of which nothing is proven."""
        self._found.setdefault(settings.digest, Candidate(label, settings, math.inf))

    def take_back(self, lost: Settings) -> None:
        """What held can no longer be measured: what held before holds again, and nothing is proven of it."""
        self._found.pop(lost.digest, None)
        for candidate in self._found.values():
            candidate.bound = math.inf

    def open(self, margin: float, holding: Settings) -> list[Candidate]:
        """Candidates that may be better than what holds by more than the margin, most likely first.

        Args:
            margin: a ratio; 0.02 is 2%.
            holding: what holds.
        """
        found = [c for c in self._found.values() if c.settings.digest != holding.digest]
        return sorted((c for c in found if c.bound > math.log1p(margin)), key=lambda c: c.bound)

    @property
    def bound(self) -> float:
        """The most by which any candidate may be better than what holds, as a logarithm."""
        return max((candidate.bound for candidate in self._found.values()), default=0.0)

    def _put(self, arm: Arm, bound: float) -> Candidate:
        """Keep the tighter of two bounds: both are proven."""
        known = self._found.setdefault(arm.settings.digest, Candidate(arm.label, arm.settings, bound))
        known.bound = min(known.bound, bound)
        return known
