"""Claims about the measurement of a device's memory, on the one device that every machine has."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Engine
from tunesmith.engine import device_bandwidth
from tunesmith.engine.errors import Cancelled, EngineError


@pytest.fixture(autouse=True)
def small(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few weights, in a llama.cpp that has started."""
    del engine
    monkeypatch.setattr(device_bandwidth, "MOST_BYTES", 2**26)
    monkeypatch.setattr(device_bandwidth, "LEAST_BYTES", 2**25)
    monkeypatch.setattr(device_bandwidth, "REPETITIONS", 3)


def test_weights_on_a_device_are_read_at_a_speed_that_memory_has() -> None:
    size_bytes, figures = device_bandwidth.read_device("CPU")
    assert size_bytes == 2**26
    assert 1 <= len(figures) <= 3
    assert all(1e8 < figure < 1e13 for figure in figures)


def test_it_is_bounded_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_bandwidth, "BUDGET_SECONDS", 0.0)
    assert len(device_bandwidth.read_device("CPU")[1]) == 1


def test_it_can_be_stopped() -> None:
    with pytest.raises(Cancelled):
        device_bandwidth.read_device("CPU", stopped=lambda: True)


def test_a_device_that_is_not_there_or_is_full_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match="knows no device CUDA7"):
        device_bandwidth.read_device("CUDA7")
    monkeypatch.setattr(device_bandwidth, "LEAST_BYTES", 2**40)
    with pytest.raises(EngineError, match="too little memory of CPU is free"):
        device_bandwidth.read_device("CPU")
