"""Own the claims about the arithmetic of comparing predictions."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tunesmith.engine.divergence import (
    STEPS,
    Comparison,
    FloatArray,
    PackedRows,
    _blank,
    compare_rows,
    empty_rows,
    normalizers,
    pack_rows,
)

ROUNDING = 3e-4
"""One of the 65535 steps between the largest logarithm and 16 below it, and some."""
LOGITS = arrays(np.float32, (4, 50), elements=st.floats(-30, 30, width=32))


def _packed(logits: npt.ArrayLike) -> PackedRows:
    values = np.array(logits, dtype=np.float32)
    rows = empty_rows(*values.shape)
    pack_rows(values, rows)
    return rows


def _compared(candidate: npt.ArrayLike, source: npt.ArrayLike, following: list[int]) -> Comparison:
    logits = np.array(candidate, dtype=np.float32)
    return compare_rows(logits, _packed(source), np.array(following, dtype=np.int32))


def _exact(candidate: FloatArray, source: FloatArray) -> npt.NDArray[np.float64]:
    """The divergence in double precision, of everything that is at most 16 less likely than the likeliest."""

    def logarithms(logits: FloatArray) -> npt.NDArray[np.float64]:
        wide = logits.astype(np.float64)
        wide -= wide.max(axis=1, keepdims=True)
        return np.asarray(wide - np.log(np.exp(wide).sum(axis=1, keepdims=True)))

    p, q = logarithms(source), logarithms(candidate)
    return np.asarray((np.exp(p) * (p - q) * (p > -16)).sum(axis=1))


def test_a_divergence_is_that_computed_by_hand() -> None:
    quarter_to_three, even = [[0.0, math.log(3)]], [[0.0, 0.0]]
    found = _compared(even, quarter_to_three, [1])
    assert found.kld[0] == pytest.approx(0.25 * math.log(0.5) + 0.75 * math.log(1.5), abs=ROUNDING)
    assert found.nll[0] == pytest.approx(math.log(2), abs=1e-6)
    assert found.source_nll[0] == pytest.approx(math.log(4 / 3), abs=ROUNDING)


def test_agreement_is_of_the_likeliest_token() -> None:
    found = _compared([[1, 2, 3], [3, 2, 1]], [[0, 0, 1], [0, 0, 1]], [0, 0])
    assert found.agreed.tolist() == [True, False]


@given(LOGITS)
def test_equal_predictions_do_not_diverge(logits: FloatArray) -> None:
    found = _compared(logits, logits, [0, 1, 2, 3])
    assert np.abs(found.kld).max() < ROUNDING
    assert np.abs(found.nll - found.source_nll)[found.nll < 15].max(initial=0) < ROUNDING


@given(LOGITS, LOGITS)
def test_a_divergence_is_not_negative_and_that_of_double_precision(
    candidate: FloatArray, source: FloatArray
) -> None:
    found, exact = _compared(candidate, source, [0, 1, 2, 3]).kld, _exact(candidate, source)
    assert found.min() > -ROUNDING
    assert found == pytest.approx(exact, rel=ROUNDING, abs=5 * ROUNDING)


@given(LOGITS, st.floats(-50, 50))
def test_a_constant_added_to_all_logits_changes_nothing(logits: FloatArray, constant: float) -> None:
    moved = logits + np.float32(constant)
    found, before = _compared(moved, logits, [0, 1, 2, 3]), _compared(logits, logits, [0, 1, 2, 3])
    assert found.kld == pytest.approx(before.kld, abs=1e-4)


@given(LOGITS)
def test_the_logarithm_of_a_sum_is_that_of_exponentials_rounded_correctly(logits: FloatArray) -> None:
    largest, log_sum = normalizers(logits)
    for row, most, found in zip(logits, largest, log_sum, strict=True):
        total = math.fsum(float(np.float32(math.exp(value))) for value in (row - most).tolist())
        assert abs(float(found) - math.log(total)) <= float(np.spacing(found)) / 2 + 1e-12


def test_what_is_blanked_is_nothing_even_where_it_was_no_number() -> None:
    values = np.array([[1.5, math.nan, math.inf, -2.0]], dtype=np.float32)
    _blank(values, np.array([[False, True, True, True]]))
    assert values.tolist() == [[1.5, 0, 0, 0]]


@given(LOGITS)
def test_what_is_packed_comes_back_to_half_a_step(logits: FloatArray) -> None:
    rows = _packed(logits)
    largest, log_sum = normalizers(logits)
    wanted = np.maximum(logits - largest[:, None], -16) - log_sum[:, None]
    assert rows.logarithms() == pytest.approx(wanted, abs=16 / STEPS / 2 + 1e-5)
    assert (np.exp(rows.logarithms()).sum(axis=1) < 1.001).all()


def test_a_row_in_which_all_are_alike_is_packed_and_compared() -> None:
    rows = _packed(np.full((1, 4), 7.0))
    assert (rows.scale[0], rows.codes.tolist()) == (0, [[0, 0, 0, 0]])
    assert rows.minimum[0] == pytest.approx(-math.log(4))
    assert _compared([[1, 1, 1, 1]], np.full((1, 4), 7.0), [2]).kld[0] == pytest.approx(0, abs=1e-6)


def test_a_token_that_neither_can_say_is_no_divergence() -> None:
    never = -math.inf
    assert _compared([[0, 1, never]], [[0, 1, never]], [0]).kld[0] == pytest.approx(0, abs=ROUNDING)
    assert _compared([[0, never, 1]], [[0, 1, 2]], [0]).kld[0] == math.inf


def test_parts_of_packed_rows_are_views() -> None:
    rows = empty_rows(3, 2)
    pack_rows(np.array([[0, 1]], dtype=np.float32), rows.part(2, 3))
    assert rows.codes[2].tolist() == [0, STEPS]
