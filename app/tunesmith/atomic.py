"""Own putting a file in place as a whole, so that a reader finds the old one or the new one."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

_MOST_NAME = 60
"""Characters of the file's name in the temporary one's, which must not become too long."""


def replace_file(
    path: Path, content: bytes | Iterable[bytes | memoryview], *, durable: bool = False, private: bool = False
) -> None:
    """Write a file beside its place and put it there once it is complete; nothing is left if that fails.

    Args:
        path: what to write; its folder must be there.
        content: all of it, or its pieces one after another.
        durable: wait until it is on the disk, so that even a power cut leaves the old one or the new one.
        private: let no other user read it.

    Raises:
        OSError: it cannot be written.
        ValueError: there is a NUL in the path.
    """
    temporary = path.with_name(f".{path.name[:_MOST_NAME]}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(temporary, flags, 0o600 if private else 0o666), "wb") as file:  # noqa: PTH123
            file.writelines((content,) if isinstance(content, bytes) else content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError, ValueError):
            temporary.unlink(missing_ok=True)
