"""Own what llama.cpp would allocate for a model and a context, found without allocating it."""

from __future__ import annotations

import ctypes
import math
import re
import sys
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from tunesmith.domain.reserve import BufferBytes, Reserve
from tunesmith.domain.settings import Settings
from tunesmith.engine.context import InferenceContext
from tunesmith.engine.library import AbortFlag, LogBuffer, symbol
from tunesmith.engine.model import LoadedModel
from tunesmith.engine.rpc import held_open

_BREAKDOWN: Final = "_Z26llama_get_memory_breakdownPK13llama_context"
"""``llama_get_memory_breakdown`` of llama-ext.h, as GCC and Clang name it."""
_COMPUTE: Final = re.compile(r"sched_reserve: +(.+?) compute buffer size = +([0-9.]+) MiB")
_OUTPUT: Final = re.compile(r" output buffer size = +([0-9.]+) MiB")
_LOGGED_MIB: Final = 0.01
"""How finely sizes are logged."""
_MIB: Final = 1 << 20


class _MapHeader(ctypes.Structure):
    """A ``std::map`` of libstdc++: the comparator's room, then the header of its red-black tree.

    Source: bits/stl_tree.h, ``_Rb_tree_impl``. As a struct of 48 bytes it is returned as C++ returns the
    map: through a place that the caller gives.
    """

    _fields_ = (
        ("compare", ctypes.c_size_t),
        ("color", ctypes.c_size_t),
        ("root", ctypes.c_void_p),
        ("leftmost", ctypes.c_void_p),
        ("rightmost", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
    )


class _MapNode(ctypes.Structure):
    """A node of that tree, with ``ggml_backend_buffer_type_t`` and ``llama_memory_breakdown_data``."""

    _fields_ = (
        ("color", ctypes.c_size_t),
        ("parent", ctypes.c_void_p),
        ("left", ctypes.c_void_p),
        ("right", ctypes.c_void_p),
        ("buffer_type", ctypes.c_void_p),
        ("weights", ctypes.c_size_t),
        ("context", ctypes.c_size_t),
        ("compute", ctypes.c_size_t),
    )


class _Logged(NamedTuple):
    compute: dict[str, int]
    output: int


def reserve(path: str, settings: Settings, *, log: LogBuffer, abort: AbortFlag) -> Reserve:
    """What llama.cpp would take for ``path`` under ``settings``, in some tenths of a second.

    Weights are counted as if read and not mapped: a map takes no memory of its own, but what is mapped
    and copied into another layout besides is counted once here.

    Raises:
        LoadRefused: llama.cpp would not load the file.
        EngineError: it would not make a context with these settings.
        Cancelled: the abort flag was set meanwhile.
    """
    with held_open(), LoadedModel(path, settings, log=log, abort=abort, no_alloc=True) as model:
        context = InferenceContext(model, settings, log=log, abort=abort)
        try:
            logged = _read_log(log)
            buffers = tuple(_breakdown(context.handle)) if sys.platform == "linux" else ()
        finally:
            context.close()
    if buffers:
        return Reserve(source="breakdown", buffers=buffers, output_bytes=logged.output)
    return Reserve(
        source="log",
        buffers=tuple(
            BufferBytes(
                buffer=name, device=None, weights_bytes=None, context_bytes=None, compute_bytes=compute_bytes
            )
            for name, compute_bytes in logged.compute.items()
        ),
        output_bytes=logged.output,
    )


def _read_log(log: LogBuffer) -> _Logged:
    """What llama.cpp logged of its compute and output buffers; sizes are rounded up."""
    compute: dict[str, int] = {}
    output = 0
    for _, line in log.lines:
        if found := _COMPUTE.search(line):
            compute[found[1]] = _bytes(found[2])
        elif found := _OUTPUT.search(line):
            output = _bytes(found[1])
    return _Logged(compute, output)


def _bytes(mib: str) -> int:
    return math.ceil((float(mib) + _LOGGED_MIB / 2) * _MIB)


def _breakdown(context: Any) -> Iterator[BufferBytes]:
    """The map that llama.cpp returns, read where it lies; nothing where this build has no such function.

    It is not given back: some hundred bytes, in a process made for this.
    """
    try:
        function = symbol(_BREAKDOWN, _MapHeader, [ctypes.c_void_p])
    except AttributeError:
        return
    name_of = symbol("ggml_backend_buft_name", ctypes.c_char_p, [ctypes.c_void_p])
    device_of = symbol("ggml_backend_buft_get_device", ctypes.c_void_p, [ctypes.c_void_p])
    device_name_of = symbol("ggml_backend_dev_name", ctypes.c_char_p, [ctypes.c_void_p])
    is_host = symbol("ggml_backend_buft_is_host", ctypes.c_bool, [ctypes.c_void_p])
    header = function(context)
    pending = [header.root] if header.count else []
    while pending:
        node = _MapNode.from_address(pending.pop())
        pending += [child for child in (node.left, node.right) if child]
        device = device_of(node.buffer_type)
        name = (name_of(node.buffer_type) or b"").decode("utf-8", "replace")
        in_main_memory = is_host(node.buffer_type) or not device or name.startswith("CPU")
        yield BufferBytes(
            buffer=name,
            device=None if in_main_memory else (device_name_of(device) or b"").decode("utf-8", "replace"),
            weights_bytes=node.weights,
            context_bytes=node.context,
            compute_bytes=node.compute,
        )
