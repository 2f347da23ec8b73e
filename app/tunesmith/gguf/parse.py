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
from tunesmith.gguf.reader import BoundedReader, decoded_name, open_model_file
from tunesmith.gguf.sniff import SNIFF_BYTES, guess
from tunesmith.gguf.tensor_table import read_tensors
from tunesmith.wording import tr

MAX_KEYS = 1 << 14
MAX_KEY_BYTES = (1 << 16) - 1
"""The specification's own limit for one key."""
MAX_ALL_KEYS_BYTES = 1 << 22
MAX_TENSORS = 1 << 15
MAX_STRINGS = 1 << 25
"""Strings in all arrays of a file together; a vocabulary has some 2**18."""
MAX_TEXT_BYTES = 4096
MAX_LAYERS = 4096

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
    ".attention.recurrent_layers",
    ".attention.sliding_window_pattern",
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
        _check_count(reader, tr("keys"), key_count, MAX_KEYS, _MIN_KEY_ENTRY_BYTES)
        _check_count(reader, tr("tensors"), tensor_count, MAX_TENSORS, _MIN_TENSOR_ENTRY_BYTES)
        keys = _keys(reader, key_count)
        tensors = read_tensors(reader, tensor_count, _alignment(reader, keys))
        return ParsedFile(path, reader.size, version, keys, _layer_arrays(reader, keys), tensors)


def _version(reader: BoundedReader) -> int:
    """Check the magic and the version of the format."""
    if reader.size == 0:
        raise faults.malformed(tr("{path} is empty.", path=reader.path), todo=faults.FETCH_AGAIN)
    start = reader.take(min(SNIFF_BYTES, reader.size))
    if not start.startswith(b"GGUF"[: len(start)]):
        looks_like, todo = guess(start)
        told = tr("{path} is not a GGUF file.", path=reader.path)
        if looks_like:
            told = tr("{path} is not a GGUF file: it looks like {guess}.", path=reader.path, guess=looks_like)
        raise faults.malformed(told, todo=todo)
    reader.seek(min(4, reader.size))
    version = reader.u32()
    if version in (2, 3):
        return version
    if version & 0xFFFF == 0 and version != 0:
        raise faults.malformed(
            tr("{path} is a big-endian GGUF file.", path=reader.path),
            todo=tr("Download or convert the little-endian model."),
        )
    if version == 1:
        raise faults.malformed(
            tr("{path} is GGUF version 1, which is no longer read.", path=reader.path),
            todo=tr("Convert the model anew."),
        )
    if version == 0:
        raise faults.malformed(tr("{path} claims GGUF version 0, which does not exist.", path=reader.path))
    raise faults.malformed(
        tr(
            "{path} is GGUF version {version}, newer than the 3 that can be read.",
            path=reader.path,
            version=version,
        ),
        todo=tr("Update Tunesmith, or download the model as GGUF version 3."),
    )


def _check_count(reader: BoundedReader, things: str, count: int, limit: int, entry_bytes: int) -> None:
    """Refuse a count that the file is too short for, or that no model has."""
    if count > min(limit, reader.remaining // entry_bytes):
        raise faults.malformed(
            tr(
                "{path} claims {number} {things}, which cannot be: at most {limit} are read, "
                "and {remaining} bytes remain.",
                path=reader.path,
                number=count,
                things=things,
                limit=limit,
                remaining=reader.remaining,
            ),
        )


def _keys(reader: BoundedReader, count: int) -> dict[str, KeyValue]:
    keys: dict[str, KeyValue] = {}
    keys_bytes = strings = 0
    for index in range(count):
        reader.place = ("key", index + 1, count)
        raw = reader.text_bytes(limit=MAX_KEY_BYTES)
        key = decoded_name(reader, raw)
        if key in keys:
            raise faults.malformed(
                tr("{path} has the key {key} twice.", path=reader.path, key=repr(key[:80]))
            )
        keys_bytes += len(raw)
        if keys_bytes > MAX_ALL_KEYS_BYTES:
            raise faults.malformed(
                tr("{path} has keys of more than {limit} bytes.", path=reader.path, limit=MAX_ALL_KEYS_BYTES)
            )
        value = keys[key] = _value(reader, key)
        if isinstance(value, ArrayValue) and value.element == _STRING:
            strings += value.length
            if strings > MAX_STRINGS:
                raise faults.malformed(
                    tr("{path} has arrays of more than {limit} strings.", path=reader.path, limit=MAX_STRINGS)
                )
            reader.skip_strings(value.length)
    return keys


def _value(reader: BoundedReader, key: str) -> KeyValue:
    """The value of a key; arrays of strings are left to be skipped by the caller."""
    reader.place = ("value", key, None)
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
            raise faults.malformed(
                tr(
                    "{path} has an array {key} of elements of type {type}.",
                    path=reader.path,
                    key=repr(key[:80]),
                    type=element,
                )
            )
        return value
    if kind in _SCALARS:
        layout = _SCALARS[kind]
        number: int | float | bool = layout.unpack(reader.take(layout.size))[0]
        if key == "general.alignment" and kind != _U32:
            raise faults.malformed(
                tr("{path} has a general.alignment that is no unsigned 32-bit number.", path=reader.path)
            )
        return number
    raise faults.malformed(
        tr("{path} has a key {key} of unknown type {kind}.", path=reader.path, key=repr(key[:80]), kind=kind)
    )


def _printable(raw: bytes) -> str:
    """Text to show: what is not UTF-8 or not printable becomes U+FFFD, white space one blank."""
    text = " ".join(raw.decode(errors="replace").split())
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


def _alignment(reader: BoundedReader, keys: dict[str, KeyValue]) -> int:
    """The multiple in bytes at which tensor data starts."""
    value = keys.get("general.alignment", _DEFAULT_ALIGNMENT)
    if not isinstance(value, int) or value <= 0 or value & (value - 1):
        shown = value if isinstance(value, int) else tr("that is no number")
        raise faults.malformed(
            tr("{path} has a general.alignment {shown}, not a power of two.", path=reader.path, shown=shown)
        )
    return value


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
        reader.place = ("value", key, None)
        reader.seek(value.offset)
        raw = reader.take(value.length * layout.size)
        found[key] = tuple(int(number) for (number,) in layout.iter_unpack(raw))
    return found
