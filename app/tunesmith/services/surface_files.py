"""Own a recorded surface as a file: gzipped JSON, read as what it is, a stranger's."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from tunesmith.domain.finite import all_finite
from tunesmith.domain.settings import Settings
from tunesmith.domain.surface import PartCell, Surface, part_settings
from tunesmith.errors import StoreError, UsageError
from tunesmith.services.files import write_whole

SUFFIX = ".surface.json.gz"
MAX_FILE_BYTES = 16 * 2**20
"""No surface is longer on disk; a larger file is something else."""
MAX_JSON_BYTES = 96 * 2**20
"""Nor unpacked: more is never unpacked, whatever the file says."""
MAX_COMBINATIONS = 1_000_000
"""Of the values on all axes."""
_MAX_TEXT = 1000
_GZIP = 31
"""What zlib calls a gzip stream whose checksum is looked at."""


def write_surface(surface: Surface, path: Path) -> None:
    """Write a surface; the file is there as a whole or not at all, and the same for the same surface.

    Raises:
        StoreError: the file cannot be written.
        UsageError: the surface is larger than what is read back.
    """
    text = surface.model_dump_json(by_alias=True).encode()
    packed = gzip.compress(text, compresslevel=9, mtime=0)
    if len(text) > MAX_JSON_BYTES or len(packed) > MAX_FILE_BYTES:
        raise UsageError(
            f"The surface takes {len(packed) // 2**20} MiB, more than is read back.",
            todo="Survey a smaller grid, or fewer rounds.",
        )
    write_whole(path, packed)


def read_surface(path: Path) -> Surface:
    """Read a surface's file.

    Raises:
        UsageError: it cannot be read, is too large, or is no surface that this version knows.
    """
    raw = _unpacked(path, _read(path))
    try:
        surface = Surface.model_validate_json(raw)
    except ValidationError as error:
        raise _bad(path, _first_fault(error), str(error)) from error
    fault = _nonsense(surface)
    if fault:
        raise _bad(path, fault)
    return surface


def check_writable(path: Path) -> None:
    """Find out before a long survey whether its file can be written at all.

    Raises:
        StoreError: it cannot.
    """
    folder = path.parent
    if path.is_dir():
        why = "it is a folder"
    elif not folder.is_dir():
        why = f"there is no folder {folder}"
    elif not os.access(folder, os.W_OK):
        why = f"the folder {folder} cannot be written to"
    else:
        return
    raise StoreError(
        f"The file {path} cannot be written: {why}.", unharmed="Nothing was started.",
        todo="Name another with --output.",
    )  # fmt: skip


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        raise UsageError(
            f"The file {path} cannot be read: {reason}.",
            todo="Check the name and whether you may read it.",
            details=str(error),
        ) from error
    if len(raw) > MAX_FILE_BYTES:
        raise _bad(path, f"is larger than {MAX_FILE_BYTES // 2**20} MiB")
    return raw


def _unpacked(path: Path, raw: bytes) -> bytes:
    unpacking = zlib.decompressobj(wbits=_GZIP)
    try:
        text = unpacking.decompress(raw, MAX_JSON_BYTES + 1)
    except zlib.error as error:
        raise _bad(path, "is not packed with gzip, or damaged", str(error)) from error
    if len(text) > MAX_JSON_BYTES:
        raise _bad(path, f"unpacks to more than {MAX_JSON_BYTES // 2**20} MiB")
    if not unpacking.eof:
        raise _bad(path, "is cut short")
    if unpacking.unused_data:
        raise _bad(path, "goes on after its end")
    return text


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return "holds no JSON document"
    place = ".".join(str(part) for part in first["loc"])[:120]
    words = first["msg"][:1].lower() + first["msg"][1:200]
    return f"is no recorded surface: {place + ': ' if place else ''}{words}"


def _nonsense(surface: Surface) -> str:
    """What is wrong with a surface whose types are right; empty if nothing."""
    texts = (surface.title, surface.model_name, surface.quantization, surface.conditions)
    if any(len(text) > _MAX_TEXT for text in texts) or not surface.title.strip():
        return f"has no title, or a text of more than {_MAX_TEXT} characters"
    try:
        datetime.fromisoformat(surface.recorded_utc)
    except ValueError:
        return "does not say when it was recorded"
    return _wrong_axes(surface) or _wrong_cells(surface) or _wrong_numbers(surface)


def _wrong_axes(surface: Surface) -> str:
    for name, values in surface.axes.items():
        if name not in Settings.model_fields:
            return f"has an axis that is no setting: {name[:80]}"
        if not values or len(set(values)) < len(values):
            return f"has no values of {name}, or one twice"
    if math.prod(map(len, surface.axes.values())) > MAX_COMBINATIONS:
        return f"has more than {MAX_COMBINATIONS} combinations of settings"
    return ""


def _wrong_cells(surface: Surface) -> str:
    parallel = surface.workload.parallel
    if not surface.cells:
        return "holds no measurements"
    if len(surface.by_part()) < len(surface.cells):
        return "holds the same cell twice"
    for cell in surface.cells:
        place = f"{cell.part} of {cell.settings.digest}"
        if part_settings(cell.settings, cell.part, parallel=parallel) != cell.settings:
            return f"has a cell that names what does not matter to it: {place}"
        if not cell.samples and not cell.failure:
            return f"has neither samples nor a failure for {place}"
        if not _measured(cell):
            return f"has a sample without a time for {place}"
    if next(surface.grid(), None) is None:
        return "holds no settings that were measured in every part"
    return ""


def _measured(cell: PartCell) -> bool:
    times = cell.unit_ns
    positive = all(math.isfinite(value) and value > 0 for value in times)
    return len(times) == len(cell.samples) and positive


def _wrong_numbers(surface: Surface) -> str:
    if not all_finite(surface.model_dump()):
        return "holds a number that is none, or is out of all proportion"
    return ""


def _bad(path: Path, why: str, details: str = "") -> UsageError:
    return UsageError(
        f"The file {os.fspath(path)} {why}.",
        todo="Record the surface again: tunesmith survey MODEL.",
        details=details[:4000],
    )
