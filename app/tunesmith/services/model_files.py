"""Own the walk through folders for model files: bounded, safe from loops, shards put together."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tunesmith.services.library_cache import FileFacts
from tunesmith.services.model_places import Place, is_ollama_folder, ollama_blobs
from tunesmith.wording import tr

MAX_DEPTH = 8
"""Folders below a watched one; Hugging Face's cache needs four."""
MAX_SEEN = 500_000
"""Names looked at in one scan; a whole disk given by mistake must come to an end."""

_SHARD = re.compile(
    r"(?P<prefix>.+)-(?P<number>[0-9]{5})-of-(?P<count>[0-9]{5})\.gguf", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be a model: its files in order, not opened yet."""

    place: Place
    files: tuple[FileFacts, ...]
    given_name: str | None = None
    """What another program calls it, where its file's name says nothing."""

    @property
    def path(self) -> str:
        """The first file."""
        return self.files[0].path

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(file.size_bytes for file in self.files)


@dataclass
class Walk:
    """One walk through places; a file reached by two ways is found once.

    Args:
        should_stop: asked often.
        at: told each folder that is entered.
    """

    should_stop: Callable[[], bool]
    at: Callable[[Path], None]
    problems: list[str] = field(default_factory=list)
    seen: int = 0
    """Names looked at so far."""
    _known: set[tuple[int, int] | str] = field(default_factory=set)

    def find(self, places: Iterable[Place]) -> list[Candidate]:
        """All candidates, by place and folder."""
        return [candidate for place in places for candidate in self._place(place)]

    def _place(self, place: Place) -> Iterator[Candidate]:
        if self.should_stop():
            return
        if place.kind == "file":
            yield from self._file(place)
        elif place.kind == "ollama" or is_ollama_folder(place.path):
            yield from self._ollama(place)
        else:
            yield from self._folder(place)

    def _file(self, place: Place) -> Iterator[Candidate]:
        match = _SHARD.fullmatch(place.path.name)
        facts = file_facts(place.path)
        if facts is None:  # reading it will tell why
            yield Candidate(place, (FileFacts(path=str(place.path), size_bytes=0, mtime_ns=0),))
        elif match is None:
            yield from self._new(place, [facts])
        else:
            yield from self._new(place, list(_beside(place.path, match)) or [facts])

    def _ollama(self, place: Place) -> Iterator[Candidate]:
        self.at(place.path)
        try:
            for blob in ollama_blobs(place.path):
                if self.should_stop():
                    return
                facts = file_facts(blob.path)
                if facts is not None:
                    yield from self._new(place, [facts], blob.name)
        except OSError as error:
            self._refused(place.path, error)

    def _folder(self, place: Place) -> Iterator[Candidate]:
        waiting = [(place.path, 0)]
        while waiting and not self.should_stop():
            folder, depth = waiting.pop()
            self.at(folder)
            try:
                if not self._is_new(folder.stat(), folder):
                    continue
                with os.scandir(folder) as entries:
                    below, files = self._split(entries)
            except FileNotFoundError:
                if depth == 0:
                    self.problems.append(tr("The folder {folder} is not there.", folder=folder))
                continue
            except OSError as error:
                self._refused(folder, error)
                continue
            if depth < MAX_DEPTH:
                waiting += [(Path(path), depth + 1) for path in reversed(below)]
            for group in _groups(files):
                facts = [found for path in group if (found := file_facts(Path(path))) is not None]
                if facts:
                    yield from self._new(place, facts)
            if self.seen >= MAX_SEEN:
                told = tr("{folder} holds too many files; the rest of it was left out.", folder=place.path)
                self.problems.append(told)
                return

    def _split(self, entries: Iterable[os.DirEntry[str]]) -> tuple[list[str], list[str]]:
        """Folders to enter and files that are named as models, hidden ones left out; both sorted."""
        below: list[str] = []
        files: list[str] = []
        for entry in entries:
            self.seen += 1
            if self.seen >= MAX_SEEN or self.should_stop():
                break
            if entry.name.startswith("."):
                continue
            try:
                if entry.name.lower().endswith(".gguf") and not entry.is_dir():
                    files.append(entry.path)
                elif entry.is_dir():
                    below.append(entry.path)
            except OSError:  # a symlink loop, or it vanished
                continue
        return sorted(below), sorted(files)

    def _new(self, place: Place, files: list[FileFacts], name: str | None = None) -> Iterator[Candidate]:
        try:
            path = Path(files[0].path)
            new = self._is_new(path.stat(), path)
        except OSError:
            new = True
        if new:
            yield Candidate(place, tuple(files), name)

    def _is_new(self, facts: os.stat_result, path: Path) -> bool:
        """Whether the file or folder was not met before, by whatever path."""
        key = (facts.st_dev, facts.st_ino) if facts.st_ino else str(path)
        if key in self._known:
            return False
        self._known.add(key)
        return True

    def _refused(self, folder: Path, error: OSError) -> None:
        reason = error.strerror or error
        self.problems.append(
            tr("The folder {folder} could not be read: {reason}.", folder=folder, reason=reason)
        )


def file_facts(path: Path) -> FileFacts | None:
    """Size and time of a regular file; None for anything else."""
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(facts.st_mode):
        return None
    return FileFacts(path=str(path), size_bytes=facts.st_size, mtime_ns=facts.st_mtime_ns)


def _groups(files: list[str]) -> Iterator[list[str]]:
    """Files of one folder, the shards of one model together; sorted names keep them in order."""
    groups: dict[tuple[str, str], list[str]] = {}
    for path in files:
        match = _SHARD.fullmatch(Path(path).name)
        key = (match["prefix"], match["count"]) if match else (path, "")
        groups.setdefault(key, []).append(path)
    yield from groups.values()


def _beside(path: Path, match: re.Match[str]) -> Iterator[FileFacts]:
    """The shards of one model, in order, as far as they are there."""
    for number in range(1, int(match["count"]) + 1):
        facts = file_facts(path.with_name(f"{match['prefix']}-{number:05d}-of-{match['count']}.gguf"))
        if facts is not None:
            yield facts
