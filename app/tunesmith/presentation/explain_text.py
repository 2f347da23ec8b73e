"""Own how an explanation reads on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from tunesmith.domain.gain import gained
from tunesmith.presentation.guarantee import guarantee_text
from tunesmith.presentation.measure_text import settings_line
from tunesmith.presentation.numbers import DASH, percent_text
from tunesmith.presentation.tables import facts, grid
from tunesmith.wording import trn

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunesmith.presentation.change_facts import ChangeFacts
    from tunesmith.presentation.explain import ExplainDocument, ExplainedCandidate, ExplainedQuestion

NO_RUN = (
    "The run that this profile came from is not in this store, as of an imported profile; "
    "what follows is what the profile itself says."
)
_STATES = {
    "won": "won", "lost": "lost", "tied": "no better", "infeasible": "breaks a limit", "failed": "failed",
    "undecided": "undecided",
}  # fmt: skip


def explain_report(document: ExplainDocument) -> list[RenderableType]:
    """What ``profiles explain`` prints for people."""
    rows = [
        ("Profile", f"{document.profile_id} · {document.profile_name}"),
        ("Run", document.run_id),
        ("Outcome", document.sentence or document.outcome.replace("_", " ")),
        ("Settings", settings_line(document.settings)),
    ]
    parts: list[RenderableType] = [facts(rows)]
    if document.run_known:
        for number, question in enumerate(document.questions, 1):
            parts += _question(number, question, gained(document.objective).capitalize())
    else:
        parts += [Text(), Text(NO_RUN, style="yellow"), *_changes(document.changes)]
    if proven := guarantee_text(document.guarantee):
        parts += [Text(), Text(proven)]
    return parts


def _question(number: int, question: ExplainedQuestion, what: str) -> Iterator[RenderableType]:
    yield Text()
    yield Text(f"{number}. {question.title}", style="bold")
    rows = [
        (row.label, str(row.rounds), _ratio(row), _interval(row), _STATES[row.state], row.why)
        for row in question.candidates
    ]
    yield grid(("Candidate", "Rounds", what, "Interval", "", "Why"), rows, right=(1, 2))
    if notes := _notes(question):
        yield Text(notes, style="dim")


def _ratio(row: ExplainedCandidate) -> str:
    if row.held:
        return "reference"
    return DASH if row.ratio is None else percent_text(row.ratio)


def _interval(row: ExplainedCandidate) -> str:
    if row.low is None or row.high is None:
        return DASH
    return f"{percent_text(row.low)} to {percent_text(row.high)}"


def _notes(question: ExplainedQuestion) -> str:
    notes = [trn("{count} sample", "{count} samples", question.samples)] if question.samples else []
    if question.noisy_samples:
        notes.append(f"{question.noisy_samples} of them disturbed by other programs")
    if question.discarded_rounds:
        rounds = trn("{count} round", "{count} rounds", question.discarded_rounds)
        notes.append(f"{rounds} thrown away since the machine's speed changed")
    return ", ".join(notes)


def _changes(changes: tuple[ChangeFacts, ...]) -> Iterator[RenderableType]:
    if not changes:
        yield Text("The profile keeps llama.cpp's defaults.")
        return
    rows = [(change.setting, change.before, change.after, _effect(change)) for change in changes]
    yield grid(("Setting", "from", "to", "effect when it was chosen"), rows)


def _effect(change: ChangeFacts) -> str:
    effect = change.effect
    if effect is None:
        return "not raced alone"
    if effect.low is None or effect.high is None:
        return percent_text(effect.median)
    return f"{percent_text(effect.median)} ({percent_text(effect.low)} to {percent_text(effect.high)})"
