"""How profiles are listed, found, ordered and described."""

from __future__ import annotations

import pytest

from tests.store.values import MACHINE_CLASS, WORKLOAD, measurement, profile
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.profile import Change, Outcome
from tunesmith.domain.workload import Objective, Workload
from tunesmith.presentation.numbers import DASH
from tunesmith.presentation.profiles import (
    COLUMNS,
    NAME_COLUMN,
    SPEED_COLUMN,
    baseline_column,
    choices,
    count_words,
    day_text,
    effect_tip,
    effect_words,
    evidence,
    matches,
    profile_lines,
    proof_words,
    ratio_text,
    result_sentence,
    speed_text,
    unchanged_words,
    workload_from_label,
    workload_sentence,
    workload_words,
)
from tunesmith.store import ProfileRow


def row(
    profile_id: str = "p1",
    *,
    name: str = "Chat",
    model: str = "5a" * 32,
    model_name: str = "SmolLM2 135M",
    machine: str = MACHINE_CLASS.fingerprint,
    median: float = 1.21,
) -> ProfileRow:
    """A row as the store gives it."""
    return ProfileRow(
        id=profile_id, name=name, created_utc="2026-11-23T17:45:01.000000+00:00", outcome="improved",
        model_sha256=model, model_name=model_name, quantization="Q4_K_M", machine_fingerprint=machine,
        machine_label="AMD Ryzen 7 5700G · 8 cores · 16 GiB", workload=WORKLOAD.label, objective="response",
        speedup_median=median, speedup_low=1.1, speedup_high=1.3,
    )  # fmt: skip


def test_a_line_has_a_cell_and_a_key_for_every_column() -> None:
    (line,) = profile_lines([row()])
    assert len(line.cells) == len(line.keys) == len(COLUMNS)
    assert line.cells[NAME_COLUMN] == "Chat"
    assert line.cells[SPEED_COLUMN] == "1.2× (1.1–1.3)"


def test_speed_is_ordered_as_a_number_not_as_text() -> None:
    lines = profile_lines([row("a", median=10.0), row("b", median=9.0)])
    assert [line.id for line in sorted(lines, key=lambda line: line.keys[SPEED_COLUMN])] == ["b", "a"]


@pytest.mark.parametrize("search", ["", "smol", "SMOL ryzen", "q4_k_m chat", "p1", "response"])
def test_a_search_finds_a_line_that_holds_all_its_words(search: str) -> None:
    (line,) = profile_lines([row()])
    assert matches(line, search, model=None, machine=None)


def test_a_search_misses_a_line_that_lacks_one_word() -> None:
    (line,) = profile_lines([row()])
    assert not matches(line, "smol gemma", model=None, machine=None)


def test_filters_are_by_content_not_by_words() -> None:
    (line,) = profile_lines([row()])
    assert matches(line, "", model="5a" * 32, machine=MACHINE_CLASS.fingerprint)
    assert not matches(line, "", model="5a", machine=None)
    assert not matches(line, "", model=None, machine="0")


def test_two_models_of_the_same_words_are_told_apart() -> None:
    models, machines = choices([row("a"), row("b", model="7b" * 32)])
    assert [words for words, _ in models] == [
        "SmolLM2 135M · Q4_K_M (5a5a5a)", "SmolLM2 135M · Q4_K_M (7b7b7b)"
    ]  # fmt: skip
    assert len(machines) == 1


@pytest.mark.parametrize(
    ("shown", "there", "words"), [(1, 1, "1 profile"), (3, 12, "3 of 12"), (0, 0, "0 profiles")]
)
def test_a_count_says_how_many_of_how_many(shown: int, there: int, words: str) -> None:
    assert count_words(shown, there) == words


def test_a_workload_reads_in_words_and_back_from_its_label() -> None:
    workload = Workload(prompt=512, generate=128, depth=2048, parallel=4)
    assert workload_words(workload) == "512 in, 128 out, after 2048, 4 at once"
    assert workload_from_label(workload.label) == workload
    assert workload_from_label("prompt=0,generate=0,depth=0,parallel=1") is None
    assert workload_from_label("nonsense") is None
    assert "2048 tokens already" in workload_sentence(workload)


@pytest.mark.parametrize(
    ("median", "low", "high", "text"),
    [
        (1.8123, 1.7, 1.9, "1.8× (1.7–1.9)"),
        (1.0834, 1.081, 1.085, "1.083× (1.081–1.085)"),
        (1.21, None, None, "1.21×"),
    ],
)
def test_a_speed_is_no_surer_than_its_interval(
    median: float, low: float | None, high: float | None, text: str
) -> None:
    assert speed_text("improved", median, low, high) == text


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("improved", "Answers come 1.2 times as fast as with llama.cpp's defaults"),
        ("defaults_are_best", "llama.cpp's defaults are already the best here"),
        ("infeasible", "Nothing satisfies the constraints; these settings come nearest"),
        ("budget_spent", "Answers come 1.2 times as fast as with llama.cpp's defaults, when the time was up"),
    ],
)
def test_every_outcome_has_its_sentence(outcome: Outcome, words: str) -> None:
    made = profile().model_copy(update={"outcome": outcome})
    assert result_sentence(made) == words
    assert bool(ratio_text(made)[0]) == (outcome != "defaults_are_best")


def test_the_sentence_names_what_was_made_better() -> None:
    made = profile().model_copy(update={"objective": Objective(name="prefill")})
    assert result_sentence(made).startswith("Prompts are read")


def test_evidence_leaves_out_what_nobody_measured() -> None:
    parts = {"prefill_tokens_per_s": None, "ttft_ms": None}
    made = profile()
    made = made.model_copy(
        update={
            "baseline": measurement().model_copy(update=parts),
            "tuned": measurement().model_copy(update={**parts, "itl_ms": None}),
        }
    )
    lines = {line.name: line for line in evidence(made)}
    assert "Prefill, tok/s" not in lines
    assert lines["ITL, ms"].after == DASH
    assert lines["Memory"].before == "157.4 MiB"
    assert "(" not in "".join(line.before for line in lines.values())


def test_an_effect_is_shown_as_a_change_with_its_range() -> None:
    effect = Quantity(median=1.124, low=1.1, high=1.15, confidence=0.95, samples=(1.124,), noisy=False)
    change = Change(setting="threads", before="8", after="6", effect=effect)
    assert effect_words(change) == "+12.4%"
    assert "+10.0% to +15.0%" in effect_tip(change)
    assert effect_words(change.model_copy(update={"effect": None})) == DASH


def test_disturbed_measurements_are_owned_up_to() -> None:
    made = profile()
    noisy = made.model_copy(update={"tuned": made.tuned.model_copy(update={"noisy_samples": 2})})
    assert "disturbed" in proof_words(noisy)
    assert "disturbed" not in proof_words(made)


def test_a_date_that_is_none_is_shown_as_it_is() -> None:
    assert day_text("0001-01-01T00:00:00+14:00") == "0001-01-01"
    assert day_text("some day or other") == "some day o"


def test_what_ran_out_of_time_with_the_defaults_has_no_number() -> None:
    assert speed_text("budget_spent", 1.0, 1.0, 1.0) == DASH
    assert speed_text("budget_spent", 1.2, 1.1, 1.3) == "1.2× (1.1–1.3)"


def test_a_profile_that_was_compared_with_settings_of_ones_own_says_so() -> None:
    mine = profile().model_copy(update={"baseline_label": "LM Studio", "outcome": "defaults_are_best"})
    assert result_sentence(mine) == "Your settings are already the best here"
    assert proof_words(mine).startswith("Compared with settings of yours: LM Studio.")
    assert (baseline_column(mine), baseline_column(profile())) == ("yours", "defaults")
    assert unchanged_words(mine) == "Settings are your own"
