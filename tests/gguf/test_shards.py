"""Claims about models that are split into shards."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.gguf_writer import GgufWriter, ValueType, write_shards
from tunesmith.errors import ModelMalformed, ModelNotFound
from tunesmith.gguf import read_header, read_tensors


def _writers(*names: str) -> list[GgufWriter]:
    """One shard for each name of a tensor; the first holds the keys, as llama-gguf-split leaves it."""
    writers = [GgufWriter().add_tensor(name, (32, 2)) for name in names]
    writers[0].add("general.architecture", "llama").add("llama.block_count", 2)
    return writers


def _split(folder: Path, *names: str, tensors: int | None = None) -> list[Path]:
    return write_shards(folder, "name", _writers(*names), tensors=len(names) if tensors is None else tensors)


def test_any_shard_leads_to_all_of_them(tmp_path: Path) -> None:
    paths = _split(tmp_path, "a", "b", "c")
    headers = [read_header(path) for path in paths]
    assert headers[0] == headers[1] == headers[2]
    header = headers[0]
    assert header.path == str(paths[0])
    assert [shard.path for shard in header.shards] == [str(path) for path in paths]
    assert header.file_bytes == sum(path.stat().st_size for path in paths)
    assert (header.tensor_count, header.parameters, header.layers) == (3, 3 * 64, 2)


def test_tensors_come_in_the_order_of_the_shards(tmp_path: Path) -> None:
    paths = _split(tmp_path, "c", "a", "b")
    assert [tensor.name for tensor in read_tensors(paths[2])] == ["c", "a", "b"]


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    paths = _split(tmp_path, "a", "b", "c")
    paths[1].unlink()
    with pytest.raises(ModelNotFound, match=r"name-00002-of-00003\.gguf is missing") as caught:
        read_header(paths[2])
    assert str(tmp_path) in caught.value.todo


def test_of_many_missing_shards_three_are_named(tmp_path: Path) -> None:
    paths = _split(tmp_path, *"abcdef")
    for path in paths[1:]:
        path.unlink()
    with pytest.raises(ModelNotFound, match=r"name-00004-of-00006\.gguf and 2 more are missing"):
        read_header(paths[0])


def test_a_split_into_65535_names_few_of_them(tmp_path: Path) -> None:
    writer = _writers("a")[0].add("split.no", 0, ValueType.UINT16).add("split.count", 65535, ValueType.UINT16)
    path = writer.write(tmp_path / "name-00001-of-65535.gguf")
    with pytest.raises(ModelNotFound) as caught:
        read_header(path)
    assert len(caught.value.what) < 500


def test_another_count_of_tensors_is_malformed(tmp_path: Path) -> None:
    paths = _split(tmp_path, "a", "b", tensors=3)
    with pytest.raises(ModelMalformed, match="3 tensors, but its shards have 2"):
        read_header(paths[0])


def test_a_tensor_in_two_shards_is_malformed(tmp_path: Path) -> None:
    paths = _split(tmp_path, "a", "a")
    with pytest.raises(ModelMalformed, match="'a' twice"):
        read_header(paths[0])


def test_a_shard_under_another_name_is_told_its_own(tmp_path: Path) -> None:
    path = _split(tmp_path, "a", "b")[0].rename(tmp_path / "mine.gguf")
    with pytest.raises(ModelMalformed, match="shard 1 of 2") as caught:
        read_header(path)
    assert "-00001-of-00002.gguf" in caught.value.todo


def test_swapped_shards_are_malformed(tmp_path: Path) -> None:
    first, second = _split(tmp_path, "a", "b")
    second.write_bytes(first.read_bytes())
    with pytest.raises(ModelMalformed, match=r"shard 1 of 2 where 2 of 2"):
        read_header(first)


def test_a_malformed_shard_is_the_one_that_is_named(tmp_path: Path) -> None:
    first, second = _split(tmp_path, "a", "b")
    second.write_bytes(second.read_bytes()[:-64])
    with pytest.raises(ModelMalformed, match=r"00002-of-00002\.gguf is cut short"):
        read_header(first)


@pytest.mark.parametrize("kind", [ValueType.STRING, ValueType.FLOAT32, ValueType.INT64])
def test_a_senseless_split_count_is_malformed(tmp_path: Path, kind: ValueType) -> None:
    writer = _writers("a")[0].add("split.count", "2" if kind is ValueType.STRING else -2, kind)
    with pytest.raises(ModelMalformed, match=r"sensible split\.count"):
        read_header(writer.write(tmp_path / "name-00001-of-00002.gguf"))


def test_a_name_like_a_shard_alone_splits_nothing(tmp_path: Path) -> None:
    path = _writers("a")[0].write(tmp_path / "name-00001-of-00003.gguf")
    assert len(read_header(path).shards) == 1


def test_a_split_into_one_is_one_file(tmp_path: Path) -> None:
    path = _writers("a")[0].add("split.count", 1, ValueType.UINT16).write(tmp_path / "mine.gguf")
    assert len(read_header(path).shards) == 1
