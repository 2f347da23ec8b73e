"""Own the types that a model can be quantized to, by the names that llama.cpp gives them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tunesmith.domain.model import ModelHeader

# enum llama_ftype of llama.h; the names are those that llama-quantize takes.
FILE_TYPE_NAMES: Mapping[int, str] = MappingProxyType(
    {
        0: "F32",
        1: "F16",
        2: "Q4_0",
        3: "Q4_1",
        7: "Q8_0",
        8: "Q5_0",
        9: "Q5_1",
        10: "Q2_K",
        11: "Q3_K_S",
        12: "Q3_K_M",
        13: "Q3_K_L",
        14: "Q4_K_S",
        15: "Q4_K_M",
        16: "Q5_K_S",
        17: "Q5_K_M",
        18: "Q6_K",
        19: "IQ2_XXS",
        20: "IQ2_XS",
        21: "Q2_K_S",
        22: "IQ3_XS",
        23: "IQ3_XXS",
        24: "IQ1_S",
        25: "IQ4_NL",
        26: "IQ3_S",
        27: "IQ3_M",
        28: "IQ2_S",
        29: "IQ2_M",
        30: "IQ4_XS",
        31: "IQ1_M",
        32: "BF16",
        36: "TQ1_0",
        37: "TQ2_0",
        38: "MXFP4_MOE",
        39: "NVFP4",
        40: "Q1_0",
        41: "Q2_0",
    }
)
"""By the number in ``general.file_type``."""

_NOT_MADE = frozenset({"NVFP4"})
"""Read by llama.cpp, but made by others."""
QUANTIZATION_TYPES: Mapping[str, int] = MappingProxyType(
    {name: number for number, name in FILE_TYPE_NAMES.items() if name not in _NOT_MADE}
)
"""The number of each type that llama.cpp makes, by its name."""
ALIASES: Mapping[str, str] = MappingProxyType({"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"})
LADDER = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q4_0", "Q3_K_M", "Q2_K")
"""A sensible choice from large to small; Q4_0 is in it because CPUs multiply it fast once repacked."""
FURTHER = ("Q5_K_S", "Q5_0", "Q4_K_S", "Q4_1", "IQ4_NL", "Q3_K_L", "Q3_K_S")
"""Offered beside the ladder: each can be made without an importance matrix."""
FULL_PRECISION = frozenset({"F32", "F16", "BF16"})
"""Tensor types that quantizing may start from."""


def quantization_type(name: str) -> str | None:
    """The name of a type as llama.cpp writes it, whatever its case; None for what is no type."""
    upper = name.strip().upper().replace("-", "_")
    upper = ALIASES.get(upper, upper)
    return upper if upper in QUANTIZATION_TYPES else None


def quantized_from(header: ModelHeader) -> str | None:
    """The quantized type that holds most of a model's bytes; None for a model in full precision."""
    return next((use.type for use in header.tensor_types if use.type not in FULL_PRECISION), None)


def is_source(header: ModelHeader) -> bool:
    """Whether quantizations can be made of a model and compared with it; Q8_0 has lost a little already."""
    return quantized_from(header) in (None, "Q8_0")
