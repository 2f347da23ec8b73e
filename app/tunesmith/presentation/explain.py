"""Own why a run ended as it did: its stored events folded into questions, candidates and reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from tunesmith import __version__
from tunesmith.domain.events import (
    CandidateStanding,
    Event,
    RoundDiscarded,
    RunFinished,
    StageFinished,
    StageStarted,
    TrialFailed,
    TrialMeasured,
)
from tunesmith.domain.profile import Guarantee, Outcome, TunedProfile
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import ObjectiveName
from tunesmith.presentation.candidates import CandidateRow, Candidates, StageRows
from tunesmith.presentation.change_facts import ChangeFacts, change_facts
from tunesmith.presentation.document import Document
from tunesmith.wording import tr

CandidateState = Literal["won", "lost", "tied", "infeasible", "failed", "undecided"]
UNDECIDED = tr("the run ended before this was decided")
NOT_RACED = tr("it was not raced")


class ExplainedCandidate(Document):
    """One answer to a question, and why it won or lost."""

    label: str
    held: bool
    """Whether it is what held when the question was put: the reference of the ratios."""
    state: CandidateState
    rounds: int
    """In how many rounds it was measured side by side with the others."""
    ratio: float | None
    """Against what held, in what was made best; null if it was not measured."""
    low: float | None
    """Ends of the ratio's interval, valid whenever the race stopped; null with too few rounds."""
    high: float | None
    why: str


class ExplainedQuestion(Document):
    """One question and its candidates."""

    stage: str
    title: str
    winner: str | None
    """Label of what holds from then on; null if the run ended before."""
    sentence: str
    samples: int
    noisy_samples: int
    """Of these, disturbed by other programs and still disturbed when repeated."""
    discarded_rounds: int
    """Thrown away since the machine's speed changed within them."""
    candidates: tuple[ExplainedCandidate, ...]


class ExplainDocument(Document):
    """``tunesmith profiles explain``."""

    schema_name: Literal["tunesmith.explain/1"] = Field(default="tunesmith.explain/1", alias="schema")
    tunesmith_version: str
    profile_id: str
    profile_name: str
    run_id: str
    run_known: bool
    """Whether the run is in this store; if not, as for an imported profile, there are no questions."""
    objective: ObjectiveName
    """What was made best, and what the ratios are of; of ``memory`` they are of speed."""
    outcome: Outcome
    sentence: str
    """How the run ended; empty if it is not known."""
    settings: Settings
    guarantee: Guarantee | None
    changes: tuple[ChangeFacts, ...]
    questions: tuple[ExplainedQuestion, ...]
    """In the order they were put."""


def explain(profile: TunedProfile, events: Iterable[Event] | None) -> ExplainDocument:
    """Why a profile's settings are what they are.

    Args:
        profile: whose run it was.
        events: the run's, in order; None if they are not at hand.
    """
    story = _Story()
    for event in events or ():
        story.take(event)
    return ExplainDocument(
        tunesmith_version=__version__,
        profile_id=profile.id,
        profile_name=profile.name,
        run_id=profile.run_id,
        run_known=events is not None,
        objective=profile.objective.name,
        outcome=profile.outcome,
        sentence=story.sentence,
        settings=profile.settings,
        guarantee=profile.guarantee,
        changes=change_facts(profile.changes),
        questions=tuple(story.question(stage) for stage in story.candidates.stages),
    )


class _Story:
    """Takes a run's events, those of an interruption and of going on from it included."""

    def __init__(self) -> None:
        self.candidates = Candidates()
        self.sentence = ""
        self._samples: Counter[str] = Counter()
        self._noisy: Counter[str] = Counter()
        self._discarded: Counter[str] = Counter()

    def take(self, event: Event) -> None:
        match event:
            case StageStarted(stage=stage):
                self.candidates.start(event)
                for counted in (self._samples, self._noisy, self._discarded):
                    counted.pop(stage, None)  # put again after an interruption, it is told from the start
            case CandidateStanding():
                self.candidates.stand(event)
            case TrialFailed():
                self.candidates.fail(event)
            case TrialMeasured(stage=stage, sample=sample):
                self._samples[stage] += 1
                self._noisy[stage] += sample.noisy
            case RoundDiscarded(stage=stage):
                self._discarded[stage] += 1
            case StageFinished():
                self.candidates.finish(event)
            case RunFinished(sentence=sentence):
                self.sentence = sentence
            case _:
                pass

    def question(self, stage: StageRows) -> ExplainedQuestion:
        return ExplainedQuestion(
            stage=stage.name,
            title=stage.title,
            winner=stage.winner or None,
            sentence=stage.sentence,
            samples=self._samples[stage.name],
            noisy_samples=self._noisy[stage.name],
            discarded_rounds=self._discarded[stage.name],
            candidates=tuple(_candidate(row, stage) for row in stage.rows.values()),
        )


def _candidate(row: CandidateRow, stage: StageRows) -> ExplainedCandidate:
    measured = row.rounds > 0 and row.ratio is not None
    return ExplainedCandidate(
        label=row.label,
        held=row.held,
        state=_state(row, stage),
        rounds=row.rounds,
        ratio=row.ratio if measured else None,
        low=row.low if measured else None,
        high=row.high if measured else None,
        why=_why(row, stage),
    )


def _state(row: CandidateRow, stage: StageRows) -> CandidateState:
    if stage.winner == row.label:
        return "won"
    match row.state:
        case "lost" | "tied" | "infeasible" | "failed":
            return row.state
        case _:
            return "undecided"


def _why(row: CandidateRow, stage: StageRows) -> str:
    """The reason in words; a winner's is the answer to the question."""
    match _state(row, stage):
        case "won":
            return stage.sentence
        case "undecided":
            return UNDECIDED if not stage.winner else NOT_RACED
        case _:
            return row.why or row.state_text
