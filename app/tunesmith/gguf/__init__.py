"""Read a GGUF model file's header: architecture, tensors, sizes."""

from __future__ import annotations

from tunesmith.gguf.decode_bytes import decode_bytes
from tunesmith.gguf.ggml_types import TENSOR_TYPES, TENSOR_TYPES_BY_NAME, TensorType
from tunesmith.gguf.hash_cache import HashCache
from tunesmith.gguf.header import read_header, read_tensors
from tunesmith.gguf.identity import content_hash, identify
from tunesmith.gguf.operations import decode_operations, fewest_prefill_work, prefill_work
from tunesmith.gguf.shape import read_header_and_shape, read_shape

__all__ = [
    "TENSOR_TYPES",
    "TENSOR_TYPES_BY_NAME",
    "HashCache",
    "TensorType",
    "content_hash",
    "decode_bytes",
    "decode_operations",
    "fewest_prefill_work",
    "identify",
    "prefill_work",
    "read_header",
    "read_header_and_shape",
    "read_shape",
    "read_tensors",
]
