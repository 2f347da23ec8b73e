"""Claims about opening and reading a model file."""

from __future__ import annotations

import errno
import io
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.gguf_writer import tiny_llama
from tunesmith.errors import ModelFileError, ModelMalformed, ModelNotFound, ModelUnreadable
from tunesmith.gguf import read_header
from tunesmith.gguf.reader import CHUNK_BYTES, BoundedReader, open_model_file

posix = pytest.mark.skipif(sys.platform == "win32", reason="there are no such files on Windows")


def _error(path: Path) -> ModelFileError:
    with pytest.raises(ModelFileError) as caught:
        read_header(path)
    assert caught.value.unharmed
    assert caught.value.todo
    return caught.value


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    error = _error(tmp_path / "none.gguf")
    assert isinstance(error, ModelNotFound)
    assert "none.gguf" in error.what


def test_a_path_through_a_file_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = _error(tmp_path / "file" / "model.gguf")
    assert isinstance(error, ModelNotFound | ModelUnreadable)


def test_a_path_with_a_nul_is_not_found() -> None:
    assert isinstance(_error(Path("a\0b.gguf")), ModelNotFound)


def test_a_dangling_link_is_not_found(tmp_path: Path) -> None:
    link = tmp_path / "model.gguf"
    try:
        link.symlink_to(tmp_path / "blob")
    except OSError:
        pytest.skip("links may not be made here")
    assert isinstance(_error(link), ModelNotFound)


def test_a_link_leads_to_the_model(tmp_path: Path) -> None:
    link = tmp_path / "model.gguf"
    blob = tiny_llama().write(tmp_path / "blob")
    try:
        link.symlink_to(blob)
    except OSError:
        pytest.skip("links may not be made here")
    assert read_header(link).path == str(link)


def test_a_name_too_long_is_unreadable(tmp_path: Path) -> None:
    assert isinstance(_error(tmp_path / ("x" * 5000)), ModelUnreadable | ModelNotFound)


def test_a_folder_is_unreadable_and_named_one(tmp_path: Path) -> None:
    error = _error(tmp_path)
    assert isinstance(error, ModelUnreadable)
    assert "folder" in error.what


@posix
def test_a_pipe_is_unreadable_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    os.mkfifo(path)
    assert isinstance(_error(path), ModelUnreadable)


@posix
def test_an_endless_device_is_unreadable() -> None:
    assert isinstance(_error(Path("/dev/zero")), ModelUnreadable)


@posix
def test_a_socket_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("model.gguf")
        assert isinstance(_error(Path("model.gguf")), ModelUnreadable)


@posix
def test_a_loop_of_links_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.symlink_to(path)
    assert isinstance(_error(path), ModelUnreadable)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_a_name_that_is_not_utf8_is_unreadable_and_the_error_can_be_printed(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/mod\xffel.gguf"))
    tiny_llama().write(path)
    error = _error(path)
    assert isinstance(error, ModelUnreadable)
    assert "UTF-8" in str(error).encode().decode()


def test_a_file_that_may_not_be_read_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny_llama().write(tmp_path / "model.gguf")

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tunesmith.gguf.reader.os.open", refuse)
    error = _error(path)
    assert isinstance(error, ModelUnreadable)
    assert "permission" in error.todo


class _BadDisk:
    """A file whose bytes cannot be read."""

    def __init__(self, descriptor: int, _mode: str) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def fileno(self) -> int:
        return self._descriptor

    def seek(self, offset: int) -> int:
        return offset

    def read(self, _count: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")


def test_a_failing_disk_is_unreadable_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny_llama().write(tmp_path / "model.gguf")
    monkeypatch.setattr("tunesmith.gguf.reader.io.FileIO", _BadDisk)
    error = _error(path)
    assert isinstance(error, ModelUnreadable)
    assert "Input/output error" in error.what


def test_a_file_that_shrinks_while_it_is_read_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(bytes(3 * CHUNK_BYTES))
    with open_model_file(path) as file:
        reader = BoundedReader(file, path)
        reader.take(8)
        os.truncate(path, CHUNK_BYTES)
        reader.skip(2 * CHUNK_BYTES)
        with pytest.raises(ModelMalformed, match="cut short"):
            reader.take(8)


def _skip(path: Path, content: bytes, count: int) -> int:
    path.write_bytes(content)
    with open_model_file(path) as file:
        reader = BoundedReader(file, path)
        reader.skip_strings(count)
        return reader.offset


@given(
    lengths=st.lists(
        st.one_of(st.integers(0, 40), st.sampled_from([CHUNK_BYTES - 8, CHUNK_BYTES, 2 * CHUNK_BYTES + 3])),
        max_size=40,
    ),
    tail=st.integers(0, 20),
)
def test_strings_are_skipped_to_the_byte(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], tail: int
) -> None:
    content = b"".join(struct.pack("<Q", length) + bytes(length) for length in lengths)
    path = tmp_path_factory.getbasetemp() / "strings"
    assert _skip(path, content + bytes(tail), len(lengths)) == len(content)


@pytest.mark.parametrize("length", [1, 2**32, 2**62, 2**63, 2**64 - 8, 2**64 - 1])
def test_a_string_longer_than_the_file_is_cut_short(tmp_path: Path, length: int) -> None:
    content = struct.pack("<QQ", 0, length)
    with pytest.raises(ModelMalformed, match="cut short"):
        _skip(tmp_path / "strings", content, 2)


def test_a_header_is_never_read_in_pieces_larger_than_a_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    class Spy(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            asked.append(-1 if size is None else size)
            return super().read(size)

    path = tiny_llama().write(tmp_path / "model.gguf")
    monkeypatch.setattr("tunesmith.gguf.reader.io.FileIO", Spy)
    read_header(path)
    assert set(asked) == {CHUNK_BYTES}
