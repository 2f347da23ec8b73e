"""Say why a worker died, from what it left behind."""

from __future__ import annotations

import re
import signal

from tunesmith.errors import WorkerCrashed, WorkerError, WorkerOutOfMemory

_ABORT_MARK = "ggml abort: "
_MEMORY_MARKS = (
    "std::bad_alloc",
    "failed to allocate",
    "unable to allocate",
    "cannot allocate memory",
    "memoryerror",
    "out of memory",
)
UNHARMED = "Other trials and everything stored are unharmed."
_FROM_OUTSIDE = ("SIGHUP", "SIGINT", "SIGTERM", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGXCPU")
_WINDOWS_STATUS = {
    0xC0000005: "an access violation",
    0xC000001D: "an illegal instruction",
    0xC0000409: "a failed check",
    0xC00000FD: "a stack overflow",
}
_WINDOWS_NO_MEMORY = (0xC0000017, 0xC000012D)
_SOURCE_PLACE = re.compile(r"^(?:.*[/\\])?([^/\\]+:\d+): ")
"""``/somewhere/llama-context.cpp:1785: `` before an assertion's text: where the library was built."""
_AMX_HINT = (
    "This llama.cpp was compiled with AMX, which crashes on some machines when compiled by GCC: "
    "rebuild it with CFLAGS='-mno-amx-tile -mno-amx-int8 -mno-amx-bf16' and CXXFLAGS set alike."
)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def diagnose(returncode: int | None, output: str, *, cpu_features: tuple[str, ...] = ()) -> WorkerError:
    """Name the cause of a worker's unasked-for end.

    Args:
        returncode: as :attr:`subprocess.Popen.returncode`: negative for a signal; None if it lives.
        output: the end of what the worker and llama.cpp wrote to standard output and error.
        cpu_features: instruction sets the worker's llama.cpp was built for, if it came to say so.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    tail = "\n".join(lines[-12:])
    starved = any(mark in line.lower() for line in lines for mark in _MEMORY_MARKS)
    if starved or returncode in _WINDOWS_NO_MEMORY:
        return WorkerOutOfMemory(
            "The worker ran out of memory.",
            unharmed=UNHARMED,
            todo="Choose a smaller context, a smaller model or a smaller cache type.",
            details=tail,
        )
    if _ABORT_MARK in output and returncode != -getattr(signal, "SIGKILL", 9):
        text = output.rsplit(_ABORT_MARK, 1)[1].strip().partition("\n")[0]
        text = _SOURCE_PLACE.sub("", text).rstrip(".") + _place(text)
        return WorkerCrashed(f"llama.cpp gave up: {text}.", unharmed=UNHARMED, details=tail)
    if returncode in _WINDOWS_STATUS:
        return WorkerCrashed(
            f"llama.cpp crashed with {_WINDOWS_STATUS[returncode]}.", unharmed=UNHARMED, details=tail
        )
    if returncode is not None and returncode < 0:
        number = -returncode
        if number == getattr(signal, "SIGKILL", 9):
            return WorkerOutOfMemory(
                "The system killed the worker, most often for want of memory.",
                unharmed=UNHARMED,
                todo="Close other programs or choose settings that need less memory.",
                details=tail,
            )
        name = _signal_name(number)
        if name in _FROM_OUTSIDE:
            return WorkerCrashed(
                f"Something else ended the worker with {name}.", unharmed=UNHARMED, details=tail
            )
        amx = "amx_int8" in cpu_features and name in ("SIGSEGV", "SIGILL")
        return WorkerCrashed(
            f"llama.cpp crashed with {name}.",
            unharmed=UNHARMED,
            todo=_AMX_HINT if amx else "",
            details=tail,
        )
    if returncode is None:
        return WorkerCrashed("The worker closed its pipe.", unharmed=UNHARMED, details=tail)
    said = f": {lines[-1][:200].rstrip('.')}" if lines else ""
    return WorkerCrashed(
        f"The worker ended with exit code {returncode}{said}.", unharmed=UNHARMED, details=tail
    )


def _place(text: str) -> str:
    found = _SOURCE_PLACE.match(text)
    return f" ({found[1]})" if found else ""
