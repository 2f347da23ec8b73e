"""Own what a search has found so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from tunesmith.domain.profile import Change
from tunesmith.domain.settings import Settings
from tunesmith.tuning.considered import Considered


@dataclass(slots=True)
class SearchResult:
    """What the search found; nothing of it is confirmed yet."""

    settings: Settings
    changes: tuple[Change, ...] = ()
    budget_spent: bool = False
    """The budget ran out before all that matters was told; known when the search is over."""
    skipped: bool = False
    """There was no time to ask a question at all."""
    cut_short: bool = False
    """The time ran out while a candidate might yet have been proven better."""
    candidates: int = 0
    """How many candidates were measured besides what held."""
    looked_at: tuple[Settings, ...] = ()
    """What was looked at once, to find what is worth racing."""
    blind: tuple[str, ...] = ()
    """Titles of questions that could not be answered for the noise that others made."""
    slack: float = 0.0
    """For ``memory``: how much slower it may become yet, as a logarithm."""
    considered: Considered = field(default_factory=Considered)
    """What is proven of all candidates together."""
    earlier: list[SearchResult] = field(default_factory=list)
    """What held before, newest last: where to go back to if what holds can no longer be measured."""

    def adopt(self, settings: Settings, changes: tuple[Change, ...], *, gain: float) -> None:
        """Let other settings hold from now on."""
        self.earlier.append(SearchResult(self.settings, self.changes, slack=self.slack))
        self.settings, self.changes = settings, changes
        self.slack += gain

    def go_back(self) -> None:
        """Let hold again what held before."""
        self.considered.take_back(self.settings)
        before = self.earlier.pop()
        self.settings, self.changes, self.slack = before.settings, before.changes, before.slack
