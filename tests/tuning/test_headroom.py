"""Claims about the memory that is kept free on devices, and about what spills silently."""

from __future__ import annotations

import pytest

from tests.tuning.machines import GIB, GPU_MACHINE
from tests.tuning.simulation import SimulatedMachine, Speeds, request, tune
from tunesmith.domain.blocks import Blocks
from tunesmith.domain.measurement import MemoryUse, Sample
from tunesmith.domain.request import SearchRules
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.tuning.headroom import MarginMeter, Refusals, Seen, margin_bytes, short_of, spilled

MIB = 2**20
BASE = Settings(threads=8, threads_batch=8, n_ctx=4096)
LARGE = Blocks(count=48, weights_bytes=16 * GIB)
MIXTURE = Blocks(count=32, weights_bytes=32 * GIB, experts_bytes=28 * GIB)


def memory(free_mib: int | None, used_mib: int = 4096) -> MemoryUse:
    free = {} if free_mib is None else {"CUDA0": free_mib * MIB}
    return MemoryUse(
        peak_rss_bytes=None, rss_bytes=None, pss_bytes=None, device_free_bytes=free,
        device_used_bytes={"CUDA0": used_mib * MIB},
    )  # fmt: skip


def test_the_margin_is_a_twentieth_and_a_gib_at_most() -> None:
    assert margin_bytes(80 * GIB) == GIB
    assert margin_bytes(2 * GIB) == int(0.05 * 2 * GIB)


def test_what_leaves_less_than_the_margin_is_told_with_both_figures() -> None:
    assert short_of(memory(700), GPU_MACHINE) is None
    why = short_of(memory(100), GPU_MACHINE)
    assert why == "only 100.0 MiB of CUDA0 stay free, less than the 614.4 MiB that are kept"


def test_a_device_that_is_not_used_or_tells_nothing_is_not_short() -> None:
    assert short_of(memory(100, used_mib=0), GPU_MACHINE) is None
    assert short_of(memory(None), GPU_MACHINE) is None


class OnDevice(SimulatedMachine):
    """A machine whose device holds 11 GiB; each of 48 layers takes a 48th of 16 GiB."""

    def measure(self, settings: Settings, workload: Workload, group: str) -> Sample:
        sample = super().measure(settings, workload, group)
        layers = 48 if settings.n_gpu_layers < 0 else min(48, settings.n_gpu_layers)
        used = LARGE.weights_bytes * layers // 48
        free = max(0, 11 * GIB - used)
        told = {"device_free_bytes": {"CUDA0": free}, "device_used_bytes": {"CUDA0": used}}
        return sample.model_copy(update={"memory": sample.memory.model_copy(update=told)})


def by_layers(settings: Settings) -> Speeds:
    """Each layer on the device helps."""
    layers = 48 if settings.n_gpu_layers < 0 else settings.n_gpu_layers
    return Speeds().times(prefill=1 + layers / 10, decode=1 + layers / 10)


def test_a_tune_comes_to_as_many_layers_as_leave_the_margin_free() -> None:
    simulated = OnDevice(by_layers, seed=3, noise=0.01)
    meter = MarginMeter(simulated, GPU_MACHINE)
    wanted = request(rules=SearchRules(vary=("n_gpu_layers",)))
    found = tune(
        wanted, simulated, machine=GPU_MACHINE, blocks=LARGE, confirm=False, start={"n_gpu_layers": 12},
        meter=meter, baseline={"n_gpu_layers": 12},
    )  # fmt: skip
    best = found.search.settings.n_gpu_layers
    assert 29 <= best <= 31  # 31 layers leave 0.67 GiB, 32 leave 0.33
    assert all(job.settings.n_gpu_layers <= 36 for job in simulated.jobs)


def test_after_a_refusal_nothing_that_lays_more_on_the_device_is_tried() -> None:
    refusals = Refusals(LARGE, GPU_MACHINE)
    assert refusals.allows(BASE)
    refusals.note(BASE.replace(n_gpu_layers=36), "worker_out_of_memory: There was not enough memory on CUDA0")
    assert not refusals.allows(BASE.replace(n_gpu_layers=36))
    assert not refusals.allows(BASE)
    assert refusals.allows(BASE.replace(n_gpu_layers=35))


def test_a_lack_of_main_memory_says_nothing_of_devices() -> None:
    refusals = Refusals(LARGE, GPU_MACHINE)
    refusals.note(BASE.replace(n_gpu_layers=4), "worker_out_of_memory: The system killed the worker")
    assert refusals.allows(BASE)


def test_experts_that_stay_behind_are_not_laid_on_the_device() -> None:
    placed = Refusals(MIXTURE, GPU_MACHINE).placed_bytes
    assert placed(BASE) == 32 * GIB
    assert placed(BASE.replace(n_cpu_moe=32)) == 4 * GIB
    assert placed(BASE.replace(n_gpu_layers=16, n_cpu_moe=16)) == 16 * GIB  # they were not on it anyway


FEWER = Seen("28 layers on the GPU", 9 * GIB, 9 * GIB, short=False, speed=2.0)


@pytest.mark.parametrize(
    "one",
    [
        Seen("all", 16 * GIB, 11 * GIB, short=False, speed=0.5),
        Seen("all", 16 * GIB, None, short=True, speed=0.5),
        Seen("all", 16 * GIB, 16 * GIB, short=True, speed=1.3),
    ],
)
def test_a_spill_is_told_by_free_memory_and_speed_together(one: Seen) -> None:
    why = spilled(one, [FEWER, one])
    assert why is not None
    assert "moved part of it to main memory" in why
    assert "28 layers on the GPU" in why


@pytest.mark.parametrize(
    "one",
    [
        Seen("all", 16 * GIB, 16 * GIB, short=False, speed=0.5),  # slow, but it lies where it was laid
        Seen("all", 16 * GIB, 11 * GIB, short=True, speed=1.9),  # full, but as fast
        Seen("few", 4 * GIB, 1 * GIB, short=False, speed=0.5),  # nothing with less to compare it with
        Seen("all", 16 * GIB, 11 * GIB, short=True, speed=0.0),
    ],
)
def test_one_sign_alone_is_no_spill(one: Seen) -> None:
    assert spilled(one, [FEWER, one]) is None
