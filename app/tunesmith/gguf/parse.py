"""Own the parsing of one GGUF file: its keys and its tensor descriptions, every one of them checked.

Source of the format: docs/gguf.md of ggml, and gguf.cpp of llama.cpp where that is stricter.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tunesmith.domain.model import TensorInfo
from tunesmith.gguf import faults
from tunesmith.gguf.ggml_types import REMOVED_TENSOR_TYPES, TENSOR_TYPES, TensorType
from tunesmith.gguf.reader import BoundedReader, open_model_file
from tunesmith.gguf.sniff import SNIFF_BYTES, guess

MAX_KEYS = 1 << 14
MAX_KEY_BYTES = (1 << 16) - 1
"""The specification's own limit for one key."""
MAX_ALL_KEYS_BYTES = 1 << 22
MAX_TENSORS = 1 << 15
MAX_STRINGS = 1 << 25
"""Strings in all arrays of a file together; a vocabulary has some 2**18."""
MAX_TEXT_BYTES = 4096
MAX_LAYERS = 4096

_MAX_DIMS = 4
_MAX_TENSOR_NAME_BYTES = 63
"""GGML_MAX_NAME less its closing NUL."""
_MAX_I64 = (1 << 63) - 1
_MIN_KEY_ENTRY_BYTES = 8 + 1 + 4 + 1
_MIN_TENSOR_ENTRY_BYTES = 8 + 4 + 4 + 8
_DEFAULT_ALIGNMENT = 32

_U32, _STRING, _ARRAY = 4, 8, 9
_SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_FLOATS = (6, 12)

# Other texts are skipped: nothing is shown of them.
_WANTED_TEXTS = frozenset(
    {
        "general.architecture",
        "general.type",
        "general.name",
        "general.license",
        "tokenizer.ggml.model",
        "tokenizer.chat_template",
    }
)
# Arrays that may hold one number for each layer, by the end of their key.
_LAYER_ARRAYS = (
    ".feed_forward_length",
    ".attention.head_count",
    ".attention.head_count_kv",
    ".expert_used_count",
)


class ArrayValue(NamedTuple):
    """An array that was skipped."""

    element: int
    """The number of ``enum gguf_type`` of its elements."""
    length: int
    offset: int
    """Where in the file its elements start, bytes."""


class SkippedText(NamedTuple):
    """A text that was skipped."""


KeyValue = int | float | bool | str | ArrayValue | SkippedText


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What one GGUF file says, before it is given meaning."""

    path: Path
    size_bytes: int
    version: int
    keys: dict[str, KeyValue]
    per_layer: dict[str, tuple[int, ...]]
    """The arrays of _LAYER_ARRAYS of the file's architecture."""
    tensors: tuple[TensorInfo, ...]


def parse_file(path: Path) -> ParsedFile:
    """Read the header of one GGUF file of version 2 or 3; memory stays below some 50 MiB for any file.

    Raises:
        ModelNotFound: there is no file at the path.
        ModelUnreadable: it is no regular file, or the system fails to read it.
        ModelMalformed: it is not GGUF, is cut short, or breaks a rule of the format.
    """
    with open_model_file(path) as file:
        reader = BoundedReader(file, path)
        version = _version(reader)
        tensor_count, key_count = reader.u64(), reader.u64()
        _check_count(reader, "keys", key_count, MAX_KEYS, _MIN_KEY_ENTRY_BYTES)
        _check_count(reader, "tensors", tensor_count, MAX_TENSORS, _MIN_TENSOR_ENTRY_BYTES)
        keys = _keys(reader, key_count)
        tensors = _tensors(reader, tensor_count, _alignment(reader, keys))
        return ParsedFile(path, reader.size, version, keys, _layer_arrays(reader, keys), tensors)


def _version(reader: BoundedReader) -> int:
    """Check the magic and the version of the format."""
    if reader.size == 0:
        raise faults.malformed(reader.path, "is empty", todo=faults.FETCH_AGAIN)
    start = reader.take(min(SNIFF_BYTES, reader.size))
    if not start.startswith(b"GGUF"[: len(start)]):
        looks_like, todo = guess(start)
        what = f"is not a GGUF file: it looks like {looks_like}" if looks_like else "is not a GGUF file"
        raise faults.malformed(reader.path, what, todo=todo)
    reader.seek(min(4, reader.size))
    version = reader.u32()
    if version in (2, 3):
        return version
    if version & 0xFFFF == 0 and version != 0:
        raise faults.malformed(
            reader.path, "is a big-endian GGUF file", todo="Download or convert the little-endian model."
        )
    if version == 1:
        raise faults.malformed(
            reader.path, "is GGUF version 1, which is no longer read", todo="Convert the model anew."
        )
    if version == 0:
        raise faults.malformed(reader.path, "claims GGUF version 0, which does not exist")
    raise faults.malformed(
        reader.path,
        f"is GGUF version {version}, newer than the 3 that can be read",
        todo="Update Tunesmith, or download the model as GGUF version 3.",
    )


def _check_count(reader: BoundedReader, things: str, count: int, limit: int, entry_bytes: int) -> None:
    """Refuse a count that the file is too short for, or that no model has."""
    if count > min(limit, reader.remaining // entry_bytes):
        raise faults.malformed(
            reader.path,
            f"claims {count} {things}, which cannot be: at most {limit} are read, "
            f"and {reader.remaining} bytes remain",
        )


def _keys(reader: BoundedReader, count: int) -> dict[str, KeyValue]:
    keys: dict[str, KeyValue] = {}
    keys_bytes = strings = 0
    for index in range(count):
        reader.part = f"key {index + 1} of {count}"
        raw = reader.text_bytes(limit=MAX_KEY_BYTES)
        key = _decode(reader, raw)
        if key in keys:
            raise faults.malformed(reader.path, f"has the key {key[:80]!r} twice")
        keys_bytes += len(raw)
        if keys_bytes > MAX_ALL_KEYS_BYTES:
            raise faults.malformed(reader.path, f"has keys of more than {MAX_ALL_KEYS_BYTES} bytes")
        value = keys[key] = _value(reader, key)
        if isinstance(value, ArrayValue) and value.element == _STRING:
            strings += value.length
            if strings > MAX_STRINGS:
                raise faults.malformed(reader.path, f"has arrays of more than {MAX_STRINGS} strings")
            reader.skip_strings(value.length)
    return keys


def _decode(reader: BoundedReader, raw: bytes) -> str:
    """The text of a key or of a tensor's name: neither empty nor invalid UTF-8."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise faults.malformed(reader.path, f"has a {reader.part} whose name is not UTF-8") from None
    if not text:
        raise faults.malformed(reader.path, f"has a {reader.part} without a name")
    return text


def _value(reader: BoundedReader, key: str) -> KeyValue:
    """The value of a key; arrays of strings are left to be skipped by the caller."""
    reader.part = f"value of {key[:80]!r}"
    kind = reader.u32()
    if kind == _STRING:
        if key not in _WANTED_TEXTS:
            reader.skip(reader.u64())
            return SkippedText()
        return _printable(reader.text_start(limit=MAX_TEXT_BYTES))
    if kind == _ARRAY:
        element, count = reader.u32(), reader.u64()
        value = ArrayValue(element, count, reader.offset)
        if element in _SCALARS:
            reader.skip(count * _SCALARS[element].size)
        elif element != _STRING:
            raise faults.malformed(reader.path, f"has an array {key[:80]!r} of elements of type {element}")
        return value
    if kind in _SCALARS:
        layout = _SCALARS[kind]
        number: int | float | bool = layout.unpack(reader.take(layout.size))[0]
        if key == "general.alignment" and kind != _U32:
            raise faults.malformed(reader.path, "has a general.alignment that is no unsigned 32-bit number")
        return number
    raise faults.malformed(reader.path, f"has a key {key[:80]!r} of unknown type {kind}")


def _printable(raw: bytes) -> str:
    """Text to show: what is not UTF-8 or not printable becomes U+FFFD, white space one blank."""
    text = " ".join(raw.decode(errors="replace").split())
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


def _alignment(reader: BoundedReader, keys: dict[str, KeyValue]) -> int:
    """The multiple in bytes at which tensor data starts."""
    value = keys.get("general.alignment", _DEFAULT_ALIGNMENT)
    if not isinstance(value, int) or value <= 0 or value & (value - 1):
        shown = value if isinstance(value, int) else "that is no number"
        raise faults.malformed(reader.path, f"has a general.alignment {shown}, not a power of two")
    return value


def _tensors(reader: BoundedReader, count: int, alignment: int) -> tuple[TensorInfo, ...]:
    """The tensor descriptions; their data must follow one another as llama.cpp demands, and be there."""
    tensors: dict[str, TensorInfo] = {}
    expected_offset = end = 0
    for index in range(count):
        reader.part = f"tensor {index + 1} of {count}"
        name = _decode(reader, reader.text_bytes(limit=_MAX_TENSOR_NAME_BYTES))
        if name in tensors:
            raise faults.malformed(reader.path, f"has the tensor {name!r} twice")
        tensor = _tensor(reader, name)
        offset = reader.u64()
        if offset % alignment:
            raise faults.malformed(
                reader.path, f"has a tensor {name!r} at offset {offset}, not a multiple of {alignment}"
            )
        if offset != expected_offset:
            raise faults.malformed(
                reader.path, f"has a tensor {name!r} at offset {offset} where {expected_offset} is expected"
            )
        tensors[name] = tensor
        end = offset + tensor.size_bytes
        expected_offset = -(-end // alignment) * alignment
    needed = -(-reader.offset // alignment) * alignment + end if count else 0
    if needed > reader.size:
        raise faults.malformed(
            reader.path,
            f"is cut short: its tensors need {needed} bytes but the file has {reader.size}",
            todo=faults.FETCH_AGAIN,
        )
    return tuple(tensors.values())


def _tensor(reader: BoundedReader, name: str) -> TensorInfo:
    """A tensor's dimensions and type, whose product and rows are checked."""
    dims_count = reader.u32()
    if dims_count > _MAX_DIMS:
        raise faults.malformed(
            reader.path, f"has a tensor {name!r} of {dims_count} dimensions; {_MAX_DIMS} are allowed"
        )
    dims = tuple(reader.u64() for _ in range(dims_count))
    elements = 1
    for dim in dims:
        elements *= dim
        if not 0 < elements <= _MAX_I64:
            raise faults.malformed(reader.path, f"has a tensor {name!r} of impossible shape {list(dims)}")
    kind = _tensor_type(reader, name)
    if (dims[0] if dims else 1) % kind.block_size:
        raise faults.malformed(
            reader.path,
            f"has a tensor {name!r} whose rows are no whole number of {kind.name} blocks "
            f"({kind.block_size} elements): its shape is {list(dims)}",
        )
    return TensorInfo(name=name, type=kind.name, dims=dims, size_bytes=kind.size_bytes(elements))


def _tensor_type(reader: BoundedReader, name: str) -> TensorType:
    number = reader.u32()
    if (kind := TENSOR_TYPES.get(number)) is not None:
        return kind
    if (removed := REMOVED_TENSOR_TYPES.get(number)) is not None:
        raise faults.malformed(
            reader.path,
            f"has a tensor {name!r} of type {removed}, which llama.cpp no longer reads",
            todo="Download the model in another quantization, such as Q4_0.",
        )
    raise faults.malformed(
        reader.path,
        f"has a tensor {name!r} of unknown type {number}",
        todo="Update Tunesmith if the model is newer than it; else fetch the file again.",
    )


def _layer_arrays(reader: BoundedReader, keys: dict[str, KeyValue]) -> dict[str, tuple[int, ...]]:
    """The per-layer arrays of whole numbers, read after all else since the architecture may come late."""
    architecture = keys.get("general.architecture")
    found: dict[str, tuple[int, ...]] = {}
    for key in (f"{architecture}{end}" for end in _LAYER_ARRAYS):
        value = keys.get(key)
        if not isinstance(value, ArrayValue) or value.length > MAX_LAYERS:
            continue
        layout = _SCALARS.get(value.element)
        if layout is None or value.element in _FLOATS:
            continue
        reader.part = f"value of {key[:80]!r}"
        reader.seek(value.offset)
        raw = reader.take(value.length * layout.size)
        found[key] = tuple(int(number) for (number,) in layout.iter_unpack(raw))
    return found
