"""Claims about what the store survives: kills, crowds, full disks, forbidden and damaged files."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy.event

from tests.store import values
from tunesmith.errors import StoreError, StoreFull, StoreLocked, StoreReadOnly
from tunesmith.store import Store

CHECKOUT = Path(__file__).parents[2]
Spawn = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tunesmith.sqlite3"


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start a child that waits for a line before it begins."""
    children: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [*before, sys.executable, "-m", "tests.store.child", *map(str, arguments)],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        with child:
            child.kill()


def go(*children: subprocess.Popen[str]) -> None:
    """Let children begin, all at once."""
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()


def outcome(child: subprocess.Popen[str]) -> list[str]:
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    return out.splitlines()


def is_sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
        return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",) and not broken


# ---------------------------------------------------------------- kills and crowds


def test_a_killed_writer_loses_nothing_it_had_stored_and_its_run_resumes(path: Path, spawn: Spawn) -> None:
    child = spawn("record", path, 100_000)
    go(child)
    assert child.stdout is not None
    run_id = child.stdout.readline().strip()
    said = [child.stdout.readline().strip() for _ in range(60)]
    child.kill()
    said += [line.strip() for line in child.stdout if line.endswith("\n")]
    assert child.wait(30) == -signal.SIGKILL if os.name == "posix" else child.wait(30)

    assert is_sound(path)
    with Store.open(path) as store:
        ledger = store.ledger(run_id)
        assert list(ledger)[: len(said)] == said
        assert len(said) <= len(ledger) <= len(said) + 1
        assert [e.seq for e in store.events(run_id)] == list(range(1, 2 * len(ledger) + 1))

        resumable = store.latest_resumable(values.identity().sha256)
        assert resumable is not None
        assert resumable.id == run_id
        store.claim_run(run_id)
        for number in range(len(ledger) + 5):
            values.record_sample(store, run_id, number)
        assert list(store.ledger(run_id)) == [f"k{number}" for number in range(len(ledger) + 5)]
        assert {key: store.ledger(run_id)[key] for key in ledger} == ledger
    assert is_sound(path)


def test_processes_that_write_at_once_all_complete(path: Path, spawn: Spawn) -> None:
    children = [spawn("record", path, 60) for _ in range(2)]
    go(*children)
    for child in children:
        run_id, *keys = outcome(child)
        with Store.open(path) as store:
            assert list(store.ledger(run_id)) == keys == [f"k{number}" for number in range(60)]
    assert is_sound(path)


def test_processes_may_open_a_new_store_at_once(path: Path, spawn: Spawn) -> None:
    children = [spawn("enter", path) for _ in range(2)]
    go(*children)
    begun = [line for child in children for line in outcome(child)]
    with Store.open(path) as store:
        assert sorted(run.id for run in store.runs()) == sorted(begun)
        assert len(begun) == 2


def test_a_lock_that_stays_is_reported_and_reading_goes_on(path: Path) -> None:
    with Store.open(path, timeout_s=0.1) as store:
        store.save_profile(values.profile())
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreLocked, match="in use by another process"):
                store.rename_profile(values.profile().id, "x")
            assert len(store.profiles()) == 1
            with Store.open(path, timeout_s=0.1) as second:
                assert len(second.profiles()) == 1
            other.execute("ROLLBACK")
        assert store.rename_profile(values.profile().id, "x").name == "x"


def test_a_store_that_is_held_whole_is_reported_when_opened(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreLocked):
            Store.open(path, timeout_s=0.1)
        other.execute("ROLLBACK")
    with Store.open(path):
        pass


# ---------------------------------------------------------------- full disks


def test_a_store_that_cannot_grow_keeps_what_it_has_and_goes_on_when_it_can(path: Path) -> None:
    limit = [0]

    def restrict(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {limit[0]}")

    with Store.open(path) as store:
        run_id = values.start_tune(store)
        pool = store._database._engine.pool
        sqlalchemy.event.listen(pool, "checkout", restrict)
        limit[0] = 60
        stored: list[str] = []
        with pytest.raises(StoreFull, match="is full") as caught:
            stored.extend(values.record_sample(store, run_id, number) for number in range(10_000))
        assert "resumed" in caught.value.unharmed
        assert len(stored) > 5
        assert list(store.ledger(run_id)) == stored
        limit[0] = 2**30
        stored.append(values.record_sample(store, run_id, len(stored)))
        store.finish_run(run_id, "finished", "improved", "")
    assert is_sound(path)
    with Store.open(path) as store:
        assert list(store.ledger(run_id)) == stored


@pytest.mark.skipif(not shutil.which("unshare"), reason="a small disk of one's own needs unshare")
def test_a_full_disk_loses_nothing_that_was_stored(tmp_path: Path, spawn: Spawn) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=600k tmpfs {disk} && "
    if subprocess.run(
        ["unshare", "-rm", "sh", "-c", f"{mount} true"], capture_output=True, timeout=30
    ).returncode:
        pytest.skip("this system lets nobody mount a small disk")
    fill = f"dd if=/dev/zero of={disk}/ballast bs=1k count=200 2>/dev/null && "
    child = spawn(
        "starve", disk / "s.sqlite3", before=("unshare", "-rm", "sh", "-c", f'{mount}{fill} exec "$0" "$@"')
    )
    go(child)
    assert outcome(child) == ["store_full", "kept"]


# ---------------------------------------------------------------- forbidden files


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that anybody may enter."""
    folder = Path(tempfile.mkdtemp(prefix="tunesmith-"))
    folder.chmod(0o755)
    yield folder
    for inner in folder.iterdir():
        inner.chmod(0o755)
    shutil.rmtree(folder)


def forbid(path: Path, file_mode: int, folder_mode: int) -> None:
    path.chmod(file_mode)
    path.parent.chmod(folder_mode)


needs_permissions = pytest.mark.skipif(os.name != "posix", reason="permission bits are a matter of POSIX")


@needs_permissions
def test_who_may_not_write_can_still_read(public: Path, spawn: Spawn) -> None:
    modes = [(0o444, 0o555), (0o444, 0o777), (0o666, 0o555)]
    paths = [public / f"{file_mode:o}-{folder_mode:o}" / "s.sqlite3" for file_mode, folder_mode in modes]
    for path, (file_mode, folder_mode) in zip(paths, modes, strict=True):
        with Store.open(path) as store:
            store.save_profile(values.profile())
        forbid(path, file_mode, folder_mode)
    child = spawn("visit", *paths)
    go(child)
    assert outcome(child) == ["read True ['SmolLM2 on bench-1']", "store_read_only"] * 3


@needs_permissions
def test_who_may_not_write_can_read_while_another_writes(public: Path, spawn: Spawn) -> None:
    path = public / "shared" / "s.sqlite3"
    with Store.open(path) as store:
        store.save_profile(values.profile(name="not yet in the file but in its log"))
        forbid(path, 0o444, 0o555)
        child = spawn("visit", path)
        go(child)
        assert outcome(child) == ["read True ['not yet in the file but in its log']", "store_read_only"]


@needs_permissions
def test_no_store_is_made_where_nothing_may_be_written(public: Path, spawn: Spawn) -> None:
    public.chmod(0o555)
    child = spawn("visit", public / "s.sqlite3", public / "deeper" / "s.sqlite3")
    go(child)
    assert outcome(child) == ["store_read_only"] * 2


def test_a_store_opened_for_reading_is_never_written(path: Path) -> None:
    with Store.open(path) as store:
        store.save_profile(values.profile())
    before = path.read_bytes()
    with Store.open(path, read_only=True) as store:
        assert store.read_only
        assert store.profile(values.profile().id) == values.profile()
        for write in (
            lambda: store.delete_profile(values.profile().id),
            lambda: store.save_model(values.identity()),
            lambda: values.start_tune(store),
        ):
            with pytest.raises(StoreReadOnly, match="cannot be written") as caught:
                write()
            assert "still be read" in caught.value.unharmed
    assert path.read_bytes() == before


# ---------------------------------------------------------------- files that are no store


@pytest.mark.parametrize(
    "content", [b"Dear diary, today I tuned a model.\n" * 40, b"SQLite format 3\x00", b"\x00" * 5000]
)
def test_a_file_that_is_no_store_is_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for read_only in (False, True):
        with pytest.raises(StoreError, match="damaged or is no Tunesmith store") as caught:
            Store.open(path, read_only=read_only)
        assert str(path) in caught.value.what
        assert "--store" in caught.value.todo
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    with Store.open(path) as store:
        assert store.runs() == []


def test_a_damaged_page_is_reported_when_it_is_met(path: Path) -> None:
    with Store.open(path) as store:
        run_id = values.start_tune(store)
        store.append_events(run_id, values.heartbeats(2000))
    content = bytearray(path.read_bytes())
    for start in range(len(content) // 4096 // 2 * 4096, len(content), 4096):
        content[start : start + 64] = b"\xff" * 64
    path.write_bytes(content)
    with Store.open(path) as store, pytest.raises(StoreError, match="damaged"):
        list(store.events(run_id))


def test_a_store_cut_short_is_reported(path: Path) -> None:
    with Store.open(path) as store:
        store.append_events(values.start_tune(store), values.heartbeats(2000))
    path.write_bytes(path.read_bytes()[: 3 * 4096])
    with pytest.raises(StoreError, match="damaged"), Store.open(path) as store:
        store.runs()


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    for read_only in (False, True):
        with pytest.raises(StoreError, match="not a file"):
            Store.open(tmp_path, read_only=read_only)


def test_a_store_inside_a_file_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        Store.open(tmp_path / "file" / "s.sqlite3")
