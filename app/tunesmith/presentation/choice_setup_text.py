"""Own the words of a choice of a quantization that is about to start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tunesmith.domain.quality import QualityLimits
from tunesmith.domain.workload import Budget, Workload
from tunesmith.presentation.choose_text import limits_text
from tunesmith.presentation.numbers import duration_text, rough_bytes_text
from tunesmith.presentation.tune_setup_text import workload_text
from tunesmith.wording import tr, trn

if TYPE_CHECKING:
    from tunesmith.services.choose_files import Foreseen, Offer

_SPARE_BYTES = 64 * 2**20


def file_note(file: Foreseen) -> str:
    """What is to be said of a file beside its size."""
    if file.paths:
        return trn("there already", "{count} there already", len(file.paths))
    if file.fallbacks:
        return trn("{count} tensor larger", "{count} tensors larger", file.fallbacks)
    return ""


def bytes_to_make(files: Sequence[Foreseen]) -> int:
    """What the files take that are not there yet."""
    return sum(file.size_bytes for file in files if not file.paths)


def choice_plan(
    offer: Offer,
    files: Sequence[Foreseen],
    limits: QualityLimits,
    *,
    chunks: int,
    budget: Budget,
    workload: Workload,
) -> list[str]:
    """What will happen, what it takes and what there is.

    Args:
        offer: the source and its surroundings.
        files: those chosen to be compared.
        limits: on quality.
        chunks: of the text that are read at most.
        budget: for comparing and tuning.
        workload: what speed is measured on.
    """
    names = ", ".join(file.kind for file in files)
    found = [
        tr("{files} are compared with the source, {source}.", files=names, source=offer.header.quantization),
        tr("Each reads up to {chunks} chunks of the text; one that surely breaks the limit ({limit}) leaves "
           "sooner.", chunks=chunks, limit=limits_text(limits)),
        tr("What is left is raced on the workload ({workload}) and the winner tuned, in about {time}. Making "
           "files and measuring quality comes on top.",
           workload=workload_text(workload), time=duration_text(budget.seconds)),
    ]  # fmt: skip
    to_make = bytes_to_make(files)
    if to_make:
        found.append(
            tr("Files are made in {folder}: {size} at most, {free} are free.", folder=offer.folder,
               size=rough_bytes_text(to_make), free=rough_bytes_text(offer.free_bytes))
        )  # fmt: skip
    else:
        found.append(tr("All files are there already; none is made."))
    if to_make + _SPARE_BYTES > offer.free_bytes:
        found.append(tr("That is more than is free: what there is no room for is left out."))
    found.append(
        tr("What the source predicts takes up to {size} in the cache and is used again.",
           size=rough_bytes_text(offer.base_bytes(chunks)))
    )  # fmt: skip
    found.append(tr("Your own files are only read. You can stop at any time and keep what was measured."))
    return found
