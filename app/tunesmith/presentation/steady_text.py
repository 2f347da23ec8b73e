"""Own how a comparison at steady state reads: on a terminal and in a soak's document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tunesmith.domain.digits import percent
from tunesmith.domain.steady import (
    SteadyBlock,
    SteadyCompared,
    SteadyFindings,
    SteadyMeasure,
    SteadyRatio,
    SteadySetting,
)
from tunesmith.presentation.document import Document
from tunesmith.presentation.kept_soak_text import part_name
from tunesmith.presentation.numbers import DASH, bytes_text, duration_text, quantity_text, tells_nothing
from tunesmith.presentation.power_limit_text import power_limit_rows
from tunesmith.presentation.tables import facts, grid
from tunesmith.wording import tr

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunesmith.services.steady import SteadyResult


class SteadyFacts(Document):
    """Several settings compared at steady state, within a soak's document; samples and blocks name them by
    their place in ``findings.settings``."""

    labels: tuple[str, ...]
    planned_blocks: int
    """Of each setting."""
    block_seconds: float
    reloads: bool
    """Whether the model was loaded anew for blocks: memory does not hold it so often."""
    findings: SteadyFindings | None
    """Null where not even one round is complete."""
    blocks: tuple[SteadyBlock, ...]
    """Of complete rounds, in the order they were run."""


def steady_facts(compared: SteadyCompared) -> SteadyFacts:
    """What a soak's document says of a comparison."""
    return SteadyFacts(
        labels=tuple(one.label for one in compared.compared),
        planned_blocks=compared.planned_blocks,
        block_seconds=compared.block_seconds,
        reloads=compared.reloads,
        findings=compared.findings,
        blocks=compared.blocks,
    )


def steady_report(result: SteadyResult) -> list[RenderableType]:
    """What ``soak --compare`` prints for people."""
    header, compared = result.model.header, result.compared
    rows = [
        ("Model", f"{header.name or header.path} · {header.quantization} · {bytes_text(header.file_bytes)}"),
        ("Workload", compared.workload.label),
        (tr("Soaked for"), duration_text(compared.seconds)),
        (
            tr("Blocks"),
            tr(
                "{count} of each setting by turns, {time} each",
                count=compared.planned_blocks, time=duration_text(compared.block_seconds),
            ),
        ),
        *power_limit_rows(compared.power_limit_watts, compared.power_limits),
    ]  # fmt: skip
    shown: list[RenderableType] = [facts(rows)]
    if compared.findings is not None:
        shown += steady_parts(compared.findings)
    shown += [Text(note, style="dim") for note in steady_notes(compared)]
    return shown


def steady_parts(found: SteadyFindings) -> list[RenderableType]:
    """What was found, a table for each part and for the request, and the verdict."""
    shown: list[RenderableType] = []
    measures = [one.measure for one in found.settings[0].speeds]
    for measure in measures:
        shown.append(Text(f"\n{measure_name(measure)}", style="bold"))
        shown.append(grid(steady_header(found), steady_rows(found, measure)))
    told = verdict(found)
    if len(measures) > 1:  # a part may show a difference where what decides shows none
        told = tr("{measure}: {verdict}", measure=measure_name(found.measure), verdict=told)
    shown.append(Text(told, style="bold"))
    return shown


def measure_name(measure: SteadyMeasure) -> str:
    """In words."""
    return tr("Whole request") if measure == "request" else part_name(measure)


def steady_header(found: SteadyFindings) -> tuple[str, ...]:
    """Names of the columns of :func:`steady_rows`."""
    energy = () if found.joules_reason else (tr("J per token"),)
    against = tr("against {setting}", setting=found.settings[0].label)
    return ("", tr("Burst, tok/s"), tr("Sustained, tok/s"), against, *energy)


def steady_rows(found: SteadyFindings, measure: SteadyMeasure) -> list[tuple[str, ...]]:
    """A line for each setting: burst, sustained, the ratio to the first, and joules where they are told."""
    rows = []
    for number, setting in enumerate(found.settings):
        (speed,) = (one for one in setting.speeds if one.measure == measure)
        ratio = next((r for r in found.ratios if _is(r, measure, number, 0)), None)
        energy = () if found.joules_reason else (quantity_text(speed.joules_per_token, ""),)
        rows.append(
            (
                setting.label,
                quantity_text(speed.burst_tokens_per_s, ""),
                quantity_text(speed.sustained_tokens_per_s, ""),
                DASH if ratio is None else ratio_text(ratio),
                *energy,
            )
        )
    return rows


def held_rows(setting: SteadySetting) -> list[tuple[str, str, str]]:
    """Name, burst and sustained speed of each part and of the request, with intervals."""
    return [
        (
            tr("{part}, {unit}", part=measure_name(speed.measure), unit="tok/s"),
            quantity_text(speed.burst_tokens_per_s, ""),
            quantity_text(speed.sustained_tokens_per_s, ""),
        )
        for speed in setting.speeds
    ]


def held_sentence(found: SteadyFindings) -> str:
    """Which of the finalists of a tune holds more, and whether they were steady."""
    told = tr("Finalists at steady state: {verdict}", verdict=verdict(found))
    if all(setting.settled for setting in found.settings):
        return told
    return f"{told} {tr('It may not have been steady yet.')}"


def _is(ratio: SteadyRatio, measure: SteadyMeasure, setting: int, against: int) -> bool:
    return (ratio.measure, ratio.setting, ratio.against) == (measure, setting, against)


def ratio_text(ratio: SteadyRatio) -> str:
    """Such as ``+4.1% (+2.0% to +6.2%)``."""
    told, middle = ratio.ratio, percent(ratio.ratio.median - 1, 1, sign=True)
    if told.low is None or told.high is None:
        return middle
    if tells_nothing(told.low, told.high):
        return tr("{value} (too noisy for an interval)", value=middle)
    ends = {"low": percent(told.low - 1, 1, sign=True), "high": percent(told.high - 1, 1, sign=True)}
    return tr("{change} ({low} to {high})", change=middle, **ends)


def verdict(found: SteadyFindings) -> str:
    """Which holds more, in one sentence."""
    labels = [setting.label for setting in found.settings]
    if found.holds_most is not None:
        others = ", ".join(label for place, label in enumerate(labels) if place != found.holds_most)
        return tr("{setting} holds more than {others}.", setting=labels[found.holds_most], others=others)
    more = ", ".join(labels[place] for place in found.holds_more)
    less = ", ".join(labels[place] for place in found.holds_less)
    told = []
    if more:
        told.append(tr("{settings}: more than {first}.", settings=more, first=labels[0]))
    if less:
        told.append(tr("{settings}: less than {first}.", settings=less, first=labels[0]))
    if told:
        return " ".join((*told, tr("Which holds most was not shown.")))
    return tr("No difference shown.")


def steady_notes(compared: SteadyCompared) -> list[str]:
    """How it ended, and what the figures mean."""
    notes, time = [], duration_text(compared.seconds)
    if compared.end == "interrupted":
        notes.append(tr("Interrupted after {time}; this is what was measured.", time=time))
    if compared.end == "failed":
        notes.append(
            tr("It ended after {time}: {fault} This is what was measured.", time=time, fault=compared.fault)
        )
    found = compared.findings
    if found is None:
        return [*notes, tr("{dash} Not every setting had a whole block: soak longer.", dash=DASH)]
    if found.rounds < compared.planned_blocks:
        notes.append(tr("Counted are the {count} rounds that are complete.", count=found.rounds))
    unsettled = ", ".join(setting.label for setting in found.settings if not setting.settled)
    if unsettled:
        notes.append(
            tr("No steady state was shown for {settings}: give it longer blocks.", settings=unsettled)
        )
    if found.joules_reason:
        notes.append(tr("No joules per token: {reason}.", reason=found.joules_reason))
    if compared.reloads:
        notes.append(tr("Memory does not hold the model for all of them: it was loaded anew for blocks."))
    notes.append(
        tr(
            "In brackets: where the mean of blocks lies with {share} confidence, all ratios together.",
            share=percent(found.confidence),
        )
    )
    return notes
