"""Own a small GGUF writer for tests, that can also lie."""

from __future__ import annotations

import enum
import math
import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


class ValueType(enum.IntEnum):
    """enum gguf_type of gguf.h."""

    UINT8 = 0
    INT8 = 1
    UINT16 = 2
    INT16 = 3
    UINT32 = 4
    INT32 = 5
    FLOAT32 = 6
    BOOL = 7
    STRING = 8
    ARRAY = 9
    UINT64 = 10
    INT64 = 11
    FLOAT64 = 12


_FORMATS = {
    ValueType.UINT8: "B",
    ValueType.INT8: "b",
    ValueType.UINT16: "H",
    ValueType.INT16: "h",
    ValueType.UINT32: "I",
    ValueType.INT32: "i",
    ValueType.FLOAT32: "f",
    ValueType.BOOL: "?",
    ValueType.UINT64: "Q",
    ValueType.INT64: "q",
    ValueType.FLOAT64: "d",
}

# name: (number of enum ggml_type, elements per block, bytes per block). Written here a second time
# on purpose: a test must not learn from what it tests.
TYPES = {"F32": (0, 1, 4), "F16": (1, 1, 2), "Q8_0": (8, 32, 34)}
_WEIGHT_TYPES = TYPES | {"Q4_0": (2, 32, 18)}
"""Those that ``add_weights`` knows."""

Scalar = int | float | bool | str
Order = str
"""``<`` for little-endian, ``>`` for big-endian."""


@dataclass(frozen=True)
class Lies:
    """What to write instead of the truth; None leaves the truth."""

    magic: bytes = b"GGUF"
    key_count: int | None = None
    tensor_count: int | None = None
    dims_count: int | None = None
    """Claimed by every tensor."""
    dims: tuple[int, ...] | None = None
    """Claimed by every tensor."""
    type_id: int | None = None
    """Claimed by every tensor."""
    offset: int | None = None
    """Claimed by every tensor."""


@dataclass(frozen=True)
class _Tensor:
    name: str
    dims: tuple[int, ...]
    type: str
    data: bytes


@dataclass
class GgufWriter:
    """Collects keys and tensors, then writes a GGUF file.

    Tensor data is small random weights, the same for the same seed.
    """

    version: int = 3
    alignment: int | None = None
    """Written as general.alignment when given; else the format's 32 holds."""
    order: Order = "<"
    seed: int = 0
    _keys: list[bytes] = field(default_factory=list)
    _tensors: list[_Tensor] = field(default_factory=list)

    def add(self, key: str, value: Scalar, kind: ValueType | None = None) -> GgufWriter:
        """Add one value; its type is guessed (UINT32 for a whole number) when not given."""
        kind = _guess(value) if kind is None else kind
        return self.add_raw(key, self._pack("I", kind) + self._value(value, kind))

    def add_array(self, key: str, values: Sequence[Scalar], kind: ValueType | None = None) -> GgufWriter:
        """Add an array of one type of element, guessed from the first when not given."""
        kind = (_guess(values[0]) if values else ValueType.UINT32) if kind is None else kind
        head = self._pack("IIQ", ValueType.ARRAY, kind, len(values))
        return self.add_raw(key, head + b"".join(self._value(value, kind) for value in values))

    def add_raw(self, key: str | bytes, typed_value: bytes) -> GgufWriter:
        """Add a key with any bytes for its type and value."""
        self._keys.append(self._string(key) + typed_value)
        return self

    def add_tensor(
        self, name: str, dims: Sequence[int], kind: str = "F32", *, fill: float | None = None
    ) -> GgufWriter:
        """Add a tensor of F32, F16 or Q8_0 with random data in ±0.1, or all elements ``fill``."""
        elements = 1
        for dim in dims:
            elements *= dim
        rng = random.Random(f"{self.seed} {name}")
        self._tensors.append(_Tensor(name, tuple(dims), kind, _data(elements, kind, rng, fill)))
        return self

    def add_weights(self, name: str, dims: Sequence[int], kind: str) -> GgufWriter:
        """Add a tensor of random data in a few per cent of the time that ``add_tensor`` takes."""
        elements = math.prod(dims)
        rng = np.random.default_rng([self.seed, *name.encode()])
        self._tensors.append(_Tensor(name, tuple(dims), kind, _weights(elements, kind, rng)))
        return self

    def to_bytes(self, lies: Lies | None = None) -> bytes:
        """The whole file."""
        lies = lies or Lies()
        keys = list(self._keys)
        if self.alignment is not None:
            value = self._pack("II", ValueType.UINT32, self.alignment)
            keys.append(self._string("general.alignment") + value)
        alignment = self.alignment or 32
        infos, data = [], bytearray()
        for tensor in self._tensors:
            offset = len(data) if lies.offset is None else lies.offset
            infos.append(self._info(tensor, offset, lies))
            data += tensor.data
            data += bytes(-len(data) % alignment)
        head = lies.magic + self._pack("I", self.version)
        head += self._pack(
            "QQ",
            len(self._tensors) if lies.tensor_count is None else lies.tensor_count,
            len(keys) if lies.key_count is None else lies.key_count,
        )
        head += b"".join(keys) + b"".join(infos)
        return head + bytes(-len(head) % alignment) + bytes(data)

    def write(self, path: Path, lies: Lies | None = None) -> Path:
        """Write the file and return its path."""
        path.write_bytes(self.to_bytes(lies))
        return path

    def _info(self, tensor: _Tensor, offset: int, lies: Lies) -> bytes:
        dims = tensor.dims if lies.dims is None else lies.dims
        type_id = _WEIGHT_TYPES[tensor.type][0] if lies.type_id is None else lies.type_id
        count = len(dims) if lies.dims_count is None else lies.dims_count
        return (
            self._string(tensor.name)
            + self._pack("I", count)
            + self._pack(f"{len(dims)}Q", *dims)
            + self._pack("IQ", type_id, offset)
        )

    def _value(self, value: Scalar, kind: ValueType) -> bytes:
        return self._string(str(value)) if kind is ValueType.STRING else self._pack(_FORMATS[kind], value)

    def _string(self, text: str | bytes) -> bytes:
        raw = text.encode() if isinstance(text, str) else text
        return self._pack("Q", len(raw)) + raw

    def _pack(self, layout: str, *values: Scalar) -> bytes:
        return struct.pack(self.order + layout, *values)


def tiny_llama(*, layers: int = 2, kind: str = "F32", seed: int = 0) -> GgufWriter:
    """A model of architecture llama, 0.1 MB (Q8_0) to 0.4 MB (F32), that llama.cpp loads and runs.

    Its 260 tokens are the bytes, the three special ones and a blank; what it says means nothing.
    On CPUs with AMX, llama.cpp may crash on Q8_0 weights unless use_extra_bufts is off.
    """
    width, hidden, heads, kv_heads = 64, 128, 2, 1
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    writer = GgufWriter(seed=seed)
    for key, value in (
        ("general.architecture", "llama"),
        ("general.type", "model"),
        ("general.name", "Tiny"),
        ("general.file_type", {"F32": 0, "F16": 1, "Q8_0": 7}[kind]),
        ("llama.block_count", layers),
        ("llama.context_length", 512),
        ("llama.embedding_length", width),
        ("llama.feed_forward_length", hidden),
        ("llama.attention.head_count", heads),
        ("llama.attention.head_count_kv", kv_heads),
        ("llama.attention.layer_norm_rms_epsilon", 1e-5),
        ("llama.rope.dimension_count", width // heads),
        ("llama.vocab_size", len(tokens)),
        ("tokenizer.ggml.model", "llama"),
        ("tokenizer.ggml.bos_token_id", 1),
        ("tokenizer.ggml.eos_token_id", 2),
        ("tokenizer.ggml.unknown_token_id", 0),
    ):
        writer.add(key, value)
    writer.add_array("tokenizer.ggml.tokens", tokens)
    writer.add_array("tokenizer.ggml.scores", [0.0] * len(tokens))
    # unknown, control, control, byte ..., normal
    writer.add_array("tokenizer.ggml.token_type", [2, 3, 3, *[6] * 256, 1], ValueType.INT32)
    writer.add_tensor("token_embd.weight", (width, len(tokens)), kind)
    for layer in range(layers):
        block = f"blk.{layer}."
        writer.add_tensor(f"{block}attn_norm.weight", (width,), fill=1.0)
        writer.add_tensor(f"{block}attn_q.weight", (width, width), kind)
        writer.add_tensor(f"{block}attn_k.weight", (width, width // heads * kv_heads), kind)
        writer.add_tensor(f"{block}attn_v.weight", (width, width // heads * kv_heads), kind)
        writer.add_tensor(f"{block}attn_output.weight", (width, width), kind)
        writer.add_tensor(f"{block}ffn_norm.weight", (width,), fill=1.0)
        writer.add_tensor(f"{block}ffn_gate.weight", (width, hidden), kind)
        writer.add_tensor(f"{block}ffn_up.weight", (width, hidden), kind)
        writer.add_tensor(f"{block}ffn_down.weight", (hidden, width), kind)
    writer.add_tensor("output_norm.weight", (width,), fill=1.0)
    return writer.add_tensor("output.weight", (width, len(tokens)), kind)


def write_shards(folder: Path, name: str, shards: Sequence[GgufWriter], *, tensors: int) -> list[Path]:
    """Write writers as the shards of one model that is said to have ``tensors`` tensors in all."""
    paths = []
    for index, writer in enumerate(shards):
        writer.add("split.no", index, ValueType.UINT16)
        writer.add("split.count", len(shards), ValueType.UINT16)
        writer.add("split.tensors.count", tensors, ValueType.INT32)
        path = folder / f"{name}-{index + 1:05d}-of-{len(shards):05d}.gguf"
        paths.append(writer.write(path))
    return paths


def _guess(value: Scalar) -> ValueType:
    match value:
        case bool():
            return ValueType.BOOL
        case int():
            return ValueType.UINT32
        case float():
            return ValueType.FLOAT32
        case str():
            return ValueType.STRING


def _weights(elements: int, kind: str, rng: np.random.Generator) -> bytes:
    """Normally distributed data, or blocks of a small scale and any numbers."""
    if kind in ("F32", "F16"):
        return rng.normal(0, 0.05, elements).astype("<f4" if kind == "F32" else "<f2").tobytes()
    _, block, size = _WEIGHT_TYPES[kind]
    blocks = rng.integers(0, 256, (elements // block, size), dtype=np.uint8)
    blocks[:, :2] = np.frombuffer(np.float16(0.001).tobytes(), dtype=np.uint8)
    return blocks.tobytes()


def _data(elements: int, kind: str, rng: random.Random, fill: float | None) -> bytes:
    """Tensor data in little-endian order."""
    numbers = [rng.uniform(-0.1, 0.1) if fill is None else fill for _ in range(elements)]
    if kind == "F32":
        return struct.pack(f"<{elements}f", *numbers)
    if kind == "F16":
        return struct.pack(f"<{elements}e", *numbers)
    _, block, _ = TYPES[kind]
    out = bytearray()
    for start in range(0, elements, block):
        part = numbers[start : start + block]
        scale = max(map(abs, part)) / 127 or 1.0
        out += struct.pack(f"<e{block}b", scale, *(round(number / scale) for number in part))
    return bytes(out)
