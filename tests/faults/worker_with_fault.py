"""Own a worker that fails on purpose: the true child, with one fault forced upon it.

    python worker_with_fault.py [--once FILE] [--ubatch N] FAULT HANDLE

The fault strikes as a sample is about to be timed: with --once only if FILE exists, which is removed;
with --ubatch only under settings with that n_ubatch.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from tunesmith.engine.context import Batch, InferenceContext
from tunesmith.engine.timing import Repetition, TimedWorkload
from tunesmith.services import worker_process
from tunesmith.worker.bench import Bench
from tunesmith.worker.child import Child
from tunesmith.worker.protocol import MAX_FRAME_BYTES, Measure, Shutdown

PIPE = 0
"""The pipe's handle, set in main."""


def _write(raw: bytes) -> None:
    while raw:
        raw = raw[os.write(PIPE, raw) :]


def _frame(content: bytes) -> None:
    _write(struct.pack("!i", len(content)) + content)


# ---------------------------------------------------------------- faults as a sample is timed


def segfault(_context: InferenceContext) -> None:
    ctypes.string_at(0)


def assertion(context: InferenceContext) -> None:
    """Hand llama.cpp a batch larger than it was told to expect: it aborts."""
    count = context.n_batch + 1
    zeros = np.zeros(count, dtype=np.int32)
    context.decode_async(Batch(zeros, np.arange(count, dtype=np.int32), zeros, zeros.astype(np.int8)))


def freed_model(context: InferenceContext) -> None:
    """Use a model after it was freed, as only a mistake of ours could."""
    context.model.close()
    zero = np.zeros(1, dtype=np.int32)
    context.decode(Batch(zero, zero, zero, np.ones(1, dtype=np.int8)))
    os.abort()


def exit_3(_context: InferenceContext) -> None:
    os.write(2, b"the last words\n")
    os._exit(3)


def kill(_context: InferenceContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def mistake(_context: InferenceContext) -> None:
    raise ZeroDivisionError("a mistake of ours")


def memory_error(_context: InferenceContext) -> None:
    raise MemoryError


def spin(_context: InferenceContext) -> None:
    while True:
        pass


def hold_the_interpreter(_context: InferenceContext) -> None:
    ctypes.PyDLL(None).sleep(60)


def stop(_context: InferenceContext) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def garbage(_context: InferenceContext) -> None:
    _write(b"\x00\x00\x00\x07\xff\xfe garb")
    time.sleep(60)


def oversized(_context: InferenceContext) -> None:
    _write(struct.pack("!i", MAX_FRAME_BYTES + 1))
    time.sleep(60)


def half_frame(_context: InferenceContext) -> None:
    _write(struct.pack("!i", 10_000) + b'{"type":"sample_taken"')
    os.kill(os.getpid(), signal.SIGSTOP)


def half_frame_and_death(_context: InferenceContext) -> None:
    _write(struct.pack("!i", 10_000) + b'{"type":"sample_taken"')
    os.kill(os.getpid(), signal.SIGSEGV)


def no_json(_context: InferenceContext) -> None:
    _frame(b"good morning")
    time.sleep(60)


def unknown_type(_context: InferenceContext) -> None:
    _frame(b'{"type":"coffee","mono_ns":1}')
    time.sleep(60)


def closed_pipe(_context: InferenceContext) -> None:
    """Close the pipe and live on; the talker, who would end the process, is kept from it."""
    os._exit = lambda _code: time.sleep(60)  # type: ignore[assignment, return-value]
    socket.socket(fileno=PIPE).shutdown(socket.SHUT_RDWR)
    time.sleep(60)


def offspring(_context: InferenceContext) -> None:
    """Start a process that holds on to everything, tell its number, and hang."""
    with subprocess.Popen(["sleep", "60"], pass_fds=(PIPE,)) as child:
        print(f"offspring {child.pid}", flush=True)
        spin(_context)


def chatter(_context: InferenceContext) -> None:
    """More than any pipe holds; whoever does not read it would hang us."""
    for _ in range(64):
        os.write(1, b"blah " * 10_000 + b"\n")


# ---------------------------------------------------------------- faults of other moments


def _little_memory(spare_bytes: int) -> Callable[[], None]:
    def install() -> None:
        measure = Bench.measure

        def starve(self: Bench, command: Measure) -> None:
            used = psutil.Process().memory_info().vms
            resource.setrlimit(resource.RLIMIT_AS, (used + spare_bytes, resource.RLIM_INFINITY))
            measure(self, command)

        Bench.measure = starve  # type: ignore[method-assign]

    return install


def _deaf() -> None:
    """Neither a shutdown nor SIGTERM is heard."""
    take, run = Child._take, Child.run

    def hear_less(self: Child, frame: bytes) -> None:
        if b'"shutdown"' not in frame:
            take(self, frame)

    def run_on(self: Child) -> None:
        set_handler = signal.signal

        def keep_deaf(number: int, _handler: object) -> object:
            return set_handler(number, signal.SIG_IGN)

        signal.signal = keep_deaf  # type: ignore[assignment]
        run(self)

    Child._take, Child.run = hear_less, run_on  # type: ignore[method-assign]


def _never_ready() -> None:
    def run(self: Child) -> None:
        time.sleep(60)

    Child.run = run  # type: ignore[method-assign]


def _dies_young() -> None:
    sys.exit("libllama.so: cannot open shared object file")


def _says_nonsense_first() -> None:
    def run(self: Child) -> None:
        _frame(b'{"type":"hello"}')
        time.sleep(60)

    Child.run = run  # type: ignore[method-assign]


AT_WORK: dict[str, Callable[[InferenceContext], None]] = {
    fault.__name__: fault
    for fault in (
        segfault, assertion, freed_model, exit_3, kill, mistake, memory_error, spin, hold_the_interpreter,
        stop, garbage, oversized, half_frame, half_frame_and_death, no_json, unknown_type, closed_pipe,
        offspring, chatter,
    )
}  # fmt: skip
OTHERS: dict[str, Callable[[], None]] = {
    "no_memory_to_load": _little_memory(64 * 2**20),
    "no_memory_for_context": _little_memory(400 * 2**20),
    "deaf": _deaf,
    "never_ready": _never_ready,
    "dies_young": _dies_young,
    "says_nonsense_first": _says_nonsense_first,
    "none": lambda: None,
}


def main() -> None:
    """Install the fault and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--once", type=Path)
    parser.add_argument("--ubatch", type=int)
    parser.add_argument("fault")
    parser.add_argument("handle")
    arguments = parser.parse_args()
    global PIPE
    PIPE = int(arguments.handle)

    def strikes(context: InferenceContext) -> bool:
        if arguments.ubatch not in (None, context.settings.n_ubatch):
            return False
        if arguments.once is None:
            return True
        try:
            arguments.once.unlink()
        except FileNotFoundError:
            return False
        return True

    if arguments.fault in OTHERS:
        OTHERS[arguments.fault]()
    else:
        run, fault = TimedWorkload.run, AT_WORK[arguments.fault]

        def run_with_fault(self: TimedWorkload) -> Repetition:
            if strikes(self._context):
                fault(self._context)
            return run(self)

        TimedWorkload.run = run_with_fault  # type: ignore[method-assign]
    assert Shutdown().type == "shutdown"  # what _deaf looks for
    worker_process.main(arguments.handle)


if __name__ == "__main__":
    main()
