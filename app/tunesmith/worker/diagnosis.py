"""Say why a worker died, from what it left behind."""

from __future__ import annotations

import re
import signal

from tunesmith.domain.worker_events import RequestFailed
from tunesmith.errors import (
    DeviceLost,
    Interrupted,
    ModelRefused,
    RpcServerLost,
    StoreError,
    UsageError,
    WorkerCrashed,
    WorkerError,
    WorkerOutOfMemory,
)
from tunesmith.wording import tr

_ABORT_MARK = "ggml abort: "
_MEMORY_MARKS = (
    "std::bad_alloc",
    "failed to allocate",
    "unable to allocate",
    "cannot allocate memory",
    "memoryerror",
    "out of memory",
)
UNHARMED = tr("Other trials and everything stored are unharmed.")
_FROM_OUTSIDE = ("SIGHUP", "SIGINT", "SIGTERM", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGXCPU")
_WINDOWS_STATUS = {
    0xC0000005: tr("an access violation"),
    0xC000001D: tr("an illegal instruction"),
    0xC0000409: tr("a failed check"),
    0xC00000FD: tr("a stack overflow"),
}
_WINDOWS_NO_MEMORY = (0xC0000017, 0xC000012D)
_RPC_LOST = "Remote RPC server crashed or returned malformed response"
_DEVICE_LOST = re.compile(
    r"device lost|DeviceLost|(?:CUDA|ROCm|MUSA) error: (?!out of memory)(.+)|GPU is lost|fallen off the bus"
    r"|kIOGPUCommandBufferCallbackError(?!OutOfMemory)\w+"
)
"""What backends log of a device that failed: ggml-cuda.cu, ggml-vulkan.cpp, ggml-metal.

A CUDA error is sticky: after it the process can use the device no more.
"""
_RPC_REFUSED = re.compile(r"(?:Failed to connect to|RPC handshake failed for) (\S+)")
"""What ggml-rpc.cpp says before it gives up."""
_RPC_VERSION = re.compile(r"RPC server version mismatch: ([\d.]+)")
_SOURCE_PLACE = re.compile(r"^(?:.*[/\\])?([^/\\]+:\d+): ")
"""``/somewhere/llama-context.cpp:1785: `` before an assertion's text: where the library was built."""
_AMX_HINT = tr(
    "This llama.cpp was compiled with AMX, which crashes on some machines when compiled by GCC: "
    "rebuild it with CFLAGS='-mno-amx-tile -mno-amx-int8 -mno-amx-bf16' and CXXFLAGS set alike."
)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return tr("signal {number}", number=number)


def diagnose(returncode: int | None, output: str, *, cpu_features: tuple[str, ...] = ()) -> WorkerError:
    """Name the cause of a worker's unasked-for end.

    Args:
        returncode: as :attr:`subprocess.Popen.returncode`: negative for a signal; None if it lives.
        output: the end of what the worker and llama.cpp wrote to standard output and error.
        cpu_features: instruction sets the worker's llama.cpp was built for, if it came to say so.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    tail = "\n".join(lines[-12:])
    lost = next((found for line in lines if (found := _DEVICE_LOST.search(line))), None)
    if lost is not None:
        return DeviceLost(
            tr("A graphics device was lost: {words}.", words=(lost[1] or lost[0]).strip().rstrip(".")),
            unharmed=UNHARMED,
            todo=tr("If it happens again: fewer layers on it, a newer driver, a look at its heat and power."),
            details=tail,
        )
    starved = any(mark in line.lower() for line in lines for mark in _MEMORY_MARKS)
    if starved or returncode in _WINDOWS_NO_MEMORY:
        return WorkerOutOfMemory(
            tr("The worker ran out of memory."),
            unharmed=UNHARMED,
            todo=tr("Choose a smaller context, a smaller model or a smaller cache type."),
            details=tail,
        )
    if _ABORT_MARK in output and returncode != -getattr(signal, "SIGKILL", 9):
        text = output.rsplit(_ABORT_MARK, 1)[1].strip().partition("\n")[0]
        rpc_lost = _rpc_loss(text, output)
        if rpc_lost:
            return RpcServerLost(
                rpc_lost, unharmed=UNHARMED,
                todo=tr("Start the server again, with the same llama.cpp on both sides."), details=tail,
            )  # fmt: skip
        text = _SOURCE_PLACE.sub("", text).rstrip(".") + _place(text)
        return WorkerCrashed(tr("llama.cpp gave up: {words}.", words=text), unharmed=UNHARMED, details=tail)
    if returncode in _WINDOWS_STATUS:
        return WorkerCrashed(
            tr("llama.cpp crashed with {status}.", status=_WINDOWS_STATUS[returncode]),
            unharmed=UNHARMED,
            details=tail,
        )
    if returncode is not None and returncode < 0:
        number = -returncode
        if number == getattr(signal, "SIGKILL", 9):
            return WorkerOutOfMemory(
                tr("The system killed the worker, most often for want of memory."),
                unharmed=UNHARMED,
                todo=tr("Close other programs or choose settings that need less memory."),
                details=tail,
            )
        name = _signal_name(number)
        if name in _FROM_OUTSIDE:
            return WorkerCrashed(
                tr("Something else ended the worker with {name}.", name=name), unharmed=UNHARMED, details=tail
            )
        amx = "amx_int8" in cpu_features and name in ("SIGSEGV", "SIGILL")
        return WorkerCrashed(
            tr("llama.cpp crashed with {name}.", name=name),
            unharmed=UNHARMED,
            todo=_AMX_HINT if amx else "",
            details=tail,
        )
    if returncode is None:
        return WorkerCrashed(tr("The worker closed its pipe."), unharmed=UNHARMED, details=tail)
    told = tr("The worker ended with exit code {code}.", code=returncode)
    if lines:
        last = lines[-1][:200].rstrip(".")
        told = tr("The worker ended with exit code {code}: {words}.", code=returncode, words=last)
    return WorkerCrashed(told, unharmed=UNHARMED, details=tail)


def _rpc_loss(text: str, output: str) -> str:
    """What became of an RPC server, if that is what llama.cpp gave up for; else empty."""
    refused = _RPC_REFUSED.search(text)
    version = _RPC_VERSION.search(output)
    if version:
        return tr("The RPC server speaks version {version} of the protocol, which this llama.cpp does not.",
                  version=version[1])  # fmt: skip
    if refused:
        return tr("No RPC server answers at {endpoint}.", endpoint=refused[1])
    if _RPC_LOST in text:
        return tr("The RPC server was lost: it ended, or the connection to it broke.")
    return ""


def _place(text: str) -> str:
    found = _SOURCE_PLACE.match(text)
    return f" ({found[1]})" if found else ""


def request_error(failed: RequestFailed) -> Exception:
    """What a worker that lives on says it could not do."""
    what = failed.message.partition("\n")[0].rstrip(".")
    match failed.error:
        case "refused":
            return ModelRefused(
                f"{what}.",
                unharmed=tr("The file and everything stored are unharmed."),
                todo=tr("Check that the file is complete and that this llama.cpp knows its architecture."),
                details=failed.message,
            )
        case "out_of_memory":
            return WorkerOutOfMemory(
                tr("There was not enough memory: {what}.", what=what),
                unharmed=UNHARMED,
                todo=tr("Choose a smaller context, a smaller model or a smaller cache type."),
                details=failed.message,
            )
        case "input":
            return UsageError(
                f"{what[:1].upper()}{what[1:]}.", unharmed=tr("Nothing was changed."), details=failed.message
            )
        case "disk":
            return StoreError(
                f"{what[:1].upper()}{what[1:]}.",
                unharmed=tr("No incomplete file is left, and everything stored is unharmed."),
                todo=tr("Make room on the disk or choose another folder."),
                details=failed.message,
            )
        case "cancelled":
            return Interrupted(tr("The run was interrupted; what was measured is kept."))
        case "engine":
            return ModelRefused(
                tr("llama.cpp would not run the model with these settings: {what}.", what=what),
                unharmed=UNHARMED,
                details=failed.message,
            )
