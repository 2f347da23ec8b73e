"""Own writing a file for the user: as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

from tunesmith.atomic import replace_file
from tunesmith.errors import StoreError
from tunesmith.wording import tr


def write_whole(path: Path, content: bytes, *, unharmed: str = "") -> None:
    """Write a file beside its place and put it there once it is complete.

    Args:
        path: what to write.
        content: all of it.
        unharmed: what is safe if it fails; that nothing else was changed, unless told otherwise.

    Raises:
        StoreError: the file cannot be written.
    """
    try:
        replace_file(path, content)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        raise StoreError(
            tr("The file {path} cannot be written: {reason}.", path=path, reason=reason),
            unharmed=unharmed or tr("Nothing else was changed."),
            todo=tr("Choose another folder or make room on the disk."),
            details=str(error),
        ) from error
