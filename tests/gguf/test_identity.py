"""Claims about the identity of a model."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tests.support.gguf_writer import GgufWriter, tiny_llama, write_shards
from tunesmith.errors import Interrupted, ModelMalformed, ModelNotFound, ModelUnreadable
from tunesmith.gguf import HashCache, content_hash, identify, read_header
from tunesmith.gguf import identity as identity_module


def test_a_model_is_known_by_the_sha256_of_its_file(tmp_path: Path) -> None:
    path = tiny_llama().write(tmp_path / "m.gguf")
    identity = identify(path)
    assert identity.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert identity.header == read_header(path)


def test_shards_are_hashed_one_after_another(tmp_path: Path) -> None:
    writers = [
        GgufWriter().add("general.architecture", "x").add_tensor("a", (9,)),
        GgufWriter().add_tensor("b", (9,)),
    ]
    paths = write_shards(tmp_path, "m", writers, tensors=2)
    expected = hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
    assert identify(paths[1]).sha256 == expected


def test_a_model_that_is_known_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny_llama().write(tmp_path / "m.gguf")
    first = identify(path, HashCache(tmp_path / "cache"))

    def read_again(*_: object, **__: object) -> str:
        pytest.fail("it was read again")

    monkeypatch.setattr(identity_module, "content_hash", read_again)
    assert identify(path, HashCache(tmp_path / "cache")) == first


def test_a_model_that_changed_is_read_again(tmp_path: Path) -> None:
    cache = HashCache(tmp_path / "cache")
    path = tiny_llama(seed=1).write(tmp_path / "m.gguf")
    first = identify(path, cache)
    tiny_llama(seed=2).write(path)
    os.utime(path, ns=(1, 1))
    second = identify(path, cache)
    assert first.sha256 != second.sha256
    assert second.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_progress_goes_up_to_all_the_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity_module, "HASH_CHUNK_BYTES", 10)
    (tmp_path / "a").write_bytes(b"x" * 25)
    (tmp_path / "b").write_bytes(b"y" * 5)
    seen: list[tuple[int, int]] = []
    digest = content_hash([tmp_path / "a", tmp_path / "b"], progress=lambda *step: seen.append(step))
    assert digest == hashlib.sha256(b"x" * 25 + b"y" * 5).hexdigest()
    assert seen == [(10, 30), (20, 30), (25, 30), (30, 30)]


def test_hashing_stops_when_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity_module, "HASH_CHUNK_BYTES", 10)
    path = tiny_llama().write(tmp_path / "m.gguf")
    answers = iter([False, False, True])
    with pytest.raises(Interrupted):
        identify(path, HashCache(tmp_path / "cache"), should_stop=lambda: next(answers))
    assert not (tmp_path / "cache").exists()


def test_a_file_that_changes_while_it_is_hashed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity_module, "HASH_CHUNK_BYTES", 10)
    path = tmp_path / "m.gguf"
    path.write_bytes(b"x" * 25)

    def grow(_done: int, _total: int) -> None:
        with path.open("ab") as file:
            file.write(b"y") if path.stat().st_size < 30 else None

    with pytest.raises(ModelUnreadable, match="changed while"):
        content_hash([path], progress=grow)


def test_a_missing_file_has_no_hash(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        content_hash([tmp_path / "none"])


def test_a_malformed_file_has_no_identity(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"GGUF")
    with pytest.raises(ModelMalformed):
        identify(tmp_path / "m")


def test_no_bytes_have_the_hash_of_no_bytes(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert content_hash([tmp_path / "empty"]) == hashlib.sha256().hexdigest()
