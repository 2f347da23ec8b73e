"""Claims about the measurement of memory bandwidth, on this machine."""

from __future__ import annotations

import os
import time

import pytest

from tunesmith.engine import bandwidth
from tunesmith.engine.bandwidth import OTHER_REPETITIONS, REPETITIONS, SIZES_BYTES, read_bandwidth
from tunesmith.engine.errors import Cancelled

MIB = 2**20


def test_memory_is_read_at_a_speed_that_memory_has_and_every_repetition_is_kept() -> None:
    (found,) = read_bandwidth((2,), free_bytes=4 * SIZES_BYTES[0])
    (reading,) = found.readings
    assert reading.size_bytes == SIZES_BYTES[0]
    assert len(reading.bytes_per_s) == REPETITIONS
    assert all(1e8 < figure < 1e13 for figure in reading.bytes_per_s)
    assert reading.median <= reading.best


def test_no_more_than_a_quarter_of_the_free_memory_is_used_but_for_the_smallest_buffer() -> None:
    (found,) = read_bandwidth((1,), free_bytes=512 * MIB)
    assert [r.size_bytes for r in found.readings][1:] in ([], [128 * MIB])
    (least,) = read_bandwidth((1,), free_bytes=0)
    assert len(least.readings) == 1


def test_further_numbers_of_threads_read_the_same_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bandwidth, "OTHERS_BUDGET_SECONDS", 60.0)  # on a machine that others use
    found = read_bandwidth((2, 3, 1), free_bytes=4 * SIZES_BYTES[0])
    assert [one.threads for one in found] == [2, 3, 1]
    assert {r.size_bytes for one in found for r in one.readings} == {SIZES_BYTES[0]}
    assert all(len(r.bytes_per_s) == OTHER_REPETITIONS for one in found[1:] for r in one.readings)


def test_a_slow_memory_is_not_read_for_long() -> None:
    begun = time.monotonic()
    (found,) = read_bandwidth((min(2, os.cpu_count() or 1),), free_bytes=64 * 2**30)
    assert [r.size_bytes for r in found.readings] == list(SIZES_BYTES[: len(found.readings)])
    assert time.monotonic() - begun < 30, "some seconds even on a machine that others use"


def test_it_ends_when_told_to() -> None:
    with pytest.raises(Cancelled):
        read_bandwidth((1,), free_bytes=0, stopped=lambda: True)
