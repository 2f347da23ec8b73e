"""Own what ``tunesmith survey`` prints, for programs and for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from rich.text import Text

from tunesmith import __version__
from tunesmith.domain.settings import Settings
from tunesmith.domain.surface import AxisValue, Costs
from tunesmith.domain.workload import ObjectiveName, Workload
from tunesmith.presentation.document import Document
from tunesmith.presentation.numbers import duration_text, percent_text
from tunesmith.presentation.tables import facts, grid
from tunesmith.services.survey import cell_text
from tunesmith.tuning.replay import best_settings
from tunesmith.tuning.setting_text import format_setting

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunesmith.services.survey import SurveyResult

_OBJECTIVES: tuple[ObjectiveName, ...] = ("response", "prefill", "decode")


class BestSettings(Document):
    """The fastest of a surface's settings, and how much faster than the baseline they are."""

    settings: Settings
    speedup: float
    """Ratio of the recorded means; no interval is stated."""


class FailedCell(Document):
    """What could not be measured."""

    part: str
    settings: Settings
    why: str


class SurveySummaryDocument(Document):
    """``tunesmith survey``."""

    schema_name: Literal["tunesmith.survey-summary/1"] = Field(
        default="tunesmith.survey-summary/1", alias="schema"
    )
    tunesmith_version: str
    path: str
    title: str
    conditions: str
    workload: Workload
    measured: Workload
    axes: dict[str, tuple[AxisValue, ...]]
    cells: int
    """Measured, each for one part of the workload."""
    grid: int
    """Settings that the cells make up."""
    rounds: int
    samples: int
    noisy_samples: int
    seconds: float
    costs: Costs
    failures: tuple[FailedCell, ...]
    best: dict[str, BestSettings]
    """By objective; of those that the workload has."""


def survey_document(result: SurveyResult, path: Path) -> SurveySummaryDocument:
    """A survey in short."""
    surface = result.surface
    best = {}
    for objective in _OBJECTIVES:
        found = best_settings(surface, objective)
        if found is not None:
            best[objective] = BestSettings(settings=found[0], speedup=found[1])
    return SurveySummaryDocument(
        tunesmith_version=__version__,
        path=str(path),
        title=surface.title,
        conditions=surface.conditions,
        workload=surface.workload,
        measured=surface.measured,
        axes=surface.axes,
        cells=len(surface.cells),
        grid=sum(1 for _ in surface.grid()),
        rounds=max(len(cell.samples) for cell in surface.cells),
        samples=result.samples,
        noisy_samples=result.noisy_samples,
        seconds=round(result.seconds, 3),
        costs=surface.costs,
        failures=tuple(
            FailedCell(part=cell.part, settings=cell.settings, why=cell.failure)
            for cell in surface.cells
            if cell.failure
        ),
        best=best,
    )


def survey_report(document: SurveySummaryDocument, baseline: Settings) -> list[RenderableType]:
    """What ``survey`` prints for people."""
    costs = document.costs
    axes = "; ".join(
        f"{name} {', '.join(map(format_setting, values))}" for name, values in document.axes.items()
    )
    overheads = (
        f"process {costs.process:.2f} s, load {costs.load:.2f} s, context {costs.context:.2f} s, "
        f"sample {costs.sample:.3f} s"
    )
    rows = [
        ("Surface", document.title),
        ("Workload", document.workload.label),
        ("Measured of it", document.measured.label),
        ("Grid", f"{document.grid} settings from {document.cells} cells: {axes}"),
        ("Samples", f"{document.samples} in {document.rounds} rounds, {document.noisy_samples} disturbed"),
        ("Overheads", overheads),
    ]
    parts: list[RenderableType] = [facts(rows)]
    best = [
        (name, percent_text(found.speedup), cell_text(found.settings, baseline))
        for name, found in document.best.items()
    ]
    parts.append(grid(("Best for", "against defaults", "settings"), best, right=(1,)))
    parts += [
        Text(f"{failed.part}, {cell_text(failed.settings, baseline)}: {failed.why}", style="yellow")
        for failed in document.failures
    ]
    parts.append(Text(f"Recorded in {duration_text(document.seconds)}: {document.path}"))
    return parts
