"""Own a real RPC server on loopback: llama.cpp's own, in a process that never outlives the test.

``python -m tests.support.rpc_server PORT THREADS MEMORY_MIB`` is that process: it serves until standard input
ends, and takes no more memory than told beside what it began with (Linux).
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0


def free_port() -> int:
    """A port of loopback that nobody listens at now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class RpcServer:
    """A server that can be killed and started again at the same address."""

    port: int = field(default_factory=free_port)
    threads: int = 1
    memory_mib: int = 0
    """Most memory it may take for models; 0 for no limit. What it says of its memory is the machine's."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Where it listens, or did."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = [
            sys.executable, "-m", "tests.support.rpc_server", str(self.port), str(self.threads),
            str(self.memory_mib),
        ]  # fmt: skip
        paths = [str(ROOT), str(ROOT / "app"), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "GGML_NO_BACKTRACE": "1"},
        )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self._listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                msg = "the RPC server did not come up"
                raise RuntimeError(msg)
            time.sleep(0.05)

    def _listens(self) -> bool:
        assert self.process is not None
        try:
            found = psutil.Process(self.process.pid).net_connections(kind="tcp4")
        except psutil.Error:
            return False
        return any(one.status == psutil.CONN_LISTEN for one in found)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.process = None


@contextmanager
def rpc_server(*, threads: int = 1, memory_mib: int = 0) -> Iterator[RpcServer]:
    """A server that runs; skips where the build has no RPC, which in CI is a fault."""
    server = RpcServer(threads=threads, memory_mib=memory_mib)
    if not _has_rpc():
        assert not os.environ.get("CI"), "packaging/bootstrap.py built llama.cpp without RPC"
        pytest.skip("this llama.cpp was built without RPC; packaging/bootstrap.py builds it with it")
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _has_rpc() -> bool:
    import llama_cpp.llama_cpp as library

    return any(Path(library._base_path).glob("*ggml-rpc*"))


def _limit_memory(mib: int) -> None:
    """Allow so much address space beside what is taken already."""
    if sys.platform != "win32":
        import resource

        most = psutil.Process().memory_info().vms + mib * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def serve(port: int, threads: int, memory_mib: int) -> None:
    """Serve the CPU at a port of loopback; never returns."""
    from tunesmith.engine.library import symbol

    if memory_mib:
        _limit_memory(memory_mib)

    threading.Thread(target=_end_with_parent, daemon=True).start()
    device = symbol("ggml_backend_dev_by_name", ctypes.c_void_p, [ctypes.c_char_p])(b"CPU")
    devices = (ctypes.c_void_p * 1)(device)
    start = symbol(
        "ggml_backend_rpc_start_server",
        None,
        [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p)],
    )
    start(f"127.0.0.1:{port}".encode(), None, threads, 1, devices)
    os._exit(1)  # it only returns where it cannot listen


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
