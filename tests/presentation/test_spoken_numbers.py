"""Own the claims about how numbers are written in another language and in other units."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tunesmith.domain.digits import figures, fixed, memory_scale
from tunesmith.domain.statistics import quantity
from tunesmith.presentation.candidates import CandidateRow
from tunesmith.presentation.machine_facts import class_text, sentence_case
from tunesmith.presentation.numbers import (
    bytes_text,
    count_text,
    grouped_text,
    number,
    percent_text,
    quantity_text,
    rough_bytes_text,
)
from tunesmith.presentation.tune_result_view import spoken_number
from tunesmith.presentation.vitals_text import memory_text, quiet_text
from tunesmith.tuning.objective import breach_text
from tunesmith.wording import Units, speak

GIB = 2**30


@pytest.fixture
def german() -> Iterator[None]:
    """German with its comma."""
    speak("de")
    yield
    speak("en")


@pytest.fixture
def decimal() -> Iterator[None]:
    """English with powers of 1000."""
    speak("en", "decimal")
    yield
    speak("en")


@pytest.mark.usefixtures("german")
def test_every_helper_writes_the_decimal_mark_of_the_language() -> None:
    assert fixed(1.5, 2) == "1,50"
    assert fixed(-1.5, 1, sign=True) == "−1,5"
    assert figures(812.44, 4) == "812,4"
    assert number(61.34) == "61,3"
    assert number(0.5, spread=0.01) == "0,50"
    assert bytes_text(1.5 * GIB) == "1,5 GiB"
    assert count_text(134_515_008).startswith("134,5")
    assert percent_text(1.084).startswith("+8,4")
    assert quantity_text(quantity([61.2, 61.3, 61.4]), "tok/s") == "61,3 tok/s (60,8–61,8)"
    assert spoken_number(9.87) == "9,9"


@pytest.mark.usefixtures("german")
def test_texts_made_of_numbers_follow_the_language() -> None:
    row = CandidateRow("8 threads", ratio=1.124, low=1.1, high=1.15, rounds=4)
    assert row.change_text.startswith("+12")
    assert "." not in row.change_text
    assert "12,4" in memory_text(round(12.4 * GIB))
    assert "1,3" in quiet_text(1.3)
    assert "812,4" in breach_text("TTFT", 812.44, 500, "ms")


@pytest.mark.usefixtures("german")
def test_an_estimate_loses_its_decimals_whatever_the_mark() -> None:
    assert rough_bytes_text(12.4 * GIB) == "12 GiB"
    assert rough_bytes_text(1.5 * GIB) == "1,5 GiB"


@pytest.mark.usefixtures("decimal")
def test_memory_may_be_told_in_powers_of_1000() -> None:
    assert bytes_text(98_362_432) == "98.4 MB"
    assert bytes_text(999) == "999 B"
    assert bytes_text(1500) == "1.5 kB"
    assert bytes_text(6 * GIB) == "6.4 GB"
    assert rough_bytes_text(24 * GIB) == "26 GB"


@pytest.mark.parametrize(("units", "told"), [("binary", ("GiB", 2**30)), ("decimal", ("GB", 10**9))])
def test_sizes_written_alike_share_a_unit_of_the_users_kind(units: Units, told: tuple[str, int]) -> None:
    speak("en", units)
    try:
        assert memory_scale("giga") == told
    finally:
        speak("en")


def test_thousands_are_set_apart() -> None:
    assert grouped_text(12345) == "12 345"


def test_a_machine_class_reads_as_its_label_in_english() -> None:
    for label in ("Intel Xeon Processor · 2 cores · 24 GiB", "Apple M4 · 1 core · 16 GiB · Metal"):
        assert class_text(label) == label


def test_a_minus_is_as_wide_as_a_plus_and_stands_before_no_zero() -> None:
    assert fixed(-1.26, 1) == "\N{MINUS SIGN}1.3"
    assert figures(-0.125, 2) == "\N{MINUS SIGN}0.12"
    assert percent_text(0.968) == "\N{MINUS SIGN}3.2%"
    assert percent_text(0.9998) == "+0.0%"
    assert fixed(-0.04, 1) == "0.0"


def test_a_line_of_its_own_begins_with_a_capital_but_for_names_and_paths() -> None:
    assert sentence_case("other programs use 0.1 cores") == "Other programs use 0.1 cores"
    for kept in ("llama.cpp starts", "/home/ada/store", "n_ubatch 512", "5 files", "Intel Core", ""):
        assert sentence_case(kept) == kept
