"""Own the claims about comparing chosen quantizations: what is read of each chooser, and the arithmetic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.choice_end_to_end import Answer, EndToEnd, read_choice, verdict
from tests.benchmarks.choice_end_to_end import render as render_end
from tests.benchmarks.choices.contestants import Asked, Chooser, Fituna, Tunesmith
from tests.benchmarks.choices.record import SOURCE, ChoiceRecord, Pick, Question, Reading, Search, Speed
from tests.benchmarks.choices.report import BEGIN, END, fill, render
from tests.benchmarks.rivals import Unreadable
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.settings import Settings

BASELINE = Settings(threads=2, threads_batch=2, n_ctx=768)
QUESTION = Question(
    source="m-F16.gguf", source_sha256="0" * 64, text="t.txt", types=("Q8_0", "Q4_0"), chunks=4,
    max_perplexity_ratio=1.1, prompt=512, generate=128, threads=2,
)  # fmt: skip
CLOSEST = """
2026-01-01 ERROR fituna: no quant/ngl/ctx combination met target_tokens_per_sec
2026-01-01 INFO fituna: closest best-effort attempt:
FiTuna result: BEST EFFORT (target not met)

  quant           : Q4_0
  ngl             : 0
  ctx             : 640

  prompt tok/s (pp): 167.20
  gen tok/s    (tg): 61.78

  perplexity      : 48.2931 (baseline 45.7154)
  quality loss    : 5.64%

  artifact: /there/made/m-F16-8078a5b74b5a-Q4_0.gguf  (98.4 MB -- already produced during the search)
"""


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """A question in a folder."""
    return Asked(
        question=QUESTION, source=Path("m-F16.gguf"), text=Path("t.txt"), folder=tmp_path,
        python=Path("venv", "bin", "python"), tools=Path("tools"),
    )  # fmt: skip


def a_quantity(median: float, low: float, high: float) -> Quantity:
    """A measured number."""
    return Quantity(median=median, low=low, high=high, confidence=0.95, samples=(median,), noisy=False)


def a_document(**changes: Any) -> dict[str, Any]:
    """What is looked at of a choice's document."""
    settings = BASELINE.replace(n_ctx=1024, flash_attn="off").model_dump()
    quality = {"perplexity_ratio": {"value": 1.06}, "mean_kld": {"value": 0.03}}
    speedup = a_quantity(1.5, 1.4, 1.6).model_dump()
    source = {
        "label": "F16 (source)", "quantization": "F16", "path": "m-F16.gguf", "size_bytes": 270,
        "quality": None, "state": "slower", "why": "", "speedup": None,
    }  # fmt: skip
    pick = {
        "label": "Q4_0", "quantization": "Q4_0", "path": "made/m-Q4_0.gguf", "size_bytes": 98,
        "quality": quality, "state": "picked", "why": "the fastest", "speedup": speedup,
    }  # fmt: skip
    tuned = {"settings": settings, "decode_tokens_per_s": {"median": 61.0}}
    document = {
        "outcome": "picked", "picked": "Q4_0", "sentence": "Q4_0 is picked", "speedup": speedup,
        "contenders": [source, pick], "tune": {"tuned": tuned}, "seconds": 100.0, **changes,
    }  # fmt: skip
    return dict(json.loads(json.dumps(document)))


def test_both_are_asked_for_the_same_types_chunks_and_limit(asked: Asked) -> None:
    ours, theirs = Tunesmith().command(asked), Fituna(50.0, 1.25).command(asked)
    for name, one, other in (
        ("types", ours[ours.index("--quantization") + 1], theirs[theirs.index("--quant") + 1]),
        ("chunks", ours[ours.index("--chunks") + 1], theirs[theirs.index("--ppl-chunks") + 1]),
        ("text", ours[ours.index("--text") + 1], theirs[theirs.index("--quality-corpus") + 1]),
    ):
        assert one == other, name
    assert ours[ours.index("--max-perplexity-ratio") + 1] == "1.1"
    assert theirs[theirs.index("--max-quality-loss") + 1] == "10"
    assert theirs[theirs.index("--target-tps") + 1] == "50"


def test_our_pick_is_read_with_its_tuned_settings_and_the_context_of_the_question(asked: Asked) -> None:
    pick = Tunesmith().read(json.dumps(a_document()), "", asked, BASELINE)
    assert (pick.quantization, pick.file) == ("Q4_0", "made/m-Q4_0.gguf")
    assert pick.settings == BASELINE.replace(flash_attn="off")
    assert (pick.decode_tokens_per_s, pick.perplexity_ratio) == (61.0, 1.06)


def test_a_choice_that_keeps_the_source_is_no_pick(asked: Asked) -> None:
    document = a_document(outcome="source_is_best")
    with pytest.raises(Unreadable, match="it picked nothing"):
        Tunesmith().read(json.dumps(document), "", asked, BASELINE)


def test_a_target_that_fituna_reached_is_read_from_its_document(asked: Asked) -> None:
    document = {
        "config": {"quant": "Q8_0", "ngl": 0, "ctx": 640}, "bench": {"gen_tok_per_sec": 55.5},
        "quality": {"quality_loss_pct": 0.64}, "gguf_path": "/there/m-Q8_0.gguf", "meets_target": True,
    }  # fmt: skip
    pick = Fituna(50.0, 1.25).read(json.dumps(document), "", asked, BASELINE)
    assert (pick.quantization, pick.settings, pick.claim) == ("Q8_0", BASELINE, "meets the target")
    assert pick.perplexity_ratio == pytest.approx(1.0064)


def test_a_target_that_fituna_missed_is_read_from_its_closest_attempt(asked: Asked) -> None:
    pick = Fituna().read("", CLOSEST, asked, BASELINE)
    assert (pick.quantization, pick.decode_tokens_per_s) == ("Q4_0", 61.78)
    assert pick.file == "/there/made/m-F16-8078a5b74b5a-Q4_0.gguf"
    assert pick.perplexity_ratio == pytest.approx(1.0564)


@pytest.mark.parametrize("chooser", [Tunesmith(), Fituna()], ids=lambda chooser: chooser.name)
@pytest.mark.parametrize("output", ["", "Traceback (most recent call last):\n", "{}", "{"])
def test_an_output_without_a_choice_is_refused(chooser: Chooser, output: str, asked: Asked) -> None:
    with pytest.raises(Unreadable):
        chooser.read(output, "", asked, BASELINE)


def a_record() -> ChoiceRecord:
    """Two picks measured in three rounds on a machine whose speed changes; ours is a quarter faster."""
    readings: tuple[Reading, ...] = ("llama-bench", "tunesmith measure")
    names = {SOURCE: 40.0, "Tunesmith": 60.0, "fituna, the fastest": 48.0}
    pick = Pick(
        quantization="Q4_0", file="made/x.gguf", settings=BASELINE, decode_tokens_per_s=60.0,
        perplexity_ratio=1.06, claim="done",
    )  # fmt: skip
    return ChoiceRecord(
        started="now", machine="a machine", versions={"llama-bench": "1"}, question=QUESTION,
        baseline=BASELINE,
        searches=tuple(
            Search(contestant=name, version="1", command="it", seconds=100, pick=pick)
            for name in names
            if name != SOURCE
        ),
        speeds=tuple(
            Speed(round=number, place=1, contestant=name, reading=reading, values=(speed * number,))
            for number in (1, 2, 3)
            for name, speed in names.items()
            for reading in readings
        ),
    )  # fmt: skip


def test_picks_are_compared_within_rounds() -> None:
    found = a_record().against("Tunesmith", "fituna, the fastest", "llama-bench")
    assert found is not None
    assert found.low == found.high == pytest.approx(1.25)
    assert "1.250 (1.250–1.250): faster" in render(a_record())


def test_a_page_is_filled_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    fill(page, a_record())
    text = page.read_text("utf-8")
    assert text.startswith("before\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "| Tunesmith (1) | 100 s | Q4_0 | 60.0 | 1.0600 |" in text


def an_end(*answers: Answer) -> EndToEnd:
    """A choice and what was measured afterwards."""
    found = read_choice(
        a_document(), started="now", machine="a machine", source="m-F16.gguf", command="it", baseline=BASELINE
    )
    return found.model_copy(update={"answers": answers})


def test_a_statement_is_compared_with_what_is_measured_again_in_the_same_rounds() -> None:
    answers = [
        answer
        for number in (1, 2, 3)
        for answer in (
            Answer(round=number, who="source", values=(3000.0 * number,)),
            Answer(round=number, who="pick", values=(2000.0 * number,)),
        )
    ]
    again = an_end(*answers).again()
    assert again is not None
    assert again.median == pytest.approx(1.5)
    assert "The statement held" in render_end(an_end(*answers))
    assert an_end().again() is None


def test_a_statement_that_does_not_hold_is_told_so() -> None:
    stated = a_quantity(1.5, 1.4, 1.6)
    assert "held: its interval holds" in verdict(stated, a_quantity(1.45, 1.2, 1.7))
    assert "intervals overlap" in verdict(stated, a_quantity(1.3, 1.1, 1.45))
    assert "did not hold" in verdict(stated, a_quantity(1.1, 1.0, 1.2))


def test_a_choice_in_which_nothing_was_tuned_is_refused() -> None:
    with pytest.raises(SystemExit, match="nothing was tuned"):
        read_choice(a_document(tune=None), baseline=BASELINE)
