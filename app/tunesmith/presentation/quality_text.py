"""Own what ``tunesmith quality`` prints, for programs and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field
from rich.text import Text

from tunesmith import __version__
from tunesmith.domain.quality import Estimate, Quality, Verdict
from tunesmith.domain.settings import CacheType, Settings
from tunesmith.presentation.document import Document
from tunesmith.presentation.numbers import bytes_text, decimals_for, duration_text, fixed, number
from tunesmith.presentation.tables import facts
from tunesmith.wording import tr

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunesmith.domain.model import ModelIdentity
    from tunesmith.services.quality import QualityResult

ERROR_NOTE = tr("After ±: one standard error, from the differences between chunks.")


class ComparedModel(Document):
    """A model, in short."""

    path: str
    sha256: str
    name: str | None
    quantization: str
    bits_per_weight: float
    size_bytes: int
    type_k: CacheType
    type_v: CacheType


class TextFacts(Document):
    """The text that was read."""

    name: str
    sha256: str
    shipped: bool
    """It comes with Tunesmith."""
    chunks: int
    """That it has at this length of a chunk."""


class KldLimit(Document):
    """What ``--max-kld`` asked for, and what came of it."""

    max_kld: float
    verdict: Verdict
    low: float | None
    high: float | None
    confidence: float
    """Of the interval from low to high, however often it was looked at."""
    stopped_early: bool


class _Head(Document):
    """What stands before the measures."""

    schema_name: Literal["tunesmith.quality/1"] = Field(default="tunesmith.quality/1", alias="schema")
    tunesmith_version: str


class QualityDocument(Quality, _Head):
    """``tunesmith quality``: the measures, and what they are of."""

    chunk_mean_kld: tuple[float, ...]
    """Of each chunk, in the order in which they were read."""
    chunks_asked: int
    chunks_reused: int
    """Of which an earlier run had kept what the source predicts."""
    chunk_tokens: int
    model: ComparedModel
    source: ComparedModel
    text: TextFacts
    limit: KldLimit | None
    settings: Settings
    seconds: float


def quality_document(result: QualityResult) -> QualityDocument:
    """What ``quality`` prints with --json."""
    request = result.request
    measures = {name: getattr(result.quality, name) for name in Quality.model_fields}
    limit = None
    if request.max_kld is not None and result.verdict is not None:
        limit = KldLimit(
            max_kld=request.max_kld, verdict=result.verdict, low=result.kld_low, high=result.kld_high,
            confidence=0.95, stopped_early=result.stopped_early,
        )  # fmt: skip
    return QualityDocument(
        **measures,
        tunesmith_version=__version__,
        chunk_mean_kld=tuple(score.mean_kld for score in result.scores),
        chunks_asked=request.chunks,
        chunks_reused=result.chunks_reused,
        chunk_tokens=request.n_ctx,
        model=_compared(result.model, request.type_k, request.type_v),
        source=_compared(result.source, "f16", "f16"),
        text=TextFacts(
            name=result.text.name, sha256=result.text.sha256, shipped=request.text_path is None,
            chunks=result.chunks_in_text,
        ),
        limit=limit,
        settings=result.settings,
        seconds=round(result.seconds, 3),
    )  # fmt: skip


def _compared(model: ModelIdentity, type_k: CacheType, type_v: CacheType) -> ComparedModel:
    header = model.header
    return ComparedModel(
        path=header.path, sha256=model.sha256, name=header.name, quantization=header.quantization,
        bits_per_weight=round(header.bits_per_weight, 3), size_bytes=header.file_bytes, type_k=type_k,
        type_v=type_v,
    )  # fmt: skip


def estimate_text(estimate: Estimate, *, scale: float = 1.0, unit: str = "") -> str:
    """Such as ``0.0566 ± 0.0012``, to one digit more than the error's first."""
    value, error = estimate.value * scale, estimate.standard_error
    if error is None:
        return number(value) + unit
    places = min(6, decimals_for(error * scale) + 1)
    return f"{fixed(value, places)} ± {fixed(error * scale, places)}{unit}"


def verdict_sentence(limit: KldLimit) -> str:
    """What came of the limit."""
    told = {
        "within": tr("Within the limit: the mean KL divergence is at most {limit}."),
        "beyond": tr("Beyond the limit: the mean KL divergence is more than {limit}."),
        "undecided": tr("Too close to tell: the mean KL divergence may lie on either side of {limit}."),
    }[limit.verdict].format(limit=f"{limit.max_kld:g}")
    if limit.low is not None and limit.high is not None:
        low, high = number(max(0.0, limit.low)), number(limit.high)
        told += " " + tr("It lies from {low} to {high} (95% sure).", low=low, high=high)
    if limit.stopped_early:
        told += " " + tr("The rest of the text was left out, since this was clear without it.")
    return told


def quality_report(document: QualityDocument) -> list[RenderableType]:
    """What ``quality`` prints for people."""
    rows = [
        (tr("Model"), _model_line(document.model)),
        (tr("Against"), _model_line(document.source)),
        (tr("Text"), _text_line(document)),
        (tr("Mean KLD"), estimate_text(document.mean_kld)),
        (tr("Median KLD"), estimate_text(document.median_kld)),
        (tr("99% KLD"), estimate_text(document.p99_kld)),
        (tr("Largest KLD"), estimate_text(document.max_kld)),
        (tr("Top-1 agreement"), estimate_text(document.top1_agreement, scale=100, unit=" %")),
        (tr("Perplexity"), estimate_text(document.perplexity)),
        (tr("Perplexity of the source"), estimate_text(document.source_perplexity)),
        (tr("Ratio of the two"), estimate_text(document.perplexity_ratio)),
    ]
    parts: list[RenderableType] = [facts(rows), Text(ERROR_NOTE, style="dim")]
    if document.limit is not None:
        style = {"within": "green", "beyond": "red", "undecided": "yellow"}[document.limit.verdict]
        parts.append(Text(verdict_sentence(document.limit), style=style))
    short = _shortage(document)
    if short:
        parts.append(Text(short, style="yellow"))
    parts.append(Text(tr("Compared in {duration}.", duration=duration_text(document.seconds)), style="dim"))
    return parts


def _model_line(model: ComparedModel) -> str:
    cache = "" if model.type_k == model.type_v == "f16" else f" · K {model.type_k}, V {model.type_v}"
    bits = tr("{bits} bits per weight", bits=fixed(model.bits_per_weight, 2))
    return (
        f"{model.name or model.path} · {model.quantization} · {bits} · {bytes_text(model.size_bytes)}{cache}"
    )


def _text_line(document: QualityDocument) -> str:
    return tr(
        "{name}, {chunks} chunks of {length} tokens, {scored} of them scored",
        name=document.text.name, chunks=document.chunks, length=document.chunk_tokens,
        scored=document.tokens_scored,
    )  # fmt: skip


def _shortage(document: QualityDocument) -> str:
    """Why fewer chunks were read than asked for, where it was no decision."""
    if document.limit is not None and document.limit.stopped_early:
        return ""
    possible = min(document.chunks_asked, document.text.chunks)
    if document.chunks < possible:
        return tr(
            "Only {chunks} of {asked} chunks were read: "
            "what the source predicts takes more room than allowed.",
            chunks=document.chunks, asked=possible,
        )  # fmt: skip
    return ""
