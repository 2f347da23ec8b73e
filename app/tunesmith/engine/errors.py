"""Own what can go wrong inside the engine, before it is known whose fault it is."""

from __future__ import annotations

import re


class EngineError(Exception):
    """llama.cpp refused or failed; carries the end of its log."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.log = log


class LoadRefused(EngineError):
    """The file would not load."""


class OutOfMemory(EngineError):
    """An allocation failed."""


class Cancelled(EngineError):
    """The abort flag ended a computation."""


class InputRefused(EngineError):
    """What was asked for makes no sense with this model or text; the model itself is in order."""


class DiskFault(EngineError):
    """A file could not be written."""


OUT_OF_MEMORY_MARKS = (
    "failed to allocate",
    "unable to allocate",
    "out of memory",
    "cannot allocate memory",
    "std::bad_alloc",
    "not enough memory",
    "failed to reserve",
    "failed to mmap",
)
"""Words by which llama.cpp's log tells a lack of memory from another refusal."""


_WHERE = re.compile(r"failed to allocate (\S+?)(?:\[\S*\])? buffer|on device (\d+): cudaMalloc failed")


def out_of_memory(what: str, log: str) -> OutOfMemory:
    """The error for a lack of memory, with the device that lacked it where the log tells; else main memory.

    ``failed to allocate CUDA0 buffer of size …`` is of ggml-alloc.c, ``cudaMalloc failed`` of ggml-cuda.cu.
    """
    found = _WHERE.search(log)
    device = (found[1] or f"CUDA{found[2]}") if found else ""
    where = f" on {device}" if device and not device.startswith("CPU") else ""
    return OutOfMemory(f"there is not enough memory{where} {what}", log)


def looks_out_of_memory(log: str) -> bool:
    """Whether a log says that memory was lacking; memory that merely could not be locked is not."""
    lines = [line for line in log.lower().splitlines() if "mlock" not in line]
    return any(mark in line for line in lines for mark in OUT_OF_MEMORY_MARKS)
