"""Own the parsing of a GGUF file's tensor descriptions, every one of them checked."""

from __future__ import annotations

from tunesmith.domain.model import TensorInfo
from tunesmith.gguf import faults
from tunesmith.gguf.ggml_types import REMOVED_TENSOR_TYPES, TENSOR_TYPES, TensorType
from tunesmith.gguf.reader import BoundedReader, decoded_name
from tunesmith.wording import tr

_MAX_DIMS = 4
_MAX_TENSOR_NAME_BYTES = 63
"""GGML_MAX_NAME less its closing NUL."""
_MAX_I64 = (1 << 63) - 1


def read_tensors(reader: BoundedReader, count: int, alignment: int) -> tuple[TensorInfo, ...]:
    """The tensor descriptions; their data must follow one another as llama.cpp demands, and be there."""
    tensors: dict[str, TensorInfo] = {}
    expected_offset = end = 0
    for index in range(count):
        reader.place = ("tensor", index + 1, count)
        name = decoded_name(reader, reader.text_bytes(limit=_MAX_TENSOR_NAME_BYTES))
        if name in tensors:
            raise faults.malformed(
                tr("{path} has the tensor {name} twice.", path=reader.path, name=repr(name))
            )
        tensor = _tensor(reader, name)
        offset = reader.u64()
        if offset % alignment:
            raise faults.malformed(
                tr(
                    "{path} has a tensor {name} at offset {offset}, not a multiple of {alignment}.",
                    path=reader.path,
                    name=repr(name),
                    offset=offset,
                    alignment=alignment,
                )
            )
        if offset != expected_offset:
            raise faults.malformed(
                tr(
                    "{path} has a tensor {name} at offset {offset} where {expected_offset} is expected.",
                    path=reader.path,
                    name=repr(name),
                    offset=offset,
                    expected_offset=expected_offset,
                )
            )
        tensors[name] = tensor
        end = offset + tensor.size_bytes
        expected_offset = -(-end // alignment) * alignment
    needed = -(-reader.offset // alignment) * alignment + end if count else 0
    if needed > reader.size:
        raise faults.malformed(
            tr(
                "{path} is cut short: its tensors need {needed} bytes but the file has {size}.",
                path=reader.path,
                needed=needed,
                size=reader.size,
            ),
            todo=faults.FETCH_AGAIN,
        )
    return tuple(tensors.values())


def _tensor(reader: BoundedReader, name: str) -> TensorInfo:
    """A tensor's dimensions and type, whose product and rows are checked."""
    dims_count = reader.u32()
    if dims_count > _MAX_DIMS:
        raise faults.malformed(
            tr(
                "{path} has a tensor {name} of {dims_count} dimensions; {limit} are allowed.",
                path=reader.path,
                name=repr(name),
                dims_count=dims_count,
                limit=_MAX_DIMS,
            )
        )
    dims = tuple(reader.u64() for _ in range(dims_count))
    elements = 1
    for dim in dims:
        elements *= dim
        if not 0 < elements <= _MAX_I64:
            raise faults.malformed(
                tr(
                    "{path} has a tensor {name} of impossible shape {shape}.",
                    path=reader.path,
                    name=repr(name),
                    shape=list(dims),
                )
            )
    kind = _tensor_type(reader, name)
    if (dims[0] if dims else 1) % kind.block_size:
        raise faults.malformed(
            tr(
                "{path} has a tensor {name} whose rows are no whole number of {type} blocks "
                "({elements} elements): its shape is {shape}.",
                path=reader.path,
                name=repr(name),
                type=kind.name,
                elements=kind.block_size,
                shape=list(dims),
            ),
        )
    return TensorInfo(name=name, type=kind.name, dims=dims, size_bytes=kind.size_bytes(elements))


def _tensor_type(reader: BoundedReader, name: str) -> TensorType:
    number = reader.u32()
    if (kind := TENSOR_TYPES.get(number)) is not None:
        return kind
    if (removed := REMOVED_TENSOR_TYPES.get(number)) is not None:
        raise faults.malformed(
            tr(
                "{path} has a tensor {name} of type {type}, which llama.cpp no longer reads.",
                path=reader.path,
                name=repr(name),
                type=removed,
            ),
            todo=tr("Download the model in another quantization, such as Q4_0."),
        )
    raise faults.malformed(
        tr(
            "{path} has a tensor {name} of unknown type {number}.",
            path=reader.path,
            name=repr(name),
            number=number,
        ),
        todo=tr("Update Tunesmith if the model is newer than it; else fetch the file again."),
    )
