"""Claims about what a run has measured, and its stream of events."""

from __future__ import annotations

import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store import values
from tunesmith.domain.events import Event, RunFinished, TrialMeasured
from tunesmith.domain.measurement import Conditions, MemoryUse, Sample
from tunesmith.domain.worker_events import LogLine
from tunesmith.errors import NotFoundError, StoreError
from tunesmith.store import FailedTrial, MeasuredTrial, Store

counts = st.integers(0, 2**63 - 1)
fractions = st.none() | st.floats(allow_nan=False, allow_infinity=False)
samples = st.builds(
    Sample,
    prefill_tokens=counts,
    prefill_ns=st.none() | counts,
    step_ns=st.lists(st.integers(0, 2**64 - 1), max_size=50).map(tuple),
    sequences=st.integers(1, 256),
    conditions=st.builds(
        Conditions,
        foreign_cores=fractions,
        wait_share=fractions,
        steal_cores=fractions,
        cpu_mhz=fractions,
        temperature_celsius=fractions,
    ),
    memory=st.builds(
        MemoryUse,
        peak_rss_bytes=st.none() | counts,
        rss_bytes=st.none() | counts,
        pss_bytes=st.none() | counts,
        device_used_bytes=st.dictionaries(st.text(max_size=8), st.integers(-(2**63), 2**63), max_size=3),
    ),
    noisy=st.booleans(),
    rejected=counts,
    started_mono_ns=st.integers(-(2**63), 2**63 - 1),
    cost_ns=counts,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples, st.text(), st.text())
def test_a_sample_comes_back_as_it_was(store: Store, sample: Sample, key: str, candidate: str) -> None:
    run_id = values.start_tune(store)
    store.record_trial(
        run_id, key=key, stage="s", candidate=candidate, round=1, settings=values.SETTINGS, sample=sample
    )
    wanted = MeasuredTrial(
        key=key, stage="s", candidate=candidate, round=1, settings=values.SETTINGS, sample=sample
    )
    assert store.ledger(run_id) == {key: wanted}


def test_the_ledger_is_in_the_order_of_recording(store: Store) -> None:
    run_id = values.start_tune(store)
    keys = [values.record_sample(store, run_id, number) for number in (5, 3, 9, 1)]
    assert list(store.ledger(run_id)) == keys
    assert store.run(run_id).measured == 4


def test_a_failure_keeps_its_cause(store: Store) -> None:
    run_id = values.start_tune(store)
    store.record_failure(
        run_id,
        key="k",
        stage="ubatch",
        candidate="ubatch=2048",
        round=2,
        settings=values.SETTINGS,
        cause="worker_out_of_memory",
        message="The system killed it.",
    )
    wanted = FailedTrial(
        key="k",
        stage="ubatch",
        candidate="ubatch=2048",
        round=2,
        settings=values.SETTINGS,
        cause="worker_out_of_memory",
        message="The system killed it.",
    )
    assert store.ledger(run_id) == {"k": wanted}
    assert store.run(run_id).measured == 0


def test_the_same_key_is_stored_once_and_the_first_stays(store: Store, path: Path) -> None:
    run_id = values.start_tune(store)
    values.record_sample(store, run_id, 1)
    before = store.ledger(run_id)
    for _ in range(2):
        store.record_trial(
            run_id,
            key="k1",
            stage="other",
            candidate="c",
            round=9,
            settings=values.SETTINGS,
            sample=values.sample(7),
        )
        store.record_failure(
            run_id,
            key="k1",
            stage="s",
            candidate="c",
            round=1,
            settings=values.SETTINGS,
            cause="worker_crashed",
            message="",
        )
    assert store.ledger(run_id) == before
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sample").fetchone() == (1,)


def test_runs_do_not_share_keys(store: Store) -> None:
    first, second = values.start_tune(store), values.start_tune(store)
    values.record_sample(store, first, 1)
    values.record_sample(store, second, 1)
    assert len(store.ledger(first)) == len(store.ledger(second)) == 1


def test_nothing_is_recorded_for_a_run_that_is_not_there(store: Store) -> None:
    with pytest.raises(NotFoundError):
        values.record_sample(store, "20200101-000000-0000", 1)
    with pytest.raises(NotFoundError):
        store.append_events("20200101-000000-0000", values.heartbeats(1))
    with pytest.raises(NotFoundError):
        store.events("20200101-000000-0000")


def test_events_come_back_in_order_and_whole(store: Store) -> None:
    run_id = values.start_tune(store)
    stream: list[Event] = [
        *values.heartbeats(3),
        LogLine(seq=4, level="warning", text="ŋ\x00 \U0001f642"),
        TrialMeasured(
            seq=5, stage="s", candidate="c", digest="d", round=1, sample=values.sample(), run_id=run_id
        ),
        RunFinished(seq=6, outcome="improved", profile_id=None, sentence="Done."),
    ]
    store.append_events(run_id, stream[3:])
    store.append_events(run_id, stream[:3])
    store.append_events(run_id, [])
    assert list(store.events(run_id)) == stream
    assert store.last_seq(run_id) == 6


def test_a_run_without_events_has_an_empty_stream(store: Store) -> None:
    run_id = values.start_tune(store)
    assert list(store.events(run_id)) == []
    assert store.last_seq(run_id) == 0


def test_a_long_stream_is_read_without_holding_it_all(store: Store) -> None:
    run_id = values.start_tune(store)
    store.append_events(run_id, values.heartbeats(24_000))
    tracemalloc.start()
    try:
        assert sum(1 for _ in store.events(run_id)) == 24_000
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4 * 2**20


def test_a_stream_left_half_read_holds_nobody_up(store: Store) -> None:
    run_id = values.start_tune(store)
    store.append_events(run_id, values.heartbeats(1200))
    stream = store.events(run_id)
    assert next(stream).seq == 1
    store.append_events(run_id, values.heartbeats(1, start=1201))
    assert sum(1 for _ in stream) == 1200


@pytest.mark.parametrize("numbers", [(3, 4), (4, 4)])
def test_an_event_number_is_never_used_twice(store: Store, numbers: tuple[int, int]) -> None:
    run_id = values.start_tune(store)
    store.append_events(run_id, values.heartbeats(3))
    clash = [event for number in numbers for event in values.heartbeats(1, start=number)]
    with pytest.raises(StoreError, match="same number"):
        store.append_events(run_id, clash)
    assert store.last_seq(run_id) == 3


def test_a_trial_and_its_events_are_stored_together_or_not_at_all(store: Store) -> None:
    run_id = values.start_tune(store)
    trial = MeasuredTrial(
        key="k", stage="s", candidate="c", round=1, settings=values.SETTINGS, sample=values.sample()
    )
    store.record(run_id, values.heartbeats(2), trial=trial)
    with pytest.raises(StoreError):
        store.record(run_id, values.heartbeats(2), trial=trial.model_copy(update={"key": "k2"}))
    assert list(store.ledger(run_id)) == ["k"]
    assert store.last_seq(run_id) == 2


def test_a_sample_that_cannot_be_packed_leaves_nothing_behind(store: Store) -> None:
    run_id = values.start_tune(store)
    bad = values.sample().model_copy(update={"step_ns": (-1,)})
    with pytest.raises(ValueError, match="no u64"):
        store.record_trial(
            run_id, key="k", stage="s", candidate="c", round=1, settings=values.SETTINGS, sample=bad
        )
    assert store.ledger(run_id) == {}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE sample SET step_ns = x'00'",
        "UPDATE sample SET conditions = '{'",
        "UPDATE trial SET settings = '{}'",
        "UPDATE run SET request = '[]'",
    ],
)
def test_a_damaged_record_is_called_so(store: Store, path: Path, damage: str) -> None:
    run_id = values.start_tune(store)
    values.record_sample(store, run_id, 1)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(damage)
    with pytest.raises(StoreError, match="damaged") as caught:
        store.run(run_id) if "run" in damage else store.ledger(run_id)
    assert str(path) in caught.value.what
