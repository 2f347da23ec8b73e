"""Claims about preferences and folders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tunesmith.errors import UsageError
from tunesmith.settings import (
    Folders,
    Preferences,
    folders,
    load_preferences,
    save_preferences,
    store_location,
)


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "preferences.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_importing_settings_imports_nothing_heavy() -> None:
    code = "import sys, tunesmith.settings; assert not {'platformdirs', 'pydantic'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_folders_bear_the_programs_name() -> None:
    places = folders({})
    for place in (places.data, places.config, places.cache, places.log):
        assert place.is_absolute()
        assert "tunesmith" in place.parts
    assert places.presets == places.config / "presets"


def test_the_environment_moves_folders(tmp_path: Path) -> None:
    places = folders({"TUNESMITH_CONFIG_DIR": str(tmp_path / "c"), "TUNESMITH_CACHE_DIR": "~/k"})
    assert places.config == tmp_path / "c"
    assert places.cache == Path("~/k").expanduser()
    assert folders({"TUNESMITH_CONFIG_DIR": ""}) == folders({})


def test_the_environment_is_read_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNESMITH_CONFIG_DIR", str(tmp_path))
    assert folders().config == tmp_path


def test_a_store_is_sought_where_asked_then_environment_then_preferences_then_the_usual_place(
    tmp_path: Path,
) -> None:
    environ = {"TUNESMITH_CONFIG_DIR": str(tmp_path)}
    usual: Folders = folders(environ)
    assert store_location(environ=environ) == str(usual.data / "tunesmith.sqlite3")
    write(tmp_path, 'store = "/preferred"')
    assert store_location(environ=environ) == "/preferred"
    environ["TUNESMITH_STORE"] = "sqlite:////from-environment"
    assert store_location(environ=environ) == "sqlite:////from-environment"
    assert store_location("/asked", environ=environ) == "/asked"


def test_no_file_means_the_defaults(tmp_path: Path) -> None:
    assert load_preferences(tmp_path) == Preferences()
    assert load_preferences(tmp_path / "nowhere") == Preferences()
    assert Preferences().update_notice is False


def test_all_preferences_are_read(tmp_path: Path) -> None:
    lines = ('store = "/s"', 'theme = "dark"', 'language = "de"', 'units = "decimal"', "update_notice = true")
    write(tmp_path, "\n".join(lines))
    assert load_preferences(tmp_path) == Preferences("/s", "dark", "de", "decimal", update_notice=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('colour = "red"', r"unknown key 'colour'; allowed are store, theme, language, units, update_notice"),
        ("[theme]\nx = 1", "it must be one of system, light, dark"),
        ('theme = "pink"', "theme = 'pink', but it must be one of system, light, dark"),
        ('units = "GB"', "units = 'GB', but it must be one of binary, decimal"),
        ("units = 1024", "units = 1024, but it must be one of binary, decimal"),
        ("store = 5", "store = 5, but it must be text in quotes"),
        ('store = ""', "must be text"),
        ('update_notice = "yes"', "must be true or false"),
        ("update_notice = 1", "must be true or false"),
        ("theme =", "not valid TOML"),
        (b"theme = '\xff'", "not valid TOML"),
        ("a = " + "[" * 5000, "not valid TOML"),
        ("#" * 70_000, "larger than 64 KiB"),
    ],
)
def test_what_is_not_allowed_is_named_with_its_file(tmp_path: Path, text: str | bytes, says: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError, match=says) as caught:
        load_preferences(tmp_path)
    assert str(path) in caught.value.what


def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "preferences.toml").mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        load_preferences(tmp_path)


def test_saved_preferences_are_read_back(tmp_path: Path) -> None:
    for chosen in (
        Preferences(theme="dark"),
        Preferences('/with "quotes" \\ and ü\n\x7f', "light", "de", "decimal", update_notice=True),
        Preferences(),
    ):
        save_preferences(tmp_path / "new", chosen)
        assert load_preferences(tmp_path / "new") == chosen
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["preferences.toml"]


def test_preferences_that_cannot_be_written_leave_the_old_ones(tmp_path: Path) -> None:
    save_preferences(tmp_path, Preferences(theme="dark"))
    with pytest.raises(UsageError, match="left as it is"):
        save_preferences(tmp_path, Preferences(store="\udc80"))
    assert load_preferences(tmp_path) == Preferences(theme="dark")
    assert len(list(tmp_path.iterdir())) == 1
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        save_preferences(tmp_path / "file", Preferences())
