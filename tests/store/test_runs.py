"""Claims about runs: begun, finished, taken over."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from tests.store import values
from tunesmith import __version__
from tunesmith.errors import NotFoundError, StoreLocked, UsageError
from tunesmith.store import RunState, Store
from tunesmith.store.owner import Owner, this_process


@pytest.fixture
def dead_pid() -> int:
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait(30)
    return child.pid


def hand_over(path: Path, run_id: str, *, pid: int, host: str | None = None, started: float = 0.0) -> None:
    """Make another process the owner of a run."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE run SET owner_pid = ?, owner_host = ?, owner_started = ? WHERE id = ?",
            (pid, host or platform.node(), started, run_id),
        )


def test_a_run_remembers_all_that_is_needed_to_start_it_again(store: Store) -> None:
    run_id = values.start_tune(store)
    run = store.run(run_id)
    assert run.request == values.TUNE
    assert (run.kind, run.state, run.measured) == ("tune", "running", 0)
    assert run.build == values.BUILD
    assert (run.model_sha256, run.model_name) == (values.identity().sha256, "SmolLM2 135M")
    assert run.machine_label == values.MACHINE_CLASS.label
    assert run.tunesmith_version == __version__
    assert (run.owner_pid, run.owner_alive, run.resumable) == (os.getpid(), True, False)
    context = store.context(run_id)
    assert (context.model, context.machine, context.build) == (
        values.identity(),
        values.MACHINE_CLASS,
        values.BUILD,
    )


def test_a_measurement_keeps_its_own_kind_of_request(store: Store) -> None:
    run_id = store.start_run(
        "measure", values.MEASURE, model=values.identity(), machine=values.MACHINE_CLASS, build=values.BUILD
    )
    assert store.run(run_id).request == values.MEASURE


def test_run_ids_sort_by_time_and_differ_within_a_second(path: Path) -> None:
    moments = iter(
        datetime(2026, 11, 23, 17, 45, 1, tzinfo=UTC) + timedelta(seconds=n // 3) for n in range(9)
    )
    with Store.open(path, clock=lambda: next(moments)) as store:
        ids = [values.start_tune(store) for _ in range(9)]
    assert len(set(ids)) == 9
    assert [i[:15] for i in ids] == sorted(i[:15] for i in ids)
    assert re.fullmatch(r"20261123-174501-[0-9a-f]{4}", ids[0])


def test_a_model_without_a_name_goes_by_its_file(store: Store) -> None:
    model = values.identity(name=None, path="/models/tiny.Q8_0.gguf")
    run_id = store.start_run(
        "tune", values.TUNE, model=model, machine=values.MACHINE_CLASS, build=values.BUILD
    )
    assert store.run(run_id).model_name == "tiny.Q8_0"


def test_a_finished_run_says_how_it_ended(store: Store) -> None:
    run_id = values.start_tune(store)
    store.finish_run(run_id, "finished", "improved", "21% faster.")
    run = store.run(run_id)
    assert (run.state, run.outcome, run.sentence) == ("finished", "improved", "21% faster.")
    assert run.finished_utc is not None
    assert run.finished_utc >= run.started_utc
    assert not run.owner_alive


def test_runs_are_listed_newest_first(store: Store) -> None:
    ids = [values.start_tune(store) for _ in range(4)]
    assert [run.id for run in store.runs(limit=3)] == ids[:0:-1]


def test_the_beginning_of_an_id_will_do_where_it_is_the_only_one(path: Path) -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    with Store.open(path, clock=lambda: now) as store:
        first = values.start_tune(store)
        now += timedelta(days=1)
        second = values.start_tune(store)
        assert store.run("20261121").id == first
        assert store.ledger("20261122") == {}
        with pytest.raises(NotFoundError, match=f"Several runs begin with '202611': {second}, {first}"):
            store.run("202611")


@pytest.mark.parametrize("ref", ["", "%", "_", "nothing like it"])
def test_an_unknown_run_is_not_found(store: Store, ref: str) -> None:
    values.start_tune(store)
    with pytest.raises(NotFoundError, match="No run goes by"):
        store.run(ref)


def test_a_mistyped_run_is_answered_with_the_nearest(store: Store) -> None:
    run_id = values.start_tune(store)
    with pytest.raises(NotFoundError) as caught:
        store.run("1" + run_id)
    assert run_id in caught.value.todo


def test_a_running_run_cannot_be_claimed_and_is_not_offered(store: Store) -> None:
    run_id = values.start_tune(store)
    assert store.latest_resumable(None) is None
    with pytest.raises(UsageError, match=f"is still running in process {os.getpid()}\\."):
        store.claim_run(run_id)


def test_a_run_on_another_computer_counts_as_running_until_it_was_silent_for_an_hour(path: Path) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    with Store.open(path, clock=lambda: now) as store:
        run_id = values.start_tune(store)
        hand_over(path, run_id, pid=77, host="elsewhere")
        now += timedelta(minutes=50)
        values.record_sample(store, run_id, 1)
        now += timedelta(minutes=50)
        assert store.latest_resumable(None) is None
        with pytest.raises(UsageError, match="is still running in process 77 on elsewhere"):
            store.claim_run(run_id)
        now += timedelta(minutes=11)
        assert store.latest_resumable(None) is not None
        assert store.claim_run(run_id).owner_pid == os.getpid()


def test_an_interrupted_run_is_offered_and_claimed(store: Store) -> None:
    run_id = values.start_tune(store)
    store.finish_run(run_id, "interrupted", "interrupted", "Stopped by the user.")
    offered = store.latest_resumable(values.identity().sha256)
    assert offered is not None
    assert offered.id == run_id
    assert offered.resumable
    claimed = store.claim_run(run_id)
    assert (claimed.state, claimed.outcome, claimed.finished_utc) == ("running", None, None)
    assert store.latest_resumable(None) is None
    with pytest.raises(UsageError, match="is still running"):
        store.claim_run(run_id)


def test_a_run_whose_process_died_is_offered_and_claimed(store: Store, path: Path, dead_pid: int) -> None:
    run_id = values.start_tune(store)
    hand_over(path, run_id, pid=dead_pid)
    offered = store.latest_resumable(None)
    assert offered is not None
    assert offered.id == run_id
    assert offered.resumable
    assert store.claim_run(run_id).owner_pid == os.getpid()


def test_a_process_that_got_a_dead_owners_number_is_not_the_owner(store: Store, path: Path) -> None:
    run_id = values.start_tune(store)
    hand_over(path, run_id, pid=os.getpid(), started=psutil.Process().create_time() - 3600)
    assert store.claim_run(run_id).owner_alive


def test_a_run_whose_end_could_not_be_stored_is_offered_by_the_process_that_left_it(
    store: Store, path: Path
) -> None:
    run_id = values.start_tune(store)
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        Store.open(path, timeout_s=0.1) as brief,
    ):
        other.execute("BEGIN IMMEDIATE")
        assert store.latest_resumable(None) is None
        with pytest.raises(StoreLocked):
            brief.finish_run(run_id, "interrupted", None, "")
        other.execute("ROLLBACK")
    offered = store.latest_resumable(None)
    assert offered is not None
    assert (offered.id, offered.state, offered.resumable) == (run_id, "running", True)
    assert store.claim_run(run_id).owner_alive
    assert store.latest_resumable(None) is None
    store.leave_run(run_id)
    assert store.latest_resumable(None) is not None


@pytest.mark.parametrize("state", ["finished", "failed"])
def test_a_run_that_is_over_cannot_be_claimed(store: Store, state: RunState) -> None:
    run_id = values.start_tune(store)
    store.finish_run(run_id, state, None, "")
    assert store.latest_resumable(None) is None
    with pytest.raises(UsageError, match="is over"):
        store.claim_run(run_id)


def test_what_is_offered_is_of_the_model_and_kind_asked_for(store: Store) -> None:
    run_id = values.start_tune(store)
    store.finish_run(run_id, "interrupted", None, "")
    assert store.latest_resumable("00" * 32) is None
    assert store.latest_resumable(None, kind="measure") is None
    assert store.latest_resumable(None, kind="tune") is not None


def test_a_zombie_owner_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    process = psutil.Process(child.pid)
    owner = Owner(child.pid, platform.node(), process.create_time())
    assert child.stdout is not None
    child.stdout.read()
    with child:
        deadline = datetime.now(tz=UTC) + timedelta(seconds=10)
        while owner.lives(silent_s=0) and datetime.now(tz=UTC) < deadline:
            pass
        assert not owner.lives(silent_s=0)


def test_this_process_lives() -> None:
    assert this_process().lives(silent_s=1e9)
