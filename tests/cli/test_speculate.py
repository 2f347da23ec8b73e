"""Claims about ``tunesmith speculate``: on a real model, and what it refuses."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.support.cli import CommandLine
from tests.support.gguf_writer import tiny_llama
from tunesmith import assets

SCHEMA = json.loads((assets.profiles_dir() / "schema/cli/speculate.schema.json").read_text("utf-8"))
SMALL = (
    "--prompts", "1", "--prompt-tokens", "16", "--tokens", "6", "--rounds", "2", "--max-length", "3",
    "--threads", "1",  # two that wait for each other take long beside other tests
)  # fmt: skip


@pytest.mark.model
def test_a_draft_model_is_measured_against_plain_decoding(
    tunesmith: CommandLine, smollm2_path: Path, smollm2_q2_path: Path
) -> None:
    done = tunesmith(
        "speculate", smollm2_path, "--draft", smollm2_q2_path, *SMALL, "--lengths", "2", "--json"
    )
    assert done.code in (0, 5), done.err
    document = done.document
    jsonschema.validate(document, SCHEMA)
    assert (done.code == 5) is (document["outcome"] == "too_noisy")
    assert not (tunesmith.folder / "store.sqlite3").exists()
    assert [cost["tokens"] for cost in document["cost_curve"]] == [1, 2, 3, 4]
    assert all(len(cost["seconds"]["samples"]) == 5 for cost in document["cost_curve"])
    assert [cost["tokens"] for cost in document["draft_cost_curve"]] == [1, 2]
    assert [one["plan"]["length"] for one in document["measured"]] == [2]
    for one in (document["plain"], *document["measured"]):
        assert one["accepted"] + one["cycles"] == sum(document["generated_tokens"]) - 1
        assert one["identical"] or one["differences"][0]["gap"] < 0.05
        assert len(one["tokens_per_s"]["samples"]) == 2
    assert len(document["speedup"]["samples"]) == 2
    assert document["speedup"]["interval"] == "mean"
    assert document["draft"]["quantization"] == "Q2_K"
    drafts = document["best"]["drafter"] == "draft"
    assert ("--spec-draft-model" in document["server_arguments"]) is drafts


def test_without_a_draft_model_words_that_came_before_are_drafted(
    tunesmith: CommandLine, tmp_path: Path
) -> None:
    model = tiny_llama().write(tmp_path / "tiny.gguf")
    text = tmp_path / "text.txt"
    text.write_text("one two three four\n" * 40)
    done = tunesmith.inline("speculate", model, *SMALL, "--text", text)
    assert done.code in (0, 5), done.err
    assert "Measuring side by side: plain decoding, prompt lookup" in done.err
    assert "Tokens in a batch" in done.out
    assert "llama-server" in done.out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to another process")
def test_ctrl_c_ends_it_with_130(tunesmith: CommandLine, tmp_path: Path) -> None:
    model = tiny_llama().write(tmp_path / "tiny.gguf")
    process = tunesmith.start("speculate", model, *SMALL, "--rounds", "1000")
    assert process.stderr is not None
    for line in process.stderr:
        if "Measuring side by side" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "nothing of it is kept" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--lengths", "two"), 2, "is no list of lengths"),
        (("--lengths", "0"), 2, "A draft length is 1 to 63"),
        (("--lengths", "9", "--max-length", "4"), 2, "goes beyond --max-length"),
        (("--lengths", "1"), 2, "2 tokens or more"),
        (("--max-length", "1"), 2, "2 tokens or more"),
        (("--max-length", "64"), 2, "--max-length is 1 to 63"),
        (("--rounds", "1"), 2, "--rounds is 2 to"),
        (("--prompts", "0"), 2, "--prompts is 1 to"),
        (("--ctx-size", "100"), 2, "cannot hold"),
        (("--batch-size", "8"), 2, "has no room for 15 drafted"),
        (("--text", "nowhere.txt"), 2, "cannot be read: No such file"),
        (("--draft", "nowhere.gguf"), 3, "nowhere.gguf"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(
    arguments: tuple[str, ...], code: int, words: str, tunesmith: CommandLine, tmp_path: Path
) -> None:
    model = tiny_llama().write(tmp_path / "tiny.gguf")
    done = tunesmith.inline("speculate", model, *arguments)
    assert done.code == code, done.err
    assert words in done.err


def test_a_draft_model_of_another_vocabulary_is_refused(
    tunesmith: CommandLine, tmp_path: Path, smollm2_path: Path
) -> None:
    model = tiny_llama().write(tmp_path / "tiny.gguf")
    other = tmp_path / "other.gguf"
    other.write_bytes(
        model.read_bytes()
        .replace(b"<0x41>", b"<0x!!>")
        .replace(b"<0x42>", b"<0x41>")
        .replace(b"<0x!!>", b"<0x42>")
    )
    for draft, how in ((smollm2_path, "its tokenizer is gpt2, not llama"), (other, "token 68 is")):
        done = tunesmith.inline("speculate", model, "--draft", draft, *SMALL, "--json")
        assert done.code == 3, done.err
        assert done.document["error"] == "draft_mismatch"
        assert how in done.document["what"]
        assert "same family" in done.document["todo"]


@pytest.mark.parametrize("content", [b"", b"\0\1\2", b"x"])
def test_what_is_no_text_to_go_on_with_is_refused(
    tunesmith: CommandLine, tmp_path: Path, content: bytes
) -> None:
    model = tiny_llama().write(tmp_path / "tiny.gguf")
    text = tmp_path / "text"
    text.write_bytes(content)
    done = tunesmith.inline("speculate", model, "--text", text)
    assert done.code == 2, done.err
    assert "text" in done.err
