"""Claims about what is counted and priced of drafts, without a model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.domain.speculation import (
    Acceptance,
    BatchRound,
    CostCurve,
    Cycle,
    Lookup,
    Plan,
    acceptance,
    curve_sizes,
    cut_prompts,
    draft_limit,
    expected_seconds,
    expected_speedup,
    lookup_cycles,
    model_cycles,
    same_beginning,
    samples_by_size,
)

few_tokens = st.lists(st.integers(0, 3), min_size=1, max_size=60)
lengths = st.integers(1, 12)
ngrams = st.integers(1, 6)


def looked_up(tokens: list[int], ngram: int, length: int) -> list[int]:
    """What llama-server's ngram-simple drafts, as its description says, by trying every place."""
    known = len(tokens) - 1
    if known <= ngram + length + 1:
        return []
    for at in range(known - ngram - 1, 0, -1):
        if tokens[at : at + ngram] == tokens[-ngram:]:
            found = tokens[at + ngram : known][:length]
            return found if len(found) >= ngram else []
    return []


@given(few_tokens, few_tokens, ngrams, lengths)
def test_lookup_finds_what_followed_the_latest_earlier_place(
    prompt: list[int], text: list[int], ngram: int, length: int
) -> None:
    lookup = Lookup(ngram=ngram, length=length)
    lookup.extend(prompt)
    for at in range(len(text)):
        assert lookup.draft() == looked_up(prompt + text[:at], ngram, length)
        lookup.extend(text[at : at + 1])


def test_lookup_drafts_what_came_after_the_same_words() -> None:
    lookup = Lookup(ngram=2, length=3)
    lookup.extend([9, 1, 2, 3, 4, 5, 6, 7, 1, 2])
    assert lookup.draft() == [3, 4, 5]
    lookup.extend([8])
    assert lookup.draft() == []


def run_for_real(text: list[int], wanted: int, length: int, drafts: dict[int, list[int]]) -> list[Cycle]:
    """A decoder that is given drafts and knows the true text token by token."""
    have, cycles = 1, []
    while have < len(text):
        draft = drafts[have][: draft_limit(wanted, have, length)]
        accepted = same_beginning(draft, text[have:])
        cycles.append(Cycle(drafted=len(draft), accepted=accepted))
        have += accepted + 1
    return cycles


@given(few_tokens, st.data(), lengths, st.integers(0, 5))
def test_counting_on_the_known_text_equals_decoding_with_drafts(
    text: list[int], data: st.DataObject, length: int, more: int
) -> None:
    """A draft model that goes on wrongly after its first mistake is counted as one that does not."""
    predicted = data.draw(st.lists(st.integers(0, 3), min_size=len(text), max_size=len(text)))
    drafts = {}
    for at in range(1, len(text) + 1):
        agreed = same_beginning(predicted[at:], text[at:])
        drafts[at] = [*predicted[at : at + agreed + 1], *[7] * 20]
    wanted = len(text) + more
    assert model_cycles(text, predicted, wanted, length) == run_for_real(text, wanted, length, drafts)


@given(few_tokens, few_tokens, ngrams, lengths)
def test_every_cycle_gives_what_it_accepted_and_one_more(
    prompt: list[int], text: list[int], ngram: int, length: int
) -> None:
    cycles = lookup_cycles(prompt, text, len(text), ngram=ngram, length=length)
    found = acceptance([(len(text), cycles)])
    assert found.tokens == len(text) - 1
    assert found.accepted + found.cycles == found.tokens
    assert all(cycle.accepted <= cycle.drafted <= length for cycle in cycles)


@given(few_tokens)
def test_the_model_itself_as_drafter_has_all_accepted(text: list[int]) -> None:
    for length in (1, 4, 9):
        found = acceptance([(len(text), model_cycles(text, text, len(text), length))])
        assert found.accepted == found.drafted


def test_no_drafts_have_no_rate_and_change_no_speed() -> None:
    cycles = [Cycle(drafted=0, accepted=0)] * 5
    found = acceptance([(6, cycles)])
    assert found == Acceptance(cycles=5, drafted=0, accepted=0, tokens=5)
    assert (found.rate, found.mean_accepted, found.tokens_per_cycle) == (None, 0, 1)
    assert expected_speedup([(6, cycles)], CostCurve({1: [0.01]}), None) == pytest.approx(1)


# ---------------------------------------------------------------- cost


def test_a_curve_is_straight_between_its_medians() -> None:
    curve = CostCurve({1: [1.0, 9.0, 1.0], 4: [4.0], 8: [6.0]})
    assert [curve.seconds(n) for n in (1, 2, 4, 6, 8, 16)] == [1, 2, 4, 5, 6, 12]
    with pytest.raises(ValueError, match="needs samples"):
        CostCurve({})


@given(st.integers(1, 63))
def test_the_sizes_measured_reach_as_far_as_the_longest_draft(length: int) -> None:
    sizes = curve_sizes(length)
    assert sizes[-1] == length + 1
    assert sizes[0] == 1
    assert list(sizes) == sorted(set(sizes))


def test_the_usual_curve_has_the_usual_sizes() -> None:
    assert curve_sizes(15) == (1, 2, 3, 4, 6, 8, 12, 16)


def test_what_is_expected_is_the_targets_batches_and_the_drafts_tokens() -> None:
    target, draft = CostCurve({1: [10.0], 2: [11.0], 3: [12.0]}), CostCurve({1: [1.0], 2: [1.5]})
    all_of_it = Cycle(drafted=2, accepted=2)
    assert expected_seconds([all_of_it], target, None) == 12
    assert expected_seconds([all_of_it], target, draft) == 12 + 2
    assert expected_seconds([all_of_it, all_of_it], target, draft) == 12 + 2 + 12 + 2.5
    assert expected_speedup([(7, [all_of_it, all_of_it])], target, draft) == pytest.approx(60 / 28.5)


def test_samples_are_kept_by_size_whatever_the_order() -> None:
    rounds = [
        BatchRound(sizes=(2, 1), elapsed_ns=(20, 10), depth=5, noisy=False),
        BatchRound(sizes=(1, 2), elapsed_ns=(12, 22), depth=5, noisy=False),
    ]
    assert samples_by_size(rounds) == {1: [1e-8, 1.2e-8], 2: [2e-8, 2.2e-8]}


# ---------------------------------------------------------------- beginnings and names


@given(st.text(max_size=400), st.integers(1, 8), st.integers(1, 100))
def test_beginnings_are_pieces_of_the_text(text: str, count: int, characters: int) -> None:
    pieces = cut_prompts(text, count, characters)
    assert len(pieces) <= count
    assert bool(pieces) == bool(text.strip())
    assert all(piece in text and len(piece) <= characters for piece in pieces)


def test_beginnings_start_with_a_line_where_one_is_near() -> None:
    text = "".join(f"line {number:03}\n" for number in range(300))
    pieces = cut_prompts(text, 4, 200)
    assert len(set(pieces)) == 4
    assert all(piece.startswith("line ") for piece in pieces)


def test_plans_have_names_of_their_own() -> None:
    plans = [Plan(), Plan(drafter="draft", length=4), Plan(drafter="lookup", length=8, ngram=3)]
    assert [plan.label for plan in plans] == ["plain", "draft-4", "lookup-3-8"]
