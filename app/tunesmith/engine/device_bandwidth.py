"""Own the measurement of how fast a device reads its memory, by the kernel that its decode uses."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tunesmith.engine.errors import Cancelled, EngineError
from tunesmith.engine.library import describe, symbol
from tunesmith.engine.tensors import allocated, context

INNER = 4096
"""Numbers in a row of the weights: as wide as those of models of seven billion weights."""
MOST_BYTES = 2**30
"""Of weights; far beyond what any device caches."""
LEAST_BYTES = 2**27
FREE_SHARE = 4
"""A part of what is free is used: one in so many."""
TENSORS = 4
BUDGET_SECONDS = 1.5
REPETITIONS = 20
_CHUNK_ROWS = 1024
_F32, _F16 = 0, 1
_F16_BYTES = 2

_P, _S, _I, _L = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int64


def read_device(
    name: str, *, stopped: Callable[[], bool] = lambda: False
) -> tuple[int, tuple[float, ...]]:  # fmt: skip
    """Multiply a vector by F16 weights that lie on a device, as decode does, over and over.

    Each weight is read once for a multiplication and an addition, so that memory is what holds it back.

    Args:
        name: llama.cpp's name of the device, such as ``CUDA0``.
        stopped: asked between repetitions; True ends the measurement.

    Returns:
        Bytes of weights read in a repetition, and bytes/s of each repetition.

    Raises:
        EngineError: there is no such device, it has too little memory free, or it cannot do this.
        Cancelled: it was stopped.
    """
    device = symbol("ggml_backend_dev_by_name", _P, [ctypes.c_char_p])(name.encode())
    if not device:
        raise EngineError(f"llama.cpp knows no device {name}")
    size_bytes = min(MOST_BYTES, describe(device).free_bytes // FREE_SHARE)
    rows = size_bytes // (TENSORS * INNER * _F16_BYTES * _CHUNK_ROWS) * _CHUNK_ROWS
    size_bytes = TENSORS * rows * INNER * _F16_BYTES
    if size_bytes < LEAST_BYTES:
        raise EngineError(f"too little memory of {name} is free")
    compute = symbol("ggml_backend_graph_compute", _I, [_P, _P])
    figures: list[float] = []
    with _backend(device) as backend, _products(device, backend, rows) as graph:
        until = time.perf_counter() + BUDGET_SECONDS
        for number in range(REPETITIONS + 1):
            if stopped():
                raise Cancelled("the measurement of a device was stopped")
            begun = time.perf_counter()
            if compute(backend, graph) != 0:
                raise EngineError(f"{name} could not multiply")
            ended = time.perf_counter()
            if number:  # the first makes kernels and wakes the device
                figures.append(size_bytes / (ended - begun))
                if ended > until:
                    break
    return size_bytes, tuple(figures)


@contextmanager
def _backend(device: Any) -> Iterator[Any]:
    backend = symbol("ggml_backend_dev_init", _P, [_P, ctypes.c_char_p])(device, None)
    if not backend:
        raise EngineError("the device could not be started")
    try:
        yield backend
    finally:
        symbol("ggml_backend_free", None, [_P])(backend)


@contextmanager
def _products(device: Any, backend: Any, rows: int) -> Iterator[Any]:
    """A graph in which a vector is multiplied by each of the weights."""
    new_2d = symbol("ggml_new_tensor_2d", _P, [_P, _I, _L, _L])
    multiplied = symbol("ggml_mul_mat", _P, [_P, _P, _P])
    place = symbol("ggml_backend_get_default_buffer_type", _P, [_P])(backend)
    with context(1) as made:
        vector = new_2d(made, _F32, INNER, 1)
        weights = [new_2d(made, _F16, INNER, rows) for _ in range(TENSORS)]
        graph = symbol("ggml_new_graph", _P, [_P])(made)
        supports = symbol("ggml_backend_dev_supports_op", ctypes.c_bool, [_P, _P])
        for each in weights:
            product = multiplied(made, each, vector)
            if not supports(device, product):
                raise EngineError("the device cannot multiply weights in F16")
            symbol("ggml_build_forward_expand", None, [_P, _P])(graph, product)
        with allocated(made, place) as buffer:
            if not buffer:
                raise EngineError("there is no room for the weights")
            _fill(weights, vector, rows)
            yield graph


def _fill(weights: list[Any], vector: Any, rows: int) -> None:
    """Small ordinary numbers; a piece of the weights is repeated."""
    set_data = symbol("ggml_backend_tensor_set", None, [_P, _P, _S, _S])
    numbers = np.random.default_rng(1).standard_normal((_CHUNK_ROWS, INNER), dtype=np.float32) / INNER
    chunk = numbers.astype(np.float16)
    set_data(vector, numbers.ctypes.data, 0, INNER * 4)
    for each in weights:
        for number in range(rows // _CHUNK_ROWS):
            set_data(each, chunk.ctypes.data, number * chunk.nbytes, chunk.nbytes)
