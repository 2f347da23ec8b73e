"""Own the claims about ``tunesmith tune --quantization``: what it picks, keeps, removes and refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections import namedtuple
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.cli import CommandLine
from tests.support.gguf_writer import tiny_llama
from tunesmith import assets
from tunesmith.services.quality import QualityResult, run_quality
from tunesmith.store import Store

SCHEMA = json.loads((assets.profiles_dir() / "schema/cli/choose.schema.json").read_text("utf-8"))
SHORT = ("--workload", "prompt=16,generate=4", "--budget", "2", "--chunks", "2", "--vary", "threads")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A model of 0.4 MB in full precision, in a folder of its own."""
    folder = tmp_path / "models"
    folder.mkdir()
    return tiny_llama().write(folder / "tiny-F32.gguf")


def _names(tiny: Path) -> list[str]:
    return sorted(str(path.relative_to(tiny.parent)) for path in tiny.parent.rglob("*"))


def _by_label(document: Any) -> dict[str, Any]:
    return {one["label"]: one for one in document["contenders"]}


@pytest.mark.model
def test_a_quantization_is_picked_tuned_and_confirmed_and_the_rest_removed(
    tunesmith: CommandLine, smollm2_f16: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "made"
    done = tunesmith(
        "--headless", smollm2_f16, "--quantization", "Q8_0,Q2_K", "--output", folder, *SHORT, "--json",
        "--max-kld", "0.2", "--chunks", "1",
    )  # fmt: skip
    assert done.code == 0, done.err
    document = done.document
    jsonschema.validate(document, SCHEMA)
    files = _by_label(document)
    assert list(files) == ["F16 (source)", "Q8_0", "Q2_K"]
    assert files["Q2_K"]["state"] == "beyond"
    assert "is above 0.2" in files["Q2_K"]["why"]
    assert files["Q2_K"]["speedup"] is None
    assert files["Q8_0"]["quality"]["mean_kld"]["value"] < 0.05
    assert document["picked"] in ("Q8_0", "F16 (source)")
    assert files[document["picked"]]["state"] == "picked"
    assert files[document["picked"]]["pareto"]
    kept = {Path(made["path"]).name for made in document["files"] if made["kept"]}
    assert kept == {path.name for path in folder.iterdir()} if folder.exists() else not kept
    with Store.open(str(tunesmith.folder / "store.sqlite3")) as store:
        candidates = {trial.candidate for trial in store.ledger(document["run_id"]).values()}
        assert {"F16 (source)", "Q8_0"} <= candidates
        if document["profile_id"] is not None and document["picked"] == "Q8_0":
            quality = store.profile(document["profile_id"]).quality
            assert quality is not None
            assert quality.measures.mean_kld.value == files["Q8_0"]["quality"]["mean_kld"]["value"]
            assert quality.source_quantization == "F16"


def test_what_is_there_is_used_and_stays_and_what_is_made_may_be_kept(
    tunesmith: CommandLine, tiny: Path
) -> None:
    mine = tiny_llama(kind="Q8_0").write(tiny.with_name("my own.gguf"))
    before = mine.read_bytes()
    asked = ("tune", tiny, "--quantization", "Q8_0,Q4_0", "--max-kld", "5", *SHORT)
    done = tunesmith.inline(*asked, "--keep-files", "--json")
    assert done.code == 0, done.err
    files = _by_label(done.document)
    assert files["Q8_0"]["path"] == str(mine)
    assert not files["Q8_0"]["made"]
    (made,) = done.document["files"]
    assert made["kept"]
    assert _names(tiny) == [
        "my own.gguf", "tiny-F32-quantized", "tiny-F32-quantized/tiny-Q4_0.gguf", "tiny-F32.gguf"
    ]  # fmt: skip
    again = tunesmith.inline(*asked, "--max-kld", "1e-12", "--json")  # which spares the race
    assert again.code == 0, again.err
    assert again.document["outcome"] == "source_is_best"
    assert again.document["files"] == []
    assert "tiny-F32-quantized/tiny-Q4_0.gguf" in _names(tiny)
    assert mine.read_bytes() == before


def test_where_nothing_keeps_the_limit_the_source_stays_and_no_file_does(
    tunesmith: CommandLine, tiny: Path
) -> None:
    done = tunesmith.inline("tune", tiny, "--quantization", "Q4_0,Q8_0", "--max-kld", "1e-12", *SHORT)
    assert done.code == 0, done.err
    told = " ".join(done.out.split())
    assert "F32 (source) stays: no other file is within the quality limit" in told
    assert "beyond the limit" in told
    assert _names(tiny) == ["tiny-F32.gguf"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--quantization", "Q9"), "no quantization type"),
        (("--quantization", ","), "names no type"),
        (("--quantization", "F32"), "nothing to choose from"),
        (("--quantization", "auto", "--resume"), "do not go together"),
        (("--quantization", "auto", "--objective", "memory"), "chosen by speed"),
        (("--quantization", "auto", "--max-quality-loss", "0"), "costs some quality"),
        (("--quantization", "auto", "--max-kld", "0"), "above 0"),
        (("--quantization", "auto", "--min-top1", "120%"), "0 to 1"),
        (("--quantization", "auto", "--chunks", "0"), "--chunks is"),
        (("--quantization", "auto", "--text", "nowhere.txt"), "cannot be read"),
        (("--max-kld", "0.05"), "Add --quantization auto"),
        (("--keep-files",), "Add --quantization auto"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tunesmith: CommandLine, tiny: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = tunesmith.inline("tune", tiny, *arguments)
    assert done.code == 2
    assert words in done.err
    assert _names(tiny) == ["tiny-F32.gguf"]


def test_a_source_that_is_quantized_already_is_refused(tunesmith: CommandLine, tiny: Path) -> None:
    assert tunesmith.inline("quantize", tiny, "--type", "Q4_0").code == 0
    done = tunesmith.inline("tune", tiny.with_name("tiny-Q4_0.gguf"), "--quantization", "auto")
    assert done.code == 2
    assert "nothing to compare quality with" in done.err


# ---------------------------------------------------------------- faults


def test_a_text_that_is_too_short_is_told_and_leaves_no_file(
    tunesmith: CommandLine, tiny: Path, tmp_path: Path
) -> None:
    text = tmp_path / "short.txt"
    text.write_text("Too short.", "utf-8")
    done = tunesmith.inline("tune", tiny, "--quantization", "Q4_0", "--text", text, *SHORT)
    assert done.code == 2, done.err
    assert "text" in done.err
    assert _names(tiny) == ["tiny-F32.gguf"]


def test_a_full_disk_is_told_and_leaves_no_file(
    tunesmith: CommandLine, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 (what shutil gives)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**12, 0, 64 * 2**20))
    done = tunesmith.inline("tune", tiny, "--quantization", "Q4_0,Q8_0", *SHORT)
    assert done.code == 6, done.err
    assert "Make room" in done.err
    assert _names(tiny) == ["tiny-F32.gguf"]


def test_a_source_that_is_deleted_midway_is_told_and_leaves_no_file(
    tunesmith: CommandLine, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def then_delete(*arguments: Any) -> QualityResult:
        found = run_quality(*arguments)
        tiny.unlink()
        return found

    monkeypatch.setattr("tunesmith.services.choose_quality.run_quality", then_delete)
    done = tunesmith.inline("tune", tiny, "--quantization", "Q4_0,Q8_0", *SHORT)
    assert done.code == 3, done.err
    assert "no longer there" in done.err
    assert _names(tiny) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to another process")
def test_being_stopped_midway_leaves_no_file(tunesmith: CommandLine, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    asked = ("tune", tiny, "--quantization", "Q8_0,Q4_0,Q5_0", "--output", folder, *SHORT)
    with tunesmith.start(*asked) as process:
        deadline = time.monotonic() + 30
        while not list(folder.glob("*.gguf")):  # complete, and its quality is being measured
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert not folder.exists()
