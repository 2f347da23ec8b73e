"""Claims about what the window shows of why settings won."""

from __future__ import annotations

from tests.store.values import profile
from tests.tuning.simulation import SimulatedMachine, Speeds, request, tune
from tunesmith.domain.settings import Settings
from tunesmith.presentation.explain import explain
from tunesmith.presentation.why import HEADINGS, WhyView, rows_text, to_markdown, why_view


def truth(settings: Settings) -> Speeds:
    """Flash attention off is 15% faster."""
    gain = 1.15 if settings.flash_attn == "off" else 1.0
    return Speeds().times(prefill=gain, decode=gain)


def told() -> WhyView:
    machine = SimulatedMachine(
        truth=truth,
        refuses=lambda settings: "worker_crashed" if settings.type_k == "q8_0" else None,
        drift=lambda seconds: 1.4 if 20 < seconds < 21 else 1.0,
    )
    return why_view(explain(profile(), tune(request(), machine).events))


def test_each_question_is_told_with_its_candidates_and_their_reasons() -> None:
    view = told()
    assert view.questions[0].title == "1. Flash attention"
    held, off = view.questions[0].rows
    assert (held.effect, held.interval, held.result) == ("reference", "", "lost")
    assert off.effect.startswith("+1")
    assert " to +" in off.interval
    assert (off.result, off.won) == ("won", True)
    assert off.sentence.startswith("flash attention off, +1")
    for question in view.questions:
        assert sum(row.won for row in question.rows) == 1
        assert {row.reach for row in question.rows} == {question.rows[0].reach}


def test_plurals_and_minus_signs_are_right() -> None:
    text = to_markdown(told())
    assert "1 round thrown away" in text
    assert " 1 rounds" not in text
    assert " -" not in text.replace("| ---", "")


def test_a_profile_of_another_store_tells_what_it_says_itself() -> None:
    view = why_view(explain(profile(), None))
    assert "not in this store" in view.note
    (question,) = view.questions
    assert question.title == "Settings that changed"
    assert question.rows
    assert all(row.won for row in question.rows)
    assert all(": " in row.candidate for row in question.rows)


def test_a_profile_of_the_defaults_alone_has_no_rows() -> None:
    view = why_view(explain(profile().model_copy(update={"changes": ()}), None))
    (question,) = view.questions
    assert (question.title, question.rows) == ("The profile keeps llama.cpp's defaults.", ())


def test_a_run_that_ended_at_once_says_so() -> None:
    view = why_view(explain(profile(), []))
    assert view.questions == ()
    assert view.note == "The run ended before its first question."


def test_it_can_be_taken_away_as_markdown_and_as_lines() -> None:
    view = told()
    text = to_markdown(view)
    assert f"| {' | '.join(HEADINGS)} |" in text
    assert text.count("\n## ") == len(view.questions)
    lines = rows_text(view.questions[0].rows).splitlines()
    assert [line.split("\t")[3] for line in lines] == ["lost", "won"]
