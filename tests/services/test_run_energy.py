"""Claims about the energy of a stored run: its profile's, or that of the samples that confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gui.sample_runs import store_run
from tests.gui.simulated_run import Simulated, simulated
from tunesmith.domain.profile import TunedProfile
from tunesmith.errors import UsageError
from tunesmith.presentation.live import LiveView
from tunesmith.services.run_energy import read_energy
from tunesmith.services.tradeoff import read_tradeoff
from tunesmith.store import Store


@pytest.fixture(scope="module")
def run() -> Simulated:
    return simulated(sensor=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.db") as opened:
        yield opened


def stored(store: Store, run: Simulated) -> TunedProfile:
    profile = store_run(store, run)
    for trial in run.trials:
        store.record(profile.run_id, [], trial=trial)
    return profile


def test_a_run_tells_what_its_profile_states(store: Store, run: Simulated) -> None:
    profile = stored(store, run)
    found = read_energy(store, profile.run_id)
    assert (found.before, found.after) == (run.result.baseline_energy, run.result.tuned_energy)
    assert found.before.cost is not None


def test_without_its_profile_the_samples_that_confirmed_tell_the_same(store: Store, run: Simulated) -> None:
    profile = stored(store, run)
    store.delete_profile(profile.id)
    found = read_energy(store, profile.run_id)
    assert run.result.baseline_energy is not None
    assert found.before.decode == run.result.baseline_energy.decode
    assert found.after is not None
    assert found.after.origin == "measured"
    assert found.before.cost is None, "what reading cost is known to the profile alone"


def test_a_run_that_was_to_read_no_sensor_says_so(store: Store) -> None:
    plain = simulated()
    request = plain.result.request.model_copy(update={"energy": False})
    run_id = store.start_run(
        "tune", request, model=plain.result.model, machine=plain.result.surroundings.machine_class,
        build=plain.result.profile.build,  # type: ignore[union-attr]
    )  # fmt: skip
    with pytest.raises(UsageError, match="asked to read no sensor"):
        read_energy(store, run_id)


def test_a_run_that_ended_before_it_was_confirmed_says_so(store: Store, run: Simulated) -> None:
    plain = run.result
    run_id = store.start_run(
        "tune", plain.request, model=plain.model, machine=plain.surroundings.machine_class,
        build=plain.profile.build,  # type: ignore[union-attr]
    )  # fmt: skip
    with pytest.raises(UsageError, match="ended before") as caught:
        read_energy(store, run_id)
    assert "Pareto plot" in caught.value.todo
    with pytest.raises(UsageError, match="too little was measured"):
        read_tradeoff(store, run_id)


def test_the_power_that_was_told_live_is_there_when_the_run_is_replayed(store: Store, run: Simulated) -> None:
    profile = stored(store, run)
    live, replayed = LiveView(), LiveView()
    live.take_all(run.events)
    replayed.take_all(store.events(profile.run_id))
    assert len(live.power_watts) > 50
    assert list(replayed.power_watts.values) == list(live.power_watts.values)
    assert list(replayed.power_watts.seconds) == pytest.approx(list(live.power_watts.seconds))


def test_the_candidates_of_a_stored_run_are_those_of_its_result(store: Store, run: Simulated) -> None:
    profile = stored(store, run)
    assert read_tradeoff(store, profile.run_id) == run.result.tradeoff
