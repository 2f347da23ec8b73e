"""Claims about how SQLite's errors are put to the user."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from tunesmith.errors import StoreError, StoreFull, StoreLocked, StoreReadOnly
from tunesmith.store import faults


def sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite says")
    error.sqlite_errorcode = code
    error.sqlite_errorname = "SQLITE_NAME"
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY, StoreLocked),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreLocked),
        (sqlite3.SQLITE_LOCKED, StoreLocked),
        (sqlite3.SQLITE_FULL, StoreFull),
        (sqlite3.SQLITE_READONLY, StoreReadOnly),
        (sqlite3.SQLITE_READONLY_DIRECTORY, StoreReadOnly),
        (sqlite3.SQLITE_CORRUPT_VTAB, StoreError),
        (sqlite3.SQLITE_NOTADB, StoreError),
        (sqlite3.SQLITE_IOERR_READ, StoreError),
        (sqlite3.SQLITE_CANTOPEN, StoreError),
        (sqlite3.SQLITE_NOMEM, StoreError),
    ],
)
def test_each_error_says_what_happened_what_is_safe_and_what_to_do(
    tmp_path: Path, code: int, kind: type[StoreError]
) -> None:
    path = tmp_path / "s.sqlite3"
    error = faults.from_sqlite(sqlite_error(code), path)
    assert type(error) is kind
    assert str(path) in error.what
    assert error.unharmed
    assert "--store" in error.todo
    assert "SQLITE_NAME" in error.details


def test_an_io_error_on_a_full_disk_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_is_full", lambda _: True)
    error = faults.from_sqlite(sqlite_error(sqlite3.SQLITE_IOERR_WRITE), tmp_path / "s")
    assert type(error) is StoreFull


def test_an_error_without_a_code_is_still_the_stores(tmp_path: Path) -> None:
    assert type(faults.from_sqlite(sqlite3.ProgrammingError("odd"), tmp_path / "s")) is StoreError


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StoreFull),
        (errno.EACCES, StoreReadOnly),
        (errno.EROFS, StoreReadOnly),
        (errno.ENOTDIR, StoreError),
    ],
)
def test_a_folder_that_cannot_be_made_is_explained(
    tmp_path: Path, number: int, kind: type[StoreError]
) -> None:
    error = faults.from_os(OSError(number, "as the system says"), tmp_path / "s")
    assert type(error) is kind
    assert "--store" in error.todo
