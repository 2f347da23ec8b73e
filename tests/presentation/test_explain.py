"""Claims about tunesmith.presentation.explain: why each candidate won or lost, from a run's events."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console

from tests.store.values import profile, sample
from tests.tuning.simulation import SimulatedMachine, Speeds, request, tune
from tunesmith.domain.events import (
    CandidateStanding,
    Event,
    RunFinished,
    StageFinished,
    StageStarted,
    TrialMeasured,
)
from tunesmith.domain.settings import Settings
from tunesmith.presentation.explain import ExplainDocument, ExplainedQuestion, explain
from tunesmith.presentation.explain_text import explain_report


def truth(settings: Settings) -> Speeds:
    """Flash attention off is 15% faster, one thread much slower."""
    gain = 1.15 if settings.flash_attn == "off" else 1.0
    return Speeds().times(
        prefill=gain * (1 if settings.threads_batch == 2 else 0.6),
        decode=gain * (1 if settings.threads == 2 else 0.7),
    )


def told(events: Sequence[Event] | None) -> ExplainDocument:
    return explain(profile(), events)


def question(document: ExplainDocument, stage: str) -> ExplainedQuestion:
    (found,) = [one for one in document.questions if one.stage == stage]
    return found


def text(document: ExplainDocument) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    for part in explain_report(document):
        console.print(part)
    return console.export_text()


def simulated() -> ExplainDocument:
    machine = SimulatedMachine(
        truth=truth,
        refuses=lambda settings: "worker_crashed" if settings.type_k == "q8_0" else None,
        drift=lambda seconds: 1.4 if 20 < seconds < 21 else 1.0,
    )
    return told(tune(request(), machine).events)


def test_questions_come_in_the_order_they_were_put_each_with_an_answer() -> None:
    document = simulated()
    stages = [one.stage for one in document.questions]
    assert stages[:5] == ["flash_attn", "threads", "threads_batch", "ubatch", "repack"]
    for one in document.questions:
        assert one.winner in {candidate.label for candidate in one.candidates}
        assert one.sentence
        assert [candidate.held for candidate in one.candidates].count(True) == 1
        assert sum(candidate.state == "won" for candidate in one.candidates) == 1


def test_every_candidate_has_a_reason_in_words() -> None:
    for one in simulated().questions:
        for candidate in one.candidates:
            assert candidate.why
            assert candidate.state != "undecided"


def test_a_winner_and_a_loser_say_by_how_much() -> None:
    document = simulated()
    flash = question(document, "flash_attn")
    held, off = flash.candidates
    assert (held.state, off.state) == ("lost", "won")
    assert "slower than flash attention off" in held.why
    assert off.why == flash.sentence
    assert off.ratio is not None
    assert off.low is not None
    assert off.high is not None
    assert off.low < 1.15 < off.high
    assert off.rounds >= 3
    one_thread = question(document, "threads").candidates[1]
    assert one_thread.state == "lost"
    assert one_thread.high is not None
    assert one_thread.high < 1


def test_what_failed_has_no_ratio_and_names_the_failure() -> None:
    failed = question(simulated(), "cache_types").candidates[1]
    assert (failed.state, failed.rounds, failed.ratio, failed.low) == ("failed", 0, None, None)
    assert "worker_crashed" in failed.why


def test_samples_and_thrown_away_rounds_are_counted() -> None:
    document = simulated()
    assert sum(one.discarded_rounds for one in document.questions) >= 1


def stage(events: Sequence[Event] = ()) -> list[Event]:
    return [StageStarted(stage="threads", title="Threads", candidates=("2 threads", "1 thread")), *events]


def measured(*, noisy: bool = False) -> Event:
    return TrialMeasured(
        stage="threads", candidate="1 thread", digest="d", round=1, sample=sample(int(noisy))
    )  # fmt: skip


def standing(state: str, why: str = "") -> Event:
    return CandidateStanding.model_validate(
        {"stage": "threads", "candidate": "1 thread", "rounds": 4, "ratio": 0.9, "low": None, "high": None,
         "state": state, "why": why}
    )  # fmt: skip


def test_a_question_put_again_after_an_interruption_is_told_once() -> None:
    finished = StageFinished(stage="threads", winner="2 threads", sentence="2 threads stays")
    again = stage([measured(), measured(noisy=True), standing("lost", "slower"), finished])
    document = told([*stage([measured(), standing("racing")]), *again])
    (only,) = document.questions
    assert (only.samples, only.noisy_samples) == (2, 1)
    assert [candidate.state for candidate in only.candidates] == ["won", "lost"]


def test_what_was_not_decided_when_the_run_ended_is_said_to_be_so() -> None:
    end = RunFinished(outcome="interrupted", profile_id=None, sentence="interrupted")
    document = told([*stage([standing("racing")]), end])
    (only,) = document.questions
    assert only.winner is None
    assert {candidate.state for candidate in only.candidates} == {"undecided"}
    assert document.sentence == "interrupted"
    assert "the run ended before" in text(document)


def test_without_its_run_a_profile_says_what_its_changes_did() -> None:
    document = told(None)
    assert not document.run_known
    assert document.questions == ()
    assert [change.setting for change in document.changes] == [c.setting for c in profile().changes]
    shown = text(document)
    assert "is not in this store" in shown
    for change in profile().changes:
        assert change.setting in shown


def test_people_read_each_question_as_a_table() -> None:
    shown = text(simulated())
    assert "1. Flash attention" in shown
    assert "reference" in shown
    assert "worker_crashed" in shown
    assert "thrown away" in shown
