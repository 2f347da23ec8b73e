"""Claims about ``tunesmith soak``: what it asks for, prints and writes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.store.values import profile
from tests.support.cli import CommandLine
from tests.support.soaks import soak_of
from tunesmith import assets
from tunesmith.cli.parser import build_parser
from tunesmith.cli.soak import kept_in, make_comparison, make_request
from tunesmith.domain.soak import DEFAULT_SOAK_WORKLOAD, KeptSoak
from tunesmith.errors import UsageError
from tunesmith.presentation.soak_text import CSV_HEAD
from tunesmith.services.session import Session
from tunesmith.store import Store


def test_ten_minutes_of_512_and_128_tokens_are_soaked_if_nothing_is_named() -> None:
    asked = make_request(build_parser().parse_args(["soak", "m.gguf"]), None)
    assert (asked.seconds, asked.workload) == (600, DEFAULT_SOAK_WORKLOAD)


def test_hours_settings_and_a_workload_are_taken() -> None:
    asked = make_request(
        build_parser().parse_args(
            ["soak", "m.gguf", "--hours", "2", "--workload", "prompt=0,generate=64", "--threads", "3"]
        ),
        None,
    )
    assert (asked.seconds, asked.workload.generate, asked.settings.threads) == (7200, 64, 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "There is no model to soak."),
        (("m.gguf", "--minutes", "1", "--hours", "1"), "say two things"),
        (("m.gguf", "--minutes", "0.01"), "A soak takes"),
        (("m.gguf", "--hours", "1000"), "A soak takes"),
        (("m.gguf", "--minutes", "nan"), "A soak takes"),
        (("m.gguf", "--preset", "chat", "--workload", "generate=8"), "say two things"),
        (("m.gguf", "--blocks", "4"), "--blocks goes with a comparison."),
        (("m.gguf", "--compare", "threads=1"), "this one has 1."),
        (("m.gguf", "--compare", "threads=2,2"), "different settings; this one has 1."),
        (("m.gguf", "--compare", "threads=1", "--compare", "t=2"), "--compare names threads twice."),
        (("m.gguf", "--compare", "threads=1,2,3,4,5,6,7"), "this one has 7."),
        (("m.gguf", "--compare", "threads"), "names no values"),
        (("m.gguf", "--compare", "knobs=1,2"), "no setting called"),
        (("m.gguf", "--compare", "n_ctx=512,1024"), "belongs to the workload"),
        (("m.gguf", "--compare", "threads=1,2", "--blocks", "1"), "--blocks is 2 to 100."),
        (("m.gguf", "--power-limit", "0"), "--power-limit is in watts"),
        (("m.gguf", "--power-limit", "nan"), "--power-limit is in watts"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: tuple[str, ...], said: str, tunesmith: CommandLine
) -> None:
    done = tunesmith.inline("soak", *arguments)
    assert done.code == 2
    assert said in done.err


def test_a_file_that_cannot_be_written_is_said_before_anything_runs(
    tunesmith: CommandLine, tmp_path: Path
) -> None:
    done = tunesmith.inline("soak", "m.gguf", "--csv", tmp_path / "none" / "soak.csv")
    assert done.code == 6
    assert "Nothing was started." in done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_said_before_anything_runs(tunesmith: CommandLine) -> None:
    done = tunesmith.inline("soak", "m.gguf", "--csv", "/dev/full")
    assert done.code == 6
    assert "Nothing was started." in done.err


def test_a_file_of_samples_stays_as_it_is_if_nothing_is_measured(
    tunesmith: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "soak.csv"
    path.write_text("of yesterday\n")
    assert tunesmith.inline("soak", tmp_path / "none.gguf", "--csv", path).code == 3
    assert path.read_text() == "of yesterday\n"


def test_a_file_of_samples_is_replaced_by_the_first_one(tmp_path: Path) -> None:
    path = tmp_path / "soak.csv"
    path.write_text("of yesterday\n" * 1000)
    samples = soak_of(profile()).soaked.samples[:2]
    with kept_in(str(path), 15.0) as keep:
        for sample in samples:
            keep(sample)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["part"] for row in rows] == [sample.part for sample in samples]
    assert tuple(rows[0]) == CSV_HEAD


@pytest.mark.model
def test_a_soak_prints_its_document_and_writes_every_sample(
    tunesmith: CommandLine, smollm2_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "soak.csv"
    done = tunesmith.inline(
        "soak", smollm2_path, "--minutes", 0.034, "--workload", "prompt=32,generate=16", "--threads", 1,
        "--threads-batch", 1, "--csv", path,
        "--json", "--quiet",
    )  # fmt: skip
    assert done.code == 0, done.err
    schema = json.loads((assets.profiles_dir() / "schema" / "cli" / "soak.schema.json").read_text("utf-8"))
    jsonschema.validate(done.document, schema)
    assert done.document["end"] == "finished"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == CSV_HEAD
    assert [row["part"] for row in rows] == [sample["part"] for sample in done.document["samples"]]
    assert {row["part"] for row in rows} == {"prefill", "decode"}


def test_a_profile_brings_its_model_its_settings_and_its_workload() -> None:
    tuned = profile("p-1", name="Tuned")
    asked = make_request(build_parser().parse_args(["soak", "--profile", "p-1"]), tuned)
    assert asked.model_path == str(Path(tuned.model.header.path))
    assert (asked.settings, asked.workload) == (tuned.settings, tuned.workload)


def answered(
    monkeypatch: pytest.MonkeyPatch, tunesmith: CommandLine, *options: str, **changed: Any
) -> tuple[Any, KeptSoak | None]:
    """What ``soak --profile`` prints of a soak that was not really run, and what the profile carries then."""
    tuned = profile("p-1", name="Tuned")
    path = Path(tunesmith.environment["TUNESMITH_STORE"])
    with Store.open(path) as store:
        store.save_profile(tuned)
    monkeypatch.setattr(
        "tunesmith.cli.soak.start_soak",
        lambda _request, **_keep: Session(lambda _stream, _controls: soak_of(tuned, falls_to=0.8, **changed)),
    )
    done = tunesmith.inline("soak", "--profile", "p-1", *options)
    with Store.open(path) as store:
        return done, store.profile("p-1").soak


def test_a_profile_carries_both_speeds_after_its_soak(
    tunesmith: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, carried = answered(monkeypatch, tunesmith)
    assert "Kept in the profile Tuned." in done.out
    assert carried is not None
    assert [part.part for part in carried.parts] == ["prefill", "decode"]
    shown = tunesmith.inline("profiles", "show", "p-1").out
    assert "Sustained" in shown
    assert "Decode fell by 20.0%" in " ".join(shown.split())


def test_no_save_leaves_the_profile_as_it_is(tunesmith: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    done, carried = answered(monkeypatch, tunesmith, "--no-save", "--json")
    assert carried is None
    assert (done.document["saved"], done.document["not_saved"]) == (False, None)


def test_an_interrupted_soak_is_not_carried_and_it_is_said_why(
    tunesmith: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, carried = answered(monkeypatch, tunesmith, "--json", end="interrupted")
    assert (done.code, carried) == (130, None)
    assert done.document["not_saved"] == "It did not run to its end."


def test_threads_are_compared_for_both_parts_unless_one_is_named() -> None:
    asked = make_comparison(
        build_parser().parse_args(["soak", "m.gguf", "--compare", "threads=1,2", "--power-limit", "15"]), []
    )
    assert [one.label for one in asked.compared] == ["threads=1", "threads=2"]
    assert [one.settings.threads for one in asked.compared] == [1, 2]
    assert [one.settings.threads_batch for one in asked.compared] == [1, 2]
    assert (asked.blocks, asked.power_limit_watts) == (None, 15.0)
    kept = make_comparison(
        build_parser().parse_args(["soak", "m.gguf", "--compare", "threads=1,2", "-tb", "2"]), []
    )
    assert [one.settings.threads_batch for one in kept.compared] == [2, 2]


def test_several_comparisons_are_all_combinations() -> None:
    asked = make_comparison(
        build_parser().parse_args(
            ["soak", "m.gguf", "--compare", "threads=1,2", "--compare", "fa=on,off", "--blocks", "6"]
        ),
        [],
    )
    labels = [one.label for one in asked.compared]
    assert labels[0] == "threads=1 flash_attn=on"
    assert len(labels) == 4
    assert asked.blocks == 6


def test_several_profiles_of_one_model_are_compared_on_the_first_ones_workload() -> None:
    first = profile("p-1", name="One")
    second = profile("p-2", name="Two")
    options = build_parser().parse_args(["soak", "--profile", "p-1", "--profile", "p-2"])
    asked = make_comparison(options, [first, second])
    assert [one.label for one in asked.compared] == ["One", "Two"]
    assert asked.workload == first.workload
    assert asked.model_path == str(Path(first.model.header.path))
    other = second.model_copy(update={"model": second.model.model_copy(update={"sha256": "0" * 64})})
    with pytest.raises(UsageError, match="different models"):
        make_comparison(options, [first, other])
    with pytest.raises(UsageError, match="One is named twice"):
        make_comparison(options, [first, first])


def test_a_profile_keeps_the_limit_that_was_given_and_a_comparison_of_profiles_shows_it(
    tunesmith: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, carried = answered(monkeypatch, tunesmith, power_limit_watts=15.0)
    assert carried is not None
    assert carried.power_limit_watts == 15.0
    assert "Power limit: 15 W (given)." in tunesmith.inline("profiles", "show", "p-1").out


@pytest.mark.model
def test_a_comparison_prints_its_document_and_writes_every_sample_with_its_setting(
    tunesmith: CommandLine, smollm2_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "soak.csv"
    done = tunesmith.inline(
        "soak", smollm2_path, "--minutes", 0.034, "--workload", "prompt=0,generate=16", "--compare",
        "threads=1,2", "--blocks", 2, "--power-limit", 15, "--csv", path, "--json", "--quiet",
    )  # fmt: skip
    assert done.code == 0, done.err
    schema = json.loads((assets.profiles_dir() / "schema" / "cli" / "soak.schema.json").read_text("utf-8"))
    jsonschema.validate(done.document, schema)
    assert done.document["parts"] == []
    told = done.document["comparison"]
    assert told["labels"] == ["threads=1", "threads=2"]
    assert (told["planned_blocks"], told["findings"]["rounds"], len(told["blocks"])) == (2, 2, 4)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["setting"] for row in rows] == [
        told["labels"][sample["setting"]] for sample in done.document["samples"]
    ]
    assert {row["power_limit_watts_given"] for row in rows} == {"15.0"}
