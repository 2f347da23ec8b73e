"""Own what a source predicted for a text, on the disk: a file for each chunk, read as a stranger's.

A file holds a header, then for each row the scale and the minimum, then the codes, all in little-endian
order: see :class:`tunesmith.engine.divergence.PackedRows`. It is complete or not there.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from tunesmith.atomic import replace_file
from tunesmith.engine.context import IntArray
from tunesmith.engine.divergence import RANGE, STEPS, FloatArray, PackedRows
from tunesmith.engine.errors import DiskFault, EngineError

_MAGIC = b"TSBASE1\n"
_HEADER = struct.Struct("<8s4I32s32sI")
_FOLDER = re.compile("[0-9a-f]{32}")
_FILE = re.compile("[0-9]{6}[.]base")
_SPARE_BYTES = 256 * 2**20
"""Of the disk is never filled."""


@dataclass(frozen=True, slots=True)
class BaseShape:
    """What all chunks of a base have in common."""

    n_ctx: int
    rows: int
    vocabulary_size: int
    vocabulary: str
    """SHA-256 of the tokens' texts, 64 hex digits."""

    @property
    def file_bytes(self) -> int:
        """Of one chunk's file."""
        return _HEADER.size + self.rows * (8 + 2 * self.vocabulary_size)

    def header(self, chunk: int, tokens: IntArray, checksum: int) -> bytes:
        """How a chunk's file begins."""
        digest = hashlib.sha256(tokens.astype("<i4").tobytes()).digest()
        return _HEADER.pack(
            _MAGIC, self.n_ctx, self.rows, self.vocabulary_size, chunk, digest,
            bytes.fromhex(self.vocabulary), checksum,
        )  # fmt: skip


class BaseFiles:
    """The chunks of one source and text, in a folder beside those of others."""

    def __init__(self, folder: Path, key: str, *, limit_bytes: int) -> None:
        """Nothing is read or written yet.

        Args:
            folder: holds the folders of all bases.
            key: this base's folder in it.
            limit_bytes: of all of them together.
        """
        self._root = folder
        self._folder = folder / key
        self._limit_bytes = limit_bytes

    def holds(self, chunk: int, shape: BaseShape, tokens: IntArray) -> bool:
        """Whether a chunk's file is there and begins as it should; what follows is not looked at."""
        try:
            with self._path(chunk).open("rb") as file:
                return _begins_right(file, shape.header(chunk, tokens, 0), shape.file_bytes)
        except OSError:
            return False

    def room_for(self, shape: BaseShape, *, missing: int) -> int:
        """How many more chunks there is room for, up to ``missing``; other bases make room if need be.

        Those used longest ago go first. The limit counts all bases, and some of the disk stays free.

        Raises:
            DiskFault: the folder cannot be made or looked into.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            os.utime(self._folder)
            others = sorted(self._others(), key=lambda path: path.stat().st_mtime_ns)
            used = {path: _size(path) for path in (self._folder, *others)}
            wanted = missing * shape.file_bytes
            for path in others:
                if wanted <= self._room(used):
                    break
                for file in _files(path):
                    file.unlink(missing_ok=True)
                del used[path]
            return int(max(0, min(missing, self._room(used) // shape.file_bytes)))
        except OSError as error:
            raise self._fault(error) from error

    def _room(self, used: dict[Path, int]) -> int:
        """Bytes that may still be written."""
        free = shutil.disk_usage(self._folder).free - _SPARE_BYTES
        return min(self._limit_bytes - sum(used.values()), free)

    def _others(self) -> list[Path]:
        return [
            path
            for path in self._root.iterdir()
            if path != self._folder
            and _FOLDER.fullmatch(path.name)
            and path.is_dir()
            and not path.is_symlink()
        ]

    def write(self, chunk: int, shape: BaseShape, tokens: IntArray, rows: PackedRows) -> None:
        """Keep a chunk.

        Raises:
            DiskFault: it cannot be written; nothing of it is left.
        """
        pieces = [
            _bytes(np.ascontiguousarray(array, dtype=kind))
            for array, kind in ((rows.scale, "<f4"), (rows.minimum, "<f4"), (rows.codes, "<u2"))
        ]
        header = shape.header(chunk, tokens, _checksum(pieces))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            replace_file(self._path(chunk), [header, *pieces])
        except OSError as error:
            raise self._fault(error) from error

    def read(self, chunk: int, shape: BaseShape, tokens: IntArray) -> PackedRows:
        """A chunk as it was kept.

        Raises:
            EngineError: it is not there, damaged, or not of this text; a damaged file is gone then.
        """
        path = self._path(chunk)
        try:
            with path.open("rb") as file:
                if not _begins_right(file, shape.header(chunk, tokens, 0), shape.file_bytes):
                    raise EngineError(f"what the source predicts for chunk {chunk} was kept for another text")
                file.seek(_HEADER.size - 4)
                checksum = int.from_bytes(file.read(4), "little")
                found = [
                    np.fromfile(file, dtype=kind, count=count)
                    for kind, count in (
                        ("<f4", shape.rows), ("<f4", shape.rows), ("<u2", shape.rows * shape.vocabulary_size),
                    )
                ]  # fmt: skip
        except OSError as error:
            raise EngineError(f"{path} cannot be read: {error.strerror}") from error
        scale, minimum, codes = found
        if (
            _checksum([_bytes(array) for array in found]) != checksum
            or codes.size != shape.rows * shape.vocabulary_size
            or not _makes_sense(scale, minimum)
        ):
            path.unlink(missing_ok=True)
            raise EngineError(f"{path} was damaged and is gone now; start again")
        return PackedRows(
            scale.astype(np.float32, copy=False),
            minimum.astype(np.float32, copy=False),
            codes.astype(np.uint16, copy=False).reshape(shape.rows, shape.vocabulary_size),
        )

    def _path(self, chunk: int) -> Path:
        return self._folder / f"{chunk:06d}.base"

    def _fault(self, error: OSError) -> DiskFault:
        reason = error.strerror or str(error)
        return DiskFault(f"what the source predicts cannot be kept in {self._folder}: {reason}")


def _begins_right(file: BinaryIO, header: bytes, size: int) -> bool:
    """Whether all but the checksum, which comes last, is as it should be."""
    return os.fstat(file.fileno()).st_size == size and file.read(_HEADER.size)[:-4] == header[:-4]


def _makes_sense(scale: FloatArray, minimum: FloatArray) -> bool:
    steepest = RANGE / STEPS * 1.01
    return bool(
        np.isfinite(scale).all() and np.isfinite(minimum).all()
        and (scale >= 0).all() and (scale <= steepest).all() and (minimum <= 0).all()
    )  # fmt: skip


def _bytes(array: npt.NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _checksum(pieces: list[memoryview]) -> int:
    found = 0
    for piece in pieces:
        found = zlib.crc32(piece, found)
    return found


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if _FILE.fullmatch(path.name)]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))
