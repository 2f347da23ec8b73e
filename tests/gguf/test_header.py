"""Claims about what a header's keys mean."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.gguf_writer import TYPES, GgufWriter, Scalar, ValueType, tiny_llama
from tunesmith.errors import ModelMalformed
from tunesmith.gguf import read_header, read_tensors


def _model(layers: int = 4) -> GgufWriter:
    return GgufWriter().add("general.architecture", "arch").add("arch.block_count", layers)


def test_a_whole_model_is_described(tmp_path: Path) -> None:
    path = (
        tiny_llama(layers=2, kind="Q8_0")
        .add("tokenizer.chat_template", "{{ messages }}")
        .write(tmp_path / "m")
    )
    header = read_header(path)
    assert header.architecture == "llama"
    assert header.general_type == "model"
    assert header.name == "Tiny"
    assert header.file_type == header.quantization == "Q8_0"
    assert (header.layers, header.embedding_length, header.feed_forward_length) == (2, 64, (128,))
    assert (header.heads, header.kv_heads, header.key_length, header.value_length) == ((2,), (1,), 32, 32)
    assert (header.context_length, header.vocabulary_size) == (512, 260)
    assert header.has_chat_template
    assert header.tokenizer == "llama"
    assert header.license is None
    assert [use.type for use in header.tensor_types] == ["Q8_0", "F32"]
    assert header.parameters == sum(tensor.elements for tensor in read_tensors(path))
    assert header.bits_per_weight == pytest.approx(8.57, abs=0.01)
    assert header.file_bytes == path.stat().st_size


def test_what_the_header_leaves_out_is_none(tmp_path: Path) -> None:
    header = read_header(GgufWriter().add("general.architecture", "arch").write(tmp_path / "m"))
    assert header.heads == header.kv_heads == header.feed_forward_length == ()
    assert not header.tensor_types
    for field in (
        "general_type", "name", "file_type", "layers", "embedding_length", "key_length", "value_length",
        "sliding_window", "experts", "experts_used", "context_length", "vocabulary_size", "tokenizer",
        "license",
    ):  # fmt: skip
        assert getattr(header, field) is None, field
    assert header.bits_per_weight == 0.0
    assert header.quantization == "unknown"
    assert not header.has_chat_template


def test_a_model_without_a_file_type_is_called_by_its_largest_tensor_type(tmp_path: Path) -> None:
    writer = _model().add_tensor("a", (32, 2), "F16").add_tensor("b", (32,), "F32")
    header = read_header(writer.add_tensor("c", (1,), "F32").write(tmp_path / "m"))
    assert header.file_type is None
    assert header.quantization == "F32"


def test_layers_that_differ_are_all_given(tmp_path: Path) -> None:
    writer = _model(3).add("arch.embedding_length", 96)
    writer.add_array("arch.attention.head_count", [0, 12, 6])
    writer.add_array("arch.attention.head_count_kv", [0, 4, 2], ValueType.INT32)
    writer.add_array("arch.feed_forward_length", [100, 200, 300], ValueType.UINT64)
    writer.add_array("arch.expert_used_count", [2, 8, 4])
    header = read_header(writer.write(tmp_path / "m"))
    assert header.heads == (0, 12, 6)
    assert header.kv_heads == (0, 4, 2)
    assert header.feed_forward_length == (100, 200, 300)
    assert header.key_length == 8  # of the first layer with heads
    assert header.experts_used == 8


def test_layers_that_agree_are_given_as_one(tmp_path: Path) -> None:
    writer = _model(3).add_array("arch.attention.head_count", [8, 8, 8])
    assert read_header(writer.write(tmp_path / "m")).heads == (8,)


def test_the_architecture_may_come_after_its_keys(tmp_path: Path) -> None:
    writer = GgufWriter().add("arch.block_count", 2).add_array("arch.attention.head_count", [4, 8])
    assert read_header(writer.add("general.architecture", "arch").write(tmp_path / "m")).heads == (4, 8)


def test_kv_heads_are_as_many_as_heads_unless_stated(tmp_path: Path) -> None:
    assert read_header(_model().add("arch.attention.head_count", 8).write(tmp_path / "m")).kv_heads == (8,)


def test_a_stated_head_size_is_not_derived(tmp_path: Path) -> None:
    writer = _model().add("arch.embedding_length", 640).add("arch.attention.head_count", 4)
    writer.add("arch.attention.key_length", 256)
    header = read_header(writer.write(tmp_path / "m"))
    assert (header.key_length, header.value_length) == (256, 160)


def test_values_for_other_layers_than_there_are_are_malformed(tmp_path: Path) -> None:
    path = _model(3).add_array("arch.attention.head_count", [8, 4]).write(tmp_path / "m")
    with pytest.raises(ModelMalformed, match="3 layers but 2 values"):
        read_header(path)


def test_an_array_for_more_layers_than_any_model_has_is_not_read(tmp_path: Path) -> None:
    writer = GgufWriter().add("general.architecture", "arch")
    writer.add_array("arch.attention.head_count", [1, 2] * 3000)
    assert read_header(writer.write(tmp_path / "m")).heads == ()


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("8", None), (8.0, None), (True, None), (-8, ValueType.INT32), (2**32, ValueType.UINT64),
    ],
)  # fmt: skip
def test_a_number_of_the_wrong_type_counts_as_not_stated(
    tmp_path: Path, value: Scalar, kind: ValueType | None
) -> None:
    writer = GgufWriter().add("general.architecture", "arch")
    for key in ("block_count", "attention.head_count", "context_length", "expert_used_count"):
        writer.add(f"arch.{key}", value, kind)
    header = read_header(writer.add("general.name", 8).write(tmp_path / "m"))
    assert (header.layers, header.heads, header.context_length, header.experts_used) == (None, (), None, None)
    assert header.name is None


@pytest.mark.parametrize("values", [[1.0, 2.0], ["1", "2"]])
def test_layers_in_an_array_of_no_whole_numbers_count_as_not_stated(
    tmp_path: Path, values: list[Scalar]
) -> None:
    assert (
        read_header(_model(2).add_array("arch.attention.head_count", values).write(tmp_path / "m")).heads
        == ()
    )


def test_negative_layers_count_as_not_stated(tmp_path: Path) -> None:
    writer = _model(2).add_array("arch.attention.head_count", [1, -2], ValueType.INT64)
    assert read_header(writer.write(tmp_path / "m")).heads == ()


def test_the_vocabulary_is_counted_where_its_size_is_not_stated(tmp_path: Path) -> None:
    writer = _model().add_array("tokenizer.ggml.tokens", ["a", "", "c" * 300])
    assert read_header(writer.write(tmp_path / "m")).vocabulary_size == 3
    assert read_header(writer.add("arch.vocab_size", 5).write(tmp_path / "m")).vocabulary_size == 5


def test_a_text_cannot_steer_the_terminal_that_shows_it(tmp_path: Path) -> None:
    name = "a\x1b[31m\nb\x00\u202e"
    assert read_header(_model().add("general.name", name).write(tmp_path / "m")).name == "a�[31m b��"


def test_a_text_that_is_not_utf8_is_shown_with_replacements(tmp_path: Path) -> None:
    raw = b"\x08\0\0\0" + b"\x03\0\0\0\0\0\0\0" + b"a\xffb"
    assert read_header(_model().add_raw("general.name", raw).write(tmp_path / "m")).name == "a�b"


_NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=15)
_SCALARS = st.one_of(
    st.tuples(st.integers(0, 255), st.just(ValueType.UINT8)),
    st.tuples(st.integers(-(2**15), 2**15 - 1), st.just(ValueType.INT16)),
    st.tuples(st.integers(0, 2**32 - 1), st.just(ValueType.UINT32)),
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.just(ValueType.INT64)),
    st.tuples(st.floats(), st.just(ValueType.FLOAT64)),
    st.tuples(st.booleans(), st.just(ValueType.BOOL)),
    st.tuples(_NAMES, st.just(ValueType.STRING)),
)
_TENSORS = st.lists(
    st.tuples(
        _NAMES,
        st.sampled_from(sorted(TYPES)),
        st.lists(st.integers(1, 3), max_size=4).map(tuple),
    ),
    max_size=8,
    unique_by=lambda tensor: tensor[0],
)


@given(
    version=st.sampled_from([2, 3]),
    alignment=st.one_of(st.none(), st.sampled_from([1, 2, 32, 256])),
    scalars=st.dictionaries(_NAMES, _SCALARS, max_size=8),
    arrays=st.dictionaries(_NAMES, st.lists(st.one_of(_NAMES), max_size=5), max_size=3),
    layers=st.integers(1, 6),
    heads=st.lists(st.integers(0, 2**32 - 1), min_size=6, max_size=6),
    tensors=_TENSORS,
)
def test_a_header_that_was_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    version: int,
    alignment: int | None,
    scalars: dict[str, tuple[Scalar, ValueType]],
    arrays: dict[str, list[str]],
    layers: int,
    heads: list[int],
    tensors: list[tuple[str, str, tuple[int, ...]]],
) -> None:
    writer = GgufWriter(version=version, alignment=alignment)
    for key, (value, kind) in scalars.items():
        writer.add(f"s.{key}", value, kind)
    for key, values in arrays.items():
        writer.add_array(f"a.{key}", values, ValueType.STRING)
    writer.add("general.architecture", "arch").add("arch.block_count", layers)
    writer.add_array("arch.attention.head_count", heads[:layers])
    expected = []
    for name, kind_name, dims in tensors:
        _, block, size = TYPES[kind_name]
        shape = (dims[0] * block, *dims[1:]) if dims else (block,) if block > 1 else ()
        writer.add_tensor(name, shape, kind_name)
        expected.append((name, kind_name, shape, math.prod(shape) // block * size))
    path = writer.write(tmp_path_factory.getbasetemp() / "written.gguf")

    header = read_header(path)
    assert header.gguf_version == version
    assert header.layers == layers
    assert header.heads == (tuple(heads[:layers]) if len(set(heads[:layers])) > 1 else (heads[0],))
    assert header.tensor_count == len(tensors)
    assert header.weights_bytes == sum(size for *_, size in expected)
    assert header.parameters == sum(math.prod(shape) for _, _, shape, _ in expected)
    assert sum(use.tensors for use in header.tensor_types) == len(tensors)
    assert [(t.name, t.type, t.dims, t.size_bytes) for t in read_tensors(path)] == expected
