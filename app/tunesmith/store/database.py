"""Own the connections to one store's file, and the transactions on them."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy.pool import QueuePool
from sqlmodel import Session, create_engine

from tunesmith.errors import StoreError, StoreReadOnly
from tunesmith.store import faults
from tunesmith.store.migrate import migrate, version_of
from tunesmith.store.migrations import MIGRATIONS
from tunesmith.wording import tr

logger = logging.getLogger(__name__)

_RETRY_S = 0.02


class Database:
    """One SQLite file, open for use from any thread; each transaction has a connection of its own.

    Raises on construction:
        StoreError: and its kin, when the file cannot be opened, made or brought to the present version.
    """

    def __init__(
        self, path: Path, *, read_only: bool, timeout_s: float, clock: Callable[[], datetime]
    ) -> None:
        self.path = path
        self.clock = clock
        self._timeout_s = timeout_s
        self._closed = False
        self._sessions = 0
        self._idle = threading.Condition()
        if path.exists() and not path.is_file():
            raise StoreError(
                tr("The store {path} is a folder or a device, not a file.", path=path),
                unharmed=tr("Nothing was changed."),
                todo=tr("Name a file with --store."),
            )
        with faults.translated(path):
            self.read_only = read_only or not _is_writable(path)
            self._uri = self._find_readable() if self.read_only else None
            if self.read_only:
                self._check_readable()
            else:
                self._prepare()
        self._engine = create_engine(
            "sqlite://", creator=self._connect, poolclass=QueuePool, pool_size=4, max_overflow=-1
        )

    def close(self) -> None:
        """Close every connection, once other threads are done with theirs.

        The last process to leave folds the write-ahead log into the file.
        """
        with self._idle:
            self._closed = True
            self._idle.wait_for(lambda: not self._sessions, self._timeout_s)
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One consistent view of the store.

        Raises:
            StoreError: or one of its kin.
        """
        with self._session("BEGIN") as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction that may write: all of it is stored, or nothing.

        Raises:
            StoreReadOnly: the store was opened for reading only.
            StoreError: or one of its kin.
        """
        if self.read_only:
            raise faults.read_only(self.path)
        with self._session("BEGIN IMMEDIATE") as session:
            yield session
            session.commit()

    @contextmanager
    def _session(self, begin: str) -> Iterator[Session]:
        with self._idle:
            if self._closed:
                raise StoreError(tr("The store {path} is closed.", path=self.path))
            self._sessions += 1
        try:
            with faults.translated(self.path), Session(self._engine, expire_on_commit=False) as session:
                session.connection().exec_driver_sql(begin)
                yield session
        finally:
            with self._idle:
                self._sessions -= 1
                self._idle.notify_all()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._uri or self.path,
            uri=self._uri is not None,
            timeout=self._timeout_s,
            isolation_level=None,  # transactions begin where we say
            check_same_thread=False,  # a pooled connection serves one thread at a time
        )
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self) -> None:
        with closing(self._connect()) as connection:
            version_of(connection, self.path)
            self._use_wal(connection)
            connection.execute("PRAGMA foreign_keys = OFF")
            migrate(connection, self.path)

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        # SQLite does not wait for a lock when it changes the journal mode.
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_S)
            else:
                if mode != "wal":
                    logger.info("the store %s keeps a journal of mode %s", self.path, mode)
                return

    def _find_readable(self) -> str:
        """An address that opens for reading without writing a byte beside the file."""
        if not self.path.exists():
            raise StoreReadOnly(
                tr("There is no store at {path}, and none can be made there.", path=self.path),
                unharmed=tr("Nothing was changed."),
                todo=tr("Allow writing to the folder, or name another store with --store."),
            )
        uri = f"{self.path.as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=self._timeout_s)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            code = error.sqlite_errorcode & 0xFF
            log = self.path.with_name(self.path.name + "-wal")
            if code not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or (
                log.exists() and log.stat().st_size
            ):
                raise
            # A write-ahead log cannot be made beside it, and there is none: nobody is writing.
            return f"{uri}&immutable=1"
        return uri

    def _check_readable(self) -> None:
        with closing(self._connect()) as connection:
            version = version_of(connection, self.path)
        if version < len(MIGRATIONS):
            raise StoreReadOnly(
                tr(
                    "The store {path} is of an older Tunesmith and cannot be brought up to date.",
                    path=self.path,
                ),
                unharmed=tr("It was left as it is."),
                todo=tr("Allow writing to the file and its folder once, or name another store with --store."),
            )


def _is_writable(path: Path) -> bool:
    """Whether the store can be written, making its folder if need be.

    Raises:
        StoreError: the folder cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise faults.from_os(error, path) from error
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))
