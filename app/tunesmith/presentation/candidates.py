"""Own the table of candidates: each question with its answers, and where each stands."""

from __future__ import annotations

from dataclasses import dataclass, field

from tunesmith.domain.events import CandidateStanding, StageFinished, StageStarted, TrialFailed
from tunesmith.presentation.numbers import DASH, decimals_for
from tunesmith.presentation.numbers import change_text as change_to
from tunesmith.wording import tr

OUT = frozenset({"lost", "tied", "infeasible", "failed"})
"""States of candidates that are not measured any longer."""


@dataclass(slots=True)
class CandidateRow:
    """One answer to a question, and where it stands against what held before."""

    label: str
    held: bool = False
    """It is what held when the question was put."""
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    rounds: int = 0
    state: str = "racing"
    why: str = ""

    @property
    def out(self) -> bool:
        """Whether it is not measured any longer."""
        return self.state in OUT

    @property
    def change_text(self) -> str:
        """Such as ``+12.4%``, to as many places as the interval supports; a dash without samples."""
        if self.held:
            return tr("reference")
        if self.ratio is None or self.rounds == 0:
            return DASH
        if self.low is None or self.high is None:
            return tr("about {change}", change=change_to(self.ratio, 0))
        return change_to(self.ratio, min(1, decimals_for(50 * (self.high - self.low))))

    @property
    def state_text(self) -> str:
        """Where it stands, in words."""
        match self.state:
            case "won":
                return tr("stays") if self.held else tr("holds from now on")
            case "racing":
                return tr("measuring") if self.rounds else tr("waiting")
            case "failed":
                why = self.why
                return tr("could not be measured: {why}", why=why) if why else tr("could not be measured")
            case "infeasible":
                return tr("breaks a limit: {why}", why=self.why) if self.why else tr("breaks a limit")
            case "lost":
                return self.why or tr("worse")
            case _:
                return self.why or tr("no better")


@dataclass(slots=True)
class StageRows:
    """One question with its candidates; the first is what held when it was put."""

    name: str
    title: str
    rows: dict[str, CandidateRow] = field(default_factory=dict)
    winner: str = ""
    sentence: str = ""

    @property
    def reach(self) -> float:
        """How far from 1 the axis of the intervals goes, the same for all rows of the stage."""
        far = 0.04
        for row in self.rows.values():
            for value in (row.low, row.high, row.ratio):
                if value is not None and row.rounds:
                    far = max(far, min(1.0, abs(value - 1)))
        return next(step for step in (0.05, 0.1, 0.2, 0.3, 0.5, 1.0) if far <= step)


class Candidates:
    """All questions of a run, in the order they were put."""

    def __init__(self) -> None:
        self.stages: list[StageRows] = []
        self.changed = 0
        """Counts changes, so that a view knows when to look again."""

    def start(self, event: StageStarted) -> None:
        """A question is put; put again after an interruption, it begins anew."""
        stage = StageRows(event.stage, event.title)
        for place, label in enumerate(event.candidates):
            stage.rows[label] = CandidateRow(label, held=place == 0)
        self.stages = [one for one in self.stages if one.name != event.stage] + [stage]
        self.changed += 1

    def stand(self, event: CandidateStanding) -> None:
        """A candidate's standing has changed."""
        stage = self.find(event.stage)
        row = stage.rows.get(event.candidate) if stage else None
        if row is None:
            return
        row.ratio, row.low, row.high = event.ratio, event.low, event.high
        row.rounds, row.state, row.why = event.rounds, event.state, event.why
        self.changed += 1

    def fail(self, event: TrialFailed) -> None:
        """A candidate could not be measured, perhaps not for good."""
        stage = self.find(event.stage)
        row = stage.rows.get(event.candidate) if stage else None
        if row is not None:
            row.why = event.message
            self.changed += 1

    def finish(self, event: StageFinished) -> None:
        """A question is answered."""
        stage = self.find(event.stage)
        if stage is not None:
            stage.winner, stage.sentence = event.winner, event.sentence
            self.changed += 1

    def find(self, name: str) -> StageRows | None:
        """A question by its name."""
        return next((stage for stage in reversed(self.stages) if stage.name == name), None)
