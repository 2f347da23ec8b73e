"""Own the translation of SQLite's errors into ours: the one place where it is done."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy.exc
from pydantic import ValidationError

from tunesmith.errors import StoreError, StoreFull, StoreLocked, StoreReadOnly
from tunesmith.wording import tr

_ANOTHER = tr("name another store with --store")
_SMALLEST_USEFUL_BYTES = 2**20
"""A disk with less room than this is full as far as a store is concerned."""


def _locked(path: Path, details: str) -> StoreLocked:
    return StoreLocked(
        tr("The store {path} is in use by another process and stayed locked.", path=path),
        unharmed=tr("Nothing was written by this attempt, and what was stored before is safe."),
        todo=tr("Close the other program and try again, or {another}.", another=_ANOTHER),
        details=details,
    )


def read_only(path: Path, details: str = "") -> StoreReadOnly:
    """The store is there but cannot be written."""
    return StoreReadOnly(
        tr("The store {path} cannot be written.", path=path),
        unharmed=tr("What it holds is safe and can still be read."),
        todo=tr("Allow writing to the file and its folder, or {another}.", another=_ANOTHER),
        details=details,
    )


def _full(path: Path, details: str) -> StoreFull:
    return StoreFull(
        tr("The disk that holds the store {path} is full.", path=path),
        unharmed=tr("Everything stored before is safe; a run can be resumed."),
        todo=tr("Free some space and try again, or {another} on another disk.", another=_ANOTHER),
        details=details,
    )


def damaged(path: Path, details: str) -> StoreError:
    """The file is no store, or one that lost its sense."""
    return StoreError(
        tr("The file {path} is damaged or is no Tunesmith store.", path=path),
        unharmed=tr("It was left as it is."),
        todo=tr(
            "Restore it from a backup, move it away to begin a new store, or {another}.", another=_ANOTHER
        ),
        details=details,
    )


def _failed(path: Path, details: str) -> StoreError:
    return StoreError(
        tr("The store {path} could not be used: {details}.", path=path, details=details),
        unharmed=tr("What was stored before is safe."),
        todo=tr("Check the disk and the folder, or {another}.", another=_ANOTHER),
        details=details,
    )


def from_sqlite(error: BaseException, path: Path) -> StoreError:
    """Say what an error of the sqlite3 module means for the store at ``path``."""
    code = getattr(error, "sqlite_errorcode", 0)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    details = f"{error} ({name})"
    match code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return _locked(path, details)
        case sqlite3.SQLITE_FULL:
            return _full(path, details)
        case sqlite3.SQLITE_IOERR if _is_full(path):
            return _full(path, details)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return read_only(path, details)
        case sqlite3.SQLITE_CANTOPEN if path.exists() and not os.access(path.parent, os.W_OK):
            return read_only(path, details)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_ERROR:
            return damaged(path, details)
        case _:
            return _failed(path, details)


def from_os(error: OSError, path: Path) -> StoreError:
    """Say what an error of the file system means for the store at ``path``."""
    details = error.strerror or str(error)
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return _full(path, details)
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return StoreReadOnly(
                tr("No store can be made at {path}: {details}.", path=path, details=details),
                unharmed=tr("Nothing was changed."),
                todo=tr("Allow writing to the folder, or {another}.", another=_ANOTHER),
                details=str(error),
            )
        case _:
            return _failed(path, details)


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _SMALLEST_USEFUL_BYTES
    except OSError:
        return False


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite, SQLAlchemy or a stored record's validation raises into a StoreError.

    Raises:
        StoreLocked: another process held the store for longer than we wait.
        StoreReadOnly: the file or its folder cannot be written.
        StoreFull: the disk is full.
        StoreError: anything else, such as a damaged file.
    """
    try:
        yield
    except sqlalchemy.exc.DBAPIError as error:
        raise from_sqlite(error.orig or error, path) from error
    except sqlite3.Error as error:
        raise from_sqlite(error, path) from error
    except ValidationError as error:
        raise damaged(path, str(error)) from error
