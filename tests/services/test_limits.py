"""Claims about the physical limit: where it is known, and that nothing measured lies above it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from tests.domain.test_bandwidth import FALLING
from tests.domain.test_machine import GPU, MACHINE
from tests.store.values import measurement
from tests.support.gguf_writer import tiny_llama
from tunesmith.domain.bandwidth import DecodeLimit, DeviceBandwidth, MemoryBandwidth, ThreadReadings
from tunesmith.domain.machine import Machine, machine_class
from tunesmith.domain.measurement import Measurement
from tunesmith.domain.settings import Settings
from tunesmith.domain.statistics import quantity
from tunesmith.domain.workload import Workload
from tunesmith.errors import WorkerCrashed
from tunesmith.gguf import read_header
from tunesmith.presentation.limit_text import limit_sentence, memory_bandwidth_text
from tunesmith.services import limits as service
from tunesmith.services.context import Surroundings
from tunesmith.services.limits import (
    DecodeLimits,
    confirmed_limit,
    forget_if_beaten,
    limit_of,
    remeasured,
    with_bandwidth,
)
from tunesmith.store import Store
from tunesmith.worker.handle import WorkerHandle

SETTINGS = Settings(threads=2, threads_batch=2, n_ctx=512)
WORKLOAD = Workload(prompt=0, generate=16)
KNOWN = MACHINE.model_copy(update={"memory_bandwidth": FALLING})
FOUND = Surroundings(MACHINE, machine_class(MACHINE))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.sqlite3") as store:
        yield store


def measured(*tokens_per_s: float) -> Measurement:
    speed = quantity(list(tokens_per_s)) if tokens_per_s else None
    return measurement(SETTINGS).model_copy(
        update={"workload": WORKLOAD, "decode_tokens_per_s": speed, "prefill_tokens_per_s": None}
    )


def test_the_limit_is_bandwidth_over_bytes_for_each_sequence() -> None:
    limit = limit_of(256 * 10**6, WORKLOAD, SETTINGS, KNOWN)
    assert limit.tokens_per_s == pytest.approx(20e9 / 256e6)
    assert limit.bandwidth_bytes_per_s == 20e9
    four = limit_of(256 * 10**6, WORKLOAD.model_copy(update={"parallel": 4}), SETTINGS, KNOWN)
    assert four.tokens_per_s == pytest.approx(4 * 20e9 / 256e6)


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        (MACHINE, "memory bandwidth was not measured"),
        (KNOWN.model_copy(update={"devices": (GPU,)}), "CUDA0 computes, whose memory bandwidth is not"),
        (
            MACHINE.model_copy(update={"memory_bandwidth": FALLING.model_copy(update={"noisy": True})}),
            "other programs used the machine",
        ),
    ],
)
def test_a_limit_that_is_not_known_says_why(machine: Machine, reason: str) -> None:
    limit = limit_of(256 * 10**6, WORKLOAD, SETTINGS, machine)
    assert limit.tokens_per_s is None
    assert limit.reason.startswith(reason)


def with_device(*bytes_per_s: float, size_bytes: int = 2**30) -> Machine:
    read = DeviceBandwidth(device=GPU.name, size_bytes=size_bytes, bytes_per_s=bytes_per_s, why="it is full")
    bandwidth = FALLING.model_copy(update={"devices": (read,)})
    return KNOWN.model_copy(update={"devices": (GPU,), "memory_bandwidth": bandwidth})


@pytest.mark.parametrize("layers", [-1, 5])
def test_on_a_device_its_memory_is_the_limit_since_it_is_the_fastest(layers: int) -> None:
    step = 300 * 10**6
    limit = limit_of(step, WORKLOAD, SETTINGS.replace(n_gpu_layers=layers), with_device(8e11, 9e11))
    assert limit.bandwidth_bytes_per_s == 9e11
    assert limit.tokens_per_s == pytest.approx(9e11 / step)


def test_devices_that_compute_a_layer_together_are_added_up() -> None:
    step = 300 * 10**6
    row = SETTINGS.replace(n_gpu_layers=-1, split_mode="row")
    limit = limit_of(step, WORKLOAD, row, with_device(9e11))
    assert limit.bandwidth_bytes_per_s == 9e11 + (FALLING.at_most(step) or 0)


def test_a_device_that_could_not_be_measured_or_may_cache_it_all_has_no_limit() -> None:
    on_it = SETTINGS.replace(n_gpu_layers=-1)
    assert "CUDA0 computes" in limit_of(10**9, WORKLOAD, on_it, with_device()).reason
    assert "caches" in limit_of(200 * 10**6, WORKLOAD, on_it, with_device(9e11)).reason
    assert limit_of(200 * 10**6, WORKLOAD, on_it, with_device(9e11, size_bytes=2**27)).tokens_per_s


def test_each_device_is_measured_once_and_one_that_fails_keeps_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    class Worker:
        def __init__(self, **_arguments: object) -> None: ...
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_error: object) -> None: ...
        def read_device(self, device: str) -> DeviceBandwidth:
            asked.append(device)
            if device == "CUDA1":
                raise WorkerCrashed("The worker was ended by a signal.")
            return DeviceBandwidth(device=device, size_bytes=2**30, bytes_per_s=(9e11,))

    monkeypatch.setattr(service, "WorkerHandle", Worker)
    remote = GPU.model_copy(update={"name": "RPC0", "backend": "RPC"})
    machine = KNOWN.model_copy(
        update={"devices": (GPU, GPU.model_copy(update={"name": "CUDA1"}), remote)}
    )  # fmt: skip
    found = service.with_devices(FALLING, machine)
    again = service.with_devices(found, machine)
    assert asked == ["CUDA0", "CUDA1"]
    assert again == found
    assert [one.best for one in found.devices] == [9e11, None]
    text = memory_bandwidth_text(found)
    assert "CUDA0: 900.0 GB/s" in text
    assert "CUDA1: – (The worker was ended by a signal.)" in text


@pytest.mark.model
def test_a_worker_reads_the_memory_of_a_device_and_says_what_it_cannot() -> None:
    with WorkerHandle() as worker:
        found, missing = worker.read_device("CPU"), worker.read_device("CUDA7")
    assert found.best is not None
    assert 1e8 < found.best < 1e13
    assert missing.best is None
    assert "CUDA7" in missing.why


def test_without_layers_on_the_device_memory_is_the_limit_again() -> None:
    machine = KNOWN.model_copy(update={"devices": (GPU,)})
    assert limit_of(256 * 10**6, WORKLOAD, SETTINGS.replace(n_gpu_layers=0), machine).tokens_per_s


def test_a_model_that_caches_may_hold_has_no_limit(tmp_path: Path) -> None:
    header = read_header(tiny_llama().write(tmp_path / "tiny.gguf"))
    assert "caches" in DecodeLimits(header, KNOWN).of(WORKLOAD, SETTINGS).reason
    assert DecodeLimits(header, KNOWN).loosest(Workload(prompt=8, generate=0), SETTINGS, ()).reason


@pytest.mark.model
def test_no_candidate_and_no_depth_has_a_limit_above_the_loosest(smollm2_path: Path) -> None:
    limits = DecodeLimits(read_header(smollm2_path), KNOWN)
    deep = Workload(prompt=512, generate=64, depth=4096)
    loosest = limits.loosest(deep, SETTINGS, ("f16", "q8_0")).tokens_per_s
    assert loosest is not None
    for cache in ("f16", "q8_0"):
        one = limits.of(deep, SETTINGS.replace(type_k=cache, type_v=cache)).tokens_per_s
        assert one is not None
        assert one < loosest


def test_a_sample_above_the_limit_makes_it_none_and_has_it_measured_again(store: Store) -> None:
    store.save_machine(KNOWN, FOUND.machine_class)
    limit = DecodeLimit(tokens_per_s=100.0, bandwidth_bytes_per_s=1e10, step_bytes=10**8)
    kept = confirmed_limit(limit, measured(80.0, 99.0))
    forget_if_beaten(store, FOUND, limit, kept)
    assert kept == limit
    assert store.memory_bandwidth(FOUND.machine_class.fingerprint) == FALLING
    beaten = confirmed_limit(limit, measured(80.0, 101.0))
    forget_if_beaten(store, FOUND, limit, beaten)
    assert beaten.tokens_per_s is None
    assert "too low" in beaten.reason
    assert store.memory_bandwidth(FOUND.machine_class.fingerprint) is None


def test_a_machine_class_is_measured_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def measure(machine: Machine, _controls: object) -> MemoryBandwidth:
        asked.append(machine.cpu.usable_cpus)
        return FALLING

    monkeypatch.setattr(service, "_measure_bandwidth", measure)
    assert with_bandwidth(FOUND, store, measure=False) == FOUND
    first = with_bandwidth(FOUND, store)
    store.save_machine(first.machine, first.machine_class)
    store.save_machine(MACHINE, FOUND.machine_class)  # seen again, not measured
    assert with_bandwidth(FOUND, store).machine == first.machine
    assert asked == [2]


def test_what_was_disturbed_is_measured_again_next_time(store: Store) -> None:
    disturbed = FALLING.model_copy(update={"noisy": True})
    store.save_machine(MACHINE.model_copy(update={"memory_bandwidth": disturbed}), FOUND.machine_class)
    assert store.memory_bandwidth(FOUND.machine_class.fingerprint) is None


def test_memory_that_cannot_be_measured_stops_no_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(**_ignored: object) -> None:
        raise WorkerCrashed("The worker died.")

    monkeypatch.setattr(service, "WorkerHandle", crash)
    assert with_bandwidth(FOUND, store) == FOUND


def test_a_real_worker_measures_this_machine_within_moments(store: Store) -> None:
    free = dataclasses.replace(
        FOUND,
        machine=MACHINE.model_copy(
            update={"memory": MACHINE.memory.model_copy(update={"available_bytes": 2**28})}
        ),
    )
    bandwidth = with_bandwidth(free, store).machine.memory_bandwidth
    assert bandwidth is not None
    assert bandwidth.measured_utc.endswith("+00:00")
    assert [reading.size_bytes for reading in bandwidth.readings] == [64 * 2**20]


def test_what_is_measured_on_demand_takes_the_place_of_what_was_kept_unless_it_was_disturbed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save_machine(KNOWN, FOUND.machine_class)
    for noisy in (True, False):
        anew = FALLING.model_copy(update={"threads": 1, "noisy": noisy})
        monkeypatch.setattr(service, "_measure_bandwidth", lambda *_ignored, anew=anew: anew)
        assert remeasured(FOUND, store).machine.memory_bandwidth == anew
        assert store.memory_bandwidth(FOUND.machine_class.fingerprint) == (FALLING if noisy else anew)


def test_a_measurement_on_demand_says_why_it_failed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(**_ignored: object) -> None:
        raise WorkerCrashed("The worker died.")

    monkeypatch.setattr(service, "WorkerHandle", crash)
    with pytest.raises(WorkerCrashed):
        remeasured(FOUND, store)


def test_the_limit_is_told_in_a_sentence() -> None:
    limit = DecodeLimit(tokens_per_s=100.0, bandwidth_bytes_per_s=1.56e10, step_bytes=156 * 10**6)
    assert limit_sentence(measured(62.0), limit) == (
        "Decode reaches 62% of what memory bandwidth allows: 100 tok/s at 15.6 GB/s."
    )
    none = limit_of(1, WORKLOAD, SETTINGS, MACHINE)
    assert limit_sentence(measured(62.0), none) == (
        "What memory bandwidth allows of decoding is not known: memory bandwidth was not measured."
    )
    assert limit_sentence(measured(), limit) is None


def test_the_machine_tells_best_and_median_of_its_main_memory() -> None:
    told = memory_bandwidth_text(FALLING.model_copy(update={"measured_utc": "2026-11-26T10:00:00+00:00"}))
    assert told == (
        "16.0 GB/s at best, 16.0 GB/s in the median, reading 488.3 MiB with 2 threads, measured 2026-11-26"
    )


def test_the_machine_tells_what_other_numbers_of_threads_read() -> None:
    fewer = ThreadReadings(threads=1, readings=FALLING.readings)
    told = memory_bandwidth_text(FALLING.model_copy(update={"others": (fewer,)}))
    assert "with 2 threads; with other numbers of threads 1: 16.0 GB/s" in told
