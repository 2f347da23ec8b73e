"""Own the search for files of the same model in other quantizations, by what their headers say."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from tunesmith import gguf
from tunesmith.domain.model import ModelHeader
from tunesmith.domain.quantization import FULL_PRECISION
from tunesmith.errors import ModelFileError

_LOG = logging.getLogger(__name__)
_MOST_FILES = 400
"""Files of one folder that are looked at."""


def same_model(one: ModelHeader, other: ModelHeader) -> bool:
    """Whether two headers state one architecture, name, size and vocabulary, whatever the quantization."""
    alike = ("architecture", "name", "parameters", "layers", "vocabulary_size", "tokenizer", "tensor_count")
    return all(getattr(one, name) == getattr(other, name) for name in alike)


def find_siblings(source: ModelHeader, folders: Iterable[Path]) -> list[ModelHeader]:
    """Quantized files of the source's model in some folders, smallest last, the source not among them.

    Their tensors have the source's names and shapes. Files that cannot be read are passed over, and so are
    those in full precision: they are no quantizations.
    """
    shapes = _shapes(Path(source.path))
    seen = {_identity(Path(source.path))}
    found = []
    for path in _files(folders):
        identity = _identity(path)
        if identity in seen:
            continue
        seen.add(identity)
        try:
            header = gguf.read_header(path)
            if same_model(source, header) and _quantized(header) and _shapes(path) == shapes:
                seen.update(_identity(Path(shard.path)) for shard in header.shards)
                found.append(header)
        except ModelFileError as error:
            _LOG.debug("%s is no sibling: %s", path, error)
    return sorted(found, key=lambda header: (-header.file_bytes, header.path))


def _quantized(header: ModelHeader) -> bool:
    return any(use.type not in FULL_PRECISION for use in header.tensor_types)


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        try:
            names = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".gguf")
        except OSError as error:
            _LOG.debug("%s cannot be looked through: %s", folder, error)
            continue
        yield from (path for path in names[:_MOST_FILES] if not path.name.startswith("."))


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    return {tensor.name: tensor.dims for tensor in gguf.read_tensors(path)}


def _identity(path: Path) -> tuple[int, int] | str:
    try:
        facts = path.stat()
    except OSError:
        return str(path)
    return (facts.st_dev, facts.st_ino) if facts.st_ino else str(path.absolute())
