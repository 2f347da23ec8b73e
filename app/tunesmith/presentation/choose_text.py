"""Own how the choice of a quantization reads, for programs and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rich.text import Text

from tunesmith.domain.choice import Contender, ContenderState
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.quality import QualityLimits
from tunesmith.presentation.document import Document
from tunesmith.presentation.numbers import (
    DASH,
    bytes_text,
    duration_text,
    percent,
    quantity_text,
)
from tunesmith.presentation.quality_text import estimate_text
from tunesmith.presentation.tables import grid
from tunesmith.wording import tr

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunesmith.services.choose_result import ChooseResult

ChoiceOutcome = Literal["picked", "source_is_best", "infeasible"]


class MadeFile(Document):
    """A file that was made in this run."""

    path: str
    type: str
    size_bytes: int
    kept: bool
    """Else it was removed again."""


class ChosenText(Document):
    """The text that quality was measured on."""

    name: str
    sha256: str
    shipped: bool
    chunks_asked: int
    chunk_tokens: int


def state_text(state: ContenderState) -> str:
    """What became of a file, in a word or two."""
    return {
        "waiting": tr("waiting"),
        "making": tr("being made"),
        "judging": tr("measuring quality"),
        "beyond": tr("beyond the limit"),
        "within": tr("in the race"),
        "slower": tr("slower"),
        "tied": tr("no faster"),
        "infeasible": tr("breaks a constraint"),
        "failed": tr("failed"),
        "finalist": tr("tuned"),
        "picked": tr("picked"),
    }[state]


def kld_text(contender: Contender) -> str:
    """Mean KLD with its standard error; 0 for the source."""
    if contender.is_source:
        return "0"
    return DASH if contender.quality is None else estimate_text(contender.quality.mean_kld)


def top1_text(contender: Contender) -> str:
    """Top-1 agreement in percent."""
    if contender.quality is None:
        return DASH
    return percent(contender.quality.top1_agreement.value, 1)


def speedup_text(speedup: Quantity | None) -> str:
    """Such as ``2.31 (2.25–2.38)``."""
    return quantity_text(speedup, "")


def made_files(result: ChooseResult) -> tuple[MadeFile, ...]:
    """What the run made."""
    return tuple(
        MadeFile(path=one.path, type=one.quantization, size_bytes=one.size_bytes or 0, kept=one.kept)
        for one in result.contenders
        if one.made and one.path is not None
    )


def limits_text(limits: QualityLimits) -> str:
    """What was asked for, in words."""
    told = []
    if limits.max_kld is not None:
        told.append(tr("mean KLD at most {limit}", limit=f"{limits.max_kld:g}"))
    if limits.min_top1 is not None:
        told.append(tr("top-1 agreement at least {limit}", limit=percent(limits.min_top1, 1)))
    if limits.max_perplexity_ratio is not None:
        told.append(
            tr("perplexity at most {limit} times the source's", limit=f"{limits.max_perplexity_ratio:g}")
        )
    return ", ".join(told)


def choose_report(result: ChooseResult) -> list[RenderableType]:
    """What ``tune --quantization`` prints for people: a sentence, then every file."""
    from tunesmith.presentation.tune_text import tune_report

    head = (
        "",
        tr("type"),
        tr("size"),
        tr("mean KLD"),
        tr("top-1"),
        tr("speed against the source"),
        tr("state"),
    )
    rows = [
        (
            "*" if one.pareto else "", one.label, bytes_text(one.size_bytes), kld_text(one), top1_text(one),
            speedup_text(one.speedup), _state(one),
        )
        for one in result.contenders
    ]  # fmt: skip
    parts: list[RenderableType] = [
        Text(f"{result.sentence}.", style="bold"), grid(head, rows, right=(2, 3, 4, 5)),
    ]  # fmt: skip
    note = tr(
        "* no other file is as small, as true to the source and proven as fast. Limit: {limits}. "
        "Speed: at the same settings, pair by pair, not tuned.",
        limits=limits_text(result.request.limits),
    )
    parts.append(Text(note, style="dim"))
    files = [
        (made.type, bytes_text(made.size_bytes), tr("kept") if made.kept else tr("removed"), made.path)
        for made in made_files(result)
    ]
    if files:
        parts.append(grid((tr("made"), tr("size"), "", tr("file")), files, right=(1,)))
    parts += [Text(warning, style="yellow") for warning in result.warnings]
    if result.tune is not None:
        parts.append(Text(tr("{label}, tuned:", label=result.picked), style="bold"))
        parts += tune_report(result.tune)
    told = tr("Chosen in {duration}, run {run}.", duration=duration_text(result.seconds), run=result.run_id)
    parts.append(Text(told, style="dim"))
    return parts


def _state(contender: Contender) -> str:
    told = state_text(contender.state)
    return f"{told}: {contender.why}" if contender.why else told
