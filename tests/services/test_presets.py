"""Claims about presets, ours and the user's."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import jsonschema
import pytest

from tunesmith import assets
from tunesmith.domain.workload import Objective, Workload
from tunesmith.errors import NotFoundError, UsageError
from tunesmith.services.presets import DEFAULT_PRESET, load_preset, load_presets, preset_schema

OURS = ["batch", "chat", "code-assistant", "long-document", "small-edge-device"]
RENEW = "TUNESMITH_RENEW=1 pytest tests/services/test_presets.py"

MINE = """
title = "Mine"
description = "What I do."
[workload]
prompt = 10
generate = 20
"""


def schema_path() -> Path:
    return assets.profiles_dir() / "schema" / "preset.schema.json"


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / f"{name}.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_all_presets_that_ship_are_read(tmp_path: Path) -> None:
    presets = load_presets(tmp_path)
    assert list(presets) == OURS
    for name, preset in presets.items():
        assert preset.name == name
        assert preset.description.endswith(".")
        assert load_preset(name, tmp_path) == preset


def test_the_default_preset_is_cheap_to_measure(tmp_path: Path) -> None:
    workload = load_preset(DEFAULT_PRESET, tmp_path).workload
    assert workload.tokens_per_sequence * workload.parallel <= 1024


def test_the_schema_is_current() -> None:
    if os.environ.get("TUNESMITH_RENEW"):
        schema_path().write_text(preset_schema(), encoding="utf-8")
    current = schema_path().read_text(encoding="utf-8") == preset_schema()
    assert current, f"Preset has changed; renew the schema: {RENEW}"


@pytest.mark.parametrize("name", OURS)
def test_what_ships_obeys_the_schema(name: str) -> None:
    schema = json.loads(schema_path().read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    text = (assets.profiles_dir() / "presets" / f"{name}.toml").read_text(encoding="utf-8")
    jsonschema.validate(tomllib.loads(text), schema)


def test_a_users_preset_comes_in_place_of_ours(tmp_path: Path) -> None:
    write(tmp_path, "chat", MINE)
    write(tmp_path, "mine", MINE + '[objective]\nname = "memory"\nmax_slowdown = 1\n')
    presets = load_presets(tmp_path)
    assert list(presets) == sorted([*OURS, "mine"])
    assert presets["chat"].title == "Mine"
    assert presets["mine"].name == "mine"
    assert presets["mine"].workload == Workload(prompt=10, generate=20)
    assert presets["mine"].objective == Objective(name="memory", max_slowdown=1)


def test_the_users_presets_lie_beside_the_preferences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNESMITH_CONFIG_DIR", str(tmp_path))
    (tmp_path / "presets").mkdir()
    write(tmp_path / "presets", "mine", MINE)
    assert load_preset("mine").title == "Mine"
    assert "mine" in load_presets()


def test_a_bad_preset_does_no_harm_to_another(tmp_path: Path) -> None:
    write(tmp_path, "bad", "?")
    assert load_preset("chat", tmp_path).name == "chat"
    with pytest.raises(UsageError):
        load_presets(tmp_path)


def test_hidden_files_are_no_presets(tmp_path: Path) -> None:
    write(tmp_path, "._chat", "?")
    assert list(load_presets(tmp_path)) == OURS


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title = ", "is not valid TOML"),
        (b"title = '\xff'", "is not valid TOML"),
        ("a = " + "[" * 5000, "is not valid TOML"),
        ("#" * 70_000, "is larger than 64 KiB"),
        ('name = "other"\n' + MINE, "has name = 'other', but must be named as its file: 'p'"),
        (
            'titel = "x"\n' + MINE,
            "unknown key 'titel'; allowed are name, title, description, workload, objective, constraints",
        ),
        (MINE + "prmpt = 1", r"unknown key 'workload\.prmpt'; allowed are prompt, generate, depth, parallel"),
        (MINE + "[workload.deeper]\n", r"unknown key 'workload\.deeper'"),
        (MINE + 'depth = "512"', r"workload\.depth = '512', but it must be a valid integer"),
        (MINE + "depth = 1.5", r"workload\.depth = 1\.5, but it must be a valid integer"),
        (MINE + "depth = true", r"workload\.depth = True, but it must be a valid integer"),
        (MINE + "depth = -1", r"workload\.depth = -1, but it must be greater than or equal to 0"),
        (MINE.replace("10", "0").replace("20", "0"), "workload that cannot be: a workload needs prompt"),
        (
            MINE + '[objective]\nname = "speed"',
            r"objective\.name = 'speed', but it must be 'response', 'decode'",
        ),
        (
            MINE.replace('title = "Mine"', "objective = 7"),
            "lacks the key 'title'; .*must be a table of name, max_slow",
        ),
        ('title = "x"\ndescription = "y"', "lacks the key 'workload'"),
    ],
)
def test_what_is_wrong_is_named_with_its_file_and_what_is_allowed(
    tmp_path: Path, text: str | bytes, says: str
) -> None:
    path = write(tmp_path, "p", text)
    with pytest.raises(UsageError, match=says) as caught:
        load_preset("p", tmp_path)
    assert str(path) in caught.value.what


def test_a_folder_in_a_presets_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "p.toml").mkdir()
    with pytest.raises(UsageError, match="is no file"):
        load_preset("p", tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_a_presets_place_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.toml")
    with pytest.raises(UsageError, match="is no file"):
        load_preset("p", tmp_path)


@pytest.mark.parametrize("name", ["chatt", "../presets/chat", "", "Chat "])
def test_an_unknown_preset_is_answered_with_what_there_is(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        load_preset(name, tmp_path)
    assert "chat" in caught.value.todo
