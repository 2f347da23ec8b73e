"""What the page says of the portable build is what its record tells."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.portable_build import AIM, PARTS, Record, report

FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"


def test_the_page_shows_the_record_and_every_ratio_reaches_the_aim() -> None:
    record = Record.model_validate_json((FOLDER / "portable.json").read_text("utf-8"))
    page = (FOLDER / "portable.md").read_text("utf-8")
    told = report(record)
    assert [line for line in told if line not in page] == []
    rows = [line.split("|") for line in told if line.startswith("|")]
    ratios = [float(row[7]) for row in rows if row[2].strip() in PARTS]
    assert ratios
    assert min(ratios) >= AIM
