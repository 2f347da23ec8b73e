"""Own the claims about bad input: one clear line, the documented exit code, nothing lost."""

from __future__ import annotations

import json
import math
import os
import re
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from tests.support.cli import CommandLine
from tests.support.gguf_writer import GgufWriter, tiny_llama, write_shards
from tunesmith import assets
from tunesmith.cli.parser import COMPLETIONS

ERROR_SCHEMA = json.loads((assets.profiles_dir() / "schema/cli/error.schema.json").read_text("utf-8"))


def _truncated(folder: Path, model: Path) -> Path:
    path = folder / "cut.gguf"
    with model.open("rb") as source:
        path.write_bytes(source.read(5_000_000))
    return path


def _with_bytes(name: str, content: bytes) -> Callable[[Path, Path], Path]:
    def make(folder: Path, _model: Path) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return make


def _directory(folder: Path, _model: Path) -> Path:
    path = folder / "folder.gguf"
    path.mkdir()
    return path


def _missing(folder: Path, _model: Path) -> Path:
    return folder / "nowhere.gguf"


def _fifo(folder: Path, _model: Path) -> Path:
    path = folder / "pipe.gguf"
    os.mkfifo(path)
    return path


def _lone_shard(folder: Path, _model: Path) -> Path:
    shards = write_shards(folder, "model", [GgufWriter(), GgufWriter()], tensors=0)
    shards[1].unlink()
    return shards[0]


ABSURD_COUNTS = (
    b"GGUF" + (3).to_bytes(4, "little") + (2**62).to_bytes(8, "little") + (2**62).to_bytes(8, "little")
)

BAD_FILES = {
    "truncated": _truncated,
    "empty": _with_bytes("empty.gguf", b""),
    "wrong magic": _with_bytes("magic.gguf", b"GGML" + bytes(200)),
    "absurd counts": _with_bytes("absurd.gguf", ABSURD_COUNTS),
    "text": _with_bytes("notes.gguf", b"this is no model\n" * 20),
    "html": _with_bytes("page.gguf", b"<!DOCTYPE html><html><body>404</body></html>"),
    "a directory": _directory,
    "missing": _missing,
    "a shard missing": _lone_shard,
}
if sys.platform != "win32":
    BAD_FILES["a pipe"] = _fifo


@pytest.mark.parametrize("command", ["inspect", "tune", "measure"])
@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_model_file_is_told_in_one_line(
    kind: str, command: str, tunesmith: CommandLine, smollm2_path: Path
) -> None:
    path = BAD_FILES[kind](tunesmith.folder, smollm2_path)
    done = tunesmith.inline(command, path, "--json")
    assert done.code == 3
    assert done.document["exit_code"] == 3
    assert done.document["error"].startswith("model_")
    jsonschema.validate(done.document, ERROR_SCHEMA)
    lines = done.err.strip().splitlines()
    assert len(lines) == 1
    assert path.name.split("-0")[0] in lines[0]
    assert "Traceback" not in done.err


@pytest.mark.model
@pytest.mark.parametrize("command", ["tune", "measure"])
def test_weights_that_are_no_numbers_are_told_in_one_line(command: str, tunesmith: CommandLine) -> None:
    whole = bytearray(tiny_llama().to_bytes())
    struct.pack_into("<f", whole, len(whole) - 400, math.nan)
    path = tunesmith.folder / "nan.gguf"
    path.write_bytes(whole)
    done = tunesmith.inline(command, path, "--json", "--quiet")
    assert done.code == 3
    assert done.document["error"] == "model_refused"
    assert len(done.err.strip().splitlines()) == 1


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="the superuser and Windows ignore permission bits"
)
def test_an_unreadable_file_is_told_in_one_line(tunesmith: CommandLine, smollm2_path: Path) -> None:
    path = tunesmith.folder / "secret.gguf"
    path.write_bytes(smollm2_path.read_bytes()[:1000])
    path.chmod(0)
    done = tunesmith.inline("inspect", path)
    assert done.code == 3
    assert "permission" in done.err.lower()


@pytest.mark.parametrize(
    "arguments",
    [
        ("tune",),
        ("tune", "x.gguf", "--budget", "soon"),
        ("tune", "x.gguf", "--workload", "prompt=banana"),
        ("tune", "x.gguf", "--preset", "chta"),
        ("tune", "x.gguf", "--preset", "chat", "--workload", "prompt=1"),
        ("tune", "x.gguf", "--vary", ""),
        ("tune", "x.gguf", "--fix", "threads"),
        ("tune", "x.gguf", "--cache-types", "q3_0"),
        ("tune", "x.gguf", "--max-memory", "lots"),
        ("measure",),
        ("measure", "x.gguf", "--threads", "many"),
        ("measure", "x.gguf", "--threads", "0"),
        ("measure", "x.gguf", "--prompt", "-1"),
        ("measure", "x.gguf", "--ubatch-size", "4096", "--batch-size", "512"),
        ("measure", "x.gguf", "--ctx-size", "16"),
        ("measure", "x.gguf", "--cache-type-v", "q8_0", "--flash-attn", "off"),
        ("measure", "--profile", "nobody"),
        ("measure", "x.gguf", "--load-watts", "65"),
        ("measure", "x.gguf", "--load-watts", "15", "--idle-watts", "65"),
        ("measure", "x.gguf", "--load-watts", "65", "--idle-watts", "-1"),
        ("profiles", "show", "nobody"),
        ("profiles", "rename", "nobody", "x"),
        ("profiles",),
        ("--headless",),
        ("frobnicate", "x"),
        ("inspect", "x.gguf", "--store"),
        ("profiles", "list", "--store", "postgresql://somewhere/db"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_to_write(
    arguments: tuple[str, ...], tunesmith: CommandLine
) -> None:
    done = tunesmith.inline(*arguments)
    assert done.code == 2, done.err
    assert "tunesmith" in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_without_a_screen_it_says_what_to_do(tunesmith: CommandLine) -> None:
    done = tunesmith.inline()
    assert done.code == 2
    assert "no screen" in done.err
    assert "tunesmith --headless" in done.err
    named = tunesmith.inline("some model.gguf")
    assert "tunesmith --headless some model.gguf" in named.err


def test_a_store_that_is_no_store_is_told_and_left_alone(tunesmith: CommandLine) -> None:
    path = tunesmith.folder / "diary.txt"
    path.write_text("dear diary\n" * 100, "utf-8")
    done = tunesmith.inline("profiles", "list", "--store", path)
    assert done.code == 6
    assert "diary.txt" in done.err
    assert path.read_text("utf-8") == "dear diary\n" * 100


def test_completions_are_printed_for_each_shell(tunesmith: CommandLine) -> None:
    for shell in COMPLETIONS:
        done = tunesmith.inline("completion", shell)
        assert done.code == 0
        assert "headless" in done.out
        assert re.search(r"quantiz|profiles", done.out)
