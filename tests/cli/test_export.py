"""Own the claims about ``tunesmith export``: files, documents and errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.store.values import profile
from tests.support.cli import CommandLine
from tunesmith import assets
from tunesmith.export.targets import TARGETS
from tunesmith.services.profile_files import write_profile
from tunesmith.store import Store


@pytest.fixture
def filled(tunesmith: CommandLine) -> CommandLine:
    """A command line whose store has two profiles."""
    with Store.open(tunesmith.folder / "store.sqlite3") as store:
        store.save_profile(profile("p-one", name="One"))
        store.save_profile(profile("p-two", name="Two"))
    return tunesmith


def schema() -> Any:
    """The published schema."""
    return json.loads((assets.profiles_dir() / "schema" / "cli" / "export.schema.json").read_text("utf-8"))


@pytest.mark.parametrize("name", TARGETS)
def test_every_format_goes_to_standard_output_a_file_and_a_document(
    name: str, filled: CommandLine, tmp_path: Path
) -> None:
    plain = filled.inline("export", "p-one", "--to", name)
    assert plain.code == 0, plain.err
    path = tmp_path / "out"
    written = filled.inline("export", "p-one", "--to", name, "--output", path, "--json")
    jsonschema.validate(written.document, schema())
    assert path.read_text("utf-8") == written.document["text"] == plain.out
    assert written.document["output"] == str(path)
    lost = {loss["setting"] for loss in written.document["not_carried"]}
    assert all(setting in plain.err for setting in lost)


def test_several_profiles_go_into_one_file_where_it_holds_them(filled: CommandLine) -> None:
    done = filled.inline("export", "One", "Two", "--to", "preset-ini")
    assert "[One]" in done.out
    assert "[Two]" in done.out
    refused = filled.inline("export", "One", "Two", "--to", "systemd")
    assert refused.code == 2
    assert "holds one profile" in refused.err


def test_a_profiles_file_is_exported_without_a_store(tunesmith: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    write_profile(profile(), path)
    done = tunesmith.inline("export", path, "--to", "llama-server", "--model", "/there/x.gguf")
    assert "--model /there/x.gguf" in done.out


def test_a_profile_exported_as_json_is_imported_elsewhere(
    filled: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = filled.folder / "one.json"
    url = "https://example.org/s.gguf"
    filled.inline("export", "One", "--to", "json", "--output", path, "--source-url", url)
    assert json.loads(path.read_text("utf-8"))["model"]["source_url"] == url
    other = CommandLine(tmp_path_factory.mktemp("other"))
    assert other.inline("profiles", "import", path).code == 0
    again = other.inline("export", "One", "--to", "json")
    assert again.out == path.read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("One", "--to", "kubernets"), "kubernetes"),
        (("Three", "--to", "env"), "Three"),
        (("One", "--to", "env", "--port", "0"), "no port"),
        (("One", "--to", "llama-server", "--target-version", "b1"), "older"),
        (("One", "--to", "preset-ini", "--model", "/a;b.gguf"), "cannot hold"),
        (("One", "--to", "compose", "--model", "b.gguf"), "whole path"),
        (("One", "Two", "--to", "compose", "--model", "/b.gguf"), "one by one"),
    ],
)
def test_what_cannot_be_exported_is_said(arguments: tuple[str, ...], words: str, filled: CommandLine) -> None:
    done = filled.inline("export", *arguments)
    assert done.code in (2, 3, 6)
    assert done.out == ""
    assert words in done.err


def test_a_baseline_that_is_no_configuration_is_refused_before_anything_is_measured(
    tunesmith: CommandLine, smollm2_path: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.ini"
    bad.write_text("[a]\nthreads = many\n", "utf-8")
    done = tunesmith.inline("tune", smollm2_path, "--baseline", bad)
    assert done.code == 2
    assert "makes no sense" in done.err
    lone = tunesmith.inline("tune", smollm2_path, "--baseline-name", "x")
    assert "without --baseline" in lone.err
