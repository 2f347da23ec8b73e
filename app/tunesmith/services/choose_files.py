"""Own what a quantization can be chosen from: the source, its siblings, and what can be made of it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tunesmith.domain.choice import Contender
from tunesmith.domain.model import ModelHeader
from tunesmith.domain.quantization import FURTHER, LADDER, QUANTIZATION_TYPES, quantized_from
from tunesmith.domain.worker_events import FileQuantized, WorkerEvent
from tunesmith.errors import ModelNotFound, UsageError
from tunesmith.services.context import read_model
from tunesmith.services.quality import base_bytes
from tunesmith.services.quantize_files import check_types, worker_arguments
from tunesmith.services.siblings import find_siblings
from tunesmith.wording import tr
from tunesmith.worker.handle import WorkerHandle


def source_header(path: str) -> tuple[ModelHeader, tuple[str, ...]]:
    """The header of a source, and what to be warned of.

    Raises:
        UsageError: it is quantized already.
        ModelFileError: it is missing, unreadable or malformed.
    """
    header = read_model(path)
    base = quantized_from(header)
    if base == "Q8_0":
        return header, (
            tr("The source is in Q8_0: a little of its quality was lost already. F16 would be better."),
        )
    if base is not None:
        raise UsageError(
            tr("{path} is quantized already ({kind}), so there is nothing to compare quality with.",
               path=header.path, kind=header.quantization),
            unharmed=tr("Nothing was changed."),
            todo=tr("Take the F16, BF16 or F32 file. To make files of this one all the same, say "
                    "tunesmith quantize --allow-requantize: they are labelled."),
        )  # fmt: skip
    return header, ()


def check_source(path: str) -> None:
    """See that the source is still there.

    Raises:
        ModelNotFound: it is not.
    """
    if not Path(path).exists():
        raise ModelNotFound(
            tr("The model file {path} is no longer there.", path=path),
            unharmed=tr("What was measured is kept."), todo=tr("Put it back and try again."),
        )  # fmt: skip


def default_folder(source: Path) -> Path:
    """Where files made of a source go."""
    return source.absolute().parent / f"{source.stem}-quantized"


def line_up(header: ModelHeader, folder: Path, types: tuple[str, ...] | None) -> list[Contender]:
    """The source, the files that are there, and those that can be made.

    Args:
        header: of the source.
        folder: where files would be made; what is there already is used.
        types: what is asked for; None takes what there is and the ladder.

    Raises:
        UsageError: there is no such type, or nothing to choose from.
    """
    asked = None if types is None else check_types(types)
    source = Contender(
        label=tr("{kind} (source)", kind=header.quantization), quantization=header.quantization,
        is_source=True, path=str(Path(header.path).absolute()), size_bytes=header.file_bytes,
        bits_per_weight=header.bits_per_weight,
    )  # fmt: skip
    there = find_siblings(header, dict.fromkeys((Path(header.path).absolute().parent, folder)))
    kinds = list(dict.fromkeys(sibling.quantization for sibling in there))
    found = {source.label: source}
    for kind in asked or tuple(dict.fromkeys((*LADDER, *kinds))):
        if kind == header.quantization:
            continue
        siblings = [sibling for sibling in there if sibling.quantization == kind]
        for sibling in siblings:
            name = Path(sibling.path).name
            label = kind if len(siblings) == 1 else f"{kind} ({name})"
            while label in found:
                label += "'"
            found[label] = Contender(
                label=label, quantization=kind, path=str(Path(sibling.path).absolute()),
                size_bytes=sibling.file_bytes, bits_per_weight=sibling.bits_per_weight,
            )  # fmt: skip
        if not siblings:
            found[kind] = Contender(label=kind, quantization=kind, made=True, kept=False)
    if len(found) == 1:
        raise UsageError(
            tr("There is nothing to choose from but the source."),
            todo=tr("Name other types, or say --quantization auto."),
        )
    return list(found.values())


# ---------------------------------------------------------------- before a choice begins


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A quantization that can be chosen from."""

    kind: str
    size_bytes: int
    """Foretold, to some KiB, for what is not there yet."""
    bits_per_weight: float
    fallbacks: int
    """Tensors whose shape does not allow the type and that get a larger one; 0 for files that are there."""
    paths: tuple[str, ...]
    """Files of this quantization that are there; one is made where there is none."""
    usual: bool
    """On the ladder, or there already."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a source can be compared with, and what it takes."""

    header: ModelHeader
    warnings: tuple[str, ...]
    files: tuple[Foreseen, ...]
    """The largest first."""
    folder: Path
    """Where files are made."""
    free_bytes: int
    """On the disk of that folder."""

    def base_bytes(self, chunks: int) -> int:
        """What the source predicts for so many chunks takes in the cache at most."""
        return base_bytes(self.header, chunks)


def look_over(path: str) -> Offer:
    """What there is to choose from, with sizes foretold by dry runs; takes a second or two.

    Raises:
        UsageError: the source is quantized already.
        ModelFileError: it is missing, unreadable or malformed.
        WorkerError: llama.cpp could not be asked.
    """
    header, warnings = source_header(path)
    folder = default_folder(Path(header.path))
    there = find_siblings(header, dict.fromkeys((Path(header.path).absolute().parent, folder)))
    kinds = dict.fromkeys((*LADDER, *(one.quantization for one in there), *FURTHER))
    kinds.pop(header.quantization, None)
    found = []
    missing = []
    for kind in kinds:
        siblings = [one for one in there if one.quantization == kind]
        if siblings:
            found.append(
                Foreseen(
                    kind=kind, size_bytes=siblings[0].file_bytes, fallbacks=0, usual=True,
                    bits_per_weight=siblings[0].bits_per_weight, paths=tuple(one.path for one in siblings),
                )
            )  # fmt: skip
        elif kind in QUANTIZATION_TYPES:
            missing.append(kind)
    overhead = header.file_bytes - header.weights_bytes
    for kind, told in _foretell(header, missing).items():
        if not told.needs_imatrix:
            found.append(
                Foreseen(
                    kind=kind, size_bytes=told.weights_bytes + overhead, fallbacks=told.fallbacks, paths=(),
                    bits_per_weight=told.bits_per_weight, usual=kind in LADDER,
                )
            )  # fmt: skip
    return Offer(
        header=header, warnings=warnings, files=tuple(sorted(found, key=lambda one: -one.size_bytes)),
        folder=folder, free_bytes=shutil.disk_usage(Path(header.path).absolute().parent).free,
    )  # fmt: skip


def _foretell(header: ModelHeader, kinds: list[str]) -> dict[str, FileQuantized]:
    """What llama.cpp says each file would be."""
    told: list[FileQuantized] = []

    def take(event: WorkerEvent) -> None:
        if isinstance(event, FileQuantized):
            told.append(event)

    found = {}
    common = worker_arguments(header)
    with WorkerHandle(on_event=take) as worker:
        for kind in kinds:
            told.clear()
            worker.quantize(**common, file_type=QUANTIZATION_TYPES[kind], target_path="nowhere", dry_run=True)
            if told:
                found[kind] = told[-1]
    return found
