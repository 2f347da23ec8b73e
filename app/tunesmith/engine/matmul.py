"""Own the measurement of how fast llama.cpp multiplies matrices on the CPU, by its own kernels."""

from __future__ import annotations

import ctypes
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from tunesmith.domain.throughput import MatrixReading
from tunesmith.engine.errors import Cancelled, EngineError
from tunesmith.engine.library import symbol
from tunesmith.engine.tensors import allocated, context

COLUMNS = 512
"""Of the activations: as many tokens as llama.cpp computes at once by default (n_ubatch)."""
ROWS, INNER = 2048, 2048
"""Of the weights: as wide as those of small models, which fit the caches better than larger ones do."""
OPERATIONS = 2 * ROWS * INNER * COLUMNS
"""A multiplication and an addition for each weight and column."""
BUDGET_SECONDS = 1.0
"""No further repetition is begun after so long; each place of the weights is measured once in any case."""
REPETITIONS = 10
"""At most, for each number of threads and place of the weights."""
_ROWS_QUANTIZED = 16
_CPU = 0
_WEIGHTS_USAGE = 1

_P, _S, _I, _L = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int64


def multiply(
    type_id: int, threads: Sequence[int], *, stopped: Callable[[], bool] = lambda: False
) -> tuple[MatrixReading, ...]:
    """Multiply weights of a type by a batch of F32 activations, as prefill does, over and over.

    Each thread multiplies by itself while the others do, all of them the same weights: threads that share one
    product wait for each other, so that one that something held up would slow all. The weights lie once
    as a file holds them and once in each place that llama.cpp offers for weights that it rearranges for its
    kernels (``CPU_REPACK``, ``AMX``), as far as it takes the type there.

    Args:
        type_id: the number of ``enum ggml_type``.
        threads: numbers of threads to try, the most useful first.
        stopped: asked between repetitions; True ends the measurement.

    Returns:
        A reading for each number of threads and place that time allows; at least one for each place.

    Raises:
        EngineError: this llama.cpp cannot multiply weights of the type, or there is no room.
        Cancelled: it was stopped.
    """
    most = max(threads)
    with ExitStack() as stack:
        backends, device, registry = [], None, None
        for _ in range(most):
            backend, device, registry = stack.enter_context(_backend())
            _proc(registry, "ggml_backend_set_n_threads", None, [_P, _I])(backend, 1)
            backends.append(backend)
        places = [*_extra_places(registry, device), _default_place(backends[0])]
        begun = time.perf_counter()
        found: list[MatrixReading] = []
        for order, place in enumerate(places, start=1):
            until = begun + BUDGET_SECONDS * order / len(
                places
            )  # a place that takes no such weights costs none
            with _products(type_id, place, backends, device) as graphs:
                for number, count in enumerate(threads if graphs else ()):
                    if number and time.perf_counter() > until:
                        break
                    figures = _at_once(backends[:count], graphs[:count], until, stopped)
                    found.append(MatrixReading(threads=count, place=_name(place), operations_per_s=figures))
    if not found:
        raise EngineError("this llama.cpp cannot multiply weights of this type on the CPU")
    return tuple(found)


def _at_once(
    backends: Sequence[Any], graphs: Sequence[Any], until: float, stopped: Callable[[], bool]
) -> tuple[float, ...]:
    """What all threads do in a second: sums over them, of the fastest repetition of each first."""
    gate = threading.Barrier(len(graphs))
    compute = symbol("ggml_backend_graph_compute", _I, [_P, _P])
    speeds: list[list[float]] = [[] for _ in graphs]
    failed = threading.Event()

    def run(backend: Any, graph: Any, own: list[float]) -> None:
        gate.wait()
        for number in range(REPETITIONS + 1):
            if stopped() or failed.is_set():
                return
            started = time.perf_counter()
            if compute(backend, graph) != 0:
                failed.set()
            ended = time.perf_counter()
            if number:  # the first finds caches cold
                own.append(OPERATIONS / (ended - started))
                if ended > until:
                    return

    workers = [
        threading.Thread(target=run, args=each, daemon=True)
        for each in zip(backends, graphs, speeds, strict=True)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if stopped():
        raise Cancelled("the measurement of matrices was stopped")
    if failed.is_set():
        raise EngineError("llama.cpp could not multiply matrices")
    ranked = zip(*(sorted(own, reverse=True) for own in speeds), strict=False)
    return tuple(sum(of_each) for of_each in ranked)


@contextmanager
def _backend() -> Iterator[tuple[Any, Any, Any]]:
    """The CPU backend, its device and its registry."""
    device = symbol("ggml_backend_dev_by_type", _P, [_I])(_CPU)
    if not device:
        raise EngineError("this llama.cpp has no CPU backend")
    backend = symbol("ggml_backend_dev_init", _P, [_P, ctypes.c_char_p])(device, None)
    if not backend:
        raise EngineError("llama.cpp's CPU backend could not be started")
    try:
        yield backend, device, symbol("ggml_backend_dev_backend_reg", _P, [_P])(device)
    finally:
        symbol("ggml_backend_free", None, [_P])(backend)


def _proc(registry: Any, name: str, restype: Any, argtypes: list[Any]) -> Any:
    ask = symbol("ggml_backend_reg_get_proc_address", _P, [_P, ctypes.c_char_p])
    address = ask(registry, name.encode())
    if not address:
        raise EngineError(f"this llama.cpp has no {name}")
    return ctypes.CFUNCTYPE(restype, *argtypes)(address)


def _default_place(backend: Any) -> Any:
    return symbol("ggml_backend_get_default_buffer_type", _P, [_P])(backend)


def _extra_places(registry: Any, device: Any) -> list[Any]:
    """Where llama.cpp puts weights that it rearranges; source: make_cpu_buft_list of llama-model.cpp."""
    try:
        ask = _proc(registry, "ggml_backend_dev_get_extra_bufts", ctypes.POINTER(_P), [_P])
    except EngineError:
        return []
    listed = ask(device)
    found: list[Any] = []
    while listed and listed[len(found)]:
        found.append(listed[len(found)])
    return found


def _name(place: Any) -> str:
    raw = symbol("ggml_backend_buft_name", ctypes.c_char_p, [_P])(place)
    return (raw or b"").decode("utf-8", "replace")


@contextmanager
def _products(type_id: int, place: Any, backends: Sequence[Any], device: Any) -> Iterator[list[Any]]:
    """For each backend a graph that multiplies weights that lie in a place; none where they cannot lie there.

    Weights and the rest have contexts of their own, since each context has its buffer of one kind.
    """
    new_2d = symbol("ggml_new_tensor_2d", _P, [_P, _I, _L, _L])
    with context() as held, context(len(backends)) as others:
        weights = new_2d(held, type_id, INNER, ROWS)
        activations = new_2d(others, 0, INNER, COLUMNS)
        multiplied = symbol("ggml_mul_mat", _P, [_P, _P, _P])
        products = [multiplied(others, weights, activations) for _ in backends]
        graphs = [symbol("ggml_new_graph", _P, [_P])(others) for _ in backends]
        for graph, product in zip(graphs, products, strict=True):
            symbol("ggml_build_forward_expand", None, [_P, _P])(graph, product)
        with allocated(held, place) as own, allocated(others, _default_place(backends[0])) as rest:
            if not own or not rest:
                raise EngineError("there is no room for the matrices")
            symbol("ggml_backend_buffer_set_usage", None, [_P, _I])(own, _WEIGHTS_USAGE)
            if not symbol("ggml_backend_dev_supports_op", ctypes.c_bool, [_P, _P])(device, products[0]):
                yield []
                return
            _fill(type_id, weights, activations)
            yield graphs


def _fill(type_id: int, weights: Any, activations: Any) -> None:
    """Small ordinary numbers in both: the speed of some kernels depends on what they multiply.

    A few rows are quantized and repeated, since some types take minutes for all of them.
    """
    set_data = symbol("ggml_backend_tensor_set", None, [_P, _P, _S, _S])
    quantize = symbol("ggml_quantize_chunk", _S, [_I, _P, _P, _L, _L, _L, _P])
    row_bytes = symbol("ggml_row_size", _S, [_I, _L])(type_id, INNER)
    numbers = np.random.default_rng(1).standard_normal((COLUMNS, INNER), dtype=np.float32)
    numbers /= math.sqrt(INNER)
    set_data(activations, numbers.ctypes.data, 0, numbers.nbytes)
    alike = np.ones(INNER, dtype=np.float32)
    rows = np.empty(_ROWS_QUANTIZED * row_bytes, dtype=np.uint8)
    quantize(type_id, numbers.ctypes.data, rows.ctypes.data, 0, _ROWS_QUANTIZED, INNER, alike.ctypes.data)
    data = np.tile(rows, ROWS // _ROWS_QUANTIZED)
    set_data(weights, data.ctypes.data, 0, data.nbytes)
