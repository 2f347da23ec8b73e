"""Own the claims about how numbers are written."""

from __future__ import annotations

import pytest

from tunesmith.domain.statistics import quantity
from tunesmith.presentation.numbers import (
    DASH,
    bytes_text,
    count_text,
    duration_text,
    percent_text,
    quantity_text,
)


def test_decimals_are_those_the_interval_supports() -> None:
    assert quantity_text(quantity([61.2, 61.3, 61.4]), "tok/s") == "61.3 tok/s (60.8–61.8)"
    assert quantity_text(quantity([50.0, 60.0, 70.0]), "tok/s").startswith("60 tok/s (")


def test_an_interval_that_says_nothing_is_not_written_out() -> None:
    text = quantity_text(quantity([1.0, 100.0]), "ms")
    assert text.endswith("ms (too noisy for an interval)")


def test_what_was_not_measured_is_a_dash_and_one_sample_has_no_interval() -> None:
    assert quantity_text(None, "ms") == DASH
    assert quantity_text(quantity([12.5]), "ms") == "12.5 ms"


def test_a_noisy_quantity_says_so() -> None:
    assert quantity_text(quantity([60.0, 61.0, 62.0], noisy=True), "tok/s").endswith("noisy")


@pytest.mark.parametrize(
    ("size_bytes", "text"), [(None, DASH), (512, "512 B"), (98_362_432, "93.8 MiB"), (6 * 2**30, "6.0 GiB")]
)
def test_sizes_are_in_powers_of_1024(size_bytes: float | None, text: str) -> None:
    assert bytes_text(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, DASH), (48, "48 s"), (200, "3 min 20 s"), (3900, "1 h 5 min"), (120, "2 min")],
)
def test_durations_read_as_people_say_them(seconds: float | None, text: str) -> None:
    assert duration_text(seconds) == text


def test_counts_and_changes_are_short() -> None:
    assert count_text(134_515_008) == "134.5 M"
    assert count_text(None) == DASH
    assert percent_text(1.084) == "+8.4%"
