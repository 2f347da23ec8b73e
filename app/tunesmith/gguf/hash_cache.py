"""Own the file that remembers the hashes of model files between runs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from tunesmith.atomic import replace_file
from tunesmith.domain.base import Value

MAX_ENTRIES = 256
_MAX_CACHE_BYTES = 1 << 23
_FILE_NAME = "model-hashes.json"

_log = logging.getLogger(__name__)


class FileStamp(Value):
    """What tells, without reading a file, that its content is the same as before."""

    path: str
    """Absolute."""
    size_bytes: int
    mtime_ns: int
    inode: int


class _Entry(Value):
    files: tuple[FileStamp, ...]
    sha256: Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]


class _Content(Value):
    version: Literal[1] = 1
    entries: tuple[_Entry, ...] = ()
    """Oldest first."""


class HashCache:
    """Hashes of models by their files' path, size, time of change and inode.

    It only saves time, so it never fails: a damaged file counts as empty, one that cannot be written
    is left. Processes that write at once replace the file whole; at worst one hash is forgotten.

    Args:
        folder: where the cache lives; made when first needed.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE_NAME

    def get(self, files: tuple[FileStamp, ...]) -> str | None:
        """The SHA-256 of these files' content, None if it is not known."""
        return next((entry.sha256 for entry in self._read().entries if entry.files == files), None)

    def put(self, files: tuple[FileStamp, ...], sha256: str) -> None:
        """Remember a hash; what was known of the same paths is forgotten, and the oldest past MAX_ENTRIES."""
        paths = {file.path for file in files}
        kept = [
            entry for entry in self._read().entries if paths.isdisjoint(file.path for file in entry.files)
        ]
        entries = (*kept[-(MAX_ENTRIES - 1) :], _Entry(files=files, sha256=sha256))
        self._write(_Content(entries=entries).model_dump_json().encode())

    def _read(self) -> _Content:
        try:
            with self._path.open("rb") as file:
                return _Content.model_validate_json(file.read(_MAX_CACHE_BYTES))
        except FileNotFoundError:
            return _Content()
        except (OSError, ValidationError) as error:
            _log.info("The cache of hashes %s is not used: %s", self._path, error)
            return _Content()

    def _write(self, content: bytes) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, content, private=True)
        except OSError as error:
            _log.info("The cache of hashes %s was not written: %s", self._path, error)
