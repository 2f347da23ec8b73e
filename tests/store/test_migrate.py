"""Claims about bringing a store to the present version."""

from __future__ import annotations

import ast
import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlmodel import SQLModel

from tests.store import values
from tunesmith.errors import StoreError, StoreReadOnly, StoreTooNew
from tunesmith.store import Store, migrations, tables
from tunesmith.store.migrate import APPLICATION_ID, migrate, version_of
from tunesmith.store.migrations import MIGRATIONS

NEWEST = len(MIGRATIONS)
OLD_STORES = Path(__file__).parent / "versions"
"""One dump of a store of each version, with a run, its ledger, its events and a profile."""
RENEW = "TUNESMITH_RENEW"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to an empty store, as `migrate` wants it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def tables_of(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def fill(store: Store) -> str:
    run_id = values.start_tune(store)
    store.save_machine(values.MACHINE, values.MACHINE_CLASS)
    values.record_sample(store, run_id, 1)
    store.record_failure(
        run_id,
        key="bad",
        stage="ubatch",
        candidate="ubatch=4096",
        round=1,
        settings=values.SETTINGS,
        cause="worker_crashed",
        message="It died.",
    )
    store.append_events(run_id, values.heartbeats(2))
    store.finish_run(run_id, "interrupted", "interrupted", "Stopped.")
    store.save_profile(values.profile())
    return run_id


@pytest.mark.parametrize("version", range(1, NEWEST + 1))
def test_a_store_of_each_version_is_read_in_full(path: Path, version: int) -> None:
    """Fails when a stored value gained a required field: give it a default or write a migration.

    A dump of a released version is never renewed. For a version not yet released:
    ``TUNESMITH_RENEW=1 pytest tests/store/test_migrate.py``
    """
    dump = OLD_STORES / f"v{version:04}.sql"
    if os.environ.get(RENEW) and version == NEWEST:
        with Store.open(path) as store:
            fill(store)
        with closing(sqlite3.connect(path)) as old:
            old.execute("UPDATE run SET owner_host = 'bench-1'")
            header = f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {version};\n"
            dump.write_text(header + "\n".join(old.iterdump()) + "\n", encoding="utf-8")
        path.unlink()
    with closing(sqlite3.connect(path)) as old:
        old.executescript(dump.read_text(encoding="utf-8"))
    with Store.open(path) as store:
        (run,) = store.runs()
        assert run.request == values.TUNE
        assert run.resumable
        assert [entry.candidate for entry in store.ledger(run.id).values()] == ["threads=1", "ubatch=4096"]
        assert [event.seq for event in store.events(run.id)] == [1, 2]
        assert store.profile(store.profiles()[0].id) == values.profile()
        assert store.context(run.id).machine == values.MACHINE_CLASS
        fill(store)
    with closing(sqlite3.connect(path)) as connection:
        assert version_of(connection, path) == NEWEST


def test_the_tables_are_what_the_migrations_build(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path)
    assert tables.RunTable.__tablename__ == "run"
    assert tables_of(connection) == set(SQLModel.metadata.tables)
    for name, table in SQLModel.metadata.tables.items():
        kinds = {"VARCHAR": "TEXT"}
        wanted = {
            (c.name, kinds.get(str(c.type), str(c.type)), not c.nullable, c.primary_key)
            for c in table.columns
        }
        built = {
            (column, kind, bool(not_null), bool(key))
            for _, column, kind, not_null, _, key in connection.execute(f"PRAGMA table_info({name})")
        }
        assert built == wanted, name
        references = {(c.name, *f.target_fullname.split(".")) for c in table.columns for f in c.foreign_keys}
        rows = connection.execute(f"PRAGMA foreign_key_list({name})")
        assert {(row[3], row[2], row[4]) for row in rows} == references, name


def test_migrations_are_numbered_and_import_nothing_of_the_app() -> None:
    folder = Path(str(migrations.__file__)).parent
    files = sorted(folder.glob("m*.py"))
    assert [int(re.match(r"m(\d{4})_", file.name)[1]) for file in files] == list(range(1, NEWEST + 1))  # type: ignore[index]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.Import)
            if isinstance(node, ast.ImportFrom):
                assert node.module == "__future__"


def test_what_is_missing_is_applied_and_data_kept(path: Path) -> None:
    with Store.open(path) as store:
        run_id = fill(store)
    more = (
        *MIGRATIONS,
        ("ALTER TABLE run ADD COLUMN mood TEXT", "UPDATE run SET mood = 'fine'"),
        ("CREATE TABLE extra (x)",),
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert migrate(connection, path, more) == NEWEST + 2
        assert migrate(connection, path, more) == NEWEST + 2
        assert connection.execute("SELECT id, mood FROM run").fetchall() == [(run_id, "fine")]
        assert "extra" in tables_of(connection)


def test_a_migration_that_fails_leaves_the_store_as_it_was(
    connection: sqlite3.Connection, path: Path
) -> None:
    migrate(connection, path)
    bad = (*MIGRATIONS, ("CREATE TABLE half (x)", "DROP TABLE run", "no SQL at all"))
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, path, bad)
    assert version_of(connection, path) == NEWEST
    assert tables_of(connection) == set(SQLModel.metadata.tables)


def test_a_migration_that_breaks_a_reference_is_undone(path: Path) -> None:
    with Store.open(path) as store:
        fill(store)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(StoreError, match="damaged"):
            migrate(connection, path, (*MIGRATIONS, ("DELETE FROM model",)))
        assert connection.execute("SELECT count(*) FROM model").fetchone() == (1,)


def test_a_table_can_be_built_anew(path: Path) -> None:
    with Store.open(path) as store:
        run_id = fill(store)
    rebuild = (
        "CREATE TABLE new (sha256 TEXT PRIMARY KEY, name, header, last_path)",
        "INSERT INTO new SELECT * FROM model",
        "DROP TABLE model",
        "ALTER TABLE new RENAME TO model",
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert migrate(connection, path, (*MIGRATIONS, rebuild)) == NEWEST + 1
        assert connection.execute("SELECT run_id FROM event").fetchall() == [(run_id,)] * 2


def test_two_migrations_at_once_apply_each_step_once(path: Path) -> None:
    more = (*MIGRATIONS, ("CREATE TABLE tally (x)",), ("INSERT INTO tally VALUES (1)",))
    barrier = threading.Barrier(4)

    def enter() -> int:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
            barrier.wait(10)
            return migrate(connection, path, more)

    with ThreadPoolExecutor(4) as pool:
        entries = [pool.submit(enter) for _ in range(4)]
    assert [entry.result() for entry in entries] == [NEWEST + 2] * 4
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT x FROM tally").fetchall() == [(1,)]


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_store_is_left_alone(path: Path, *, read_only: bool) -> None:
    with Store.open(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {NEWEST + 1}")
    with pytest.raises(StoreTooNew, match=f"version is {NEWEST + 1}, this one knows {NEWEST}") as caught:
        Store.open(path, read_only=read_only)
    assert str(path) in caught.value.what
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (NEWEST + 1,)


def test_an_older_store_that_cannot_be_written_is_said_to_need_it(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    with pytest.raises(StoreReadOnly, match="older Tunesmith"):
        Store.open(path, read_only=True)


@pytest.mark.parametrize(
    "mark", ["CREATE TABLE t (x)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"]
)
def test_another_programs_database_is_left_alone(path: Path, mark: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(mark)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="belongs to another program"):
        Store.open(path)
    assert path.read_bytes() == before
