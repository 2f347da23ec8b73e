"""Own importance matrices: how strongly each column of a weight is used, collected, kept and read.

As llama-imatrix does it: of every matrix multiplication in the layers, the sums of squares of what is
multiplied with the weight, column by column, and how many rows went into them. The file is its format too.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tunesmith.engine.divergence import FloatArray
from tunesmith.engine.errors import EngineError, InputRefused
from tunesmith.engine.library import L, symbol

_DIMS: Final = 4
_SOURCES: Final = 10
_NAME_BYTES: Final = 64
_OBJECT_BYTES: Final = 32
"""sizeof(struct ggml_object), which ggml_tensor_overhead() counts as well."""
_F32, _I32 = 0, 26
_FEW_ROWS: Final = 16
"""Multiplications of fewer rows are no prompt; llama-imatrix passes them over."""
_ALIGNMENT: Final = 32
_MAX_FILE_BYTES: Final = 4 * 2**30
_SUMS, _COUNTS = ".in_sum2", ".counts"


class _Tensor(ctypes.Structure):
    """struct ggml_tensor of ggml.h."""


_Tensor._fields_ = (
    ("type", ctypes.c_int),
    ("buffer", ctypes.c_void_p),
    ("ne", ctypes.c_int64 * _DIMS),
    ("nb", ctypes.c_size_t * _DIMS),
    ("op", ctypes.c_int),
    ("op_params", ctypes.c_int32 * 16),
    ("flags", ctypes.c_int32),
    ("src", ctypes.POINTER(_Tensor) * _SOURCES),
    ("view_src", ctypes.c_void_p),
    ("view_offs", ctypes.c_size_t),
    ("data", ctypes.c_void_p),
    ("name", ctypes.c_char * _NAME_BYTES),
    ("extra", ctypes.c_void_p),
    ("padding", ctypes.c_char * 8),
)


@dataclass(slots=True)
class Importance:
    """Of one weight: one row of sums for each of its matrices, experts or not."""

    sums: FloatArray
    """Matrices by columns."""
    counts: npt.NDArray[np.float32]
    """Rows that went into each matrix's sums."""

    def weights(self) -> FloatArray:
        """Means, one after another, as the quantizer takes them; 1 for a matrix that was never used."""
        counts = self.counts[:, None]
        means = np.divide(self.sums, counts, out=np.ones_like(self.sums), where=counts > 0)
        return np.ascontiguousarray(means, dtype=np.float32).reshape(-1)


class ImportanceCollector:
    """Watches a context compute; give :attr:`callback` to it."""

    def __init__(self) -> None:
        """Get ready.

        Raises:
            EngineError: this llama.cpp lays its tensors out in another way.
        """
        overhead = symbol("ggml_tensor_overhead", ctypes.c_size_t, [])()
        if overhead != _OBJECT_BYTES + ctypes.sizeof(_Tensor):
            raise EngineError("this llama.cpp lays its tensors out in a way that is not known here")
        self.found: dict[str, Importance] = {}
        self.fault: Exception | None = None
        """What went wrong in the callback, which must not raise."""
        self._op_name = symbol("ggml_op_name", ctypes.c_char_p, [ctypes.c_int])
        self._is_host = symbol("ggml_backend_buffer_is_host", ctypes.c_bool, [ctypes.c_void_p])
        self._copy = symbol(
            "ggml_backend_tensor_get", None,
            [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t],
        )  # fmt: skip
        self.callback = L.ggml_backend_sched_eval_callback(self._watch)

    def _watch(self, address: int, ask: bool, _user: object) -> bool:  # noqa: FBT001 (called from C)
        try:
            tensor = _Tensor.from_address(address)
            op = self._op_name(tensor.op)
            if op not in (b"MUL_MAT", b"MUL_MAT_ID"):
                return not ask
            weight, rows = tensor.src[0].contents, tensor.src[1].contents
            name = _plain_name(weight.name)
            if not name.startswith("blk.") or rows.type != _F32:
                return not ask
            if op == b"MUL_MAT" and rows.ne[1] < _FEW_ROWS:
                return not ask
            if not ask:
                experts = tensor.src[2].contents if op == b"MUL_MAT_ID" else None
                self._take(name, weight, rows, experts)
        except Exception as error:  # noqa: BLE001 (C called; who asked for the computation is told)
            self.fault = error
        return True

    def _take(self, name: str, weight: _Tensor, rows: _Tensor, experts: _Tensor | None) -> None:
        values = self._array(rows, np.float32)  # ne3, ne2, ne1, columns
        columns = values.shape[-1]
        matrices = weight.ne[2] if experts is not None else weight.ne[2] * weight.ne[3]
        entry = self.found.get(name)
        if entry is None:
            entry = self.found[name] = Importance(
                np.zeros((matrices, columns), np.float32), np.zeros(matrices, np.float32)
            )
        if experts is None:
            for third in range(values.shape[0]):
                for second in range(values.shape[1]):
                    matrix = (third % weight.ne[3]) * weight.ne[2] + second % weight.ne[2]
                    part = values[third, second]
                    entry.sums[matrix] += np.einsum("ij,ij->j", part, part)
                    entry.counts[matrix] += len(part)
            return
        chosen = self._array(experts, np.int32)[0, 0]  # tokens, used
        for place in range(chosen.shape[1]):
            part = values[0, :, place % values.shape[2]]  # tokens, columns
            for expert in np.unique(chosen[:, place]):
                mine = part[chosen[:, place] == expert]
                entry.sums[expert] += np.einsum("ij,ij->j", mine, mine)
                entry.counts[expert] += len(mine)

    def _array(self, tensor: _Tensor, kind: type[np.generic]) -> npt.NDArray[Any]:
        """A tensor's values, slowest dimension first; a view where it lies in main memory."""
        shape = tuple(reversed(tensor.ne))
        strides = tuple(reversed(tensor.nb))
        reach = sum((size - 1) * step for size, step in zip(shape, strides, strict=True)) + 4
        if self._is_host(tensor.buffer):
            raw = (ctypes.c_char * reach).from_address(tensor.data)
        else:
            raw = ctypes.create_string_buffer(reach)
            self._copy(ctypes.addressof(tensor), raw, 0, reach)
        return np.ndarray(shape, kind, buffer=raw, strides=strides)


def _plain_name(name: bytes) -> str:
    """A weight's name without what a backend's scheduler put around it: ``CPU#blk.0.attn_q.weight#0``."""
    parts = name.split(b"#")
    return parts[1 if len(parts) > 1 else 0].decode("utf-8", "replace")


# ---------------------------------------------------------------- files


def importance_file(
    found: dict[str, Importance], *, text: str, chunks: int, chunk_tokens: int, notes: dict[str, str]
) -> bytes:
    """A file as llama-imatrix writes it.

    Args:
        text: the name of what was read.
        notes: more keys, saying where it is from.
    """
    tensors: list[tuple[str, FloatArray]] = []
    for name in sorted(found):
        tensors.append((f"{name}{_SUMS}", found[name].sums))
        tensors.append((f"{name}{_COUNTS}", found[name].counts.reshape(-1, 1)))
    keys = [
        _string("general.type") + struct.pack("<I", 8) + _string("imatrix"),
        _string("imatrix.datasets") + struct.pack("<IIQ", 9, 8, 1) + _string(text),
        _string("imatrix.chunk_count") + struct.pack("<II", 4, chunks),
        _string("imatrix.chunk_size") + struct.pack("<II", 4, chunk_tokens),
        *(_string(key) + struct.pack("<I", 8) + _string(value) for key, value in notes.items()),
    ]
    infos, data = [], bytearray()
    for name, values in tensors:
        matrices, columns = values.shape
        infos.append(_string(name) + struct.pack("<IQQIQ", 2, columns, matrices, _F32, len(data)))
        data += values.astype("<f4").tobytes()
        data += bytes(-len(data) % _ALIGNMENT)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys) + b"".join(infos)
    return head + bytes(-len(head) % _ALIGNMENT) + bytes(data)


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


class _InitParams(ctypes.Structure):
    """struct gguf_init_params of gguf.h."""

    _fields_ = (("no_alloc", ctypes.c_bool), ("ctx", ctypes.c_void_p))


@dataclass(frozen=True, slots=True)
class ImportanceFile:
    """An importance matrix as the quantizer takes it."""

    weights: dict[str, FloatArray]
    chunks: int
    text: str
    """The name of what was read; empty if the file does not say."""


def read_importance(path: Path) -> ImportanceFile:
    """Read a file of llama-imatrix, or of ours, in its GGUF format.

    Raises:
        InputRefused: it is none, or damaged.
    """
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    opened = symbol("gguf_init_from_file", pointer, [ctypes.c_char_p, _InitParams])(
        os.fsencode(path), _InitParams(no_alloc=True, ctx=None)
    )
    if not opened:
        raise InputRefused(f"{path} is no importance matrix in GGUF format")
    try:
        count = symbol("gguf_get_n_tensors", number, [pointer])(opened)
        start = symbol("gguf_get_data_offset", ctypes.c_size_t, [pointer])(opened)
        name_of = symbol("gguf_get_tensor_name", ctypes.c_char_p, [pointer, number])
        offset_of = symbol("gguf_get_tensor_offset", ctypes.c_size_t, [pointer, number])
        size_of = symbol("gguf_get_tensor_size", ctypes.c_size_t, [pointer, number])
        type_of = symbol("gguf_get_tensor_type", ctypes.c_int, [pointer, number])
        places = {}
        for index in range(count):
            if type_of(opened, index) == _F32:
                name = name_of(opened, index).decode("utf-8", "replace")
                places[name] = (start + offset_of(opened, index), size_of(opened, index))
        chunks, text = _facts(opened)
    finally:
        symbol("gguf_free", None, [pointer])(opened)
    return ImportanceFile(dict(_weights(path, places)), chunks, text)


def _facts(opened: Any) -> tuple[int, str]:
    """How many chunks were read, and of what."""
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    find = symbol("gguf_find_key", number, [pointer, ctypes.c_char_p])
    kind_of = symbol("gguf_get_kv_type", ctypes.c_int, [pointer, number])
    chunks, text = 0, ""
    place = find(opened, b"imatrix.chunk_count")
    if place >= 0 and kind_of(opened, place) == 4:
        chunks = symbol("gguf_get_val_u32", ctypes.c_uint32, [pointer, number])(opened, place)
    place = find(opened, b"imatrix.datasets")
    if (
        place >= 0
        and kind_of(opened, place) == 9
        and symbol("gguf_get_arr_type", ctypes.c_int, [pointer, number])(opened, place) == 8
        and symbol("gguf_get_arr_n", ctypes.c_size_t, [pointer, number])(opened, place) > 0
    ):
        first = symbol("gguf_get_arr_str", ctypes.c_char_p, [pointer, number, ctypes.c_size_t])
        text = first(opened, place, 0).decode("utf-8", "replace")
    return chunks, text


def _weights(path: Path, places: dict[str, tuple[int, int]]) -> Iterable[tuple[str, FloatArray]]:
    size = path.stat().st_size
    if size > _MAX_FILE_BYTES or any(start + length > size for start, length in places.values()):
        raise InputRefused(f"the importance matrix {path} is damaged")
    found = False
    for name, (start, length) in places.items():
        counts = places.get(f"{name.removesuffix(_SUMS)}{_COUNTS}")
        if not name.endswith(_SUMS) or counts is None:
            continue
        sums = np.fromfile(path, "<f4", length // 4, offset=start).astype(np.float32, copy=False)
        used = np.fromfile(path, "<f4", counts[1] // 4, offset=counts[0]).astype(np.float32, copy=False)
        if not used.size or sums.size % used.size or not (np.isfinite(sums).all() and (sums >= 0).all()):
            raise InputRefused(f"the importance matrix {path} is damaged at {name}")
        found = True
        yield name.removesuffix(_SUMS), Importance(sums.reshape(used.size, -1), used).weights()
    if not found:
        raise InputRefused(f"{path} holds no importance matrix")
