"""Own bounded reading of one model file: no number in the file decides how much memory is taken."""

from __future__ import annotations

import io
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tunesmith.gguf import faults
from tunesmith.wording import tr

CHUNK_BYTES = 1 << 18
MAX_TAKE_BYTES = 1 << 16

Place = tuple[Literal["header", "key", "tensor", "value"], int | str | None, int | None]
"""Part of a file: which, its number or name, and out of how many."""

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


@contextmanager
def open_model_file(path: Path) -> Iterator[io.FileIO]:
    """Open a regular file for unbuffered reading; never waits on a pipe or a device.

    Raises:
        ModelNotFound: there is no file at the path.
        ModelUnreadable: it is a folder, a device or a pipe, or the system refuses.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        str(path.absolute()).encode()
    except OSError as error:  # the current folder is gone
        raise faults.from_os_error(path, error) from error
    except UnicodeEncodeError:
        shown = Path(str(path).encode(errors="replace").decode())
        raise faults.unreadable(
            tr("{path} has a name or folder that is not valid UTF-8.", path=shown), todo=tr("Rename it.")
        ) from None
    try:
        _require_regular(path, path.stat().st_mode)
        file = io.FileIO(os.open(path, flags), "rb")
    except ValueError:  # a NUL in the path
        raise faults.not_found(path) from None
    except OSError as error:
        raise faults.from_os_error(path, error) from error
    with file:
        _require_regular(path, os.fstat(file.fileno()).st_mode)
        yield file


def _require_regular(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise faults.directory(path)
    if not stat.S_ISREG(mode):
        raise faults.unreadable(
            tr("{path} is a device, pipe or socket, not a file.", path=path), todo=tr("Choose a .gguf file.")
        )


class BoundedReader:
    """Little-endian numbers and texts from a file, one chunk of it in memory at a time.

    Every method raises ModelMalformed when the file ends before what is asked for, and
    ModelUnreadable when the system fails to read.

    Args:
        file: an open regular file.
        path: what to call the file in errors.
    """

    def __init__(self, file: io.FileIO, path: Path) -> None:
        self.path = path
        self.place: Place = ("header", None, None)
        """What is being read, for errors."""
        try:
            self.size = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise faults.from_os_error(path, error) from error
        self._file = file
        self._buffer = b""
        self._base = 0
        """Where in the file the buffer starts, bytes."""
        self._position = 0
        """Where in the buffer the next read starts, bytes."""

    @property
    def part(self) -> str:
        """What is being read, in words; they are made only when something is wrong with it."""
        match self.place:
            case "key", number, count:
                return tr("key {number} of {total}", number=number, total=count)
            case "tensor", number, count:
                return tr("tensor {number} of {total}", number=number, total=count)
            case "value", key, _:
                return tr("value of {key}", key=repr(str(key)[:80]))
            case _:
                return tr("header")

    @property
    def offset(self) -> int:
        """Where in the file the next read starts, bytes."""
        return self._base + self._position

    @property
    def remaining(self) -> int:
        """Bytes from here to the end of the file."""
        return self.size - self.offset

    def seek(self, offset: int) -> None:
        """Go to an offset in bytes from the start of the file, its end included."""
        if offset > self.size:
            raise faults.malformed(
                tr(
                    "{path} is cut short: its {part} goes on to byte {offset} but the file has {size} bytes.",
                    path=self.path,
                    part=self.part,
                    offset=offset,
                    size=self.size,
                ),
                todo=faults.FETCH_AGAIN,
            )
        position = offset - self._base
        if 0 <= position <= len(self._buffer):
            self._position = position
        else:
            self._buffer, self._base, self._position = b"", offset, 0

    def skip(self, count: int) -> None:
        """Go ``count`` bytes on."""
        self.seek(self.offset + count)

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes, at most MAX_TAKE_BYTES."""
        self._fill(count)
        start = self._position
        self._position += count
        return self._buffer[start : self._position]

    def u32(self) -> int:
        """An unsigned number of 4 bytes."""
        value: int = _U32.unpack(self.take(4))[0]
        return value

    def u64(self) -> int:
        """An unsigned number of 8 bytes."""
        value: int = _U64.unpack(self.take(8))[0]
        return value

    def text_bytes(self, *, limit: int) -> bytes:
        """The next string, refused if longer than ``limit`` bytes."""
        length = self.u64()
        if length > limit:
            raise faults.malformed(
                tr(
                    "{path} has a {part} with a string of {length} bytes where {limit} are allowed.",
                    path=self.path,
                    part=self.part,
                    length=length,
                    limit=limit,
                )
            )
        return self.take(length)

    def text_start(self, *, limit: int) -> bytes:
        """The first ``limit`` bytes of the next string; the rest of it is skipped."""
        length = self.u64()
        end = self.offset + length
        start = self.take(min(length, limit, self.remaining))
        self.seek(end)
        return start

    def skip_strings(self, count: int) -> None:
        """Go past ``count`` strings without building them, some 10 million a second."""
        unpack = _U64.unpack_from
        while count > 0:
            self._fill(8)
            buffer, position, done = self._buffer, self._position, 0
            try:
                for done in range(count):  # noqa: B007 (it tells how far we came)
                    position += unpack(buffer, position)[0] + 8
                done = count
            except (struct.error, OverflowError):  # past the buffer, or past what memory can address
                pass
            count -= done
            self.seek(self._base + position)

    def _fill(self, count: int) -> None:
        """Make sure that ``count`` bytes are in the buffer."""
        if self._position + count <= len(self._buffer):
            return
        if count > MAX_TAKE_BYTES:
            msg = f"{count} bytes at once are more than a header may need"
            raise AssertionError(msg)
        start = self.offset
        try:
            self._file.seek(start)
            buffer = b""
            while len(buffer) < count and (chunk := self._file.read(CHUNK_BYTES)):
                buffer += chunk
        except OSError as error:
            raise faults.from_os_error(self.path, error) from error
        if len(buffer) < count:
            raise faults.malformed(
                tr(
                    "{path} is cut short: it ends at byte {end}, inside its {part}.",
                    path=self.path,
                    end=start + len(buffer),
                    part=self.part,
                ),
                todo=faults.FETCH_AGAIN,
            )
        self._buffer, self._base, self._position = buffer, start, 0


def decoded_name(reader: BoundedReader, raw: bytes) -> str:
    """The text of a key or of a tensor's name: neither empty nor invalid UTF-8."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise faults.malformed(
            tr("{path} has a {part} whose name is not UTF-8.", path=reader.path, part=reader.part)
        ) from None
    if not text:
        raise faults.malformed(tr("{path} has a {part} without a name.", path=reader.path, part=reader.part))
    return text
