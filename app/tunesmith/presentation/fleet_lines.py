"""Own the lines of the fleet's table in the window: what each shows, what it is ordered and found by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.domain.verification import Answer
from tunesmith.presentation.numbers import DASH, percent_text
from tunesmith.presentation.verify_text import answer_text
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.services.fleet import FleetReport, Result

COLUMNS = (
    tr("Device"), tr("Answer"), tr("Speed"), tr("Machine class"), tr("Build"), tr("Profile"), tr("Measured"),
)  # fmt: skip
SPEED_COLUMN, BUILD_COLUMN = 2, 4
_ORDER: dict[Answer, int] = {"drifted": 0, "cannot_tell": 1, "holds": 2}


@dataclass(frozen=True, slots=True)
class FleetLine:
    """One device."""

    answer: Answer
    cells: tuple[str, ...]
    keys: tuple[float | str, ...]
    """What each column is ordered by."""
    tip: str
    build: str
    haystack: str


def fleet_lines(report: FleetReport) -> list[FleetLine]:
    """A line for each result."""
    return [_line(result) for result in report.results]


def _line(result: Result) -> FleetLine:
    found, ratio = result.found, result.ratio
    device = result.source.removesuffix(".json")
    cells = (
        device, answer_text(found.answer), DASH if ratio is None else percent_text(ratio),
        found.machine_label, _short_build(found.build), found.profile.name,
        found.finished_utc[:16].replace("T", " "),
    )  # fmt: skip
    keys = (
        device.casefold(), _ORDER[found.answer], math.inf if ratio is None else ratio,
        found.machine_label.casefold(), found.build.casefold(), found.profile.name.casefold(),
        found.finished_utc,
    )  # fmt: skip
    words = " ".join((*cells, found.build)).casefold()
    return FleetLine(found.answer, cells, keys, found.sentence, found.build, words)


def _short_build(build: str) -> str:
    """A build without the name that all builds begin with."""
    return build.removeprefix("llama-cpp-python ")


def matches(line: FleetLine, search: str, answer: Answer | None) -> bool:
    """Whether a line gave the answer asked for and holds every word of a search."""
    if answer is not None and line.answer != answer:
        return False
    return all(word in line.haystack for word in search.casefold().split())


def answers() -> list[tuple[str, Answer | None]]:
    """What the table can be narrowed to, in words."""
    return [
        (tr("All answers"), None), (tr("Drifted"), "drifted"), (tr("Cannot tell"), "cannot_tell"),
        (tr("Holds"), "holds"),
    ]  # fmt: skip
