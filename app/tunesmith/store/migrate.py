"""Own how a store is brought to the present version."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from tunesmith.errors import StoreError, StoreTooNew
from tunesmith.store.faults import damaged
from tunesmith.store.migrations import MIGRATIONS
from tunesmith.wording import tr

logger = logging.getLogger(__name__)

APPLICATION_ID = 0x54554E45
"""``TUNE``, in the file's header: tells our stores from other programs' databases."""


def version_of(connection: sqlite3.Connection, path: Path, newest: int = len(MIGRATIONS)) -> int:
    """The version of the store; 0 if it has no tables yet.

    Raises:
        StoreTooNew: it was written by a newer Tunesmith.
        StoreError: it is another program's database.
        sqlite3.Error: it cannot be read.
    """
    # One transaction, or another process's first migration could be seen half.
    connection.execute("BEGIN")
    try:
        application, version, objects = (
            connection.execute(sql).fetchone()[0]
            for sql in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
        )
    finally:
        connection.rollback()
    if application != APPLICATION_ID and (application or version or objects):
        raise StoreError(
            tr("The database {path} belongs to another program.", path=path),
            unharmed=tr("It was left as it is."),
            todo=tr("Name another store with --store."),
        )
    if version > newest:
        raise StoreTooNew(
            tr(
                "A newer Tunesmith wrote the store {path}: its version is {version}, "
                "this one knows {newest}.",
                path=path,
                version=version,
                newest=newest,
            ),
            unharmed=tr("It was left as it is."),
            todo=tr("Update Tunesmith, or name another store with --store."),
        )
    return int(version)


def migrate(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS
) -> int:
    """Apply what is missing, each migration in one transaction; the version that results.

    Two processes may do this at once: the second waits for the first and finds nothing left to do.

    Args:
        connection: in autocommit mode, with foreign keys off so that a migration may rebuild a table.
        path: for messages.
        migrations: statements of each migration, oldest first.

    Raises:
        StoreTooNew: the store was written by a newer Tunesmith.
        StoreError: the data contradicts the new tables; the store is as before that migration.
        sqlite3.Error: a statement failed; the store is as before that migration.
    """
    version = version_of(connection, path, len(migrations))
    while version < len(migrations):
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version < len(migrations):
                for statement in migrations[version]:
                    connection.execute(statement)
                if orphan := connection.execute("PRAGMA foreign_key_check").fetchone():
                    raise damaged(
                        path,
                        tr(
                            "a row of {table} refers to a row of {other} that is not there",
                            table=orphan[0],
                            other=orphan[2],
                        ),
                    )
                version += 1
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version}")
                logger.info("brought the store %s to version %d", path, version)
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
    return version
