"""Claims about any sequence of bytes: a header or a ModelFileError, and nothing else."""

from __future__ import annotations

import os
import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.gguf_writer import GgufWriter, ValueType, tiny_llama
from tunesmith.domain.model import ModelHeader
from tunesmith.errors import ModelFileError, ModelMalformed
from tunesmith.gguf import read_header

_MIB = 1 << 20


def _small() -> bytes:
    """One key of every type, arrays, and tensors, in 800 bytes."""
    writer = GgufWriter().add("general.architecture", "arch").add("arch.block_count", 2)
    for kind in ValueType:
        if kind is not ValueType.ARRAY:
            writer.add(f"k.{kind.name}", "text" if kind is ValueType.STRING else 1, kind)
    writer.add_array("arch.attention.head_count", [4, 2]).add_array("tokenizer.ggml.tokens", ["a", "bc", ""])
    writer.add_array("f", [1.0, 2.0]).add("general.alignment", 32).add("general.name", "Name")
    return writer.add_tensor("blk.0.w", (32, 1), "Q8_0").add_tensor("blk.1.w", (5,), "F16").to_bytes()


def _read(path: Path) -> ModelHeader | ModelFileError:
    """What reading ends in; any other exception fails the test."""
    try:
        return read_header(path)
    except ModelFileError as error:
        refusal = error
    assert refusal.what
    assert refusal.unharmed
    assert refusal.todo
    return refusal


@pytest.fixture
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "any-bytes.gguf"


def test_a_file_cut_at_any_length_is_malformed(scratch: Path) -> None:
    whole = _small()
    needed = len(whole) - 22  # the last tensor has 10 bytes, padded to 32
    for length in range(needed):
        scratch.write_bytes(whole[:length])
        assert isinstance(_read(scratch), ModelMalformed), length
    scratch.write_bytes(whole[:needed])
    assert isinstance(_read(scratch), ModelHeader)


def test_a_bit_may_be_flipped_in_any_byte(scratch: Path) -> None:
    whole, rng = bytearray(_small()), random.Random(3)
    for index, byte in enumerate(whole):
        whole[index] ^= 1 << rng.randrange(8)
        scratch.write_bytes(whole)
        _read(scratch)
        whole[index] = byte


@given(changes=st.lists(st.tuples(st.integers(0, 7000), st.binary(min_size=1, max_size=8)), max_size=6))
def test_a_model_may_be_overwritten_anywhere(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, bytes]]
) -> None:
    content = bytearray(_TINY)
    for start, patch in changes:
        content[start : start + len(patch)] = patch
    path = tmp_path_factory.getbasetemp() / "overwritten.gguf"
    path.write_bytes(content)
    _read(path)


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_any_bytes_after_the_magic_are_a_header_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.gguf"
    path.write_bytes(b"GGUF\x03\0\0\0" + content)
    _read(path)
    path.write_bytes(content)
    _read(path)


def test_a_real_header_may_be_flipped_and_cut_anywhere(smollm2_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "flipped.gguf"
    size_bytes, head_bytes = smollm2_path.stat().st_size, 1785664
    with smollm2_path.open("rb") as source:
        head = source.read(head_bytes)
    path.write_bytes(head)
    os.truncate(path, size_bytes)  # its tensors are holes
    assert read_header(path).parameters == read_header(smollm2_path).parameters
    rng = random.Random(1)
    # Both ends of the header are denser in structure than the vocabulary between them.
    spans = ((0, 2000), (0, head_bytes), (head_bytes - 20_000, head_bytes))
    places = [rng.randrange(*rng.choice(spans)) for _ in range(150)]
    with path.open("r+b", buffering=0) as file:
        for place in places:
            file.seek(place)
            file.write(bytes([head[place] ^ (1 << rng.randrange(8))]))
            _read(path)
            file.seek(place)
            file.write(head[place : place + 1])
    for length in sorted((rng.randrange(size_bytes) for _ in range(60)), reverse=True):
        os.truncate(path, length)
        assert isinstance(_read(path), ModelMalformed)


def test_no_broken_file_makes_reading_take_much_memory(scratch: Path) -> None:
    whole, rng = _small(), random.Random(2)
    tracemalloc.start()
    try:
        for _ in range(300):
            content = bytearray(whole)
            place = rng.randrange(8, len(content) - 8)
            content[place : place + 8] = rng.choice(
                (b"\xff" * 8, b"\xff\xff\xff\x7f\0\0\0\0", b"\0\0\0\0\1\0\0\0")
            )
            scratch.write_bytes(content)
            os.truncate(scratch, 1 << 40)  # so that large claims are not refused for the file's size
            _read(scratch)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 16 * _MIB


_TINY = tiny_llama(layers=1, kind="Q8_0").to_bytes()
