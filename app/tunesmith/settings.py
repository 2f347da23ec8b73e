"""Own the user's preferences and the folders Tunesmith uses."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from tunesmith.atomic import replace_file
from tunesmith.errors import UsageError
from tunesmith.wording import Units, tr

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
    units: Units = "binary"
    """Memory is told in GiB (1024³ bytes) or, ``decimal``, in GB (1000³ bytes)."""
    update_notice: bool = False
    """Tell of newer versions: the one thing that needs the network, so it is off."""


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
        raise _bad(
            tr("The preferences file {path} cannot be read: {reason}.", path=path, reason=error.strerror)
        ) from error
    if len(raw) > _MAX_BYTES:
        raise _bad(
            tr("The preferences file {path} is larger than {limit} KiB.", path=path, limit=_MAX_BYTES // 1024)
        )
    try:
        values = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _bad(
            tr("The preferences file {path} is not valid TOML: {reason}.", path=path, reason=error)
        ) from error
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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode(), durable=True)
    except (OSError, UnicodeEncodeError) as error:
        reason = getattr(error, "strerror", None) or tr("a name in it is not valid text")
        raise UsageError(
            tr("{path} cannot be written: {reason}.", path=path, reason=reason),
            unharmed=tr("It was left as it is."),
            todo=tr("Check the disk and the permissions of its folder."),
        ) from error


def _toml(value: object) -> str:
    """A value as TOML writes it; JSON's escapes are TOML's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _checked(path: Path, values: dict[str, Any]) -> Preferences:
    allowed = [field.name for field in fields(Preferences)]
    for key, value in values.items():
        match key:
            case "store" | "language":
                valid, wanted = isinstance(value, str) and bool(value), tr("text in quotes")
            case "theme":
                valid, wanted = value in get_args(Theme), _one_of(get_args(Theme))
            case "units":
                valid, wanted = value in get_args(Units), _one_of(get_args(Units))
            case "update_notice":
                valid, wanted = isinstance(value, bool), tr("true or false")
            case _:
                raise _bad(
                    tr(
                        "The preferences file {path} has an unknown key {key}; allowed are {allowed}.",
                        path=path, key=repr(key), allowed=", ".join(allowed),
                    )
                )  # fmt: skip
        if not valid:
            raise _bad(
                tr(
                    "The preferences file {path} has {key} = {value}, but it must be {wanted}.",
                    path=path, key=key, value=repr(value), wanted=wanted,
                )
            )  # fmt: skip
    return Preferences(**values)


def _one_of(names: tuple[str, ...]) -> str:
    return tr("one of {names}", names=", ".join(names))


def _bad(what: str) -> UsageError:
    return UsageError(what, unharmed=tr("It was left as it is."), todo=tr("Mend it or remove it."))


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser().absolute() if text else None
