"""Own where ggml's tensors live: contexts that describe them, buffers that hold their data."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tunesmith.engine.errors import EngineError
from tunesmith.engine.library import symbol

_OBJECT_BYTES = 2**19
"""Room for what describes tensors, and again for each graph; data lie in buffers of their own."""
_P, _S = ctypes.c_void_p, ctypes.c_size_t


class _InitParams(ctypes.Structure):
    """struct ggml_init_params of ggml.h."""

    _fields_ = (("mem_size", _S), ("mem_buffer", _P), ("no_alloc", ctypes.c_bool))


@contextmanager
def context(graphs: int = 0) -> Iterator[Any]:
    """A context for a few tensors and so many graphs.

    Raises:
        EngineError: there is no room.
    """
    room = _OBJECT_BYTES * (1 + graphs)
    made = symbol("ggml_init", _P, [_InitParams])(_InitParams(room, None, no_alloc=True))
    if not made:
        raise EngineError("there is no room for the matrices")
    try:
        yield made
    finally:
        symbol("ggml_free", None, [_P])(made)


@contextmanager
def allocated(context: Any, place: Any) -> Iterator[Any]:
    """A buffer of one kind that holds all tensors of a context; None where there is no room for it."""
    buffer = symbol("ggml_backend_alloc_ctx_tensors_from_buft", _P, [_P, _P])(context, place)
    try:
        yield buffer
    finally:
        if buffer:
            symbol("ggml_backend_buffer_free", None, [_P])(buffer)
