"""Own the tables of ggml: its tensor types and the names of file types."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tunesmith.domain.base import Value
from tunesmith.domain.quantization import FILE_TYPE_NAMES


class TensorType(Value):
    """How ggml stores the elements of one type of tensor."""

    id: int
    """The number of ``enum ggml_type``."""
    name: str
    """ggml's name in capitals, such as ``Q4_K``."""
    block_size: int
    """Elements that are stored together; a row holds a whole number of blocks."""
    type_size: int
    """Bytes of one block."""

    @property
    def bytes_per_element(self) -> float:
        """Bytes of one element, the block's scales included: 1.0625 for Q8_0."""
        return self.type_size / self.block_size

    @property
    def bits_per_element(self) -> float:
        """Bits of one element, the block's scales included: 8.5 for Q8_0."""
        return 8 * self.bytes_per_element

    def size_bytes(self, elements: int) -> int:
        """Bytes of ``elements`` elements; a last block that is begun counts whole."""
        return -(-elements // self.block_size) * self.type_size


# (id, name, block_size, type_size): enum ggml_type of ggml.h, type_traits of ggml.c and the
# block structs of ggml-common.h, at the llama.cpp of llama-cpp-python 0.3.36.
_ROWS = (
    (0, "F32", 1, 4),
    (1, "F16", 1, 2),
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (9, "Q8_1", 32, 36),
    (10, "Q2_K", 256, 84),
    (11, "Q3_K", 256, 110),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
    (15, "Q8_K", 256, 292),
    (16, "IQ2_XXS", 256, 66),
    (17, "IQ2_XS", 256, 74),
    (18, "IQ3_XXS", 256, 98),
    (19, "IQ1_S", 256, 50),
    (20, "IQ4_NL", 32, 18),
    (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82),
    (23, "IQ4_XS", 256, 136),
    (24, "I8", 1, 1),
    (25, "I16", 1, 2),
    (26, "I32", 1, 4),
    (27, "I64", 1, 8),
    (28, "F64", 1, 8),
    (29, "IQ1_M", 256, 56),
    (30, "BF16", 1, 2),
    (34, "TQ1_0", 256, 54),
    (35, "TQ2_0", 256, 66),
    (39, "MXFP4", 32, 17),
    (40, "NVFP4", 64, 36),
    (41, "Q1_0", 128, 18),
    (42, "Q2_0", 64, 18),
)

TENSOR_TYPES: Mapping[int, TensorType] = MappingProxyType(
    {row[0]: TensorType(id=row[0], name=row[1], block_size=row[2], type_size=row[3]) for row in _ROWS}
)
"""Every type that ggml still reads, by the number of ``enum ggml_type``."""

TENSOR_TYPES_BY_NAME: Mapping[str, TensorType] = MappingProxyType(
    {kind.name: kind for kind in TENSOR_TYPES.values()}
)
"""The same types by their name in capitals: ``TENSOR_TYPES_BY_NAME[cache_type.upper()]``."""

REMOVED_TENSOR_TYPES: Mapping[int, str] = MappingProxyType(
    {
        4: "Q4_2",
        5: "Q4_3",
        31: "Q4_0_4_4",
        32: "Q4_0_4_8",
        33: "Q4_0_8_8",
        36: "IQ4_NL_4_4",
        37: "IQ4_NL_4_8",
        38: "IQ4_NL_8_8",
    }
)
"""Types that old files hold and llama.cpp no longer reads."""

_FTYPE_GUESSED = 1024


def file_type_name(ftype: int) -> str | None:
    """The name of a ``general.file_type``, such as ``Q4_K_M``; None for a number without one."""
    return FILE_TYPE_NAMES.get(ftype & ~_FTYPE_GUESSED)
