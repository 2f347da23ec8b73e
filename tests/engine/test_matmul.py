"""Claims about the measurement of matrix throughput, on this machine."""

from __future__ import annotations

import time

import pytest

from tests.engine.conftest import Engine
from tunesmith.engine import matmul
from tunesmith.engine.errors import Cancelled


@pytest.fixture(autouse=True)
def small(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Matrices that take a moment, in a llama.cpp that has started."""
    del engine
    monkeypatch.setattr(matmul, "ROWS", 256)
    monkeypatch.setattr(matmul, "INNER", 512)
    monkeypatch.setattr(matmul, "OPERATIONS", 2 * 256 * 512 * matmul.COLUMNS)


@pytest.mark.parametrize(
    "type_id", [0, 1, 3, 8, 12, 14, 16], ids=["F32", "F16", "Q4_1", "Q8_0", "Q4_K", "Q6_K", "IQ2_XXS"]
)
def test_weights_of_a_type_are_multiplied_at_a_speed_that_a_cpu_has(type_id: int) -> None:
    found = matmul.multiply(type_id, (2, 1))
    assert {one.place for one in found} >= {"CPU"}
    assert all(1e7 < one.best < 1e14 for one in found)
    assert all(len(one.operations_per_s) <= matmul.REPETITIONS for one in found)


def test_it_is_bounded_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matmul, "BUDGET_SECONDS", 0.0)
    begun = time.monotonic()
    found = matmul.multiply(8, (2, 1))
    assert {len(one.operations_per_s) for one in found} == {1}
    assert time.monotonic() - begun < 20


def test_it_ends_when_told_to() -> None:
    with pytest.raises(Cancelled):
        matmul.multiply(8, (1,), stopped=lambda: True)
