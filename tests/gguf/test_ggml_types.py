"""Claims about the tables of ggml's types."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path

import pytest

import gguf
from tunesmith.gguf.ggml_types import (
    REMOVED_TENSOR_TYPES,
    TENSOR_TYPES,
    TENSOR_TYPES_BY_NAME,
    file_type_name,
)


@pytest.fixture(scope="module")
def ggml() -> ctypes.CDLL:
    """The ggml that is shipped, without importing its binding."""
    spec = importlib.util.find_spec("llama_cpp")
    assert spec is not None
    assert spec.origin is not None
    name = {"win32": "ggml-base.dll", "darwin": "libggml-base.dylib"}.get(sys.platform, "libggml-base.so")
    library = ctypes.CDLL(str(Path(spec.origin).parent / "lib" / name))
    library.ggml_type_name.restype = ctypes.c_char_p
    library.ggml_blck_size.restype = ctypes.c_int64
    library.ggml_type_size.restype = ctypes.c_size_t
    return library


def test_every_type_has_the_name_and_sizes_of_the_ggml_we_ship(ggml: ctypes.CDLL) -> None:
    ours = {kind.id: (kind.name, kind.block_size, kind.type_size) for kind in TENSOR_TYPES.values()}
    theirs = {
        number: (ggml.ggml_type_name(number).decode().upper(), ggml.ggml_blck_size(number), size)
        for number in range(max(TENSOR_TYPES) + 1)
        if (size := ggml.ggml_type_size(number)) > 0
    }
    assert ours == theirs


def test_a_removed_type_is_no_type() -> None:
    assert not TENSOR_TYPES.keys() & REMOVED_TENSOR_TYPES.keys()


def test_every_type_that_gguf_py_knows_is_known() -> None:
    for number, (block_size, type_size) in gguf.GGML_QUANT_SIZES.items():
        if number.name == "Q8_1":  # 40 bytes there; ggml's struct has 36 since its sums are halves
            continue
        kind = TENSOR_TYPES[int(number)]
        assert (kind.name, kind.block_size, kind.type_size) == (number.name, block_size, type_size)


@pytest.mark.parametrize(
    ("cache_type", "bytes_per_element"),
    [
        ("f32", 4),
        ("f16", 2),
        ("bf16", 2),
        ("q8_0", 1.0625),
        ("q5_1", 0.75),
        ("q4_0", 0.5625),
        ("iq4_nl", 0.5625),
    ],
)
def test_a_cache_type_is_found_by_its_name(cache_type: str, bytes_per_element: float) -> None:
    kind = TENSOR_TYPES_BY_NAME[cache_type.upper()]
    assert kind.bytes_per_element == bytes_per_element
    assert kind.bits_per_element == 8 * bytes_per_element
    assert kind.size_bytes(64) == 64 * bytes_per_element


def test_a_last_block_that_is_begun_counts_whole() -> None:
    assert TENSOR_TYPES_BY_NAME["Q8_0"].size_bytes(33) == 2 * 34


def test_every_file_type_that_gguf_py_knows_has_its_usual_name() -> None:
    for ftype in gguf.LlamaFileType:
        if ftype.name != "GUESSED":
            assert file_type_name(ftype.value) == ftype.name.removeprefix("MOSTLY_").removeprefix("ALL_")


def test_a_guessed_file_type_has_the_name_of_the_guess() -> None:
    assert file_type_name(1024 + 15) == "Q4_K_M"


@pytest.mark.parametrize("ftype", [4, 5, 6, 33, 34, 35, 99, 2**31])
def test_a_file_type_that_was_removed_or_never_was_has_no_name(ftype: int) -> None:
    assert file_type_name(ftype) is None
