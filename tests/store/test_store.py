"""Claims about opening and closing a store."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import tunesmith.store
from tests.store import values
from tunesmith.errors import StoreError, StoreReadOnly, UsageError
from tunesmith.store import Store
from tunesmith.store.migrate import APPLICATION_ID


def pragma(path: Path, name: str) -> Any:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_importing_the_package_imports_no_sqlmodel() -> None:
    code = "import sys, tunesmith.store; assert not {'sqlmodel', 'sqlalchemy', 'psutil'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_name_that_the_package_has_not_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Shop'"):
        getattr(tunesmith.store, "Shop")  # noqa: B009 -- the type checker would refuse the plain form


def test_opening_makes_the_store_and_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "s.sqlite3"
    with Store.open(path) as store:
        assert store.path == path
        assert not store.read_only
    assert pragma(path, "user_version") >= 1
    assert pragma(path, "application_id") == APPLICATION_ID
    assert pragma(path, "journal_mode") == "wal"


def test_closing_folds_the_log_into_one_file(path: Path) -> None:
    with Store.open(path) as store:
        store.save_model(values.identity())
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_every_connection_checks_references_and_waits_for_locks(store: Store) -> None:
    with store._database.reading() as session:
        for name, wanted in (("foreign_keys", 1), ("synchronous", 1), ("busy_timeout", 10_000)):
            assert session.connection().exec_driver_sql(f"PRAGMA {name}").scalar() == wanted


def test_an_sqlite_address_names_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    odd = tmp_path / "a b#?%.sqlite3"
    with Store.open(f"sqlite:///{tmp_path}/a%20b%23%3F%25.sqlite3") as store:
        assert store.path == odd
    with Store.open("sqlite:///near.sqlite3") as store:
        assert store.path == tmp_path / "near.sqlite3"
    with Store.open(str(odd), read_only=True) as store:
        assert store.profiles() == []


def test_no_location_means_what_the_environment_says(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNESMITH_STORE", str(path))
    with Store.open() as store:
        assert store.path == path


@pytest.mark.parametrize("address", ["postgresql://host/db", "mysql+pymysql://u:p@h/d", "https://x/y"])
def test_another_kind_of_database_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="only SQLite is supported here"):
        Store.open(address)


@pytest.mark.parametrize("location", ["", ":memory:", "sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_store_without_a_file_is_refused(location: str) -> None:
    with pytest.raises(UsageError, match="needs a file"):
        Store.open(location)


@pytest.mark.parametrize("address", ["sqlite://host/x.sqlite3", "sqlite:///x?mode=ro", "sqlite:///x#y"])
def test_an_address_with_more_than_a_file_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="parts that a file has not"):
        Store.open(address)


def test_opening_for_reading_makes_nothing(path: Path) -> None:
    with pytest.raises(StoreReadOnly, match="no store at"):
        Store.open(path, read_only=True)
    assert not path.exists()


def test_a_closed_store_refuses_work(store: Store) -> None:
    store.close()
    with pytest.raises(StoreError, match="is closed"):
        store.profiles()


def test_closing_waits_for_work_in_other_threads(path: Path) -> None:
    store = Store.open(path)
    entered, leave = threading.Event(), threading.Event()

    def read() -> None:
        with store._database.reading():
            entered.set()
            leave.wait(5)

    reader = threading.Thread(target=read)
    reader.start()
    entered.wait(5)
    closer = threading.Thread(target=store.close)
    closer.start()
    closer.join(0.1)
    assert closer.is_alive()
    leave.set()
    closer.join(5)
    reader.join(5)
    assert not closer.is_alive()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_threads_record_and_list_at_once(store: Store) -> None:
    run_id = values.start_tune(store)

    def record(first: int) -> None:
        for number in range(first, first + 20):
            values.record_sample(store, run_id, number)

    def look() -> None:
        for _ in range(20):
            store.runs()
            store.ledger(run_id)

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(record, 0), pool.submit(record, 10), pool.submit(look), pool.submit(look)]
    for done in work:
        done.result()
    assert sorted(store.ledger(run_id)) == sorted(f"k{number}" for number in range(30))


def test_many_threads_may_open_a_new_store_at_once(tmp_path: Path) -> None:
    for attempt in range(5):
        path = tmp_path / f"{attempt}.sqlite3"
        barrier = threading.Barrier(6)

        def enter(path: Path = path, barrier: threading.Barrier = barrier) -> str:
            barrier.wait(10)
            with Store.open(path) as store:
                return values.start_tune(store)

        with ThreadPoolExecutor(6) as pool:
            begun = [pool.submit(enter) for _ in range(6)]
        with Store.open(path) as store:
            assert {run.id for run in store.runs()} == {run.result() for run in begun}


def test_a_machine_is_kept_whole_and_not_lost_to_a_run_that_knows_its_class_only(
    store: Store, path: Path
) -> None:
    store.save_machine(values.MACHINE, values.MACHINE_CLASS)
    values.start_tune(store)
    with closing(sqlite3.connect(path)) as connection:
        full, facts = connection.execute("SELECT machine, facts FROM machine").fetchone()
    assert type(values.MACHINE).model_validate_json(full) == values.MACHINE
    assert json.loads(facts) == values.MACHINE_CLASS.facts


def test_a_model_is_known_by_content_wherever_it_lies(store: Store, path: Path) -> None:
    store.save_model(values.identity(path="/old/s.gguf"))
    store.save_model(values.identity(path="/new/s.gguf"))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT last_path FROM model").fetchall() == [("/new/s.gguf",)]


@pytest.mark.skipif(os.name == "nt", reason="devices are a matter of POSIX")
def test_a_device_is_no_store() -> None:
    with pytest.raises(StoreError, match="not a file"):
        Store.open("/dev/null")
    assert not Path("/dev/null-wal").exists()
