"""Claims about the fleet's report: what devices found, summed up by profile, class and build."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import jsonschema
import pytest

from tests.services.test_verify import machine, tuned, verify
from tests.support.cli import CommandLine
from tunesmith import assets
from tunesmith.domain.verification import Verification
from tunesmith.errors import UsageError
from tunesmith.presentation.fleet_text import CSV_HEAD, fleet_csv
from tunesmith.services.fleet import MAX_RESULT_BYTES, read_fleet


@pytest.fixture(scope="module")
def found() -> dict[str, Verification]:
    """One verification of each kind."""
    profile = tuned(machine(6))
    return {
        "holds": verify(profile, machine(7)),
        "drifted": verify(profile, machine(7, slower=1.3)),
        "worse": verify(profile, machine(7, slower=2.0)),
        "cannot_tell": verify(profile, machine(7, busy=lambda _n, _r: True)),
    }


def put(folder: Path, name: str, one: Verification, **changes: object) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(one.model_copy(update=changes).model_dump_json(by_alias=True), "utf-8")


@pytest.fixture
def folder(tmp_path: Path, found: dict[str, Verification]) -> Path:
    """Six devices of two classes, and files that are no results."""
    folder = tmp_path / "results"
    put(folder, "hall/a.json", found["holds"])
    put(folder, "hall/b.json", found["drifted"])
    put(folder, "hall/c.json", found["worse"])
    put(folder, "d.json", found["cannot_tell"])
    other = {"machine_fingerprint": "0123456789abcdef", "machine_label": "A pocket computer"}
    put(folder, "e.json", found["holds"], **other)
    put(folder, "f.json", found["holds"], **other)
    (folder / "notes.txt").write_text("no result")
    (folder / "other.json").write_text('{"schema": "tunesmith.tune/1"}')
    (folder / "broken.json").write_text("{")
    (folder / "list.json").write_text("[1]")
    (folder / "damaged.json").write_text('{"schema": "tunesmith.verify/1", "answer": "perhaps"}')
    (folder / "large.json").write_bytes(b" " * (MAX_RESULT_BYTES + 1))
    return folder


def test_results_are_summed_up_by_profile_class_and_build(folder: Path) -> None:
    report = read_fleet(folder)
    assert len(report.results) == 6
    first, second = report.groups
    assert [first.count("holds"), first.count("drifted"), first.count("cannot_tell")] == [1, 2, 1]
    assert (second.machine_label, second.count("holds")) == ("A pocket computer", 2)
    assert first.lowest_ratio == pytest.approx(0.5, abs=0.03)
    assert first.median_ratio == pytest.approx(0.77, abs=0.04)


def test_the_worst_come_first(folder: Path) -> None:
    assert [each.source for each in read_fleet(folder).worst] == ["hall/c.json", "hall/b.json"]


def test_another_build_is_another_group(tmp_path: Path, found: dict[str, Verification]) -> None:
    put(tmp_path, "a.json", found["holds"])
    put(tmp_path, "b.json", found["holds"], build="llama-cpp-python 0.4")
    assert len(read_fleet(tmp_path).groups) == 2


def test_files_that_are_no_results_are_named_with_the_reason(folder: Path) -> None:
    skipped = {each.source: each.why for each in read_fleet(folder).skipped}
    assert skipped == {
        "broken.json": "no JSON document", "damaged.json": "damaged: answer",
        "large.json": "too large", "list.json": "no result of verify", "other.json": "no result of verify",
    } or "damaged" in skipped["damaged.json"]  # fmt: skip
    assert set(skipped) == {"broken.json", "damaged.json", "large.json", "list.json", "other.json"}


def test_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        read_fleet(tmp_path / "nothing")


def test_csv_has_a_line_for_each_result_and_starts_no_formula(
    tmp_path: Path, found: dict[str, Verification]
) -> None:
    evil = found["holds"].profile.model_copy(update={"name": '=HYPERLINK("x")\n,";'})
    put(tmp_path, "a.json", found["holds"], profile=evil)
    put(tmp_path, "b.json", found["cannot_tell"])
    head, *rows = list(csv.reader(io.StringIO(fleet_csv(read_fleet(tmp_path)))))
    assert tuple(head) == CSV_HEAD
    assert [len(row) for row in rows] == [len(head)] * 2
    first, second = (dict(zip(head, row, strict=True)) for row in rows)
    assert first["profile_name"] == '\'=HYPERLINK("x")\n,";'
    assert first["answer"] == "holds"
    assert second["speed_ratio"] == ""
    assert second["cause"] == "load"


def test_the_command_line_prints_a_table_a_document_and_csv(folder: Path, tunesmith: CommandLine) -> None:
    table = tunesmith.inline("fleet", "report", folder)
    assert table.code == 0, table.err
    assert table.out.startswith("6 results: 3 hold, 2 drifted, 1 cannot tell.")
    assert table.out.index("hall/c.json") < table.out.index("hall/b.json")
    assert "5 files were no results." in table.out
    done = tunesmith.inline("fleet", "report", folder, "--json", "--quiet")
    schema = json.loads((assets.profiles_dir() / "schema/cli/fleet.schema.json").read_text("utf-8"))
    jsonschema.validate(done.document, schema)
    assert done.err == ""
    assert done.document["drifted"] == 2
    assert tunesmith.inline("fleet", "report", folder, "--csv").out.count("\n") >= 7
    assert tunesmith.inline("fleet", "report", folder, "--csv", "--json").code == 2


def test_an_empty_folder_says_what_belongs_there(tmp_path: Path, tunesmith: CommandLine) -> None:
    (tmp_path / "empty").mkdir()
    done = tunesmith.inline("fleet", "report", tmp_path / "empty")
    assert done.code == 0
    assert "verify --output" in done.out
