"""A profile's run is found again, and no other is taken for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.values import heartbeats, identity, profile, start_tune
from tunesmith.services.past_runs import events_of
from tunesmith.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open, empty store."""
    with Store.open(tmp_path / "store.sqlite3") as store:
        yield store


def test_the_events_of_a_profiles_run_are_found(store: Store) -> None:
    run_id = start_tune(store)
    store.append_events(run_id, heartbeats(3))
    events = events_of(profile().model_copy(update={"run_id": run_id}), store)
    assert events is not None
    assert [event.seq for event in events] == [1, 2, 3]


def test_a_run_of_another_store_is_not_found(store: Store) -> None:
    assert events_of(profile(), store) is None


def test_a_run_of_another_model_or_a_longer_name_is_not_taken_for_it(store: Store) -> None:
    run_id = start_tune(store)
    ours = profile().model_copy(update={"run_id": run_id})
    assert events_of(ours.model_copy(update={"model": identity("77" * 32)}), store) is None
    assert events_of(ours.model_copy(update={"run_id": run_id[:-1]}), store) is None
