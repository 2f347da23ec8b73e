"""A profile travels as a JSON file, and nothing else passes for one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.values import profile, quantity
from tests.support.cli import CommandLine
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.profile_file import MAX_BYTES, profile_file, profile_of
from tunesmith.errors import NotFoundError, StoreError, UsageError
from tunesmith.presentation.documents import ProfileDocument
from tunesmith.services.profile_files import (
    duplicate_profile,
    file_name,
    import_profile,
    read_profile,
    write_profile,
)
from tunesmith.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open, empty store."""
    with Store.open(tmp_path / "store.sqlite3") as store:
        yield store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A written profile."""
    path = tmp_path / "profile.json"
    write_profile(profile(), path)
    return path


def travelled() -> TunedProfile:
    """The profile as it is read elsewhere: without the folders of its files."""
    return profile_of(profile_file(profile()))


def change(file: Path, **changes: object) -> None:
    """Change fields of the written profile."""
    document: dict[str, Any] = json.loads(file.read_text("utf-8"))
    for key, value in changes.items():
        part = next(
            (document[name] for name in ("evidence", "provenance") if key in document[name]), document
        )
        part[key] = value
    file.write_text(json.dumps(document), "utf-8")


def test_what_is_written_reads_back_the_same(file: Path) -> None:
    assert read_profile(file) == travelled()


def test_no_folder_of_this_machine_is_in_a_file(file: Path) -> None:
    text = file.read_text("utf-8")
    assert "/models" not in text
    assert json.loads(text)["model"]["header"]["path"] == "s.gguf"


def test_what_profiles_show_prints_is_such_a_file(tmp_path: Path) -> None:
    path = tmp_path / "shown.json"
    path.write_text(ProfileDocument(profile=profile()).model_dump_json(by_alias=True, indent=2), "utf-8")
    assert read_profile(path) == travelled()


def test_writing_leaves_nothing_beside_the_file(file: Path) -> None:
    assert [entry.name for entry in file.parent.iterdir() if "store" not in entry.name] == [file.name]


def test_a_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        write_profile(profile(), tmp_path / "missing" / "profile.json")


@given(raw=st.binary(max_size=400))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_refused_in_words(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "any.json"
    path.write_bytes(raw)
    with pytest.raises(UsageError) as caught:
        read_profile(path)
    assert all((caught.value.what, caught.value.unharmed, caught.value.todo))


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_as_before_or_refused_in_words(data: st.DataObject, file: Path) -> None:
    write_profile(profile(), file)
    raw = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=8))
    file.write_bytes(raw)
    try:
        found = read_profile(file)
    except UsageError:
        pass
    else:
        write_profile(found, file)
        assert read_profile(file) == found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "  "}, "no name"),
        ({"name": "x" * 201}, "no name"),
        ({"id": "../../etc"}, "id"),
        ({"created_utc": "yesterday"}, "when it was made"),
        ({"surprise": 1}, "surprise"),
        ({"outcome": "splendid"}, "outcome"),
        ({"settings": None}, "settings"),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused_with_its_reason(
    file: Path, changes: dict[str, object], words: str
) -> None:
    change(file, **changes)
    with pytest.raises(UsageError, match=words):
        read_profile(file)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" + "0" * 30])
def test_a_number_out_of_all_proportion_is_refused(file: Path, number: str) -> None:
    text = file.read_text("utf-8")
    assert '"median": 1.21' in text
    file.write_text(text.replace('"median": 1.21', f'"median": {number}', 1), "utf-8")
    if number[0] == "1" and "e" not in number:  # a float may be that large, a count may not
        file.write_text(text.replace('"parameters": 134515008', f'"parameters": {number}', 1), "utf-8")
    with pytest.raises(UsageError):
        read_profile(file)


def test_a_file_larger_than_any_profile_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    path.write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(UsageError, match="larger than 4 MiB"):
        read_profile(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.json cannot be read"):
        read_profile(tmp_path / "nothing.json")


def test_importing_twice_keeps_one(store: Store, file: Path) -> None:
    assert not import_profile(file, store).known
    assert import_profile(file, store).known
    assert len(store.profiles()) == 1


def test_another_profile_of_the_same_id_is_never_replaced(store: Store, file: Path) -> None:
    store.save_profile(profile(name="mine"))
    imported = import_profile(file, store)
    assert imported.renumbered
    assert {row.name for row in store.profiles()} == {"mine", "SmolLM2 on bench-1"}
    assert store.profile(profile().id).name == "mine"


def test_a_copy_has_its_own_id_and_says_that_it_is_one(store: Store) -> None:
    store.save_profile(profile())
    copy = duplicate_profile(store, profile().id)
    assert copy.id != profile().id
    assert copy.name == "copy of SmolLM2 on bench-1"
    assert store.profile(copy.id).tuned == profile().tuned


def test_no_copy_is_made_of_what_is_not_there(store: Store) -> None:
    with pytest.raises(NotFoundError):
        duplicate_profile(store, "p-nothing")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SmolLM2 Q4_K_M · chat", "SmolLM2 Q4_K_M - chat.json"),
        ("../../etc/passwd", "etc-passwd.json"),
        ("???", "p-20261123-174501.json"),
    ],
)
def test_a_file_is_named_for_its_profile_and_lies_in_no_other_folder(name: str, expected: str) -> None:
    found = file_name(profile(name=name))
    assert found == expected
    assert "/" not in found


def test_the_command_line_imports_a_file(tunesmith: CommandLine, file: Path) -> None:
    done = tunesmith.inline("profiles", "import", file)
    assert done.code == 0, done.err
    assert profile().id in done.out
    assert (
        tunesmith.inline("profiles", "import", file, "--json").document["profile"]["name"] == profile().name
    )
    assert "there already" in tunesmith.inline("profiles", "import", file).out


def test_the_command_line_says_what_is_wrong_with_a_file(tunesmith: CommandLine, file: Path) -> None:
    change(file, speedup=quantity(1.0).model_dump() | {"confidence": 2})
    done = tunesmith.inline("profiles", "import", file)
    assert done.code == 2
    assert "is no tuned profile" in done.err
