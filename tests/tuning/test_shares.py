"""Claims about tunesmith.tuning.shares: what a part's gain is worth for the whole."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.tuning.shares import WHOLE, Share

SHARES = st.floats(0.001, 0.999)
GAINS = st.floats(0, 5)


@given(SHARES, GAINS, st.floats(0, 1))
def test_no_part_of_a_smaller_share_gains_more_for_the_whole_than_is_said(
    most: float, gain: float, smaller: float
) -> None:
    share = most * smaller
    truly = -math.log(1 - share + share * math.exp(-gain))
    assert truly <= Share(most).of_whole(gain) + 1e-12


@given(SHARES, GAINS)
def test_there_and_back_is_the_same(most: float, gain: float) -> None:
    assert Share(most).in_part(Share(most).of_whole(gain)) == pytest.approx(gain, abs=1e-6)


@given(GAINS)
def test_all_of_it_gains_what_the_part_gains(gain: float) -> None:
    assert WHOLE.of_whole(gain) == WHOLE.in_part(gain) == gain


def test_a_part_that_hardly_counts_may_gain_anything() -> None:
    assert Share(0.01).in_part(math.log1p(0.02)) == math.inf
    assert Share(0.01).of_whole(math.inf) == pytest.approx(-math.log(0.99))
    assert Share(0.5).of_whole(math.inf) == pytest.approx(math.log(2))


def test_a_part_of_which_nothing_is_known_may_be_worth_anything() -> None:
    assert WHOLE.of_whole(math.inf) == math.inf
