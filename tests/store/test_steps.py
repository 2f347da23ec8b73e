"""Claims about the compact form of step times."""

from __future__ import annotations

import contextlib
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.store.steps import MAX_STEPS, pack, unpack


@given(st.lists(st.integers(0, 2**64 - 1), max_size=300).map(tuple))
def test_step_times_come_back_as_they_were(step_ns: tuple[int, ...]) -> None:
    assert unpack(pack(step_ns)) == step_ns


def test_usual_step_times_shrink() -> None:
    step_ns = tuple(9_000_000 + (n * 7919) % 100_000 for n in range(1000))
    assert len(pack(step_ns)) < 8000 / 2


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(packed: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert len(unpack(packed)) <= MAX_STEPS


@pytest.mark.parametrize("count", [0, 9, 11])
def test_a_wrong_count_is_refused(count: int) -> None:
    packed = pack(tuple(range(10)))
    with pytest.raises(ValueError, match="damaged"):
        unpack(struct.pack("<BI", 1, count) + packed[5:])


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    bomb = zlib.compress(bytes(2**26))
    with pytest.raises(ValueError, match="damaged"):
        unpack(struct.pack("<BI", 1, 4) + bomb)
    with pytest.raises(ValueError, match="cannot be read"):
        unpack(struct.pack("<BI", 1, 2**32 - 1) + bomb)


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format 2"):
        unpack(b"\x02" + pack((1,))[1:])


@pytest.mark.parametrize("step_ns", [(-1,), (2**64,)])
def test_a_time_that_is_no_u64_is_refused(step_ns: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no u64"):
        pack(step_ns)


def test_more_steps_than_a_workload_may_have_are_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        pack((0,) * (MAX_STEPS + 1))
