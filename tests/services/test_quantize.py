"""Own the claims about what a quantized file is called and what it may be made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.gguf_writer import tiny_llama
from tunesmith import gguf
from tunesmith.domain.quantization import LADDER, QUANTIZATION_TYPES, quantized_from
from tunesmith.errors import UsageError
from tunesmith.services.quantize_files import check_types, target_name


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("model.gguf", "model-Q4_K_M.gguf"),
        ("model-F16.gguf", "model-Q4_K_M.gguf"),
        ("model.f16.gguf", "model-Q4_K_M.gguf"),
        ("Model-1B-Instruct-bf16.gguf", "Model-1B-Instruct-Q4_K_M.gguf"),
        ("model-q8_0.gguf", "model-Q4_K_M.gguf"),
        ("model-F16-00001-of-00003.gguf", "model-Q4_K_M.gguf"),
        ("f16.gguf", "f16-Q4_K_M.gguf"),
        ("a-f16-b.gguf", "a-f16-b-Q4_K_M.gguf"),
        ("x" * 250 + ".gguf", "x" * 200 + "-Q4_K_M.gguf"),
    ],
)
def test_a_file_is_named_for_its_model_and_its_type(source: str, name: str) -> None:
    assert target_name(Path("somewhere", source), "Q4_K_M") == name


def test_types_are_known_by_name_whatever_its_case_and_once_each() -> None:
    assert check_types(("q4_k_m", "Q4_K", "iq4-xs", "f16")) == ("Q4_K_M", "IQ4_XS", "F16")
    assert set(LADDER) <= set(QUANTIZATION_TYPES)
    with pytest.raises(UsageError, match="no quantization type"):
        check_types(("Q4_K_M", "Q9"))
    with pytest.raises(UsageError, match="No quantization"):
        check_types(())


@pytest.mark.parametrize(("kind", "found"), [("F32", None), ("F16", None), ("Q8_0", "Q8_0")])
def test_what_is_quantized_is_told_by_its_tensors(tmp_path: Path, kind: str, found: str | None) -> None:
    path = tiny_llama(kind=kind).write(tmp_path / "tiny.gguf")
    assert quantized_from(gguf.read_header(path)) == found
