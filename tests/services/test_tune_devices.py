"""Claims about a tune with a device that does not hold the defaults, on a simulated machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.simulated_source import SimulatedSource
from tests.services.test_tune import Bench
from tests.support.gguf_writer import tiny_llama
from tests.tuning.machines import GPU_MACHINE
from tests.tuning.simulation import SimulatedMachine
from tunesmith.domain.events import RunStarted, TrialFailed
from tunesmith.domain.machine import machine_class
from tunesmith.domain.request import SearchRules
from tunesmith.domain.settings import Settings
from tunesmith.errors import WorkerOutOfMemory
from tunesmith.services import tune as service
from tunesmith.services.context import Surroundings
from tunesmith.store import Store

SURROUNDINGS = Surroundings(machine=GPU_MACHINE, machine_class=machine_class(GPU_MACHINE))
LAYERS_ONLY = SearchRules(vary=("n_gpu_layers",))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("TUNESMITH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(service, "survey_machine", lambda _controls, **_named: SURROUNDINGS)
    with Store.open(tmp_path / "store.sqlite3") as store:
        yield Bench(tiny_llama(layers=8).write(tmp_path / "tiny.gguf"), store)


def holding(layers: int) -> SimulatedSource:
    """A device that holds so many layers and no more."""

    def refuses(settings: Settings) -> str | None:
        wanted = 9 if settings.n_gpu_layers < 0 else settings.n_gpu_layers
        return "worker_out_of_memory" if wanted > layers else None

    return SimulatedSource(SimulatedMachine(refuses=refuses, seed=1))


def test_defaults_that_no_device_holds_are_lowered_until_one_does(bench: Bench) -> None:
    result, events = bench.tune(holding(5), bench.request(rules=LAYERS_ONLY))
    assert result.baseline.settings.n_gpu_layers == 4
    started = [event.baseline.n_gpu_layers for event in events if isinstance(event, RunStarted)]
    assert started == [-1, 6, 4]
    assert {event.cause for event in events if isinstance(event, TrialFailed)} == {"worker_out_of_memory"}


def test_an_interrupted_run_with_lowered_defaults_goes_on_with_them(bench: Bench) -> None:
    whole, _ = bench.tune(holding(5), bench.request(rules=LAYERS_ONLY))
    stopped = holding(5)
    stopped.stop_before = 12
    bench.failure(stopped, bench.request(rules=LAYERS_ONLY))
    resumed, _ = bench.tune(holding(5), resume="latest")
    assert resumed.baseline.settings == whole.baseline.settings


def test_defaults_that_even_main_memory_does_not_hold_end_in_their_own_cause(bench: Bench) -> None:
    error, _ = bench.failure(holding(-1), bench.request(rules=LAYERS_ONLY))
    assert isinstance(error, WorkerOutOfMemory)
