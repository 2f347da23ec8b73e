"""Own the presets: named workloads that ship with Tunesmith or are the user's own."""

from __future__ import annotations

import difflib
import json
import reprlib
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from tunesmith import assets, settings
from tunesmith.domain.workload import Preset
from tunesmith.errors import NotFoundError, UsageError
from tunesmith.wording import tr

DEFAULT_PRESET = "chat"

MAX_BYTES = 64 * 1024
"""No preset is longer; a larger file is a mistake."""


def load_presets(user_dir: Path | None = None) -> dict[str, Preset]:
    """All presets by name, in the order of their names; the user's come in place of ours.

    Args:
        user_dir: folder of the user's presets; None for ``presets`` in the folder of preferences.

    Raises:
        UsageError: a file cannot be read or says something that makes no sense.
    """
    return {name: _read(path) for name, path in sorted(_files(user_dir).items())}


def load_preset(name: str, user_dir: Path | None = None) -> Preset:
    """One preset; the others are not read, so that a bad file among them does no harm.

    Raises:
        NotFoundError: there is none of that name; the nearest are named.
        UsageError: its file cannot be read or says something that makes no sense.
    """
    files = _files(user_dir)
    if path := files.get(name):
        return _read(path)
    near = difflib.get_close_matches(name, files, n=2, cutoff=0.5) or sorted(files)
    raise NotFoundError(
        tr("No preset goes by {name}.", name=repr(name)), todo=tr("Try {names}.", names=", ".join(near))
    )


def preset_schema() -> str:
    """The JSON Schema of a preset file, as text."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Preset.model_json_schema(),
        "title": "Tunesmith preset",
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _files(user_dir: Path | None) -> dict[str, Path]:
    """Preset files by name, the user's in place of ours."""
    ours = assets.profiles_dir() / "presets"
    own = settings.folders().presets if user_dir is None else user_dir
    return {path.stem: path for folder in (ours, own) for path in folder.glob("[!.]*.toml")}


def _read(path: Path) -> Preset:
    if not path.is_file():
        raise _bad(tr("The preset file {path} is no file.", path=path))
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _bad(
            tr("The preset file {path} cannot be read: {reason}.", path=path, reason=error.strerror)
        ) from error
    if len(raw) > MAX_BYTES:
        raise _bad(
            tr("The preset file {path} is larger than {limit} KiB.", path=path, limit=MAX_BYTES // 1024)
        )
    try:
        values = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _bad(
            tr("The preset file {path} is not valid TOML: {reason}.", path=path, reason=error)
        ) from error
    if values.setdefault("name", path.stem) != path.stem:
        raise _bad(
            tr(
                "The preset file {path} has name = {name}, but must be named as its file: {stem}.",
                path=path,
                name=repr(values["name"]),
                stem=repr(path.stem),
            )
        )
    try:
        return Preset.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(_explain(problem) for problem in error.errors())
        raise _bad(tr("The preset file {path} {faults}.", path=path, faults=faults)) from error


def _explain(problem: Any) -> str:
    """One of pydantic's findings: the key, what is wrong, what is allowed.

    It is how a sentence goes on that begins with the file.
    """
    where = tuple(str(part) for part in problem["loc"])
    key = ".".join(where)
    match problem["type"]:
        case "extra_forbidden":
            return tr(
                "has an unknown key {key}; allowed are {allowed}",
                key=repr(key), allowed=", ".join(_keys(where[:-1])),
            )  # fmt: skip
        case "missing":
            return tr("lacks the key {key}", key=repr(key))
        case "value_error":
            return tr("has a {key} that cannot be: {reason}", key=key, reason=problem["ctx"]["error"])
        case "model_type" | "dict_type":
            wanted = tr("a table of {keys}", keys=", ".join(_keys(where)))
        case _:
            wanted = problem["msg"].removeprefix("Input should be ")
    return tr(
        "has {key} = {value}, but it must be {wanted}",
        key=key, value=reprlib.repr(problem["input"]), wanted=wanted,
    )  # fmt: skip


def _keys(where: tuple[str, ...]) -> list[str]:
    """The keys that a preset has in the table ``where``."""
    model: type[BaseModel] = Preset
    for part in where:
        inner = model.model_fields[part].annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return list(model.model_fields)


def _bad(what: str) -> UsageError:
    return UsageError(what, todo=tr("Mend the file or remove it."))
