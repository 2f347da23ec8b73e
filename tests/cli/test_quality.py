"""Own the claims about ``tunesmith quality``: on a real model, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import signal
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from tests.support.cli import CommandLine
from tests.support.gguf_writer import tiny_llama
from tunesmith import assets
from tunesmith.services.quality import SHIPPED_TEXT

SCHEMA = json.loads((assets.profiles_dir() / "schema/cli/quality.schema.json").read_text("utf-8"))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A model of 0.4 MB."""
    return tiny_llama().write(tmp_path / "tiny.gguf")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another one with the same vocabulary."""
    return tiny_llama(seed=9).write(tmp_path / "other.gguf")


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A text of twelve chunks of 64 tokens, of a tiny model's."""
    path = tmp_path / "text.txt"
    path.write_text("".join(chr(97 + (n * n) % 26) for n in range(780)), "utf-8")
    return path


@pytest.mark.model
def test_a_coarser_cache_costs_a_real_model_little_quality(
    tunesmith: CommandLine, smollm2_path: Path
) -> None:
    done = tunesmith(
        "quality", smollm2_path, "-ctk", "q8_0", "-ctv", "q8_0", "--chunks", 2, "--ctx-size", 256, "--json"
    )
    assert done.code == 0, done.err
    document = done.document
    jsonschema.validate(document, SCHEMA)
    assert "Comparing" in done.err
    assert (document["chunks"], document["tokens_scored"], document["chunks_reused"]) == (2, 254, 0)
    assert 0 < document["mean_kld"]["value"] < 0.01
    assert document["median_kld"]["value"] < document["p99_kld"]["value"] < document["max_kld"]["value"] < 1
    assert document["top1_agreement"]["value"] > 0.9
    assert document["perplexity_ratio"]["value"] == pytest.approx(1, abs=0.03)
    assert document["perplexity_ratio"]["standard_error"] < document["perplexity"]["standard_error"]
    assert document["source"]["sha256"] == document["model"]["sha256"]
    assert (document["model"]["type_k"], document["source"]["type_k"]) == ("q8_0", "f16")
    assert document["text"]["shipped"]
    assert document["text"]["chunks"] >= 80


def test_the_shipped_text_is_the_one_its_page_describes() -> None:
    text = assets.resource(SHIPPED_TEXT)
    page = text.with_name("README.md").read_text("utf-8")
    assert hashlib.sha256(text.read_bytes()).hexdigest() in page
    assert f"{text.stat().st_size:,}".replace(",", " ") in page
    assert text.with_name("PSF-LICENSE.txt").is_file()


def test_what_the_source_predicts_is_reused(
    tunesmith: CommandLine, tiny: Path, other: Path, text: Path
) -> None:
    asked = ("quality", other, "--against", tiny, "--text", text, "--ctx-size", 64, "--json")
    first, second = tunesmith.inline(*asked, "--chunks", 3), tunesmith.inline(*asked)
    assert first.code == second.code == 0, first.err + second.err
    assert (first.document["chunks"], second.document["chunks"]) == (3, 12)
    assert (first.document["chunks_reused"], second.document["chunks_reused"]) == (0, 3)
    assert second.document["text"]["name"] == "text.txt"
    assert not second.document["text"]["shipped"]
    assert second.document["mean_kld"]["value"] > 0
    assert len(second.document["chunk_mean_kld"]) == 12


def test_a_limit_ends_it_as_soon_as_it_is_clear(
    tunesmith: CommandLine, tiny: Path, other: Path, text: Path
) -> None:
    asked = ("quality", other, "--against", tiny, "--text", text, "--ctx-size", 64, "--json", "--max-kld")
    beyond, within = tunesmith.inline(*asked, "1e-9"), tunesmith.inline(*asked, "9")
    assert (beyond.code, within.code) == (4, 0), beyond.err + within.err
    for done, verdict in ((beyond, "beyond"), (within, "within")):
        jsonschema.validate(done.document, SCHEMA)
        limit = done.document["limit"]
        assert (limit["verdict"], limit["stopped_early"]) == (verdict, True)
        assert done.document["chunks"] < 12
        assert limit["low"] <= done.document["mean_kld"]["value"] <= limit["high"]
    assert len(list((tunesmith.folder / "cache" / "quality-bases").glob("*/*.base"))) == 8
    told = tunesmith.inline(*asked[:-2], "--max-kld", "9", "--quiet")
    assert told.err == ""
    assert "Mean KLD" in told.out
    assert "Within the limit" in told.out
    assert "left out" in told.out


def test_too_little_room_shortens_it_and_says_so(
    tunesmith: CommandLine, tiny: Path, other: Path, text: Path
) -> None:
    asked = ("quality", other, "--against", tiny, "--text", text, "--ctx-size", 64, "--base-limit", "64KiB")
    done = tunesmith.inline(*asked)
    assert done.code == 0, done.err
    assert "Only 3 of 12 chunks were read" in done.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to compare"),
        (("--against", "MODEL"), "same file"),
        (("-ctk", "q8_0", "--chunks", "0"), "--chunks"),
        (("-ctk", "q8_0", "--ctx-size", "8"), "--ctx-size"),
        (("-ctk", "q8_0", "--max-kld", "nan"), "--max-kld"),
        (("-ctk", "q8_0", "--base-limit", "much"), "no size"),
        (("-ctk", "q8_0", "--text", "none.txt"), "cannot be read"),
        (("-ctk", "q8_0", "--text", "MODEL"), "not UTF-8"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tunesmith: CommandLine, tiny: Path, arguments: tuple[str, ...], words: str
) -> None:
    given = [str(tiny) if argument == "MODEL" else argument for argument in arguments]
    done = tunesmith.inline("quality", tiny, *given)
    assert done.code == 2
    assert words in done.err
    assert done.out == ""


def test_a_text_too_short_is_refused(tunesmith: CommandLine, tiny: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.txt"
    short.write_text("Not much.", "utf-8")
    done = tunesmith.inline("quality", tiny, "-ctk", "q8_0", "--text", short)
    assert done.code == 2
    assert "too short" in done.err


def test_another_vocabulary_is_refused_before_anything_is_read(
    tunesmith: CommandLine, tiny: Path, smollm2_path: Path
) -> None:
    done = tunesmith.inline("quality", tiny, "--against", smollm2_path)
    assert done.code == 2
    assert "different vocabularies" in done.err


@pytest.mark.model
@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to another process")
def test_ctrl_c_ends_it_within_a_second_or_two_and_keeps_what_was_read(
    tunesmith: CommandLine, smollm2_path: Path
) -> None:
    with tunesmith.start("quality", smollm2_path, "-ctk", "q8_0", "-ctv", "q8_0") as process:
        bases = tunesmith.folder / "cache" / "quality-bases"
        deadline = time.monotonic() + 60
        while not list(bases.glob("*/*.base")) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        asked = time.monotonic()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert time.monotonic() - asked < 5
    assert "interrupted" in err
    assert list(bases.glob("*/*.base"))
    assert not [path for path in bases.glob("*/*") if path.suffix != ".base"]
