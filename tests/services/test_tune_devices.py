"""Claims about a tune with a device that does not hold the defaults, on a simulated machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.simulated_source import SimulatedSource
from tests.services.test_tune import Bench
from tests.support.gguf_writer import tiny_llama
from tests.tuning.machines import GPU_MACHINE, LAPTOP
from tests.tuning.simulation import CHAT, SimulatedMachine, Speeds
from tunesmith.domain.events import RunStarted, TrialFailed
from tunesmith.domain.machine import machine_class
from tunesmith.domain.request import SearchRules
from tunesmith.domain.settings import Settings
from tunesmith.errors import WorkerOutOfMemory
from tunesmith.presentation.safety_text import fit_sentence
from tunesmith.services import tune as service
from tunesmith.services.context import Surroundings, live_workers, read_model
from tunesmith.services.tune_start import FIT_LABEL
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


# ------------------------------------------------------------- llama.cpp's own --fit


def with_free(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    """The GPU with so much of its memory free."""
    gpu = GPU_MACHINE.devices[0].model_copy(update={"free_bytes": free_bytes})
    machine = GPU_MACHINE.model_copy(update={"devices": (gpu,)})
    found = Surroundings(machine=machine, machine_class=machine_class(machine))
    monkeypatch.setattr(service, "survey_machine", lambda _controls, **_named: found)


def test_where_all_fits_fit_leaves_the_defaults_and_the_result_says_so(bench: Bench) -> None:
    result, _ = bench.tune(holding(99), bench.request(rules=LAYERS_ONLY))
    assert result.fit is not None
    assert result.fit.settings == result.baseline.settings
    assert result.fit.same_as in ("baseline", "tuned")
    assert "--fit would" in fit_sentence(result.fit, "response")
    assert result.profile is not None
    assert result.profile.fit == result.fit
    assert result.profile.safety is not None
    assert result.profile.safety.longest_prompt_tokens == CHAT.depth + CHAT.prompt


def test_what_fit_would_set_is_tried_and_measured_beside_the_winner(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GiB and a little is free: --fit lays some layers on the GPU; none at all is fastest here."""
    with_free(monkeypatch, 2**30 + 200 * 2**10)
    truth = holding(99)
    truth.machine.truth = lambda settings: Speeds().times(
        prefill=1.5 if settings.n_gpu_layers == 0 else 1.0, decode=1.5 if settings.n_gpu_layers == 0 else 1.0
    )
    result, _ = bench.tune(truth, bench.request(rules=LAYERS_ONLY))
    assert result.request.fitted is not None
    assert result.request.known[0].label == FIT_LABEL
    assert result.fit is not None
    assert result.fit.same_as in (None, "tuned")
    if result.fit.same_as is None:
        assert result.fit.speedup is not None
        assert result.fit.speedup.median == pytest.approx(1.5, rel=0.1)


def test_without_a_device_there_is_no_fit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Surroundings(machine=LAPTOP, machine_class=machine_class(LAPTOP))
    monkeypatch.setattr(service, "survey_machine", lambda _controls, **_named: plain)
    result, _ = bench.tune(holding(99))
    assert result.fit is None
    assert fit_sentence(result.fit, "response") == ""


def test_two_workers_share_a_device_only_where_what_stays_free_can_still_be_told(bench: Bench) -> None:
    header = read_model(str(bench.model))
    assert live_workers(header.model_copy(update={"weights_bytes": 2**30}), GPU_MACHINE) == 2
    assert live_workers(header.model_copy(update={"weights_bytes": 7 * 2**29}), GPU_MACHINE) == 1
