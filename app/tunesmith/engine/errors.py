"""Own what can go wrong inside the engine, before it is known whose fault it is."""

from __future__ import annotations


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


def looks_out_of_memory(log: str) -> bool:
    """Whether a log says that memory was lacking; memory that merely could not be locked is not."""
    lines = [line for line in log.lower().splitlines() if "mlock" not in line]
    return any(mark in line for line in lines for mark in OUT_OF_MEMORY_MARKS)
