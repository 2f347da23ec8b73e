"""What the page says of the portable build is what its records tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.portable_build import Pair, Reading, Record, report

FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"
RECORDS = sorted(FOLDER.glob("portable-*.json"))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_the_page_shows_what_each_record_tells(path: Path) -> None:
    page = (FOLDER / "portable.md").read_text("utf-8")
    record = Record.model_validate_json(path.read_text("utf-8"))
    assert record.portable.cpu_variant
    assert record.native.cpu_variant is None
    assert [line for line in report(record) if line not in page] == []


def test_a_pair_that_others_disturbed_counts_in_no_ratio() -> None:
    record = Record.model_validate_json(RECORDS[0].read_text("utf-8"))
    slow = Reading(prefill_ns=10**12, step_ns=(10**10,), noisy=True)
    pair = record.pairs[0].model_copy(update={"portable": slow})
    assert isinstance(pair, Pair)
    more = record.model_copy(update={"pairs": (*record.pairs, pair)})
    ratios = [[line.split("|")[7] for line in report(one)[5:]] for one in (record, more)]
    assert ratios[0] == ratios[1]
