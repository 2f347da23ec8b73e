"""Own writing a file for the user: as a whole or not at all."""

from __future__ import annotations

import secrets
from pathlib import Path

from tunesmith.errors import StoreError


def write_whole(path: Path, content: bytes, *, unharmed: str = "Nothing else was changed.") -> None:
    """Write a file beside its place and put it there once it is complete.

    Raises:
        StoreError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name[:60]}.{secrets.token_hex(4)}")
    try:
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        raise StoreError(
            f"The file {path} cannot be written: {reason}.",
            unharmed=unharmed,
            todo="Choose another folder or make room on the disk.",
            details=str(error),
        ) from error
