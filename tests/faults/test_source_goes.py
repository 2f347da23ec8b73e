"""Claims about sources deleted midway: a clear error, no partial file, and nothing measured is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import CommandLine
from tests.support.gguf_writer import tiny_llama
from tunesmith.services import quality, quantize
from tunesmith.services.quantize_files import put_in_place
from tunesmith.worker.handle import WorkerHandle


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A model of 0.4 MB in full precision, in a folder of its own."""
    folder = tmp_path / "models"
    folder.mkdir()
    return tiny_llama().write(folder / "tiny-F32.gguf")


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_source_deleted_between_two_files_leaves_the_first_whole_and_no_second(
    tunesmith: CommandLine, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = put_in_place

    def then_delete(part: Path, target: Path) -> None:
        put(part, target)
        tiny.unlink()

    monkeypatch.setattr("tunesmith.services.quantize.put_in_place", then_delete)
    done = tunesmith.inline("quantize", tiny, "--type", "Q8_0,Q4_0")
    assert done.code == 3, done.err
    assert "no longer there" in done.err
    assert _names(tiny.parent) == ["tiny-Q8_0.gguf"]


def test_a_source_deleted_before_the_first_file_leaves_none(
    tunesmith: CommandLine, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = quantize._Run._check_room

    def then_delete(run: quantize._Run, needed_bytes: int) -> None:
        check(run, needed_bytes)
        tiny.unlink()

    monkeypatch.setattr(quantize._Run, "_check_room", then_delete)
    done = tunesmith.inline("quantize", tiny, "--type", "Q8_0")
    assert done.code == 3, done.err
    assert "no longer there" in done.err
    assert _names(tiny.parent) == []


class _Compared:
    """A model, its source and a text; one of them goes once the source has been read."""

    def __init__(self, tunesmith: CommandLine, folder: Path) -> None:
        self._tunesmith = tunesmith
        self.model = tiny_llama(seed=9).write(folder / "other.gguf")
        self.source = tiny_llama().write(folder / "tiny.gguf")
        self._text = folder / "text.txt"
        self._text.write_text("".join(chr(97 + (n * n) % 26) for n in range(780)), "utf-8")

    def compare(self) -> Any:
        return self._tunesmith.inline(
            "quality", self.model, "--against", self.source, "--text", self._text, "--chunks", "4",
            "--ctx-size", "64", "--json",
        )  # fmt: skip


@pytest.mark.parametrize("goes", ["model", "source"])
def test_a_file_deleted_while_quality_is_measured_is_named_and_what_was_read_is_kept(
    tunesmith: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, goes: str
) -> None:
    compared = _Compared(tunesmith, tmp_path)
    path: Path = getattr(compared, goes)
    content = path.read_bytes()
    score = WorkerHandle.score

    def once_gone(worker: WorkerHandle, **arguments: object) -> None:
        if arguments["role"] == ("candidate" if goes == "model" else "source"):
            path.unlink()
        score(worker, **arguments)

    with monkeypatch.context() as patched:
        patched.setattr(WorkerHandle, "score", once_gone)
        done = compared.compare()
    assert done.code == 3, done.err
    assert path.name in done.err
    assert done.out == "" or "error" in done.out
    path.write_bytes(content)
    again = compared.compare()
    assert again.code == 0, again.err
    assert again.document["chunks"] == 4
    assert again.document["chunks_reused"] == (4 if goes == "model" else 0)
    assert quality.BASE_FOLDER in {found.name for found in tunesmith.folder.rglob("*") if found.is_dir()}
