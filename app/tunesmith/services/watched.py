"""Own the folders and files that the user wants to see in the library."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from tunesmith.domain.base import Value
from tunesmith.errors import UsageError
from tunesmith.services.model_places import Place
from tunesmith.settings import write_atomically
from tunesmith.wording import tr

FILE_NAME = "library.json"
MAX_FILES = 500
"""Single files that are remembered; the oldest are forgotten."""
_MAX_BYTES = 1 << 20


class Watched(Value):
    """What is watched, in the order it was added; absolute paths."""

    version: int = 1
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def places(self) -> list[Place]:
        """Where a scan looks because the user asked for it."""
        folders = [Place("Watched folder", Path(path)) for path in self.folders]
        return folders + [Place("Opened file", Path(path), "file") for path in self.files]


def load_watched(config: Path) -> Watched:
    """What is watched; nothing if there is no such file.

    Raises:
        UsageError: the file cannot be read or is damaged.
    """
    path = config / FILE_NAME
    try:
        with path.open("rb") as file:
            return Watched.model_validate_json(file.read(_MAX_BYTES))
    except FileNotFoundError:
        return Watched()
    except (OSError, ValidationError) as error:
        raise UsageError(
            tr("The list of watched folders {path} cannot be read.", path=path),
            unharmed=tr("It was left as it is."),
            todo=tr("Mend it or remove it."), details=str(error),
        ) from error  # fmt: skip


def watch(config: Path, *, folders: Iterable[str] = (), files: Iterable[str] = ()) -> Watched:
    """Watch more folders and files; what is watched already stays where it is.

    Raises:
        UsageError: the list cannot be read or written.
    """
    known = load_watched(config)
    changed = Watched(
        folders=tuple(dict.fromkeys((*known.folders, *folders))),
        files=tuple(dict.fromkeys((*known.files, *files)))[-MAX_FILES:],
    )
    return _save(config, known, changed)


def forget(config: Path, paths: Iterable[str]) -> Watched:
    """Watch these folders and files no more; nothing on the disk is deleted.

    Raises:
        UsageError: the list cannot be read or written.
    """
    known, gone = load_watched(config), set(paths)
    changed = Watched(
        folders=tuple(path for path in known.folders if path not in gone),
        files=tuple(path for path in known.files if path not in gone),
    )
    return _save(config, known, changed)


def _save(config: Path, known: Watched, changed: Watched) -> Watched:
    if changed != known:
        text = json.dumps(changed.model_dump(), indent=2, ensure_ascii=False)
        write_atomically(config / FILE_NAME, text + "\n")
    return changed
