"""Claims about what a measured memory bandwidth allows."""

from __future__ import annotations

import pytest

from tunesmith.domain.bandwidth import BandwidthReading, DecodeLimit, MemoryBandwidth, cannot_win

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
