"""Own what quantized files are named, what they may be made from, and how one takes its place."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tunesmith.domain.model import ModelHeader
from tunesmith.domain.quantization import QUANTIZATION_TYPES, quantization_type, quantized_from
from tunesmith.errors import UsageError
from tunesmith.gguf import TENSOR_TYPES_BY_NAME
from tunesmith.machine.probe import probe_machine
from tunesmith.wording import tr

REQUANTIZED_KEY = "tunesmith.requantized_from"
"""In the header of a file made from one that was quantized already: the type that held most of it."""
_LONGEST_NAME = 200
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def target_name(source: Path, kind: str) -> str:
    """The name of a file made from another: its own with the new type instead of the old."""
    stem = _SHARD.sub("", source.stem)
    for end in range(len(stem) - 1, 0, -1):
        if stem[end] in "-._" and quantization_type(stem[end + 1 :]) is not None:
            stem = stem[:end]
            break
    return f"{stem[:_LONGEST_NAME]}-{kind}.gguf"


def check_types(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of quantization types as llama.cpp writes them, each once.

    Raises:
        UsageError: there is no such type, or none was named.
    """
    found = {}
    for name in names:
        known = quantization_type(name)
        if known is None:
            raise UsageError(
                tr("{name} is no quantization type.", name=repr(name)),
                todo=tr("Choose from {choices}.", choices=", ".join(QUANTIZATION_TYPES)),
            )
        found[known] = True
    if not found:
        raise UsageError(tr("No quantization type is named."), todo=tr("Name one, such as Q4_K_M."))
    return tuple(found)


def tensor_type(name: str) -> int:
    """The number of a tensor's type.

    Raises:
        UsageError: there is no such type.
    """
    kind = TENSOR_TYPES_BY_NAME.get(name.strip().upper())
    if kind is None:
        raise UsageError(
            tr("{name} is no type of a tensor.", name=repr(name)),
            todo=tr("Choose from {choices}.", choices=", ".join(TENSOR_TYPES_BY_NAME)),
        )
    return kind.id


def worker_arguments(
    header: ModelHeader, *, tensor_types: tuple[dict[str, object], ...] = ()
) -> dict[str, object]:
    """What a worker is told of a source, whatever the type that is made of it."""
    base = quantized_from(header)
    return {
        "source_path": str(Path(header.path).absolute()),
        "threads": probe_machine().cpu.llama_default_threads,
        "allow_requantize": base is not None,
        "tensor_types": tensor_types,
        "imatrix_path": "",
        "labels": {REQUANTIZED_KEY: base} if base not in (None, "Q8_0") and base else {},
    }


def check_free(path: Path) -> None:
    """Refuse to overwrite a file.

    Raises:
        UsageError: there is one.
    """
    if path.exists() or path.is_symlink():
        raise UsageError(
            tr("There is a file {path} already.", path=path),
            unharmed=tr("It was left as it is."),
            todo=tr("Name another folder with --output, or move it away."),
        )


def put_in_place(part: Path, target: Path) -> None:
    """Give a complete file its name, unless there is another of that name by now.

    Raises:
        UsageError: there is.
        OSError: it cannot be renamed.
    """
    check_free(target)
    try:
        os.link(part, target)  # fails, unlike a rename, where there is one
    except FileExistsError:
        check_free(target)
        raise
    except OSError:  # a file system without hard links
        part.rename(target)
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
