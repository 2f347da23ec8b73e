"""Own the connections to RPC servers, whose devices then stand beside this machine's."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tunesmith.domain.machine import Device
from tunesmith.engine.errors import EngineError
from tunesmith.engine.library import L, describe, symbol

_ROUND_TRIPS = 5
_connected: list[str] = []


def connect(endpoints: tuple[str, ...]) -> None:
    """Make the devices of these servers known to llama.cpp, in this order; harmless when they are.

    A dead server ends the process: llama.cpp knows no other answer. What is once known stays known, so a
    process that uses other servers, or none, is another process.

    Raises:
        EngineError: this build has no RPC, or this process uses other servers.
    """
    if list(endpoints) == _connected:
        return
    if _connected:
        raise EngineError("a worker's RPC servers cannot be changed: another worker is needed")
    register = symbol("ggml_backend_register", None, [ctypes.c_void_p])
    for endpoint in endpoints:
        register(_server(endpoint))
    _connected.extend(endpoints)


def reach(endpoint: str) -> tuple[tuple[Device, ...], int]:
    """The devices of a server, and the least time that a question and its answer took, nanoseconds.

    A dead server ends the process, as in :func:`connect`.

    Raises:
        EngineError: this build has no RPC.
    """
    server = _server(endpoint)
    count = symbol("ggml_backend_reg_dev_count", ctypes.c_size_t, [ctypes.c_void_p])(server)
    get = symbol("ggml_backend_reg_dev_get", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t])
    handles = [get(server, index) for index in range(count)]
    # a backend holds the connection open: else each question would make one of its own
    backend = symbol("ggml_backend_dev_init", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p])(
        handles[0], None
    )
    found = tuple(describe(handle) for handle in handles)
    times = []
    for _ in range(_ROUND_TRIPS):
        begun = time.perf_counter_ns()
        _ask_for_memory(handles[0])
        times.append(time.perf_counter_ns() - begun)
    symbol("ggml_backend_free", None, [ctypes.c_void_p])(backend)
    return found, min(times)


@contextmanager
def held_open() -> Iterator[None]:
    """Keep the connections to the servers in use open: else each question would make one of its own."""
    count = symbol("ggml_backend_dev_count", ctypes.c_size_t, [])() if _connected else 0
    get = symbol("ggml_backend_dev_get", ctypes.c_void_p, [ctypes.c_size_t])
    handles = [get(index) for index in range(count)]
    begin = symbol("ggml_backend_dev_init", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p])
    backends = [begin(handle, None) for handle in handles if describe(handle).backend == "RPC"]
    try:
        yield
    finally:
        free = symbol("ggml_backend_free", None, [ctypes.c_void_p])
        for backend in backends:
            free(backend)


def _server(endpoint: str) -> Any:
    if not L.llama_supports_rpc():
        raise EngineError("this llama.cpp was built without RPC")
    add = symbol("ggml_backend_rpc_add_server", ctypes.c_void_p, [ctypes.c_char_p])
    server = add(endpoint.encode())
    if not server:
        raise EngineError(f"the RPC server {endpoint} has no devices")
    return server


def _ask_for_memory(handle: Any) -> None:
    size = ctypes.POINTER(ctypes.c_size_t)
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    ask = symbol("ggml_backend_dev_memory", None, [ctypes.c_void_p, size, size])
    ask(handle, ctypes.byref(free), ctypes.byref(total))
