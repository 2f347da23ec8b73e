"""Claims about the cache of hashes."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import pytest

from tunesmith.gguf.hash_cache import MAX_ENTRIES, FileStamp, HashCache


def _stamps(name: str, *, size_bytes: int = 1, mtime_ns: int = 2, inode: int = 3) -> tuple[FileStamp, ...]:
    return (FileStamp(path=f"/models/{name}", size_bytes=size_bytes, mtime_ns=mtime_ns, inode=inode),)


def _digest(number: int) -> str:
    return f"{number:064x}"


def test_a_hash_is_remembered_between_caches(tmp_path: Path) -> None:
    HashCache(tmp_path / "made" / "when needed").put(_stamps("a"), _digest(1))
    assert HashCache(tmp_path / "made" / "when needed").get(_stamps("a")) == _digest(1)


@pytest.mark.parametrize(
    "other",
    [
        _stamps("b"),
        _stamps("a", size_bytes=9),
        _stamps("a", mtime_ns=9),
        _stamps("a", inode=9),
        (),
        _stamps("a") * 2,
    ],
)
def test_a_file_that_changed_in_any_way_is_not_known(tmp_path: Path, other: tuple[FileStamp, ...]) -> None:
    cache = HashCache(tmp_path)
    cache.put(_stamps("a"), _digest(1))
    assert cache.get(other) is None


def test_a_newer_hash_takes_the_place_of_the_older(tmp_path: Path) -> None:
    cache = HashCache(tmp_path)
    cache.put(_stamps("a"), _digest(1))
    cache.put(_stamps("a", mtime_ns=9), _digest(2))
    assert cache.get(_stamps("a")) is None
    assert cache.get(_stamps("a", mtime_ns=9)) == _digest(2)


def test_the_oldest_is_forgotten_when_there_are_too_many(tmp_path: Path) -> None:
    cache = HashCache(tmp_path)
    for number in range(MAX_ENTRIES + 1):
        cache.put(_stamps(str(number)), _digest(number))
    assert cache.get(_stamps("0")) is None
    assert cache.get(_stamps("1")) == _digest(1)
    assert cache.get(_stamps(str(MAX_ENTRIES))) == _digest(MAX_ENTRIES)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"\xff\xfe", b"[]", b"null", b"[" * 100_000, b'{"version":2,"entries":[]}',
        b'{"version":1,"entries":[{"files":[],"sha256":"short"}]}', b'{"version":1,"entries":7}',
        bytes(9 << 20),
    ],
)  # fmt: skip
def test_a_corrupt_cache_is_ignored_and_replaced(tmp_path: Path, content: bytes) -> None:
    cache = HashCache(tmp_path)
    cache.put(_stamps("a"), _digest(1))
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    assert cache.get(_stamps("a")) is None
    cache.put(_stamps("a"), _digest(2))
    assert cache.get(_stamps("a")) == _digest(2)


def test_a_folder_that_cannot_be_made_costs_only_the_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = HashCache(tmp_path / "file")
    cache.put(_stamps("a"), _digest(1))
    assert cache.get(_stamps("a")) is None


def test_a_full_disk_leaves_the_old_cache_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = HashCache(tmp_path)
    cache.put(_stamps("a"), _digest(1))

    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        cache.put(_stamps("b"), _digest(2))
    assert cache.get(_stamps("a")) == _digest(1)
    assert [path.name for path in tmp_path.iterdir()] == ["model-hashes.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses to replace a file that is open")
def test_writers_at_once_leave_a_whole_cache(tmp_path: Path) -> None:
    def work(writer: int) -> None:
        for number in range(20):
            HashCache(tmp_path).put(_stamps(f"{writer}-{number}"), _digest(number))

    threads = [threading.Thread(target=work, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.name for path in tmp_path.iterdir()] == ["model-hashes.json"]
    entries = json.loads((tmp_path / "model-hashes.json").read_bytes())["entries"]
    assert entries
    assert any(HashCache(tmp_path).get(_stamps(f"{writer}-19")) == _digest(19) for writer in range(4))
