"""Own the claims about the JSON contract: published, current, and kept by what commands print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.cli import CommandLine
from tunesmith import assets
from tunesmith.presentation.schemas import schema_texts

FOLDER = assets.profiles_dir() / "schema" / "cli"
RENEW = "renew with: python -m tunesmith.presentation.schemas profiles/schema/cli"


def _schema(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.schema.json").read_text("utf-8"))


def test_the_published_schemas_are_current() -> None:
    published = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    assert published == schema_texts(), RENEW


@pytest.mark.parametrize("text", schema_texts().values(), ids=schema_texts().keys())
def test_each_schema_is_a_schema_and_names_its_version(text: str) -> None:
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema"]["const"].endswith("/1")


@pytest.mark.parametrize("command", ["machine", "devices", "doctor", "profiles list"])
def test_facts_are_printed_as_their_schema_says(command: str, tunesmith: CommandLine) -> None:
    done = tunesmith.inline(*command.split(), "--json")
    assert done.code == 0, done.err
    jsonschema.validate(done.document, _schema(command.split()[0]))
    assert done.err == ""


def test_a_header_is_printed_as_its_schema_says(tunesmith: CommandLine, smollm2_path: Path) -> None:
    plain = tunesmith.inline("inspect", smollm2_path, "--json")
    hashed = tunesmith.inline("inspect", smollm2_path, "--json", "--hash")
    jsonschema.validate(plain.document, _schema("inspect"))
    jsonschema.validate(hashed.document, _schema("inspect"))
    assert plain.document["sha256"] is None
    assert len(hashed.document["sha256"]) == 64
    assert plain.document["header"]["layers"] == 30


@pytest.mark.model
def test_a_measurement_has_every_key_of_the_contract(tunesmith: CommandLine, smollm2_path: Path) -> None:
    done = tunesmith(
        "measure", smollm2_path, "--prompt", 0, "--generate", 8, "--repetitions", 2, "--json", "--quiet"
    )
    assert done.code == 0, done.err
    assert done.err == ""
    jsonschema.validate(done.document, _schema("measure"))
    assert done.document["prefill_tokens_per_s"] is None
    assert done.document["ttft_ms"] is None
    decode = done.document["decode_tokens_per_s"]
    assert len(decode["samples"]) == 2
    assert decode["low"] <= decode["median"] <= decode["high"]
    for key in ("itl_ms", "peak_memory_bytes", "settings", "workload", "model", "machine", "build"):
        assert done.document[key] is not None
    energy = done.document["energy"]
    assert energy["prefill"]["reason"]
    assert energy["origin"] == "measured" or energy["decode"]["reason"]
    limit = done.document["decode_limit_tokens_per_s"]
    if limit is None:  # a busy machine tells nothing of its memory
        assert done.document["decode_limit_reason"]
        assert done.document["memory_bandwidth_bytes_per_s"] is None
    else:
        assert max(decode["samples"]) <= limit
        assert done.document["memory_bandwidth_bytes_per_s"] > 1e8
        assert done.document["decode_step_bytes"] > 90e6
        assert done.document["decode_limit_reason"] is None
        found = tunesmith.inline("machine", "--json").document["machine"]["memory_bandwidth"]
        assert found["readings"][0]["bytes_per_s"]


@pytest.mark.model
def test_plain_output_goes_to_stdout_and_progress_to_stderr(
    tunesmith: CommandLine, smollm2_path: Path
) -> None:
    done = tunesmith(
        "measure", smollm2_path, "--prompt", 16, "--generate", 4, "--repetitions", 2, "--load-watts", 65,
        "--idle-watts", 15,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "tok/s" in done.out
    assert "J/tok" in done.out
    assert "reckoned from the watts that you gave" in done.out
    assert "Measuring" in done.err
    assert "\x1b" not in done.out + done.err
