"""Own what ``tunesmith quantize`` prints, for programs and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field
from rich.text import Text

from tunesmith import __version__
from tunesmith.presentation.document import Document
from tunesmith.presentation.numbers import bytes_text, duration_text, fixed, percent
from tunesmith.presentation.tables import grid

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunesmith.services.quantize import QuantizeResult


class QuantizedFileFacts(Document):
    """A file that was made."""

    path: str
    type: str
    size_bytes: int
    predicted_bytes: int
    """What was foretold before it was made."""
    bits_per_weight: float
    fallback_tensors: int
    """Their shape does not allow the type; they got a larger one."""
    seconds: float


class QuantizeDocument(Document):
    """``tunesmith quantize``."""

    schema_name: Literal["tunesmith.quantize/1"] = Field(default="tunesmith.quantize/1", alias="schema")
    tunesmith_version: str
    source_path: str
    source_quantization: str
    source_size_bytes: int
    requantized: bool
    """The source was quantized already; unless it was Q8_0, the files say so in their headers."""
    imatrix_path: str | None
    """The importance matrix that was used."""
    files: tuple[QuantizedFileFacts, ...]
    warnings: tuple[str, ...]
    seconds: float


def quantize_document(result: QuantizeResult) -> QuantizeDocument:
    """What ``quantize`` prints with --json."""
    return QuantizeDocument(
        tunesmith_version=__version__,
        source_path=result.source.path,
        source_quantization=result.source.quantization,
        source_size_bytes=result.source.file_bytes,
        requantized=result.requantized,
        imatrix_path=None if result.imatrix is None else str(result.imatrix),
        files=tuple(
            QuantizedFileFacts(
                path=str(made.path), type=made.type, size_bytes=made.size_bytes,
                predicted_bytes=made.predicted_bytes, bits_per_weight=made.bits_per_weight,
                fallback_tensors=made.fallbacks, seconds=round(made.seconds, 3),
            )
            for made in result.files
        ),
        warnings=result.warnings,
        seconds=round(result.seconds, 3),
    )  # fmt: skip


def quantize_report(document: QuantizeDocument) -> list[RenderableType]:
    """What ``quantize`` prints for people."""
    rows = [
        (
            made.type, bytes_text(made.size_bytes), percent(made.size_bytes / document.source_size_bytes),
            fixed(made.bits_per_weight, 2), duration_text(made.seconds), made.path,
        )
        for made in document.files
    ]  # fmt: skip
    head = ("type", "size", "of the source", "bits per weight", "took", "file")
    parts: list[RenderableType] = [grid(head, rows, right=(1, 2, 3, 4))]
    parts += [Text(warning, style="yellow") for warning in document.warnings]
    return parts
