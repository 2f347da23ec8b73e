"""Own the compact form of a sample's step times."""

from __future__ import annotations

import struct
import zlib

MAX_STEPS = 2**20
"""What a workload may generate at most."""

_HEAD = struct.Struct("<BI")
_FORMAT = 1


def pack(step_ns: tuple[int, ...]) -> bytes:
    """Pack step times, ns: a format byte, the count as u32, then zlib of little-endian u64.

    Raises:
        ValueError: too many steps, or a time outside 0 to 2**64 - 1.
    """
    if len(step_ns) > MAX_STEPS:
        msg = f"a sample has at most {MAX_STEPS} steps, not {len(step_ns)}"
        raise ValueError(msg)
    try:
        raw = struct.pack(f"<{len(step_ns)}Q", *step_ns)
    except struct.error as error:
        msg = f"a step time is no u64: {error}"
        raise ValueError(msg) from error
    return _HEAD.pack(_FORMAT, len(step_ns)) + zlib.compress(raw)


def unpack(packed: bytes) -> tuple[int, ...]:
    """Give back what `pack` was given; never allocates for more than ``MAX_STEPS`` steps.

    Raises:
        ValueError: the bytes are not from `pack`.
    """
    if len(packed) < _HEAD.size:
        msg = "step times are cut short"
        raise ValueError(msg)
    form, count = _HEAD.unpack_from(packed)
    if form != _FORMAT or count > MAX_STEPS:
        msg = f"step times of format {form} with {count} steps cannot be read"
        raise ValueError(msg)
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(packed[_HEAD.size :], 8 * count + 1)
    except zlib.error as error:
        msg = f"step times are damaged: {error}"
        raise ValueError(msg) from error
    if len(raw) != 8 * count:
        msg = f"step times are damaged: {len(raw)} bytes for {count} steps"
        raise ValueError(msg)
    return struct.unpack(f"<{count}Q", raw)
