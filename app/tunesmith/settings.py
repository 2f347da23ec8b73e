"""Own the user's preferences and the folders Tunesmith uses."""

from __future__ import annotations

import contextlib
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from tunesmith.errors import UsageError

APP = "tunesmith"
PREFERENCES_FILE = "preferences.toml"
STORE_FILE = "tunesmith.sqlite3"

Theme = Literal["system", "light", "dark"]

_MAX_BYTES = 64 * 1024
"""No preferences are longer; a larger file is a mistake."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where things lie; none of them need exist."""

    data: Path
    config: Path
    cache: Path
    log: Path

    @property
    def presets(self) -> Path:
        """The user's own presets."""
        return self.config / "presets"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the user prefers, for good."""

    store: str | None = None
    """A path or an SQLite address; None for the usual place."""
    theme: Theme = "system"
    language: str = "system"
    """A language code such as ``en`` or ``de_AT``; ``system`` follows the system."""
    update_notice: bool = False
    """Tell of newer versions; this would need the network, so it is off."""


def folders(environ: Mapping[str, str] = os.environ) -> Folders:
    """The folders of this user on this system.

    ``TUNESMITH_CONFIG_DIR`` and ``TUNESMITH_CACHE_DIR`` override where these two lie.
    """
    from platformdirs import PlatformDirs

    dirs = PlatformDirs(APP, appauthor=False)
    return Folders(
        data=dirs.user_data_path,
        config=_path(environ.get("TUNESMITH_CONFIG_DIR")) or dirs.user_config_path,
        cache=_path(environ.get("TUNESMITH_CACHE_DIR")) or dirs.user_cache_path,
        log=dirs.user_log_path,
    )


def store_location(explicit: str | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """Where the store is: a path or an address.

    First comes what was asked for, then ``TUNESMITH_STORE``, the preferences, the usual place.

    Raises:
        UsageError: the preferences cannot be read.
    """
    if chosen := explicit or environ.get("TUNESMITH_STORE"):
        return chosen
    places = folders(environ)
    return load_preferences(places.config).store or str(places.data / STORE_FILE)


def load_preferences(config: Path) -> Preferences:
    """Read ``preferences.toml`` of a folder; the defaults if there is none.

    Raises:
        UsageError: it cannot be read, is no TOML, or has a key or value that is not allowed.
    """
    path = config / PREFERENCES_FILE
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return Preferences()
    except OSError as error:
        raise _bad(path, f"cannot be read: {error.strerror}") from error
    if len(raw) > _MAX_BYTES:
        raise _bad(path, f"is larger than {_MAX_BYTES // 1024} KiB")
    try:
        values = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _bad(path, f"is not valid TOML: {error}") from error
    return _checked(path, values)


def save_preferences(config: Path, preferences: Preferences) -> None:
    """Write ``preferences.toml`` of a folder, whole and at once; what is as by default is left out.

    Raises:
        UsageError: it cannot be written.
    """
    usual = asdict(Preferences())
    lines = [f"{key} = {_toml(value)}" for key, value in asdict(preferences).items() if value != usual[key]]
    write_atomically(config / PREFERENCES_FILE, "".join(f"{line}\n" for line in lines))


def write_atomically(path: Path, text: str) -> None:
    """Write a small file so that a reader finds the old one or the new one, never a part.

    Raises:
        UsageError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, UnicodeEncodeError) as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        reason = getattr(error, "strerror", None) or "a name in it is not valid text"
        raise UsageError(
            f"{path} cannot be written: {reason}.",
            unharmed="It was left as it is.",
            todo="Check the disk and the permissions of its folder.",
        ) from error


def _toml(value: object) -> str:
    """A value as TOML writes it; JSON's escapes are TOML's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _checked(path: Path, values: dict[str, Any]) -> Preferences:
    allowed = [field.name for field in fields(Preferences)]
    for key, value in values.items():
        match key:
            case "store" | "language":
                valid, wanted = isinstance(value, str) and bool(value), "text in quotes"
            case "theme":
                valid, wanted = value in get_args(Theme), "one of " + ", ".join(get_args(Theme))
            case "update_notice":
                valid, wanted = isinstance(value, bool), "true or false"
            case _:
                raise _bad(path, f"has an unknown key {key!r}; allowed are {', '.join(allowed)}")
        if not valid:
            raise _bad(path, f"has {key} = {value!r}, but it must be {wanted}")
    return Preferences(**values)


def _bad(path: Path, why: str) -> UsageError:
    return UsageError(
        f"The preferences file {path} {why}.", unharmed="It was left as it is.", todo="Mend it or remove it."
    )


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser().absolute() if text else None
