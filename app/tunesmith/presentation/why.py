"""Own what is shown of why a profile's settings won: rows, and text to take away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tunesmith.presentation.candidates import CandidateRow, StageRows
from tunesmith.presentation.guarantee import guarantee_text
from tunesmith.presentation.markdown import markdown_cell, markdown_table
from tunesmith.presentation.numbers import DASH, change_text, decimals_for
from tunesmith.wording import tr, trn

if TYPE_CHECKING:
    from tunesmith.presentation.change_facts import ChangeFacts
    from tunesmith.presentation.explain import ExplainDocument, ExplainedCandidate, ExplainedQuestion

HEADINGS: Final = (tr("Candidate"), tr("Effect"), tr("Rounds"), tr("Result"), tr("Why"))
_RESULTS: Final = {
    "won": tr("won"), "lost": tr("lost"), "tied": tr("no better"), "infeasible": tr("breaks a limit"),
    "failed": tr("failed"), "undecided": tr("undecided"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class WhyRow:
    """One candidate, its effect against what held before, and the reason in words."""

    drawn: CandidateRow
    """What its interval is drawn from."""
    reach: float
    """How far from 1 the axis goes, the same for all candidates of the question."""
    candidate: str
    effect: str
    interval: str
    """Where the effect lies, such as ``+10.5% to +52.6%``; empty if that is not known."""
    rounds: int
    """How often it was measured; 0 where that is not known."""
    result: str
    why: str
    won: bool

    @property
    def cells(self) -> tuple[str, ...]:
        """As many as HEADINGS."""
        effect = tr("{effect} ({interval})", effect=self.effect, interval=self.interval)
        rounds = str(self.rounds or "")
        return (self.candidate, effect if self.interval else self.effect, rounds, self.result, self.why)

    @property
    def sentence(self) -> str:
        """The row as it is read aloud."""
        candidate, effect, _, result, why = self.cells
        rounds = trn("{count} round", "{count} rounds", self.rounds) if self.rounds else ""
        return ", ".join(cell for cell in (candidate, effect, rounds, result, why) if cell and cell != DASH)


@dataclass(frozen=True, slots=True)
class WhyQuestion:
    """One question, its answer and its candidates."""

    title: str
    note: str
    """On how many measurements it rests."""
    rows: tuple[WhyRow, ...]


@dataclass(frozen=True, slots=True)
class WhyView:
    """Why a profile's settings are what they are."""

    name: str
    sentence: str
    proven: str
    """What is proven of all candidates together; empty where nothing was stated."""
    note: str
    """What is missing; empty where nothing is."""
    questions: tuple[WhyQuestion, ...]


def why_view(document: ExplainDocument) -> WhyView:
    """The view of an explanation; without the run's events, the profile's own changes are told."""
    sentence = f"{document.sentence}." if document.sentence else ""
    if document.run_known:
        questions = tuple(_question(number, one) for number, one in enumerate(document.questions, 1))
        note = "" if questions else tr("The run ended before its first question.")
    else:
        questions = _changes(document.changes)
        note = tr(
            "The run behind this profile is not in this store, as of an imported profile. "
            "What the profile itself says of its settings is shown."
        )
    return WhyView(document.profile_name, sentence, guarantee_text(document.guarantee), note, questions)


def _question(number: int, question: ExplainedQuestion) -> WhyQuestion:
    drawn = [_drawn(one) for one in question.candidates]
    reach = StageRows(question.stage, question.title, {row.label: row for row in drawn}).reach
    rows = tuple(
        _row(
            row, reach, rounds=row.rounds, result=_RESULTS[one.state], why=one.why,
            won=one.state == "won",
        )
        for row, one in zip(drawn, question.candidates, strict=True)
    )  # fmt: skip
    title = tr("{number}. {question}", number=number, question=question.title)
    return WhyQuestion(title, _note(question), rows)


def _drawn(one: ExplainedCandidate) -> CandidateRow:
    return CandidateRow(
        one.label, held=one.held, ratio=one.ratio, low=one.low, high=one.high, rounds=one.rounds,
        state=one.state, why=one.why,
    )  # fmt: skip


def _row(drawn: CandidateRow, reach: float, *, rounds: int, result: str, why: str, won: bool) -> WhyRow:
    return WhyRow(
        drawn=drawn, reach=reach, candidate=drawn.label, effect=drawn.change_text, interval=_interval(drawn),
        rounds=rounds, result=result, why=why, won=won,
    )  # fmt: skip


def _interval(row: CandidateRow) -> str:
    if row.held or row.low is None or row.high is None:
        return ""
    places = min(1, decimals_for(50 * (row.high - row.low)))
    return tr("{low} to {high}", low=change_text(row.low, places), high=change_text(row.high, places))


def _note(question: ExplainedQuestion) -> str:
    notes = []
    if question.samples:
        notes.append(trn("{count} sample", "{count} samples", question.samples))
    if question.noisy_samples:
        notes.append(
            trn(
                "{count} of them disturbed by other programs", "{count} of them disturbed by other programs",
                question.noisy_samples,
            )
        )  # fmt: skip
    if question.discarded_rounds:
        notes.append(
            trn(
                "{count} round thrown away since the machine's speed changed",
                "{count} rounds thrown away since the machine's speed changed",
                question.discarded_rounds,
            )
        )
    return ", ".join(notes)


def _changes(changes: Sequence[ChangeFacts]) -> tuple[WhyQuestion, ...]:
    """What an imported profile says by itself: each change with its effect."""
    if not changes:
        return (WhyQuestion(tr("The profile keeps llama.cpp's defaults."), "", ()),)
    drawn = [_changed(change) for change in changes]
    reach = StageRows("", "", {row.label: row for row in drawn}).reach
    rows = tuple(
        _row(
            row, reach, rounds=0, result=_RESULTS["won"], won=True,
            why=tr("chosen when it was raced") if row.rounds else tr("not raced alone"),
        )
        for row in drawn
    )  # fmt: skip
    return (WhyQuestion(tr("Settings that changed"), "", rows),)


def _changed(change: ChangeFacts) -> CandidateRow:
    label = tr("{setting}: {before} to {after}", setting=change.setting, before=change.before,
               after=change.after)  # fmt: skip
    effect = change.effect
    if effect is None:
        return CandidateRow(label, state="won")
    return CandidateRow(
        label, ratio=effect.median, low=effect.low, high=effect.high, rounds=max(1, len(effect.samples)),
        state="won",
    )  # fmt: skip


def rows_text(rows: Iterable[WhyRow]) -> str:
    """Rows as lines with tabs between their cells, as a spreadsheet takes them."""
    return "".join("\t".join(row.cells) + "\n" for row in rows)


def to_markdown(view: WhyView) -> str:
    """All of it as Markdown."""
    parts = [f"# {markdown_cell(view.name)}", view.sentence, view.note]
    for question in view.questions:
        parts.append(f"## {markdown_cell(question.title)}")
        if question.rows:
            parts.append(markdown_table([HEADINGS, *(row.cells for row in question.rows)]))
        parts.append(question.note and f"{question.note}.")
    parts.append(view.proven)
    return "\n\n".join(part for part in parts if part) + "\n"
