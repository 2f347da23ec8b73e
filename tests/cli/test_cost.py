"""Claims about ``tunesmith cost``: figures, documents, files and errors."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import jsonschema
import pytest

from tests.store.values import profile, quantity
from tests.support.cli import CommandLine
from tunesmith import assets
from tunesmith.domain.workload import Workload
from tunesmith.store import Store

PRICE = (
    "--price", "currency=eur,electricity=0.30,load-watts=65,idle-watts=20", "--price",
    "hardware=1200,years=4,hours-per-day=8,utilisation=25%", "--price", "api-input=0.15,api-output=0.60",
)  # fmt: skip


@pytest.fixture
def filled(tunesmith: CommandLine) -> CommandLine:
    """A command line whose store has two profiles: prefill 500 and 1000 tokens/s, decode 50 and 100."""
    with Store.open(tunesmith.folder / "store.sqlite3") as store:
        for name, factor in (("Slow", 1), ("=Fast", 2)):
            made = profile(f"p-{factor}", name=name)
            speeds = {
                "prefill_tokens_per_s": quantity(500.0 * factor),
                "decode_tokens_per_s": quantity(50.0 * factor),
            }
            changed = {
                "tuned": made.tuned.model_copy(update=speeds),
                "workload": Workload(prompt=512, generate=128),
            }
            store.save_profile(made.model_copy(update=changed))
    return tunesmith


def test_what_the_guide_works_by_hand_is_printed(filled: CommandLine) -> None:
    done = filled.inline("cost", "Slow", *PRICE)
    assert done.code == 0, done.err
    for told in ("0.11 EUR", "0.10 EUR", "2.28 EUR", "2.49 EUR (2.26–2.77)", "0.25 EUR", "0.00045 EUR"):
        assert told in done.out
    assert "65 W in decode (given)" in done.out
    assert "+190% against the API" in done.out
    assert "77.2% of its hours" in done.out


def test_the_document_is_as_its_schema_says_and_tells_who_says_the_watts(filled: CommandLine) -> None:
    document = filled.inline("cost", "p-1", "p-2", *PRICE, "--json").document
    schema = json.loads((assets.profiles_dir() / "schema" / "cli" / "cost.schema.json").read_text("utf-8"))
    jsonschema.validate(document, schema)
    slow, fast = document["profiles"]
    assert slow["output_per_million"]["total"] == pytest.approx(2.489876, abs=1e-6)
    assert fast["output_per_million"]["total"] == pytest.approx(2.489876 / 2, abs=1e-6)
    assert slow["break_even_utilisation"] == pytest.approx(0.772, abs=1e-3)
    assert slow["power"] == {
        "prefill_watts": 65, "decode_watts": 65, "load_source": "given", "idle_watts": 20,
        "idle_source": "given",
    }  # fmt: skip
    bare = filled.inline("cost", "p-1", "--json").document
    assert bare["profiles"][0]["power"]["load_source"] is None
    assert bare["profiles"][0]["output_per_million"]["total"] is None


def test_the_file_has_a_line_for_each_amount_and_no_formula(filled: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "cost.csv"
    done = filled.inline("cost", "p-1", "p-2", *PRICE, "--csv", path)
    assert done.code == 0, done.err
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["profile_id"], row["of"]) for row in rows] == [
        (name, of) for name in ("p-1", "p-2") for of in ("input_per_million", "output_per_million", "request")
    ]
    assert {row["profile"] for row in rows} == {"Slow", "'=Fast"}
    parts = ("electricity", "idle_electricity", "hardware")
    for row in rows:
        assert sum(float(row[part]) for part in parts) == pytest.approx(float(row["total"]), abs=3e-9)


@pytest.mark.parametrize(
    ("price", "told"),
    [
        ("gold=3", "is no price"), ("electricity=much", "is no number"), ("electricity=nan", "is no number"),
        ("currency=Euro", "currency=Euro names no currency"),
        ("utilisation=0", "utilisation=0 cannot be: utilisation is 0.00001 to 1."),
        ("utilisation=50", "utilisation=50 cannot be"), ("hours-per-day=25", "hours-per-day is 0.001 to 24."),
        ("load-watts=5,idle-watts=6", "idle-watts is above load-watts."),
        ("electricity=-1", "electricity is 0 to 1000000000."), ("years=1e-30", "years is 0.001 to 100."),
        ("electricity=0,30", "has a point, not a comma"), ("hardware=1,200", "has a point, not a comma"),
    ],
)  # fmt: skip
def test_a_price_that_makes_no_sense_is_refused(filled: CommandLine, price: str, told: str) -> None:
    done = filled.inline("cost", "p-1", "--price", price)
    assert done.code == 2
    assert told in done.err


def test_a_file_that_cannot_be_written_is_told(filled: CommandLine, tmp_path: Path) -> None:
    done = filled.inline("cost", "p-1", "--csv", tmp_path / "nowhere" / "cost.csv")
    assert done.code == 6
    assert "cannot be written" in done.err


def test_a_cost_out_of_all_proportion_is_told_as_any_other(filled: CommandLine, tmp_path: Path) -> None:
    dear = "hardware=1e12,years=0.001,hours-per-day=0.001,utilisation=0.001%,electricity=1e9,load-watts=1e6"
    told = filled.inline("cost", "p-1", "--json", "--csv", tmp_path / "cost.csv", "--price", dear)
    assert told.code == 0, told.err
    assert told.document["profiles"][0]["request"]["total"] > 1e12
    noted = filled.inline("export", "p-1", "--to", "systemd", "--price", dear)
    assert noted.code == 0, noted.err
