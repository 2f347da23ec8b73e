"""Claims about reading files that may hold anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.machine.files import MAX_CPUS, one_line, parse_cpu_list, parse_int, read_text


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("0-3,8", {0, 1, 2, 3, 8}),
        ("5", {5}),
        ("0-1, 4 ", {0, 1, 4}),
        ("", None),
        (None, None),
        ("3-1", None),
        ("0-99999999", None),
        ("1-", None),
        ("0,x", None),
        ("²", None),
    ],
)
def test_a_cpu_list_is_read_whole_or_not_at_all(text: str | None, cpus: set[int] | None) -> None:
    assert parse_cpu_list(text) == (None if cpus is None else frozenset(cpus))


@pytest.mark.parametrize(
    ("text", "number"),
    [("12\n", 12), ("-1", -1), ("max", None), ("1_0", None), ("٣", None), ("9" * 5000, None), (None, None)],
)
def test_only_plain_integers_of_a_believable_length_are_read(text: str | None, number: int | None) -> None:
    assert parse_int(text) == number


@given(st.text())
def test_no_text_makes_a_parser_raise(text: str) -> None:
    parse_int(text)
    cpus = parse_cpu_list(text)
    assert cpus is None or max(cpus) < MAX_CPUS
    line = one_line(text)
    assert line is None or line.isprintable()


def test_a_missing_file_a_folder_and_an_impossible_path_read_as_none(tmp_path: Path) -> None:
    assert read_text(tmp_path / "missing") is None
    assert read_text(tmp_path) is None
    assert read_text(tmp_path / "a\0b") is None


def test_no_more_of_a_file_is_read_than_asked(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"x" * 1000)
    assert read_text(tmp_path / "long", 10) == "x" * 10
