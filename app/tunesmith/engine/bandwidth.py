"""Own the measurement of how fast this process reads memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tunesmith.domain.bandwidth import BandwidthReading, ThreadReadings
from tunesmith.engine.errors import Cancelled

SIZES_BYTES = tuple(mib * 2**20 for mib in (64, 128, 256, 512))
"""Buffers that are read, smallest first."""
REPETITIONS = 8
"""With each kernel; those of the faster one are kept."""
OTHER_REPETITIONS = 3
"""With further numbers of threads, which seldom read faster."""
BUDGET_SECONDS = 1.5
"""No larger buffer is begun that would, at the pace so far, take longer than this in all."""
OTHERS_BUDGET_SECONDS = 1.5
"""No further number of threads is begun after so long."""
_REPETITION_SECONDS = 0.02
"""A repetition takes at least so long: starting the threads is small beside it."""
_FREE_SHARE = 4
"""At most this fraction of the free memory is used: 1 / 4."""

_ORDINARY = 0x3F
"""Eight such bytes are an ordinary floating-point number, whose square is one too."""

Part = NDArray[np.uint8]
Kernel = Callable[[Part], None]


def read_bandwidth(
    threads: Sequence[int], *, free_bytes: int, stopped: Callable[[], bool] = lambda: False
) -> tuple[ThreadReadings, ...]:
    """Read buffers of growing size over and over, a slice a thread, as decoding reads weights.

    Each thread takes the maximum of its slice, and in turn its scalar product with itself: two kernels
    that numpy has for the CPU's widest registers and runs without the interpreter's lock. Which of them
    keeps more reads under way differs by processor, so the faster counts, size by size. Each slice is first
    written by the thread that reads it, so that it lies in the memory next to it. Further numbers of threads
    share the same buffers.

    Args:
        threads: how many read at once, one number after the other; the first is measured in any case.
        free_bytes: main memory that is free.
        stopped: asked between repetitions; True ends the measurement.

    Returns:
        For each number of threads that time allows, a reading for each size that memory and time allow;
        at least one.

    Raises:
        Cancelled: it was stopped.
        MemoryError: there is not even room for the smallest buffer.
    """
    sizes = [size for size in SIZES_BYTES if size * _FREE_SHARE <= free_bytes] or [SIZES_BYTES[0]]
    first, *others = threads
    parts = [np.empty(sizes[-1] // first, dtype=np.uint8) for _ in range(first)]
    begun = time.perf_counter()
    readings = tuple(_growing(parts, sizes, stopped))
    found = [ThreadReadings(threads=first, readings=readings)]
    allowed = begun + BUDGET_SECONDS + OTHERS_BUDGET_SECONDS
    for count in others:
        if time.perf_counter() > allowed:
            break
        found.append(ThreadReadings(threads=count, readings=tuple(_shared(parts, count, readings, stopped))))
    return tuple(found)


def _growing(
    parts: list[Part], sizes: Sequence[int], stopped: Callable[[], bool]
) -> Iterator[BandwidthReading]:
    """A reading for each size, a thread for each part, which it fills as far as it is read."""
    begun = time.perf_counter()
    filled = 0
    for size in sizes:
        if filled and 2 * (time.perf_counter() - begun) > BUDGET_SECONDS:
            return  # twice the memory takes about as long as all before it
        share = size // len(parts)
        _at_once([_writer(part[filled:share]) for part in parts])
        filled = share
        yield _reading(size, [[part[:share]] for part in parts], REPETITIONS, stopped)


def _shared(
    parts: list[Part], threads: int, readings: Sequence[BandwidthReading], stopped: Callable[[], bool]
) -> Iterator[BandwidthReading]:
    """A reading for each size that was read before, by other threads than filled the parts."""
    for size in (reading.size_bytes for reading in readings):
        share = size // len(parts)
        pieces = [piece for part in parts for piece in np.array_split(part[:share], threads)]
        of_each = [pieces[number * len(parts) : (number + 1) * len(parts)] for number in range(threads)]
        yield _reading(size, of_each, OTHER_REPETITIONS, stopped)


def _reading(
    size: int, of_each: list[list[Part]], repetitions: int, stopped: Callable[[], bool]
) -> BandwidthReading:
    """Read the parts of each thread with each kernel in turn, as often as it takes to tell how fast."""
    total = sum(part.size for parts in of_each for part in parts)
    passes = 1
    figures: dict[Kernel, list[float]] = {kernel: [] for kernel in _KERNELS}
    while min(map(len, figures.values())) < repetitions:
        kernel = min(figures, key=lambda one: len(figures[one]))
        if stopped():
            raise Cancelled("the measurement of memory was stopped")
        seconds = _at_once([_reader(kernel, parts, passes) for parts in of_each])
        if seconds * 2 < _REPETITION_SECONDS:  # too short to tell: read it more often
            passes = max(passes * 2, int(passes * _REPETITION_SECONDS / max(seconds, 1e-6)))
            continue
        figures[kernel].append(total * passes / seconds)
    return BandwidthReading(size_bytes=size, bytes_per_s=tuple(max(figures.values(), key=max)))


def _maximum(part: Part) -> None:
    np.maximum.reduce(part)


def _scalar_product(part: Part) -> None:
    numbers = part[: part.size // 8 * 8].view(np.float64)
    np.dot(numbers, numbers)


_KERNELS: tuple[Kernel, ...] = (_maximum, _scalar_product)


def _writer(part: Part) -> Callable[[], None]:
    return lambda: part.fill(_ORDINARY)


def _reader(kernel: Kernel, parts: list[Part], passes: int) -> Callable[[], None]:
    def read() -> None:
        for _ in range(passes):
            for part in parts:
                kernel(part)

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
