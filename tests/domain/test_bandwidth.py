"""Claims about what a measured memory bandwidth allows."""

from __future__ import annotations

import pytest

from tunesmith.domain.bandwidth import (
    BandwidthReading,
    DecodeLimit,
    MemoryBandwidth,
    ThreadReadings,
    cannot_win,
    memory_bandwidth,
    useful_thread_counts,
)

MB = 10**6


def bandwidth(*readings: tuple[int, tuple[float, ...]]) -> MemoryBandwidth:
    return MemoryBandwidth(
        threads=2, foreign_cores=0.0, noisy=False,
        readings=tuple(BandwidthReading(size_bytes=size, bytes_per_s=figures) for size, figures in readings),
    )  # fmt: skip


FALLING = bandwidth((64 * MB, (38e9, 30e9)), (256 * MB, (20e9, 19e9)), (512 * MB, (16e9,)))


@pytest.mark.parametrize(
    ("size_bytes", "most"),
    [(64 * MB, 38e9), (255 * MB, 38e9), (256 * MB, 20e9), (512 * MB, 16e9), (10**12, 16e9)],
)
def test_the_bound_is_that_of_the_largest_buffer_that_is_not_larger(size_bytes: int, most: float) -> None:
    assert FALLING.at_most(size_bytes) == most


def test_below_the_smallest_buffer_caches_may_do_anything_and_nothing_is_known() -> None:
    assert FALLING.at_most(64 * MB - 1) is None


def test_a_larger_buffer_that_was_read_faster_raises_the_bound() -> None:
    """What is read over and over is read no faster the more it is: the smaller figure was disturbed."""
    assert bandwidth((64 * MB, (10e9,)), (256 * MB, (20e9,))).at_most(64 * MB) == 20e9


def test_main_memory_is_told_by_the_largest_buffer() -> None:
    assert (FALLING.largest.best, FALLING.readings[0].median) == (16e9, 34e9)


def test_of_several_numbers_of_threads_the_highest_bound_counts() -> None:
    fewer = ThreadReadings(
        threads=1,
        readings=(
            BandwidthReading(size_bytes=64 * MB, bytes_per_s=(50e9,)),
            BandwidthReading(size_bytes=512 * MB, bytes_per_s=(9e9,)),
        ),
    )
    both = FALLING.model_copy(update={"others": (fewer,)})
    assert both.at_most(100 * MB) == 50e9
    assert both.at_most(512 * MB) == 16e9
    assert [one.threads for one in both.by_threads] == [1, 2]


def test_whichever_number_of_threads_reads_main_memory_fastest_stands_in_front() -> None:
    def readings(threads: int, *figures: float) -> ThreadReadings:
        sized = [BandwidthReading(size_bytes=2**n, bytes_per_s=(one,)) for n, one in enumerate(figures)]
        return ThreadReadings(threads=threads, readings=tuple(sized))

    tried = [readings(8, 90.0, 40.0), readings(4, 80.0, 50.0), readings(1, 70.0)]
    found = memory_bandwidth(tried, foreign_cores=0.0, noisy=False)
    assert (found.threads, found.largest.best) == (4, 50.0)
    assert [one.threads for one in found.others] == [1, 8]


def test_a_bandwidth_stored_before_several_numbers_of_threads_were_tried_still_loads() -> None:
    kept = FALLING.model_dump()
    del kept["others"]
    assert MemoryBandwidth.model_validate(kept) == FALLING


@pytest.mark.parametrize(
    ("cores", "cpus", "counts"),
    [
        (1, 1, (1,)), (2, 2, (2, 1)), (6, 12, (12, 6, 4, 2, 1)), (16, 32, (32, 16, 8, 4, 2, 1)),
        (8, 3, (3, 2, 1)),
    ],
)  # fmt: skip
def test_useful_numbers_of_threads_go_down_from_all_cpus_by_halves(
    cores: int, cpus: int, counts: tuple[int, ...]
) -> None:
    assert useful_thread_counts(cores=cores, cpus=cpus) == counts


def test_the_share_reached_is_unknown_without_a_limit() -> None:
    known = DecodeLimit(tokens_per_s=200.0, bandwidth_bytes_per_s=2e10, step_bytes=10**8)
    assert known.reached(50.0) == 0.25
    unknown = DecodeLimit(tokens_per_s=None, bandwidth_bytes_per_s=None, step_bytes=None, reason="why")
    assert unknown.reached(50.0) is None


def test_only_what_was_shown_well_beyond_a_known_limit_excludes_a_candidate() -> None:
    known = DecodeLimit(tokens_per_s=100.0, bandwidth_bytes_per_s=1e10, step_bytes=10**8)
    assert not cannot_win(known, 124.0)
    assert cannot_win(known, 126.0)
    assert cannot_win(known, 101.0, safety=1.0)
    unknown = DecodeLimit(tokens_per_s=None, bandwidth_bytes_per_s=None, step_bytes=None, reason="why")
    assert not cannot_win(unknown, 1e9)
