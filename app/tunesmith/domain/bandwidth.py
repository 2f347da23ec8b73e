"""Own what was measured of a memory's read bandwidth, and what it allows."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from pydantic import Field

from tunesmith.domain.base import Value

SAFETY = 1.25
"""What was shown must be faster than a limit by this factor before the limit excludes anything.

A choice: of two measurements beside other programs, the highest figures differed by 0%, 21% and 39%, by size.
"""


BEYOND_CACHES_BYTES = 2**28
"""No device's caches hold as much: the largest known, of AMD's MI300X, hold as many bytes."""


class BandwidthReading(Value):
    """A buffer of one size read over and over by all threads, raw."""

    size_bytes: int = Field(gt=0)
    bytes_per_s: tuple[float, ...] = Field(min_length=1)
    """One a repetition, in the order they were taken."""

    @property
    def best(self) -> float:
        """The highest repetition: what disturbs only ever slows."""
        return max(self.bytes_per_s)

    @property
    def median(self) -> float:
        """Of all repetitions."""
        return median(self.bytes_per_s)


class ThreadReadings(Value):
    """What so many threads read together."""

    threads: int = Field(ge=1)
    readings: tuple[BandwidthReading, ...] = Field(min_length=1)
    """Smallest buffer first. What fits a cache is read faster, so the figures fall with the size."""

    def at_most(self, size_bytes: float) -> float | None:
        """Bytes/s that so many threads cannot surpass; see :meth:`MemoryBandwidth.at_most`."""
        if size_bytes < self.readings[0].size_bytes:
            return None
        start = max(n for n, reading in enumerate(self.readings) if reading.size_bytes <= size_bytes)
        return max(reading.best for reading in self.readings[start:])


class DeviceBandwidth(Value):
    """How fast a device beside the CPU reads its memory, by the kernel of its decode; raw."""

    device: str
    """llama.cpp's name, such as ``CUDA0``."""
    size_bytes: int = Field(ge=0)
    """Weights that were read in each repetition; 0 where it could not be measured."""
    bytes_per_s: tuple[float, ...]
    """One a repetition; empty where it could not be measured."""
    why: str = ""
    """What was the matter then, as llama.cpp or Tunesmith's engine said it."""

    @property
    def best(self) -> float | None:
        """The highest repetition; None where there is none."""
        return max(self.bytes_per_s, default=None)

    def at_most(self, size_bytes: float) -> float | None:
        """Bytes/s that reading so much over and over cannot surpass; None where caches may hold it."""
        return self.best if size_bytes >= min(self.size_bytes, BEYOND_CACHES_BYTES) else None


class MemoryBandwidth(Value):
    """How fast a machine's threads read memory, by how much memory they go through."""

    threads: int = Field(ge=1)
    """How many read the largest buffer fastest; the readings are theirs."""
    readings: tuple[BandwidthReading, ...] = Field(min_length=1)
    """Smallest buffer first."""
    others: tuple[ThreadReadings, ...] = ()
    """Of other numbers of threads, fewest first; none where only one was tried."""
    foreign_cores: float | None
    """CPU used by others meanwhile, in cores."""
    noisy: bool
    """Whether others disturbed it: then the figures may be too low, and are no limit."""
    measured_utc: str = ""
    """ISO 8601; stamped by who asked."""
    devices: tuple[DeviceBandwidth, ...] = ()
    """Of devices beside the CPU, each with memory that it reads by itself."""

    @property
    def largest(self) -> BandwidthReading:
        """The reading of the largest buffer: main memory's, where no cache holds as much."""
        return self.readings[-1]

    def at_most(self, size_bytes: float) -> float | None:
        """Bytes/s that reading ``size_bytes`` over and over cannot surpass; None where it is too little.

        What is read over and over is read the slower the more it is, since less of it stays in caches.
        So the highest figure of all buffers from the largest not above ``size_bytes`` on is a bound,
        whatever the caches are; below the smallest buffer nothing is known. Of several numbers of threads
        that were tried it is the highest bound.
        """
        bounds = (one.at_most(size_bytes) for one in self.by_threads)
        return max((bound for bound in bounds if bound is not None), default=None)

    @property
    def by_threads(self) -> tuple[ThreadReadings, ...]:
        """All numbers of threads that were tried, fewest first."""
        fastest = ThreadReadings(threads=self.threads, readings=self.readings)
        return tuple(sorted((fastest, *self.others), key=lambda one: one.threads))


def memory_bandwidth(
    tried: Sequence[ThreadReadings], *, foreign_cores: float | None, noisy: bool
) -> MemoryBandwidth:
    """What was read by each number of threads, with the one that reads main memory fastest in front.

    Args:
        tried: at least one; those that did not come to the largest buffer are never in front.
        foreign_cores: CPU used by others meanwhile, in cores.
        noisy: whether others disturbed it.
    """
    size = max(one.readings[-1].size_bytes for one in tried)
    whole = [one for one in tried if one.readings[-1].size_bytes == size]
    fastest = max(whole, key=lambda one: one.readings[-1].best)
    others = sorted((one for one in tried if one is not fastest), key=lambda one: one.threads)
    return MemoryBandwidth(
        threads=fastest.threads, readings=fastest.readings, others=tuple(others),
        foreign_cores=foreign_cores, noisy=noisy,
    )  # fmt: skip


def useful_thread_counts(*, cores: int, cpus: int) -> tuple[int, ...]:
    """Numbers of threads worth trying, most first: all CPUs, all physical cores, and halves down to one.

    Args:
        cores: physical cores that may be used.
        cpus: logical CPUs that may be used at once.
    """
    powers = {2**n for n in range(cores.bit_length()) if 2**n < cores}
    return tuple(sorted({cpus, min(cores, cpus)} | {n for n in powers if n < cpus}, reverse=True))


class DecodeLimit(Value):
    """What memory bandwidth allows of decoding."""

    tokens_per_s: float | None
    """Over all sequences; None where no limit is known."""
    bandwidth_bytes_per_s: float | None
    """What was measured at the size that a step reads; None where it was not."""
    step_bytes: int | None
    """What a decoding step reads at least; None where it does not matter."""
    reason: str = ""
    """Why no limit is known, in words."""

    def reached(self, tokens_per_s: float) -> float | None:
        """The share of the limit that a speed reaches; None where there is none."""
        return None if self.tokens_per_s is None else tokens_per_s / self.tokens_per_s


def cannot_win(limit: DecodeLimit, shown_tokens_per_s: float, *, safety: float = SAFETY) -> bool:
    """Whether what was shown already is beyond all that a candidate's limit allows it.

    Args:
        limit: the candidate's; one that is not known excludes nothing.
        shown_tokens_per_s: the lower end of the interval of the best decode speed measured so far.
        safety: the factor by which the limit may have been measured too low.
    """
    return limit.tokens_per_s is not None and limit.tokens_per_s * safety < shown_tokens_per_s
