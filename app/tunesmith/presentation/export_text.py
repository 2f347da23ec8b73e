"""Own what an export says of itself: its JSON document, and words for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from tunesmith.export.job import Exported, Target
from tunesmith.presentation.document import Document
from tunesmith.wording import tr, trn


class LossFacts(Document):
    """A setting that the format could not carry."""

    profile: str
    """What the profile is called in the file."""
    setting: str
    value: str
    reason: str


class ExportDocument(Document):
    """``tunesmith export``."""

    schema_name: Literal["tunesmith.export/1"] = Field(default="tunesmith.export/1", alias="schema")
    format: str
    file_name: str
    """What such a file is usually called."""
    output: str | None
    """The file that was written; null if none was asked for."""
    text: str
    not_carried: tuple[LossFacts, ...]
    notes: tuple[str, ...]


def export_document(exported: Exported, target: Target, output: str | None) -> ExportDocument:
    """The document of an export."""
    return ExportDocument(
        format=target.NAME,
        file_name=exported.file_name,
        output=output,
        text=exported.text,
        not_carried=tuple(
            LossFacts(profile=loss.job, setting=loss.setting, value=loss.value, reason=loss.reason)
            for loss in exported.losses
        ),
        notes=exported.notes,
    )


def loss_lines(exported: Exported) -> Iterator[str]:
    """What could not be carried over, a line each; nothing if all was."""
    if exported.losses:
        yield trn(
            "{count} setting could not be carried over:",
            "{count} settings could not be carried over:",
            len(exported.losses),
        )
    several = len({loss.job for loss in exported.losses}) > 1
    for loss in exported.losses:
        yield tr("{name}: {loss}", name=loss.job, loss=loss) if several else str(loss)
