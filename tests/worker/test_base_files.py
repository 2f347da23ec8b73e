"""Own the claims about what sources predicted, kept on the disk and read as a stranger's."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from tunesmith.engine.divergence import PackedRows, empty_rows, pack_rows
from tunesmith.engine.errors import DiskFault, EngineError
from tunesmith.worker.base_files import BaseFiles, BaseShape

KEY, OTHER = "a" * 32, "b" * 32
SHAPE = BaseShape(n_ctx=8, rows=3, vocabulary_size=5, vocabulary="0" * 64)
TOKENS = np.arange(8, dtype=np.int32)


def _rows() -> PackedRows:
    rows = empty_rows(SHAPE.rows, SHAPE.vocabulary_size)
    pack_rows(np.random.default_rng(1).normal(size=rows.codes.shape).astype(np.float32), rows)
    return rows


def _files(folder: Path, key: str = KEY, limit_bytes: int = 10**9) -> BaseFiles:
    return BaseFiles(folder, key, limit_bytes=limit_bytes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of chunk 3, written."""
    _files(tmp_path).write(3, SHAPE, TOKENS, _rows())
    return tmp_path / KEY / "000003.base"


def test_what_is_written_is_read_and_nothing_is_left_beside_it(path: Path, tmp_path: Path) -> None:
    files, rows = _files(tmp_path), _rows()
    assert files.holds(3, SHAPE, TOKENS)
    found = files.read(3, SHAPE, TOKENS)
    assert found.codes.tolist() == rows.codes.tolist()
    assert found.scale.tolist() == rows.scale.tolist()
    assert found.minimum.tolist() == rows.minimum.tolist()
    assert path.stat().st_size == SHAPE.file_bytes
    assert list((tmp_path / KEY).iterdir()) == [path]


@pytest.mark.parametrize(
    "shape",
    [
        BaseShape(n_ctx=10, rows=3, vocabulary_size=5, vocabulary="0" * 64),
        BaseShape(n_ctx=8, rows=2, vocabulary_size=5, vocabulary="0" * 64),
        BaseShape(n_ctx=8, rows=3, vocabulary_size=6, vocabulary="0" * 64),
        BaseShape(n_ctx=8, rows=3, vocabulary_size=5, vocabulary="1" * 64),
    ],
)
def test_what_was_kept_for_something_else_is_not_held(path: Path, tmp_path: Path, shape: BaseShape) -> None:
    assert not _files(tmp_path).holds(3, shape, TOKENS)
    with pytest.raises(EngineError, match="another text"):
        _files(tmp_path).read(3, shape, TOKENS)
    assert path.exists()


def test_other_tokens_and_another_chunk_are_not_held(path: Path, tmp_path: Path) -> None:
    assert not _files(tmp_path).holds(3, SHAPE, TOKENS + 1)
    path.rename(path.with_name("000004.base"))
    assert not _files(tmp_path).holds(4, SHAPE, TOKENS)
    assert not _files(tmp_path).holds(3, SHAPE, TOKENS)
    with pytest.raises(EngineError, match="cannot be read"):
        _files(tmp_path).read(3, SHAPE, TOKENS)


@pytest.mark.parametrize("size", [0, 5, 100])
def test_a_file_cut_short_is_not_held(path: Path, tmp_path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
    assert not _files(tmp_path).holds(3, SHAPE, TOKENS)


@pytest.mark.parametrize("from_end", [1, 30, 50])
def test_a_flipped_bit_is_found_and_the_file_goes(path: Path, tmp_path: Path, from_end: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[-from_end] ^= 1
    path.write_bytes(raw)
    with pytest.raises(EngineError, match="damaged"):
        _files(tmp_path).read(3, SHAPE, TOKENS)
    assert not path.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1.0])
def test_a_scale_that_makes_no_sense_is_refused_though_the_checksum_is_right(
    tmp_path: Path, value: float
) -> None:
    rows = _rows()
    rows.scale[1] = value
    _files(tmp_path).write(3, SHAPE, TOKENS, rows)
    with pytest.raises(EngineError, match="damaged"):
        _files(tmp_path).read(3, SHAPE, TOKENS)


# ---------------------------------------------------------------- room


def test_there_is_room_within_the_limit_only(tmp_path: Path) -> None:
    assert _files(tmp_path, limit_bytes=10 * SHAPE.file_bytes).room_for(SHAPE, missing=4) == 4
    assert _files(tmp_path, limit_bytes=3 * SHAPE.file_bytes + 1).room_for(SHAPE, missing=4) == 3
    assert _files(tmp_path, limit_bytes=0).room_for(SHAPE, missing=4) == 0


def test_what_was_used_longest_ago_makes_room_and_nothing_else_does(path: Path, tmp_path: Path) -> None:
    recent = _files(tmp_path, OTHER)
    recent.write(0, SHAPE, TOKENS, _rows())
    os.utime(tmp_path / KEY, (1, 1))
    mine = tmp_path / KEY / "notes.txt"
    mine.write_text("not ours")
    (tmp_path / "photos").mkdir()
    assert _files(tmp_path, "c" * 32, limit_bytes=2 * SHAPE.file_bytes).room_for(SHAPE, missing=1) == 1
    assert not path.exists()
    assert mine.exists()
    assert recent.holds(0, SHAPE, TOKENS)


def test_ones_own_chunks_count_and_stay(path: Path, tmp_path: Path) -> None:
    assert _files(tmp_path, limit_bytes=2 * SHAPE.file_bytes).room_for(SHAPE, missing=5) == 1
    assert path.exists()


def test_some_of_the_disk_stays_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 (what shutil gives)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _path: usage(10**12, 0, 256 * 2**20 + 2 * SHAPE.file_bytes)
    )
    assert _files(tmp_path).room_for(SHAPE, missing=5) == 2


def test_a_folder_that_cannot_be_made_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    files = _files(tmp_path / "file")
    with pytest.raises(DiskFault, match="cannot be kept"):
        files.room_for(SHAPE, missing=1)
    with pytest.raises(DiskFault, match="cannot be kept"):
        files.write(3, SHAPE, TOKENS, _rows())
