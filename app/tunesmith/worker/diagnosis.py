"""Say why a worker died, from what it left behind."""

from __future__ import annotations

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
_UNHARMED = "Other trials and everything stored are unharmed."
_AMX_HINT = (
    "This llama.cpp was compiled with AMX, which crashes on some machines when compiled by GCC: "
    "rebuild it with CMAKE_ARGS='-DCMAKE_C_FLAGS=-mno-amx-tile -DCMAKE_CXX_FLAGS=-mno-amx-tile'."
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
    tail = "\n".join(output.strip().splitlines()[-12:])
    lowered = output.lower()
    if any(mark in lowered for mark in _MEMORY_MARKS):
        return WorkerOutOfMemory(
            "The worker ran out of memory.",
            unharmed=_UNHARMED,
            todo="Choose a smaller context, a smaller model or a smaller cache type.",
            details=tail,
        )
    if returncode is not None and returncode < 0:
        number = -returncode
        if number == getattr(signal, "SIGKILL", 9):
            return WorkerOutOfMemory(
                "The system killed the worker, most often for want of memory.",
                unharmed=_UNHARMED,
                todo="Close other programs or choose settings that need less memory.",
                details=tail,
            )
        if _ABORT_MARK in output:
            text = output.rsplit(_ABORT_MARK, 1)[1].strip().splitlines()[0]
            return WorkerCrashed(f"llama.cpp gave up: {text}.", unharmed=_UNHARMED, details=tail)
        amx = "amx_int8" in cpu_features and _signal_name(number) in ("SIGSEGV", "SIGILL")
        return WorkerCrashed(
            f"llama.cpp crashed with {_signal_name(number)}.",
            unharmed=_UNHARMED,
            todo=_AMX_HINT if amx else "",
            details=tail,
        )
    if returncode is None:
        return WorkerCrashed("The worker closed its pipe.", unharmed=_UNHARMED, details=tail)
    return WorkerCrashed(f"The worker ended with exit code {returncode}.", unharmed=_UNHARMED, details=tail)
