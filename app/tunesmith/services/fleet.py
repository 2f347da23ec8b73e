"""Own what many devices found when they verified: read from a folder, summed up by class and build."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pydantic import ValidationError

from tunesmith.domain.verification import Answer, Verification
from tunesmith.errors import UsageError
from tunesmith.wording import tr

MAX_RESULT_BYTES = 1 << 20
"""No result of ``verify`` is longer."""
MAX_FILES = 100_000
SCHEMA = "tunesmith.verify/1"


@dataclass(frozen=True, slots=True)
class Result:
    """What one device found, under the name of the file that it lies in."""

    source: str
    found: Verification

    @property
    def ratio(self) -> float | None:
        """Speed measured over stated; None where it is not known."""
        return self.found.speed_ratio.median if self.found.speed_ratio else None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is no result, and why."""

    source: str
    why: str


@dataclass(frozen=True, slots=True)
class Group:
    """All results of one profile on one machine class with one build."""

    profile_id: str
    profile_name: str
    model_name: str
    machine_fingerprint: str
    machine_label: str
    build: str
    results: tuple[Result, ...]

    def count(self, answer: Answer) -> int:
        """How many gave that answer."""
        return sum(result.found.answer == answer for result in self.results)

    @property
    def median_ratio(self) -> float | None:
        """Of those that know one."""
        known = [result.ratio for result in self.results if result.ratio is not None]
        return median(known) if known else None

    @property
    def lowest_ratio(self) -> float | None:
        """Of the slowest device."""
        return min((result.ratio for result in self.results if result.ratio is not None), default=None)


@dataclass(frozen=True, slots=True)
class FleetReport:
    """The sum."""

    folder: Path
    results: tuple[Result, ...]
    """In the order of their names."""
    groups: tuple[Group, ...]
    """Those with most drifted first."""
    worst: tuple[Result, ...]
    """Those that drifted, farthest first; other causes than speed before all."""
    skipped: tuple[Skipped, ...]


def read_fleet(folder: Path) -> FleetReport:
    """Read every result in a folder and those below it; files of other kinds are counted and left alone.

    Raises:
        UsageError: there is no such folder, or it holds too many files.
    """
    if not folder.is_dir():
        raise UsageError(
            tr("There is no folder {path}.", path=folder),
            todo=tr("Collect what `tunesmith verify --output FILE` wrote on each device in one."),
        )
    results: list[Result] = []
    skipped: list[Skipped] = []
    for path in _files(folder):
        source = path.relative_to(folder).as_posix()
        read = _read(path)
        if isinstance(read, Verification):
            results.append(Result(source, read))
        else:
            skipped.append(Skipped(source, read))
    return FleetReport(folder, tuple(results), _groups(results), _worst(results), tuple(skipped))


def _files(folder: Path) -> Iterator[Path]:
    """JSON files by name; links to other folders are not followed."""
    count = 0
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if not name.endswith(".json") or name.startswith("."):
                continue
            count += 1
            if count > MAX_FILES:
                raise UsageError(
                    tr("The folder {path} holds more than {most} files.", path=folder, most=MAX_FILES)
                )
            yield Path(place, name)


def _read(path: Path) -> Verification | str:
    """A result, or why there is none."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_RESULT_BYTES + 1)
        if len(raw) > MAX_RESULT_BYTES:
            return tr("too large")
        document = json.loads(raw)
    except OSError as error:
        return (error.strerror or str(error)).rstrip(".")
    except (ValueError, RecursionError):
        return tr("no JSON document")
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        return tr("no result of verify")
    try:
        return Verification.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return tr("damaged: {place}", place=".".join(map(str, first["loc"]))[:120])


def _groups(results: Iterable[Result]) -> tuple[Group, ...]:
    found: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        one = result.found
        found.setdefault((one.profile.id, one.machine_fingerprint, one.build), []).append(result)
    groups = [
        Group(
            profile_id=profile_id, profile_name=members[0].found.profile.name,
            model_name=members[0].found.profile.model_name, machine_fingerprint=fingerprint,
            machine_label=members[0].found.machine_label, build=build, results=tuple(members),
        )
        for (profile_id, fingerprint, build), members in found.items()
    ]  # fmt: skip
    return tuple(
        sorted(
            groups,
            key=lambda each: (-each.count("drifted"), each.machine_label, each.profile_name, each.build),
        )
    )


def _worst(results: Iterable[Result]) -> tuple[Result, ...]:
    drifted = [result for result in results if result.found.answer == "drifted"]
    return tuple(
        sorted(
            drifted,
            key=lambda each: (each.found.cause in ("speed", "machine"), each.ratio or 0.0, each.source),
        )
    )
