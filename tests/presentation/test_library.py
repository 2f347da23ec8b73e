"""Claims about the library's rows."""

from __future__ import annotations

import time

import pytest

from tunesmith.domain.model import ModelHeader, Shard, TensorTypeUse
from tunesmith.domain.profile import Outcome
from tunesmith.presentation.library import (
    COLUMNS,
    INDEX,
    Row,
    count_sentence,
    fit_sentence,
    make_rows,
    reason,
    search_words,
)
from tunesmith.services.library import Kind, LibraryEntry, Tuned

GIB = 2**30


def header(
    path: str, *, name: str | None = "Tiny", quantization: str = "Q4_K_M", size: int = GIB
) -> ModelHeader:
    return ModelHeader(
        path=path, architecture="llama", name=name, gguf_version=3, file_type=quantization,
        parameters=2_000_000_000, layers=16, embedding_length=2048, feed_forward_length=(8192,), heads=(32,),
        kv_heads=(8,), key_length=64, value_length=64, sliding_window=None, experts=None, experts_used=None,
        context_length=131072, vocabulary_size=128256, tensor_count=1,
        tensor_types=(TensorTypeUse(type="Q4_K", tensors=1, elements=2_000_000_000, size_bytes=size),),
        weights_bytes=size, file_bytes=size, bits_per_weight=8 * size / 2_000_000_000,
        shards=(Shard(path=path, size_bytes=size),), has_chat_template=True, tokenizer="gpt2", license=None,
    )  # fmt: skip


def entry(
    path: str,
    *,
    kind: Kind = "model",
    name: str | None = "Tiny",
    quantization: str = "Q4_K_M",
    size: int = GIB,
) -> LibraryEntry:
    made = None if kind == "broken" else header(path, name=name, quantization=quantization, size=size)
    return LibraryEntry(
        path=path, place="LM Studio", kind=kind, size_bytes=size, header=made,
        needed_bytes=round((size + 128 * 2**20) * 1.05) if kind == "model" else None,
        problem="Is cut short. Fetch it again." if kind == "broken" else None,
    )  # fmt: skip


def cells(row: Row) -> dict[str, str]:
    return {column.key: cell for column, cell in zip(COLUMNS, row.cells, strict=True)}


def test_a_model_reads_with_units() -> None:
    tuned = {("/a.gguf", GIB): Tuned(profile_id="p", outcome="improved", speedup=1.834)}
    [row] = make_rows([entry("/a.gguf")], available_bytes=2 * GIB, tuned=tuned)
    assert cells(row) == {
        "name": "Tiny", "parameters": "2.0 B", "quantization": "Q4_K_M", "size": "1.0 GiB", "fits": "yes",
        "tuned": "1.83×", "architecture": "llama", "context": "131072", "bits": "4.29",
    }  # fmt: skip
    assert row.usable


def test_what_is_unknown_is_a_dash_and_sorts_last() -> None:
    broken = entry("/b/zero.gguf", kind="broken", size=10)
    rows = make_rows([broken, entry("/a.gguf")], available_bytes=None)
    by_path = {row.entry.path: row for row in rows}
    lame = cells(by_path["/b/zero.gguf"])
    assert lame["name"] == "zero"
    assert lame["quantization"] == "broken"
    assert {lame[key] for key in ("parameters", "fits", "tuned", "architecture", "context", "bits")} == {"–"}
    assert cells(by_path["/a.gguf"])["fits"] == "–"
    for key in ("parameters", "architecture", "context", "bits", "name"):
        ordered = sorted(rows, key=lambda row: row.keys[INDEX[key]])
        assert ordered[-1].entry.path == "/b/zero.gguf", key
    assert reason(broken) == "Is cut short. Fetch it again."


@pytest.mark.parametrize(
    ("kind", "says"), [("projector", "images"), ("adapter", "LoRA"), ("other", "no model")]
)
def test_what_is_no_model_says_so(kind: Kind, says: str) -> None:
    [row] = make_rows([entry("/a.gguf", kind=kind)], available_bytes=GIB)
    assert not row.usable
    assert says in reason(row.entry)
    assert cells(row)["fits"] == "–"


def test_quantizations_of_one_model_share_a_line_when_grouped() -> None:
    entries = [
        entry("/q4.gguf", quantization="Q4_K_M", size=GIB),
        entry("/q8.gguf", quantization="Q8_0", size=2 * GIB),
        entry("/other.gguf", name="Other"),
        entry("/nameless.gguf", name=None),
        entry("/broken.gguf", kind="broken"),
    ]
    assert len(make_rows(entries, available_bytes=GIB)) == 5
    rows = make_rows(entries, available_bytes=int(1.7 * GIB), grouped=True)
    assert len(rows) == 4
    row = next(row for row in rows if len(row.members) == 2)
    said = cells(row)
    assert row.paths == ("/q8.gguf", "/q4.gguf")
    assert said["quantization"] == "2 quantizations"
    assert said["size"] == "1.0–2.0 GiB"
    assert said["fits"] == "1 of 2"
    assert row.fits == ("no", "yes")
    assert row.preferred == 1
    assert row.matches(search_words("q8_0"))


def test_a_filter_wants_every_word_anywhere() -> None:
    [row] = make_rows([entry("/folder/some-File.gguf")], available_bytes=GIB)
    assert row.matches(search_words(""))
    assert row.matches(search_words("tiny q4_K"))
    assert row.matches(search_words("some-file STUDIO"))
    assert not row.matches(search_words("tiny q8"))


def test_characters_that_do_not_print_stay_out_of_the_table() -> None:
    [row] = make_rows([entry("/a\nb.gguf", name=None)], available_bytes=GIB)
    assert "\n" not in row.cells[0]
    assert row.cells[0] == "a b"


def test_sentences_say_numbers_with_units() -> None:
    rows = make_rows(
        [entry("/a"), entry("/b", kind="broken"), entry("/c", kind="adapter")], available_bytes=GIB
    )
    assert count_sentence(rows, 3) == "1 model · 1 other file · 1 broken file"
    assert count_sentence(rows, 1).endswith("1 shown")
    assert fit_sentence(GIB, "no", GIB // 2).startswith("Does not fit: needs about 1.0 GiB, 512 MiB are free")
    assert "(estimate" in fit_sentence(GIB, "tight", GIB)
    assert fit_sentence(None, None, GIB) == ""


def test_ten_thousand_rows_are_made_grouped_and_filtered_quickly() -> None:
    entries = [entry(f"/m{i}.gguf", name=f"Model {i // 4}", size=GIB + i) for i in range(10_000)]
    start = time.perf_counter()
    rows = make_rows(entries, available_bytes=8 * GIB)
    groups = make_rows(entries, available_bytes=8 * GIB, grouped=True)
    words = search_words("model 123")
    found = sum(row.matches(words) for row in rows)
    assert time.perf_counter() - start < 5
    assert (len(rows), len(groups)) == (10_000, 2500)
    assert found == sum("123" in f"{i // 4} m{i}" for i in range(10_000))


def test_a_gain_confirmed_before_the_budget_was_spent_is_shown_as_one() -> None:
    cases: tuple[tuple[Outcome, float, str], ...] = (
        ("budget_spent", 1.4, "1.40×"),
        ("budget_spent", 1.0, "no gain"),
        ("defaults_are_best", 1.0, "defaults"),
    )
    for outcome, speedup, words in cases:
        tuned = {("/a.gguf", GIB): Tuned(profile_id="p", outcome=outcome, speedup=speedup)}
        [row] = make_rows([entry("/a.gguf")], available_bytes=2 * GIB, tuned=tuned)
        assert row.cells[INDEX["tuned"]] == words
