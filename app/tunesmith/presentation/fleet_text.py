"""Own how a fleet's report reads: a table, a JSON document, CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from rich.text import Text

from tunesmith.domain.measurement import Quantity
from tunesmith.domain.verification import Answer, Cause
from tunesmith.presentation.csv_text import text_cell
from tunesmith.presentation.document import Document
from tunesmith.presentation.numbers import DASH, percent_text
from tunesmith.presentation.tables import grid
from tunesmith.presentation.verify_text import ratio_text
from tunesmith.wording import tr, trn

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunesmith.services.fleet import FleetReport, Group, Result

SHOWN = 10
"""Of the worst, on a terminal."""
CSV_HEAD = (
    "source", "finished_utc", "answer", "cause", "speed_ratio", "speed_ratio_low", "speed_ratio_high",
    "margin", "starts", "disturbed", "foreign_cores", "profile", "profile_name", "model", "model_sha256",
    "objective",
    "machine_fingerprint", "machine", "build", "model_matches", "build_matches", "class_matches",
)  # fmt: skip


class FleetGroup(Document):
    """One profile on one machine class with one build."""

    profile_id: str
    profile_name: str
    model_name: str
    machine_fingerprint: str
    machine_label: str
    build: str
    results: int
    holds: int
    drifted: int
    cannot_tell: int
    median_speed_ratio: float | None
    lowest_speed_ratio: float | None


class FleetResult(Document):
    """What one device found, in short."""

    source: str
    """Its file, below the folder."""
    finished_utc: str
    answer: Answer
    cause: Cause | None
    sentence: str
    speed_ratio: Quantity | None
    profile_id: str
    machine_fingerprint: str
    machine_label: str
    build: str


class SkippedFile(Document):
    """A file that is no result."""

    source: str
    why: str


class FleetDocument(Document):
    """``tunesmith fleet report``."""

    schema_name: Literal["tunesmith.fleet/1"] = Field(default="tunesmith.fleet/1", alias="schema")
    folder: str
    results: int
    holds: int
    drifted: int
    cannot_tell: int
    groups: tuple[FleetGroup, ...]
    """Those with most drifted first."""
    worst: tuple[FleetResult, ...]
    """All that drifted, farthest first."""
    skipped: tuple[SkippedFile, ...]


def fleet_document(report: FleetReport) -> FleetDocument:
    """What ``fleet report`` prints with --json."""
    return FleetDocument(
        folder=str(report.folder), results=len(report.results), holds=_count(report, "holds"),
        drifted=_count(report, "drifted"), cannot_tell=_count(report, "cannot_tell"),
        groups=tuple(_group(each) for each in report.groups),
        worst=tuple(_result(each) for each in report.worst),
        skipped=tuple(SkippedFile(source=each.source, why=each.why) for each in report.skipped),
    )  # fmt: skip


def _count(report: FleetReport, answer: Answer) -> int:
    return sum(each.found.answer == answer for each in report.results)


def _group(group: Group) -> FleetGroup:
    return FleetGroup(
        profile_id=group.profile_id, profile_name=group.profile_name, model_name=group.model_name,
        machine_fingerprint=group.machine_fingerprint, machine_label=group.machine_label, build=group.build,
        results=len(group.results), holds=group.count("holds"), drifted=group.count("drifted"),
        cannot_tell=group.count("cannot_tell"), median_speed_ratio=group.median_ratio,
        lowest_speed_ratio=group.lowest_ratio,
    )  # fmt: skip


def _result(result: Result) -> FleetResult:
    found = result.found
    return FleetResult(
        source=result.source, finished_utc=found.finished_utc, answer=found.answer, cause=found.cause,
        sentence=found.sentence, speed_ratio=found.speed_ratio, profile_id=found.profile.id,
        machine_fingerprint=found.machine_fingerprint, machine_label=found.machine_label, build=found.build,
    )  # fmt: skip


def sum_sentence(report: FleetReport) -> str:
    """All in one line."""
    if not report.results:
        return tr("There is no result of `tunesmith verify --output FILE` in this folder.")
    return tr(
        "{results}: {holds} hold, {drifted} drifted, {open} cannot tell.",
        results=trn("{count} result", "{count} results", len(report.results)),
        holds=_count(report, "holds"), drifted=_count(report, "drifted"), open=_count(report, "cannot_tell"),
    )  # fmt: skip


def fleet_report(report: FleetReport) -> list[RenderableType]:
    """What ``fleet report`` prints for people."""
    parts: list[RenderableType] = [Text(sum_sentence(report))]
    if report.groups:
        head = (
            tr("Machine class"), tr("Build"), tr("Profile"), tr("Holds"), tr("Drifted"), tr("Cannot tell"),
            tr("Median"), tr("Slowest"),
        )  # fmt: skip
        parts.append(grid(head, [_cells(each) for each in report.groups], right=(3, 4, 5, 6, 7)))
    if report.worst:
        worst = (tr("Worst"), tr("Speed"), tr("Machine class"), tr("Why"))
        cells = [
            (each.source, ratio_text(each.found.speed_ratio), each.found.machine_label, each.found.sentence)
            for each in report.worst[:SHOWN]
        ]
        parts.append(grid(worst, cells))
    if report.skipped:
        words = trn("{count} file was no result.", "{count} files were no results.", len(report.skipped))
        parts.append(Text(words, style="dim"))
    return parts


def _cells(group: Group) -> tuple[str, ...]:
    return (
        group.machine_label, group.build, f"{group.profile_id} · {group.profile_name}",
        str(group.count("holds")), str(group.count("drifted")), str(group.count("cannot_tell")),
        _change(group.median_ratio), _change(group.lowest_ratio),
    )  # fmt: skip


def _change(ratio: float | None) -> str:
    return DASH if ratio is None else percent_text(ratio)


def fleet_csv(report: FleetReport) -> str:
    """A line for each result, RFC 4180; what a spreadsheet would take for a formula begins with a quote."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_HEAD)
    for result in report.results:
        found, ratio = result.found, result.found.speed_ratio
        values = (
            result.source, found.finished_utc, found.answer, found.cause, ratio.median if ratio else None,
            ratio.low if ratio else None, ratio.high if ratio else None, found.margin, found.starts,
            found.disturbed, found.foreign_cores, found.profile.id, found.profile.name,
            found.profile.model_name, found.profile.model_sha256, found.profile.objective.name,
            found.machine_fingerprint, found.machine_label, found.build, found.model_matches,
            found.build_matches, found.class_matches,
        )  # fmt: skip
        writer.writerow([_cell(value) for value in values])
    return out.getvalue()


def _cell(value: str | float | None) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return text_cell(value)
        case _:
            return f"{value:.6g}"
