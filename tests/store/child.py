"""Own a process that uses a store, to be killed, raced or starved by a test.

Usage: ``python -m tests.store.child COMMAND STORE [ARGUMENT ...]``; it prints ``ready``, waits for a
line on its standard input, and then does what COMMAND says.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests.store import values
from tunesmith.errors import StoreError
from tunesmith.store import MeasuredTrial, Store
from tunesmith.store import store as _imported_before_privileges_are_dropped  # noqa: F401


def record_one(store: Store, run_id: str, number: int) -> None:
    """Store one trial with two events, in one transaction."""
    trial = MeasuredTrial(
        key=f"k{number}",
        stage="s",
        candidate=f"c{number}",
        round=number,
        settings=values.SETTINGS,
        sample=values.sample(number),
    )
    store.record(run_id, values.heartbeats(2, start=2 * number + 1), trial=trial)


def record(path: str, count: str) -> None:
    """Begin a run and record samples, saying each key once it is stored."""
    with Store.open(path) as store:
        run_id = values.start_tune(store)
        print(run_id, flush=True)
        for number in range(int(count)):
            record_one(store, run_id, number)
            print(f"k{number}", flush=True)


def enter(path: str) -> None:
    """Open the store and begin a run."""
    with Store.open(path) as store:
        print(values.start_tune(store), flush=True)


def visit(*paths: str) -> None:
    """As somebody who may not write: of each store read the profiles, then try to write."""
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    for path in paths:
        try:
            with Store.open(path) as store:
                print("read", store.read_only, [row.name for row in store.profiles()], flush=True)
                store.rename_profile(store.profiles()[0].id, "other")
        except StoreError as error:
            print(error.name, flush=True)


def starve(path: str) -> None:
    """On a small disk: record until it is full, then make room and go on."""
    room = Path(path).with_name("ballast")
    with Store.open(path) as store:
        run_id = values.start_tune(store)
        number = 0
        try:
            while True:
                record_one(store, run_id, number)
                number += 1
        except StoreError as error:
            print(error.name, flush=True)
        assert number > 0
        assert list(store.ledger(run_id)) == [f"k{n}" for n in range(number)]
        room.unlink()
        record_one(store, run_id, number)
    with Store.open(path) as store:
        assert list(store.ledger(run_id)) == [f"k{n}" for n in range(number + 1)]
        assert store.last_seq(run_id) == 2 * (number + 1)
    print("kept", flush=True)


def main(command: str, *arguments: str) -> None:
    """Do as told."""
    print("ready", flush=True)
    sys.stdin.readline()
    commands: dict[str, Callable[..., None]] = {
        "record": record,
        "enter": enter,
        "visit": visit,
        "starve": starve,
    }
    commands[command](*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
