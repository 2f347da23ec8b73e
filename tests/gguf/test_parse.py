"""Claims about what makes a GGUF file malformed."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import pytest

from tests.support.gguf_writer import GgufWriter, Lies, ValueType, tiny_llama
from tunesmith.errors import ModelMalformed
from tunesmith.gguf import read_header, read_tensors
from tunesmith.gguf.parse import MAX_KEYS, MAX_TENSORS

_MIB = 1 << 20


def _model() -> GgufWriter:
    return GgufWriter().add("general.architecture", "llama")


def _refused(path: Path, content: bytes) -> ModelMalformed:
    path.write_bytes(content)
    with pytest.raises(ModelMalformed) as caught:
        read_header(path)
    assert str(path) in caught.value.what
    assert caught.value.unharmed
    assert caught.value.todo
    return caught.value


def test_version_2_is_read_like_version_3(tmp_path: Path) -> None:
    second, third = (
        read_header(GgufWriter(version=version).add("general.architecture", "x").write(tmp_path / "m"))
        for version in (2, 3)
    )
    assert (second.gguf_version, third.gguf_version) == (2, 3)
    assert second.model_copy(update={"gguf_version": 3}) == third


@pytest.mark.parametrize(
    ("version", "says"), [(0, "version 0"), (1, "version 1"), (4, "newer"), (2**32 - 1, "newer")]
)
def test_another_version_is_refused_by_its_number(tmp_path: Path, version: int, says: str) -> None:
    assert says in _refused(tmp_path / "m", GgufWriter(version=version).to_bytes()).what


def test_a_big_endian_file_is_refused_by_name(tmp_path: Path) -> None:
    assert "big-endian" in _refused(tmp_path / "m", GgufWriter(order=">").to_bytes()).what


def test_a_truncated_file_names_both_sizes(tmp_path: Path) -> None:
    whole = _model().add_tensor("t", (64, 3)).to_bytes()
    error = _refused(tmp_path / "m", whole[:-1])
    assert str(len(whole)) in error.what
    assert str(len(whole) - 1) in error.what
    assert "download is probably incomplete" in error.todo


def test_the_padding_after_the_last_tensor_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(_model().add_tensor("t", (3,)).to_bytes()[:-20])
    assert read_header(path).weights_bytes == 12


def test_bytes_after_the_last_tensor_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(_model().add_tensor("t", (3,)).to_bytes() + b"more")
    assert read_header(path).weights_bytes == 12


@pytest.mark.parametrize(
    ("lies", "says"),
    [
        (Lies(key_count=2**64 - 1), "claims 18446744073709551615 keys"),
        (Lies(key_count=10**6), "claims 1000000 keys"),
        (Lies(tensor_count=2**63), "claims 9223372036854775808 tensors"),
        (Lies(tensor_count=10**6), "claims 1000000 tensors"),
        (Lies(tensor_count=2), "cut short|without a name"),
        (Lies(key_count=2), "tensor 1 of 1"),
        (Lies(dims_count=5), "5 dimensions"),
        (Lies(dims_count=2**32 - 1), "4294967295 dimensions"),
        (Lies(dims=(0, 4)), "impossible shape"),
        (Lies(dims=(2**32, 2**32)), "impossible shape"),
        (Lies(dims=(2**64 - 1,)), "impossible shape"),
        (Lies(dims=(2**63 - 1,)), "cut short"),
        (Lies(type_id=8, dims=(48,)), "no whole number of Q8_0 blocks"),
        (Lies(type_id=8, dims=()), "no whole number of Q8_0 blocks"),
        (Lies(type_id=4), "Q4_2, which llama.cpp no longer reads"),
        (Lies(type_id=43), "unknown type 43"),
        (Lies(type_id=2**32 - 1), "unknown type"),
        (Lies(offset=1), "not a multiple of 32"),
        (Lies(offset=32), "where 0 is expected"),
        (Lies(offset=2**64 - 32), "where 0 is expected"),
    ],
)
def test_a_lie_about_counts_and_tensors_is_malformed(tmp_path: Path, lies: Lies, says: str) -> None:
    writer = _model().add_tensor("t", (64,))
    path = tmp_path / "m"
    writer.write(path, lies)
    with pytest.raises(ModelMalformed, match=says):
        read_header(path)


def test_tensors_that_overlap_are_malformed(tmp_path: Path) -> None:
    writer = _model().add_tensor("a", (64,)).add_tensor("b", (64,))
    assert "at offset 0 where 256" in _refused(tmp_path / "m", writer.to_bytes(Lies(offset=0))).what


@pytest.mark.parametrize("alignment", [0, 3, 48, 2**32 - 1])
def test_an_alignment_that_is_no_power_of_two_is_malformed(tmp_path: Path, alignment: int) -> None:
    writer = _model().add("general.alignment", alignment)
    assert "power of two" in _refused(tmp_path / "m", writer.to_bytes()).what


@pytest.mark.parametrize("kind", [ValueType.UINT64, ValueType.INT32, ValueType.BOOL, ValueType.FLOAT32])
def test_an_alignment_of_another_type_is_malformed(tmp_path: Path, kind: ValueType) -> None:
    writer = _model().add("general.alignment", 32, kind)
    assert "32-bit" in _refused(tmp_path / "m", writer.to_bytes()).what


@pytest.mark.parametrize("value", ["32", [32]])
def test_an_alignment_that_is_no_number_is_malformed(tmp_path: Path, value: str | list[int]) -> None:
    writer = _model()
    if isinstance(value, str):
        writer.add("general.alignment", value)
    else:
        writer.add_array("general.alignment", value)
    assert "general.alignment" in _refused(tmp_path / "m", writer.to_bytes()).what


@pytest.mark.parametrize("alignment", [1, 8, 64, 4096])
def test_another_alignment_is_kept_to(tmp_path: Path, alignment: int) -> None:
    writer = GgufWriter(alignment=alignment).add("general.architecture", "x")
    writer.add_tensor("a", (5,)).add_tensor("b", (7,), "F16")
    assert [tensor.size_bytes for tensor in read_tensors(writer.write(tmp_path / "m"))] == [20, 14]


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        (b"general.architecture", struct.pack("<IB", 0, 1), "twice"),
        (b"", struct.pack("<IB", 0, 1), "without a name"),
        (b"\xff\xfe", struct.pack("<IB", 0, 1), "not UTF-8"),
        (b"k" * 65536, struct.pack("<IB", 0, 1), "65535 are allowed"),
        (b"k", struct.pack("<I", 13), "unknown type 13"),
        (b"k", struct.pack("<IIQ", 9, 13, 0), "elements of type 13"),
        (b"k", struct.pack("<IIQ", 9, 9, 1), "elements of type 9"),
        (b"k", struct.pack("<IIQ", 9, 4, 2**62), "cut short"),
        (b"k", struct.pack("<IIQ", 9, 8, 2**25 + 1), "strings"),
        (b"k", struct.pack("<IIQ", 9, 8, 2**20), "cut short"),
        (b"k", struct.pack("<IQ", 8, 2**64 - 1), "cut short"),
        (b"general.name", struct.pack("<IQ", 8, 2**64 - 1), "cut short"),
    ],
)
def test_a_broken_key_is_malformed(tmp_path: Path, key: bytes, value: bytes, says: str) -> None:
    assert says in _refused(tmp_path / "m", _model().add_raw(key, value).to_bytes()).what


def test_a_tensor_named_twice_is_malformed(tmp_path: Path) -> None:
    writer = _model().add_tensor("t", (4,)).add_tensor("t", (4,))
    assert "'t' twice" in _refused(tmp_path / "m", writer.to_bytes()).what


def test_a_tensor_name_longer_than_ggml_holds_is_malformed(tmp_path: Path) -> None:
    read_header(_model().add_tensor("x" * 63, (4,)).write(tmp_path / "m"))
    assert "63 are allowed" in _refused(tmp_path / "m", _model().add_tensor("x" * 64, (4,)).to_bytes()).what


def test_a_file_without_an_architecture_is_malformed(tmp_path: Path) -> None:
    assert "architecture" in _refused(tmp_path / "m", GgufWriter().to_bytes()).what


def test_a_header_that_claims_the_most_stays_below_64_mib(tmp_path: Path) -> None:
    writer = _model()
    for index in range(MAX_KEYS - 1):
        writer.add(f"{index:0200}", 2**60, ValueType.UINT64)
    for index in range(MAX_TENSORS):
        writer.add_tensor(f"{index:063}", (1, 1, 1, 1), fill=0.0)
    path = writer.write(tmp_path / "m")
    tracemalloc.start()
    try:
        assert len(read_tensors(path)) == MAX_TENSORS
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 64 * _MIB


@pytest.mark.parametrize("key_bytes", [60_000, 65_535])
def test_keys_that_add_up_to_megabytes_are_malformed(tmp_path: Path, key_bytes: int) -> None:
    writer = _model()
    for index in range(100):
        writer.add(f"{index:0{key_bytes}}", 1)
    assert "has keys of more than" in _refused(tmp_path / "m", writer.to_bytes()).what


def test_a_text_of_gigabytes_is_skipped_and_only_its_start_is_shown(tmp_path: Path) -> None:
    size_bytes = 1 << 31
    writer = _model().add_raw("general.name", struct.pack("<IQ", 8, size_bytes) + b"N" * 5000)
    path = tmp_path / "m"
    path.write_bytes(writer.to_bytes())
    with path.open("r+b") as file:  # a sparse file
        file.truncate(path.stat().st_size + size_bytes)
    tracemalloc.start()
    try:
        header = read_header(path)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert header.name == "N" * 4096
    assert peak_bytes < 4 * _MIB


def test_a_model_made_for_tests_has_the_tensors_that_were_written(tmp_path: Path) -> None:
    tensors = read_tensors(tiny_llama(layers=3, kind="Q8_0").write(tmp_path / "m"))
    assert len(tensors) == 3 + 3 * 9
    by_name = {tensor.name: tensor for tensor in tensors}
    assert by_name["blk.2.ffn_down.weight"].dims == (128, 64)
    assert by_name["blk.2.ffn_down.weight"].size_bytes == 128 * 64 * 34 // 32
    assert by_name["blk.2.ffn_down.weight"].layer == 2
    assert by_name["token_embd.weight"].layer is None
    assert {tensor.layer for tensor in tensors} == {None, 0, 1, 2}
