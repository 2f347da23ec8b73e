"""Own the file that remembers what model files' headers said, so that a scan reads only what is new."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from tunesmith.atomic import replace_file
from tunesmith.domain.base import Value
from tunesmith.domain.model import ModelHeader
from tunesmith.wording import SOURCE, language

MAX_MODELS = 50_000
_MAX_BYTES = 1 << 28
_FILE_NAME = "library.jsonl"
_HEAD = b'{"tunesmith_library":2}'

_log = logging.getLogger(__name__)


class FileFacts(Value):
    """What tells, without reading a file, that it is the same as before."""

    path: str
    size_bytes: int
    mtime_ns: int


class Remembered(Value):
    """What was read of a model's files: its header, or what is wrong with it."""

    files: tuple[FileFacts, ...]
    header: ModelHeader | None = None
    needed_bytes: int | None = None
    """Memory that a run takes; see :func:`~tunesmith.services.fit.needed_bytes`."""
    problem: str | None = None
    language: str = SOURCE
    """That of the problem's words."""


class LibraryCache:
    """Headers by their files' path, size and time.

    It only saves time, so it never fails: a line that is damaged is skipped, a file that cannot be
    written is left. Processes that write at once replace the file whole.

    Args:
        folder: where the cache lies; made when first needed.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE_NAME
        self._known: dict[str, Remembered] = {}
        self._changed = False
        self._load()

    def get(self, files: tuple[FileFacts, ...]) -> Remembered | None:
        """What was read of these very files; None if they are new or changed, or told in another language."""
        known = self._known.get(files[0].path)
        if known is None or known.files != files or (known.problem and known.language != language()):
            return None
        return known

    def put(self, remembered: Remembered) -> None:
        """Remember, until ``save`` only in memory."""
        self._known[remembered.files[0].path] = remembered
        self._changed = True

    def save(self, *, only: Iterable[str] | None = None) -> None:
        """Write what changed.

        Args:
            only: paths of first files; all others are forgotten. None keeps everything.
        """
        if only is not None:
            wanted = set(only)
            kept = {path: one for path, one in self._known.items() if path in wanted}
            self._changed |= len(kept) != len(self._known)
            self._known = kept
        if not self._changed:
            return
        newest = list(self._known.values())[-MAX_MODELS:]
        lines = [_HEAD, *(one.model_dump_json().encode() for one in newest)]
        self._write(b"\n".join(lines) + b"\n")
        self._changed = False

    def _load(self) -> None:
        try:
            with self._path.open("rb") as file:
                if file.readline(len(_HEAD) + 1).rstrip(b"\n") != _HEAD:
                    return
                lines = file.read(_MAX_BYTES).splitlines()
        except FileNotFoundError:
            return
        except OSError as error:
            _log.info("The list of models %s is not used: %s", self._path, error)
            return
        for line in lines[:MAX_MODELS]:
            try:
                one = Remembered.model_validate_json(line)
            except ValidationError:
                continue
            if one.files:
                self._known[one.files[0].path] = one

    def _write(self, content: bytes) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, content, private=True)
        except OSError as error:
            _log.info("The list of models %s was not written: %s", self._path, error)
