"""Claims about tunesmith.tuning.looks and the ladder of GPU layers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.tuning.machines import GIB, GPU_MACHINE, TWO_CORE_VM
from tests.tuning.simulation import SimulatedMachine, Speeds, Truth, Tuned, request, tune
from tunesmith.domain.blocks import Blocks
from tunesmith.domain.events import StageFinished, StageStarted, TrialMeasured
from tunesmith.domain.request import SearchRules
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import BUDGETS, Workload
from tunesmith.tuning.options import gpu_layer_options, nearer_layer_options
from tunesmith.tuning.space import baseline_settings

SMALL = Blocks(count=32, weights_bytes=4 * GIB)
"""Fits the 12 GiB of :data:`~tests.tuning.machines.GPU_MACHINE`."""
LARGE = Blocks(count=48, weights_bytes=16 * GIB)
"""36 of its layers' weights are as large as that memory."""
BASE = baseline_settings(GPU_MACHINE, Workload(prompt=256, generate=128))
LAYERS_ONLY = SearchRules(vary=("n_gpu_layers",))
OUTPUT_TOO = 33
"""One more than the layers of :data:`SMALL`: what -1 means."""


def rungs(blocks: Blocks | None, held: int = -1) -> list[object]:
    options = gpu_layer_options(GPU_MACHINE, BASE.replace(n_gpu_layers=held), blocks)
    return [value for option in options for _, value in option.changes]


def layered(speed: Callable[[int], float], count: int = 32) -> Truth:
    """Speeds by the number of layers on the device, all of them being one more than ``count``."""

    def truth(settings: Settings) -> Speeds:
        number = count + 1 if settings.n_gpu_layers < 0 else settings.n_gpu_layers
        return Speeds().times(prefill=speed(number), decode=speed(number))

    return truth


def found(truth: Truth, *, seed: int = 0, blocks: Blocks = SMALL, **machine: object) -> Tuned:
    simulated = SimulatedMachine(truth, seed=seed, noise=0.01, **machine)  # type: ignore[arg-type]
    wanted = request(rules=LAYERS_ONLY, seed=seed)
    return tune(wanted, simulated, machine=GPU_MACHINE, blocks=blocks, confirm=False)


# ------------------------------------------------------------- the ladder


def test_the_ladder_has_none_all_quarters_and_what_fits() -> None:
    assert rungs(SMALL, held=4) == [-1, 24, 16, 8, 0]
    assert rungs(LARGE) == [32, 36, 24, 12, 0]


def test_more_weights_than_the_device_has_memory_are_not_tried() -> None:
    assert LARGE.at_most(GPU_MACHINE) == 36
    assert -1 not in rungs(LARGE, held=4)
    assert all(number <= 36 for number in rungs(LARGE, held=4) if isinstance(number, int))


def test_what_holds_is_no_rung() -> None:
    assert 16 not in rungs(SMALL, held=16)
    assert 0 not in rungs(SMALL, held=0)


def test_without_a_word_on_layers_only_none_is_asked_and_without_a_device_nothing() -> None:
    assert rungs(None) == [0]
    assert not list(gpu_layer_options(TWO_CORE_VM, BASE, SMALL))


def test_between_the_best_and_its_neighbours_nothing_is_left_out() -> None:
    tried = [BASE.replace(n_gpu_layers=number) for number in (0, 8, 16, 24, -1)]
    best = tried[3]
    steps = []
    while options := nearer_layer_options(SMALL, best, tried):
        steps.append([value for option in options for _, value in option.changes])
        tried += [option.apply(BASE) for option in options]
    assert steps == [[28, 20], [26, 22], [25, 23]]
    last = nearer_layer_options(SMALL, BASE, [BASE, BASE.replace(n_gpu_layers=31)])
    assert [option.changes for option in last] == [(("n_gpu_layers", 32),)]


# ------------------------------------------------------------- what it finds


@pytest.mark.parametrize("peak", [5, 13, 22, 27, 31])
def test_a_cliff_where_memory_is_exceeded_is_found_to_the_layer(peak: int) -> None:
    def speed(number: int) -> float:
        fitting = min(number, peak)
        return 1 / (1.3 - fitting / 32 + 0.2 * (number - fitting))

    for seed in range(3):
        assert found(layered(speed), seed=seed).search.settings.n_gpu_layers == peak


def test_a_drop_at_the_last_layer_is_found() -> None:
    tuned = found(layered(lambda number: (1 + number / 16) * (0.7 if number >= 32 else 1)))
    assert tuned.search.settings.n_gpu_layers == 31
    tuned = found(layered(lambda number: (1 + number / 16) * (0.7 if number == OUTPUT_TOO else 1)))
    assert tuned.search.settings.n_gpu_layers == 32


def test_where_all_is_best_it_stays_and_where_none_is_best_none_is_taken() -> None:
    assert not found(layered(lambda number: 1 + number)).search.changes
    assert found(layered(lambda number: 1.5 if number == 0 else 1)).search.settings.n_gpu_layers == 0


def test_offloads_that_fail_are_tried_once_and_the_rest_go_on() -> None:
    def refuses(settings: Settings) -> str | None:
        return "out_of_memory" if settings.n_gpu_layers > 20 else None

    tuned = found(layered(lambda number: 1 if number > 32 else 1 + number / 4), refuses=refuses)
    assert tuned.search.settings.n_gpu_layers == 20
    refused = [job.settings.n_gpu_layers for job in tuned.machine.refusals]
    assert len(refused) == len(set(refused))


def test_offloads_that_are_alike_change_nothing() -> None:
    changed = sum(bool(found(layered(lambda _number: 1), seed=seed).search.changes) for seed in range(20))
    assert changed <= 1


def test_what_looked_near_and_was_not_raced_stays_open() -> None:
    tuned = found(layered(lambda number: {20: 2.0, 21: 1.95, 19: 1.96}.get(number, 1 + number / 64)))
    known = tuned.search.considered
    assert {one.n_gpu_layers for one in known.settings} >= {-1, tuned.search.settings.n_gpu_layers}
    assert {one.n_gpu_layers for one in tuned.search.looked_at} > {0, 8, 16, 24}


# ------------------------------------------------------------- what it costs


def test_each_load_is_charged_and_each_offload_loaded_once_to_look() -> None:
    tuned = found(layered(lambda number: 1 + number))
    looks = [job for job in tuned.machine.jobs if "-look-" in job.stage]
    assert len({job.settings.n_gpu_layers for job in looks}) == len({job.settings.digest for job in looks})
    by_offload = {job.settings.n_gpu_layers: 0 for job in looks}
    for job in looks:
        by_offload[job.settings.n_gpu_layers] += 1
    assert all(count == 2 for number, count in by_offload.items() if number != -1)


def test_where_loads_are_dear_the_other_questions_go_first() -> None:
    machine = SimulatedMachine(layered(lambda number: 1 + number), load_seconds=12.0)
    tuned = tune(
        request(budget=BUDGETS["standard"]), machine, machine=GPU_MACHINE, blocks=SMALL, confirm=False
    )
    stages = [event.stage for event in tuned.events if isinstance(event, StageStarted)]
    layers = [place for place, stage in enumerate(stages) if stage.startswith("gpu_layers")]
    assert not layers or layers[0] > stages.index("threads")
    assert tuned.machine.now <= 300


def test_looks_are_told_as_questions_of_their_own() -> None:
    tuned = found(layered(lambda number: 1 + number / 4 if number <= 20 else 1))
    started = [event for event in tuned.events if isinstance(event, StageStarted)]
    finished = {event.stage: event for event in tuned.events if isinstance(event, StageFinished)}
    assert [event.stage for event in started][:2] == ["gpu_layers-look-1", "gpu_layers-look-2"]
    for event in started:
        assert finished[event.stage].winner in event.candidates
    assert "is the fastest of" in finished["gpu_layers-look-1"].sentence
    assert not any(isinstance(event, TrialMeasured) for event in tuned.events)  # those are the meter's


def test_the_same_samples_give_the_same_looks() -> None:
    def keys() -> list[str]:
        return [job.key for job in found(layered(lambda number: 1 + number % 7)).machine.jobs]

    assert keys() == keys()
    assert len(set(keys())) == len(keys())


# ------------------------------------------------------------- batch sizes


def test_batches_longer_than_what_is_measured_while_searching_are_looked_at_over_the_whole_prompt() -> None:
    def truth(settings: Settings) -> Speeds:
        return Speeds(prefill_ns=2e6 * 512 / settings.n_ubatch)

    wanted = request(workload=Workload(prompt=4096, generate=16), rules=SearchRules(vary=("n_ubatch",)))
    tuned = tune(wanted, SimulatedMachine(truth), machine=GPU_MACHINE, blocks=SMALL, confirm=False)
    assert tuned.search.settings.n_ubatch == 4096
    looks = [job for job in tuned.machine.jobs if job.stage == "ubatch-look-1"]
    assert {job.workload.prompt for job in looks} == {4096}
    assert [job.settings.n_ubatch for job in looks] == [4096, 2048, 1024]
