"""Own the measurement of how fast this process reads memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tunesmith.domain.bandwidth import BandwidthReading
from tunesmith.engine.errors import Cancelled

SIZES_BYTES = tuple(mib * 2**20 for mib in (64, 128, 256, 512))
"""Buffers that are read, smallest first."""
REPETITIONS = 5
BUDGET_SECONDS = 1.2
"""No larger buffer is begun that would, at the pace so far, take longer than this in all."""
_REPETITION_SECONDS = 0.02
"""A repetition takes at least so long: starting the threads is small beside it."""
_FREE_SHARE = 4
"""At most this fraction of the free memory is used: 1 / 4."""

Part = NDArray[np.uint8]


def read_bandwidth(
    threads: int, *, free_bytes: int, stopped: Callable[[], bool] = lambda: False
) -> tuple[BandwidthReading, ...]:
    """Read buffers of growing size over and over, a slice a thread, as decoding reads weights.

    Each thread takes the maximum of its slice, which numpy does with the CPU's widest registers and
    without the interpreter's lock. Each slice is first written by the thread that reads it, so that it
    lies in the memory next to it.

    Args:
        threads: how many read at once.
        free_bytes: main memory that is free.
        stopped: asked between repetitions; True ends the measurement.

    Returns:
        A reading for each size that memory and time allow; at least one.

    Raises:
        Cancelled: it was stopped.
        MemoryError: there is not even room for the smallest buffer.
    """
    sizes = [size for size in SIZES_BYTES if size * _FREE_SHARE <= free_bytes] or [SIZES_BYTES[0]]
    parts = [np.empty(sizes[-1] // threads, dtype=np.uint8) for _ in range(threads)]
    readings: list[BandwidthReading] = []
    begun = time.perf_counter()
    filled = 0
    for size in sizes:
        if readings and 2 * (time.perf_counter() - begun) > BUDGET_SECONDS:
            break  # twice the memory takes about as long as all before it
        share = size // threads
        _at_once([_writer(part[filled:share]) for part in parts])
        filled = share
        slices = [part[:share] for part in parts]
        passes = 1
        figures: list[float] = []
        while len(figures) < REPETITIONS:
            if stopped():
                raise Cancelled("the measurement of memory was stopped")
            seconds = _at_once([_reader(one, passes) for one in slices])
            if seconds * 2 < _REPETITION_SECONDS:  # too short to tell: read it more often
                passes = max(passes * 2, int(passes * _REPETITION_SECONDS / max(seconds, 1e-6)))
                continue
            figures.append(share * threads * passes / seconds)
        readings.append(BandwidthReading(size_bytes=size, bytes_per_s=tuple(figures)))
    return tuple(readings)


def _writer(part: Part) -> Callable[[], None]:
    return lambda: part.fill(1)


def _reader(part: Part, passes: int) -> Callable[[], None]:
    def read() -> None:
        for _ in range(passes):
            np.maximum.reduce(part)

    return read


def _at_once(deeds: list[Callable[[], None]]) -> float:
    """Do all in threads of their own; seconds from the first one's start to the last one's end."""
    gate = threading.Barrier(len(deeds))
    spans: list[tuple[float, float]] = []

    def run(deed: Callable[[], None]) -> None:
        gate.wait()
        started = time.perf_counter()
        deed()
        spans.append((started, time.perf_counter()))

    workers = [threading.Thread(target=run, args=(deed,), daemon=True) for deed in deeds]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return max(end for _, end in spans) - min(start for start, _ in spans)
