"""The document of a tuned profile: read from any version, written the same again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.values import profile
from tests.support.soaks import kept as kept_soak
from tunesmith import assets
from tunesmith.domain.profile import DeviceRoom, FitComparison, Safety
from tunesmith.domain.profile_file import (
    SCHEMA,
    ProfileFile,
    base_name,
    parse_profile_file,
    profile_file,
    profile_of,
    profile_schema,
)
from tunesmith.errors import UsageError
from tunesmith.presentation.documents import ProfileDocument

RENEW = "TUNESMITH_RENEW=1 pytest tests/domain/test_profile_file.py"
EXAMPLES = sorted((assets.profiles_dir() / "examples").glob("*.json"))


def written(**changes: Any) -> str:
    """A profile's file, some of it changed."""
    document: dict[str, Any] = json.loads(profile_file(profile()).text())
    return json.dumps(document | changes, indent=2, ensure_ascii=False) + "\n"


def schema() -> Any:
    """The published schema."""
    return json.loads((assets.profiles_dir() / "schema" / "profile.schema.json").read_text("utf-8"))


def test_the_published_schema_is_current() -> None:
    path = assets.profiles_dir() / "schema" / "profile.schema.json"
    if os.environ.get("TUNESMITH_RENEW"):
        path.write_text(profile_schema(), encoding="utf-8")
    assert path.read_text("utf-8") == profile_schema(), f"ProfileFile has changed; renew the schema: {RENEW}"


@settings(max_examples=30, deadline=None)
@given(
    name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200).filter(str.strip),
    notes=st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
)
def test_a_file_read_and_written_has_the_same_bytes(name: str, notes: str) -> None:
    text = profile_file(profile(name=name).model_copy(update={"notes": notes})).text()
    file = parse_profile_file(text.encode(), "p.json")
    assert file.text() == text
    assert profile_file(profile_of(file)).text() == text
    jsonschema.validate(json.loads(text), schema())


def test_all_that_a_profile_states_travels_but_the_models_folder() -> None:
    plain = profile()
    room = DeviceRoom(name="CUDA0", least_free_bytes=3, margin_bytes=2, total_bytes=9)
    fit = FitComparison(settings=plain.settings, same_as=None, measured=plain.baseline, speedup=plain.speedup)
    kept = plain.model_copy(
        update={
            "notes": "n", "source_url": "https://models.example/m.gguf", "baseline_label": "mine",
            "safety": Safety(longest_prompt_tokens=7, context_tokens=9, devices=(room,)), "fit": fit,
            "projected_memory_bytes": 5, "soak": kept_soak(falls_to=0.8),
        }
    )  # fmt: skip
    again = profile_of(profile_file(kept))
    assert again.model_dump(exclude={"model"}) == kept.model_dump(exclude={"model"})


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_obeys_the_schema_and_keeps_its_bytes(path: Path) -> None:
    if os.environ.get("TUNESMITH_RENEW"):  # keys that were added since
        path.write_text(parse_profile_file(path.read_bytes(), path.name).text(), encoding="utf-8")
    raw = path.read_bytes()
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(json.loads(raw), schema())
    assert parse_profile_file(raw, path.name).text().encode() == raw, f"renew the examples: {RENEW}"


def test_there_are_examples() -> None:
    assert EXAMPLES


def test_the_first_version_is_read_as_the_same_profile() -> None:
    old = ProfileDocument(profile=profile()).model_dump_json(by_alias=True)
    assert json.loads(old)["schema"] == "tunesmith.profile/1"
    assert parse_profile_file(old, "old.json") == profile_file(profile())


def test_the_first_version_without_what_came_later_is_read() -> None:
    old = json.loads(ProfileDocument(profile=profile()).model_dump_json(by_alias=True))
    for key in ("guarantee", "quality", "projected_memory_bytes", "source_url", "notes"):
        old["profile"].pop(key)
    assert parse_profile_file(json.dumps(old), "old.json").evidence.guarantee is None


@pytest.mark.parametrize("version", ["3", "17", "999999999"])
def test_a_later_version_is_refused_as_one(version: str) -> None:
    with pytest.raises(UsageError, match=rf"is of version {version} .* reads up to version 2") as caught:
        parse_profile_file(written(schema=f"tunesmith.profile/{version}", surprise=1), "new.json")
    assert "Update Tunesmith" in caught.value.todo
    assert caught.value.unharmed


@pytest.mark.parametrize("name", ["tunesmith.profile/0", "tunesmith.tune/1", "tunesmith.profile/2x", "", 2])
def test_what_is_no_profile_is_refused(name: object) -> None:
    with pytest.raises(UsageError, match="is no tuned profile"):
        parse_profile_file(written(schema=name), "x.json")


def test_a_file_that_says_it_holds_for_another_model_is_refused() -> None:
    validity = json.loads(written())["validity"] | {"model_sha256": "0" * 64}
    with pytest.raises(UsageError, match="another model"):
        parse_profile_file(written(validity=validity), "x.json")


def test_the_canonical_form_does_not_depend_on_layout() -> None:
    compact = json.dumps(dict(reversed(json.loads(written()).items())))
    files = [parse_profile_file(text, "x.json") for text in (written(), compact)]
    assert files[0].canonical() == files[1].canonical()
    assert json.loads(files[0].canonical())["schema"] == SCHEMA


def test_where_the_model_can_be_had_travels_along() -> None:
    file = profile_file(profile(), source_url="https://example.org/m.gguf")
    assert profile_of(file).source_url == "https://example.org/m.gguf"
    assert isinstance(file, ProfileFile)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/b.gguf", "b.gguf"),
        (r"C:\m\b.gguf", "b.gguf"),
        ("b.gguf", "b.gguf"),
        (r"/a/b\c.gguf", r"b\c.gguf"),
    ],
)
def test_a_path_is_shortened_to_its_file(path: str, name: str) -> None:
    assert base_name(path) == name
