"""Own a store with a whole stored run and the profile that came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.gui.simulated_run import Simulated, simulated
from tunesmith.domain.events import Event
from tunesmith.domain.profile import TunedProfile
from tunesmith.store import Store


def store_run(store: Store, run: Simulated, events: Sequence[Event] | None = None) -> TunedProfile:
    """Store a simulated run and its profile, as a tune does.

    Args:
        events: those to be stored; all of the run's unless given.
    """
    result = run.result
    assert result.profile is not None
    run_id = store.start_run(
        "tune", result.request, model=result.model, machine=result.surroundings.machine_class,
        build=result.profile.build,
    )  # fmt: skip
    told = run.events if events is None else events
    stamped = [event.model_copy(update={"run_id": run_id, "seq": n}) for n, event in enumerate(told, 1)]
    store.record(run_id, stamped, trial=None)
    store.finish_run(run_id, "finished", result.outcome, result.sentence)
    profile = result.profile.model_copy(update={"run_id": run_id, "guarantee": result.guarantee})
    store.save_profile(profile)
    return profile


def with_run(path: Path, run: Simulated | None = None) -> TunedProfile:
    """The profile of a run in a store at a path."""
    with Store.open(path) as store:
        return store_run(store, run or simulated())
