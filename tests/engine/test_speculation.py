"""Claims about drafting and verifying: the text stays what it is, and what comes of drafts is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.conftest import Engine, last_position, logits
from tests.support.gguf_writer import tiny_llama
from tunesmith.domain.speculation import (
    acceptance,
    lookup_cycles,
    model_cycles,
)
from tunesmith.engine.errors import Cancelled, EngineError
from tunesmith.engine.model import LoadedModel
from tunesmith.engine.speculation import (
    Drafter,
    GreedyText,
    LookupDrafter,
    ModelDrafter,
    NoDrafter,
    Told,
    go_on,
    vocabulary_difference,
)
from tunesmith.engine.text import Vocabulary

PROMPT = "1. red\n2. green\n3. blue\n4. red\n5. green\n6. blue\n7. red\n8."
NEAR_TIE = 0.02
"""Logits as close as that are told apart by rounding."""


def never(_token: int) -> bool:
    return False


def tell(
    target: GreedyText, drafter: Drafter, prompt: tuple[int, ...], *, tokens: int = 24, length: int = 0,
    gaps: bool = False,
) -> Told:  # fmt: skip
    return go_on(target, drafter, prompt, max_tokens=tokens, length=length, ends=never, gaps=gaps)


@pytest.mark.model
def test_with_drafts_a_real_model_says_what_it_says_without(
    engine: Engine, smollm2_path: Path, smollm2_q2_path: Path
) -> None:
    model, small = engine.load(smollm2_path), engine.load(smollm2_q2_path)
    assert vocabulary_difference(model, small) == ""
    target = GreedyText(engine.context(model))
    prompt = tuple(Vocabulary(model).plain(PROMPT))
    plain = tell(target, NoDrafter(), prompt, gaps=True)
    assert len(plain.tokens) == 24
    assert min(plain.gaps) > NEAR_TIE, "this text is no test: rounding decides it"

    itself = GreedyText(engine.context(model))
    draft = GreedyText(engine.context(small))
    for text, length in ((draft, 4), (itself, 3)):
        drafter = ModelDrafter(text, target_tokens=model.vocabulary_size)
        told = tell(target, drafter, prompt, length=length)
        assert told.tokens == plain.tokens
        text.open(prompt)
        predicted = [text.open(prompt)[0], *text.verify_many(plain.tokens[:-1])]
        counted = model_cycles(plain.tokens, predicted, 24, length)
        assert told.cycles == counted
        assert 0 < told.draft_ns < told.elapsed_ns
        if text is itself:
            assert acceptance([(24, told.cycles)]).rate == 1

    told = tell(target, LookupDrafter(ngram=2, length=6), prompt, length=6)
    assert told.tokens == plain.tokens
    assert told.cycles == lookup_cycles(prompt, plain.tokens, 24, ngram=2, length=6)
    assert acceptance([(24, told.cycles)]).accepted > 0


@pytest.fixture
def text(engine: Engine, tiny: LoadedModel) -> GreedyText:
    return GreedyText(engine.context(tiny))


def test_each_kind_of_drafter_leaves_the_text_as_it_is(engine: Engine, tiny: LoadedModel) -> None:
    target, other = GreedyText(engine.context(tiny)), GreedyText(engine.context(tiny))
    prompt = tuple(range(3, 40))
    plain = tell(target, NoDrafter(), prompt, tokens=60)
    assert [cycle.drafted for cycle in plain.cycles] == [0] * 59
    for drafter in (
        LookupDrafter(ngram=1, length=5), ModelDrafter(other, target_tokens=tiny.vocabulary_size),
    ):  # fmt: skip
        for length in (1, 5):
            told = tell(target, drafter, prompt, tokens=60, length=length)
            assert told.tokens == plain.tokens
            assert sum(cycle.accepted + 1 for cycle in told.cycles) == 59
            assert max(cycle.drafted for cycle in told.cycles) <= length


class Stubborn:
    """Drafts the same whatever comes."""

    def __init__(self, tokens: list[int]) -> None:
        self.tokens = tokens

    def begin(self, prompt: tuple[int, ...]) -> int:
        return 0

    def draft(self, text: object, limit: int) -> list[int]:
        return self.tokens[:limit]


def test_wrong_drafts_cost_time_and_change_nothing(text: GreedyText) -> None:
    prompt = tuple(range(3, 20))
    plain = tell(text, NoDrafter(), prompt, tokens=20)
    told = tell(text, Stubborn([0, 0, 0]), prompt, tokens=20, length=3)
    assert told.tokens == plain.tokens
    assert sum(cycle.drafted for cycle in told.cycles) > 40
    assert len(text.held) == len(prompt) + 19
    assert last_position(text.context) == len(text.held) - 1


def test_a_token_that_ends_a_text_ends_it_also_within_a_draft(text: GreedyText) -> None:
    prompt = tuple(range(3, 20))
    plain = tell(text, NoDrafter(), prompt, tokens=12).tokens
    last = plain[7]
    stop = plain.index(last)
    ended = go_on(text, NoDrafter(), prompt, max_tokens=12, length=0, ends=lambda t: t == last)
    assert ended.tokens == plain[: stop + 1]
    drafted = go_on(
        text, Stubborn(plain[1:]), prompt, max_tokens=12, length=11, ends=lambda t: t == last
    )  # fmt: skip
    assert drafted.tokens == ended.tokens


def test_a_prompt_that_was_read_is_gone_back_to_exactly(text: GreedyText) -> None:
    one, other = tuple(range(3, 60)), tuple(range(60, 90))
    first, _ = text.open(one)
    text.verify([first])
    before = logits(text.context)
    text.open(other)
    assert text.open(one)[0] == first
    assert text.held == list(one)
    text.verify([first])
    assert (logits(text.context) == before).all()


def test_predictions_are_those_of_token_after_token(text: GreedyText) -> None:
    tokens = list(range(3, 90))
    together = text.verify_many(tokens)
    text.clear()
    assert [text.read([token]) for token in tokens] == together


def test_a_cancelled_text_is_forgotten(engine: Engine, text: GreedyText) -> None:
    text.open((3, 4, 5))
    engine.abort.set()
    try:
        with pytest.raises(Cancelled):
            text.verify([6])
    finally:
        engine.abort.clear()
    assert text.held == []
    assert last_position(text.context) == -1


def test_a_drafter_stays_silent_about_tokens_it_has_not(engine: Engine, tiny: LoadedModel) -> None:
    drafter = ModelDrafter(GreedyText(engine.context(tiny)), target_tokens=1000)
    drafter.begin((3, 4))
    assert len(drafter.draft([3, 4, 5], 4)) == 4
    assert drafter.draft([3, 4, 5, 999], 4) == []
    drafter.begin((3, 999))
    assert drafter.draft([3, 999, 5], 4) == []
    narrow = ModelDrafter(GreedyText(engine.context(tiny)), target_tokens=1)
    narrow.begin((3, 4))
    assert narrow.draft([3, 4, 5], 4) == []


def test_a_context_that_cannot_take_tokens_back_is_refused(
    text: GreedyText, monkeypatch: pytest.MonkeyPatch
) -> None:
    text.open((3, 4, 5))
    monkeypatch.setattr(text.context, "keep_first", lambda _count: False)
    with pytest.raises(EngineError, match="cannot take tokens back"):
        text.rewind(2)


def test_vocabularies_are_compared_token_by_token(engine: Engine, tiny: LoadedModel, tmp_path: Path) -> None:
    raw = tiny_llama(seed=1).to_bytes()
    same, other = tmp_path / "same.gguf", tmp_path / "other.gguf"
    same.write_bytes(raw)
    other.write_bytes(
        raw.replace(b"<0x41>", b"<0x!!>").replace(b"<0x42>", b"<0x41>").replace(b"<0x!!>", b"<0x42>")
    )
    assert vocabulary_difference(tiny, engine.load(same)) == ""
    how = vocabulary_difference(tiny, engine.load(other))
    assert "token 68 is" in how


@pytest.mark.model
def test_another_familys_vocabulary_is_told_apart(
    engine: Engine, tiny: LoadedModel, smollm2_path: Path
) -> None:
    assert "different kinds" in vocabulary_difference(engine.load(smollm2_path), tiny)


@pytest.mark.model
def test_with_a_sliding_window_tokens_are_taken_back_only_if_all_are_kept(
    engine: Engine, gemma_path: Path
) -> None:
    model = engine.load(gemma_path)
    kept = GreedyText(engine.context(model, swa_full=True))
    first, _ = kept.open(tuple(range(100, 110)))
    chosen = kept.verify([first, 7, 8]).tolist()
    kept.rewind(11)
    assert kept.verify([7, 8]).tolist() == chosen[1:]
    windowed = GreedyText(engine.context(model))
    windowed.open(tuple(range(100, 110)))
    windowed.verify([first, 7])
    with pytest.raises(EngineError, match="cannot take tokens back"):
        windowed.rewind(11)
