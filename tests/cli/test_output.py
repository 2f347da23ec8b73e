"""Claims about what is written where an encoding lacks a character."""

from __future__ import annotations

import io
import sys

import pytest

from tunesmith.cli.output import Output


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("cp1252", "-3.2% × 2 – ok"), ("ascii", "-3.2% x 2 - ok"), ("utf-8", "−3.2% × 2 – ok")],
)
def test_a_character_that_an_encoding_lacks_ends_no_command(
    monkeypatch: pytest.MonkeyPatch, encoding: str, written: str
) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    output = Output(json_mode=False, quiet=False, verbose=False)
    sys.stdout.write("−3.2% × 2 – ok")
    stream.flush()
    assert raw.getvalue().decode(encoding) == written
    del output
