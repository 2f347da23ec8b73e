"""Own what the window shows of a finished soak: sentence, facts, marks to draw, and text to take."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING

from tunesmith.domain.digits import percent
from tunesmith.domain.event_base import Part
from tunesmith.domain.soak import Soaked, SoakPart, SoakSample
from tunesmith.presentation.kept_soak_text import part_name
from tunesmith.presentation.numbers import bytes_text, duration_text, quantity_text
from tunesmith.presentation.power_limit_text import power_limit_rows
from tunesmith.presentation.soak_live import PARTS
from tunesmith.presentation.soak_text import (
    CSV_HEAD,
    csv_line,
    part_rows,
    part_sentences,
    sample_cells,
    soak_notes,
    soak_report,
)
from tunesmith.presentation.tune_setup_text import workload_text
from tunesmith.wording import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tunesmith.services.soak import SoakResult
    from tunesmith.services.soak_keeping import Kept

_REPORT_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which the speed held, and its mean."""

    begun_s: float
    ended_s: float
    tokens_per_s: float


@dataclass(frozen=True, slots=True)
class ChangeMark:
    """When the speed changed, and by how much in a few characters."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True)
class PartView:
    """What was found of prefill or of decode."""

    part: Part
    name: str
    rows: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]
    settled: bool
    stretches: tuple[Stretch, ...]
    changes: tuple[ChangeMark, ...]
    sustained: str
    """In tokens/s, to as many places as its interval supports."""


@dataclass(frozen=True, slots=True)
class SoakView:
    """All of it."""

    headline: str
    facts: str
    """What was soaked, how and for how long, in a line."""
    parts: tuple[PartView, ...]
    """Decode first; those with enough samples."""
    notes: tuple[str, ...]
    seconds: float


def soak_view(result: SoakResult) -> SoakView:
    """What to show of a result."""
    soaked = result.soaked
    by_name = {part.part: part for part in soaked.parts}
    found = [by_name[name] for name in PARTS if name in by_name]
    header = result.model.header
    told = (
        header.name or header.path, header.quantization, bytes_text(header.file_bytes),
        workload_text(soaked.workload), duration_text(soaked.seconds),
    )  # fmt: skip
    rows = power_limit_rows(soaked.power_limit_watts, soaked.power_limits)
    limits = [tr("{name}: {value}", name=name, value=value) for name, value in rows]
    return SoakView(
        headline=_headline(found),
        facts=" · ".join((*told, *limits)),
        parts=tuple(_part(part, soaked) for part in found),
        notes=tuple(soak_notes(soaked)),
        seconds=soaked.seconds,
    )


def _headline(parts: Sequence[SoakPart]) -> str:
    """What is worth knowing first; ``parts`` begin with decode."""
    if not parts:
        return tr("Too short to tell a speed")
    if not any(part.changes for part in parts):
        return tr("The speed held")
    fell = [(part, part.time_to_throttle_s) for part in parts if part.time_to_throttle_s is not None]
    if len(fell) > 1:
        (decode, _), (prefill, _) = fell
        return tr(
            "Decode fell by {decode} and prefill by {prefill}, first after {time}",
            decode=percent(decode.drop, 1), prefill=percent(prefill.drop, 1),
            time=duration_text(min(at_s for _part, at_s in fell)),
        )  # fmt: skip
    if fell:
        (part, at_s), *_ = fell
        return tr(
            "{part} fell by {drop} after {time}",
            part=part_name(part.part), drop=percent(part.drop, 1), time=duration_text(at_s),
        )  # fmt: skip
    if any(part.drop < 0 for part in parts):
        return tr("The speed rose")
    return tr("The speed changed, and came back")


def _part(part: SoakPart, soaked: Soaked) -> PartView:
    samples = [sample for sample in soaked.samples if sample.part == part.part]
    return PartView(
        part=part.part,
        name=part_name(part.part),
        rows=tuple(part_rows(part)),
        sentences=tuple(part_sentences(part, soaked)),
        settled=part.settled,
        stretches=stretches(samples, [change.sample for change in part.changes]),
        changes=tuple(ChangeMark(one.at_s, percent(one.ratio - 1, 1, sign=True)) for one in part.changes),
        sustained=quantity_text(part.sustained_tokens_per_s, "").partition(" (")[0],
    )


def stretches(samples: Sequence[SoakSample], cuts: Sequence[int]) -> tuple[Stretch, ...]:
    """The stretches between changes; ``cuts`` number the first sample after each."""
    return tuple(
        Stretch(
            begun_s=own[0].begun_s,
            ended_s=own[-1].begun_s + own[-1].seconds,
            tokens_per_s=fmean(sample.tokens_per_s for sample in own),
        )
        for low, high in pairwise((0, *cuts, len(samples)))
        if (own := samples[low:high])
    )


def report_text(result: SoakResult, kept: Kept) -> str:
    """The report of the command line as plain text."""
    from rich.console import Console

    out = io.StringIO()
    console = Console(file=out, width=_REPORT_WIDTH, highlight=False, color_system=None)
    for shown in soak_report(result, kept):
        console.print(shown)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def samples_csv(soaked: Soaked) -> bytes:
    """Every sample under the columns of ``soak --csv``."""
    limit = soaked.power_limit_watts
    lines = (csv_line(sample_cells(sample, power_limit_watts=limit)) for sample in soaked.samples)
    return "".join((csv_line(CSV_HEAD), *lines)).encode()
