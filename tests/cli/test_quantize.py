"""Own the claims about ``tunesmith quantize``: what it makes, what it refuses, and what it leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import jsonschema
import pytest

from tests.support.cli import CommandLine
from tests.support.gguf_writer import tiny_llama
from tunesmith import assets, gguf
from tunesmith.services.quantize_files import REQUANTIZED_KEY

SCHEMA = json.loads((assets.profiles_dir() / "schema/cli/quantize.schema.json").read_text("utf-8"))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A model of 0.4 MB in full precision, in a folder of its own."""
    folder = tmp_path / "models"
    folder.mkdir()
    return tiny_llama().write(folder / "tiny-F32.gguf")


def _says(path: Path, key: str, value: str | int) -> bool:
    """Whether a file's header has a key with a value; written here anew, since our reader skips such keys."""
    if isinstance(value, int):
        typed = struct.pack("<II", 4, value)
    else:
        typed = struct.pack("<IQ", 8, len(value)) + value.encode()
    return struct.pack("<Q", len(key)) + key.encode() + typed in path.read_bytes()


def _names(tiny: Path) -> list[str]:
    return sorted(path.name for path in tiny.parent.iterdir())


def test_files_are_made_beside_the_source_with_the_size_foretold(tunesmith: CommandLine, tiny: Path) -> None:
    before = tiny.read_bytes()
    done = tunesmith.inline("quantize", tiny, "--type", "q8_0,F16", "--type", "Q4_0", "--json")
    assert done.code == 0, done.err
    document = done.document
    jsonschema.validate(document, SCHEMA)
    assert _names(tiny) == ["tiny-F16.gguf", "tiny-F32.gguf", "tiny-Q4_0.gguf", "tiny-Q8_0.gguf"]
    assert tiny.read_bytes() == before
    for made, kind in zip(document["files"], ("Q8_0", "F16", "Q4_0"), strict=True):
        header = gguf.read_header(Path(made["path"]))
        assert header.quantization == made["type"] == kind
        assert header.file_bytes == made["size_bytes"] == pytest.approx(made["predicted_bytes"], abs=20_000)
        assert header.bits_per_weight == pytest.approx(made["bits_per_weight"], abs=0.01)
    assert not document["requantized"]


def test_types_of_tensors_are_chosen_by_pattern(tunesmith: CommandLine, tiny: Path, tmp_path: Path) -> None:
    asked = ("quantize", tiny, "--type", "Q4_0", "--tensor-type", "ffn_down=q8_0", "--output", tmp_path)
    done = tunesmith.inline(*asked)
    assert done.code == 0, done.err
    assert "Q4_0" in done.out
    assert "bits per weight" in done.out
    kinds = {tensor.name: tensor.type for tensor in gguf.read_tensors(tmp_path / "tiny-Q4_0.gguf")}
    assert kinds["blk.0.ffn_down.weight"] == kinds["blk.1.ffn_down.weight"] == "Q8_0"
    assert kinds["blk.0.ffn_up.weight"] == "Q4_0"


def test_nothing_is_overwritten(tunesmith: CommandLine, tiny: Path) -> None:
    mine = tiny.with_name("tiny-Q4_0.gguf")
    mine.write_text("mine")
    done = tunesmith.inline("quantize", tiny, "--type", "Q8_0", "--type", "Q4_0")
    assert done.code == 2
    assert "already" in done.err
    assert mine.read_text() == "mine"
    assert _names(tiny) == ["tiny-F32.gguf", "tiny-Q4_0.gguf"]


def test_quantizing_what_is_quantized_needs_consent_and_is_labelled(
    tunesmith: CommandLine, tiny: Path, tmp_path: Path
) -> None:
    assert tunesmith.inline("quantize", tiny, "--type", "Q4_0").code == 0
    coarse = tiny.with_name("tiny-Q4_0.gguf")
    refused = tunesmith.inline("quantize", coarse, "--type", "Q8_0")
    assert refused.code == 2
    assert "--allow-requantize" in refused.err
    done = tunesmith.inline("quantize", coarse, "--type", "Q8_0", "--allow-requantize", "--json")
    assert done.code == 0, done.err
    assert done.document["requantized"]
    assert "quantized already (Q4_0)" in done.document["warnings"][0]
    assert _says(tiny.with_name("tiny-Q8_0.gguf"), REQUANTIZED_KEY, "Q4_0")


def test_a_source_in_q8_0_is_taken_with_a_warning(tunesmith: CommandLine, tmp_path: Path) -> None:
    source = tiny_llama(kind="Q8_0").write(tmp_path / "tiny-Q8_0.gguf")
    done = tunesmith.inline("quantize", source, "--type", "Q4_0", "--json")
    assert done.code == 0, done.err
    assert "Q8_0" in done.document["warnings"][0]
    assert REQUANTIZED_KEY.encode() not in (tmp_path / "tiny-Q4_0.gguf").read_bytes()


def test_an_importance_matrix_is_made_kept_and_used_again(
    tunesmith: CommandLine, tiny: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("".join(chr(97 + (n * n) % 26) for n in range(1500)), "utf-8")
    asked = ("quantize", tiny, "--type", "Q4_0", "--output", tmp_path)
    made = tunesmith.inline(*asked, "--imatrix", "compute", "--text", text, "--json")
    assert made.code == 0, made.err
    matrix = Path(made.document["imatrix_path"])
    assert matrix == tmp_path / "tiny-imatrix.gguf"
    first = tmp_path / "tiny-Q4_0.gguf"
    assert _says(first, "quantize.imatrix.file", "tiny-imatrix.gguf")
    assert _says(first, "quantize.imatrix.dataset", "text.txt")
    assert _says(first, "quantize.imatrix.entries_count", 14)
    assert _says(first, "quantize.imatrix.chunks_count", 2)
    with_it = gguf.read_tensors(tmp_path / "tiny-Q4_0.gguf")
    (tmp_path / "tiny-Q4_0.gguf").rename(tmp_path / "first.gguf")
    again = tunesmith.inline(*asked, "--imatrix", matrix, "--json")
    assert again.code == 0, again.err
    assert gguf.read_tensors(tmp_path / "tiny-Q4_0.gguf") == with_it
    assert (tmp_path / "tiny-Q4_0.gguf").read_bytes() == (tmp_path / "first.gguf").read_bytes()
    refused = tunesmith.inline("quantize", tiny, "--type", "Q4_0", "--imatrix", tiny)
    assert refused.code == 2
    assert "holds no importance matrix" in refused.err
    assert tunesmith.inline("quantize", tiny, "--type", "Q4_0").code == 0
    without = tiny.with_name("tiny-Q4_0.gguf").read_bytes()
    assert without[-50_000:] != (tmp_path / "first.gguf").read_bytes()[-50_000:]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--type", "Q9"), "no quantization type"),
        (("--type", ","), "No quantization type"),
        (("--type", "Q4_0", "--tensor-type", "ffn_down"), "names no type"),
        (("--type", "Q4_0", "--tensor-type", "ffn_down=Q9"), "no type of a tensor"),
        (("--type", "Q4_0", "--output", "nowhere"), "no folder"),
        (("--type", "Q4_0", "--imatrix", "none.gguf"), "no importance matrix"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tunesmith: CommandLine, tiny: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = tunesmith.inline("quantize", tiny, *arguments)
    assert done.code == 2
    assert words in done.err
    assert _names(tiny) == ["tiny-F32.gguf"]


def test_too_little_room_is_found_before_anything_is_written(
    tunesmith: CommandLine, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 (what shutil gives)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**12, 0, 64 * 2**20))
    done = tunesmith.inline("quantize", tiny, "--type", "Q4_0")
    assert done.code == 6
    assert "Make room" in done.err
    assert _names(tiny) == ["tiny-F32.gguf"]


@pytest.mark.skipif(sys.platform != "linux", reason="a shell that limits the size of files")
def test_a_disk_that_fills_up_midway_leaves_nothing(tunesmith: CommandLine, tiny: Path) -> None:
    limited = ["bash", "-c", 'ulimit -f 100 && exec "$@"', "bash", sys.executable, "-m", "tunesmith"]
    done = subprocess.run(
        [*limited, "quantize", str(tiny), "--type", "F16"],
        env=tunesmith.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 6, done.stderr
    assert "could not be written" in done.stderr
    assert _names(tiny) == ["tiny-F32.gguf"]


# ---------------------------------------------------------------- a real model


@pytest.mark.model
def test_a_real_model_is_quantized_and_its_quality_measured(
    tunesmith: CommandLine, smollm2_f16: Path, tmp_path: Path
) -> None:
    done = tunesmith("quantize", smollm2_f16, "--type", "Q4_K_M", "--output", tmp_path, "--json")
    assert done.code == 0, done.err
    (made,) = done.document["files"]
    assert made["fallback_tensors"] > 0
    assert "larger type" in done.document["warnings"][0]
    assert made["bits_per_weight"] == pytest.approx(6.17, abs=0.01)
    assert made["size_bytes"] == pytest.approx(made["predicted_bytes"], rel=1e-3)
    scored = tunesmith(
        "quality", made["path"], "--against", smollm2_f16, "--chunks", 1, "--ctx-size", 256, "--json"
    )
    assert scored.code == 0, scored.err
    assert 0.01 < scored.document["mean_kld"]["value"] < 0.3
    assert scored.document["mean_kld"]["standard_error"] is None


@pytest.mark.model
@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to another process")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (9, -9)])
def test_being_stopped_or_killed_midway_leaves_no_part_of_a_file(
    tunesmith: CommandLine, smollm2_f16: Path, tmp_path: Path, number: int, code: int
) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    with tunesmith.start("quantize", smollm2_f16, "--type", "IQ4_XS", "--output", folder) as process:
        _wait_for(lambda: any(path.stat().st_size > 10**6 for path in folder.iterdir()))
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    _wait_for(lambda: not list(folder.iterdir()))


def _wait_for(condition: object, seconds: float = 30) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
