"""What is projected of a machine: what fits, what is not tried, what llama.cpp corrects."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.values import MACHINE
from tests.support.model_shapes import write_shape
from tests.support.rpc_server import rpc_server
from tunesmith.domain.machine import Machine
from tunesmith.domain.overrides import MAIN_MEMORY
from tunesmith.domain.settings import Settings
from tunesmith.services.context import survey_machine
from tunesmith.services.memory import (
    MemoryGate,
    Projector,
    ReserveCache,
    calibrated,
    reserve_key,
)
from tunesmith.tuning.headroom import margin_bytes
from tunesmith.worker.handle import WorkerHandle

MIB = 2**20
SETTINGS = Settings(threads=1, threads_batch=1, n_ctx=32768, load_mode="none")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shape("8 experts", tmp_path_factory.mktemp("models"))


def with_free(free_bytes: int) -> Machine:
    found = MACHINE
    memory = found.memory.model_copy(update={"available_bytes": free_bytes, "total_bytes": 100 * MIB})
    return found.model_copy(update={"memory": memory, "devices": ()})


def test_the_margin_is_a_twentieth_and_at_most_a_gibibyte() -> None:
    assert margin_bytes(100 * MIB) == 5 * MIB
    assert margin_bytes(2**40) == 2**30


def test_settings_that_cannot_fit_are_said_not_to_with_numbers(model: Path) -> None:
    needed = Projector(str(model), with_free(0)).of(SETTINGS).host.expected_bytes
    roomy, tight = (Projector(str(model), with_free(needed + extra)) for extra in (5 * MIB, 5 * MIB - 1))
    assert roomy.why_not(SETTINGS) == ""
    said = tight.why_not(SETTINGS)
    assert "main memory would need" in said
    assert "of which 5.0 MiB are kept" in said


def test_a_gate_says_nothing_of_the_defaults(model: Path) -> None:
    gate = MemoryGate(str(model), with_free(0), None)
    gate.spare(SETTINGS)
    assert gate.why_not(SETTINGS) == ""
    assert gate.why_not(SETTINGS.replace(n_ubatch=256)) != ""


def test_a_limit_of_memory_is_judged_by_what_is_certain_alone(model: Path) -> None:
    host = Projector(str(model), with_free(2**40)).of(SETTINGS).host
    assert MemoryGate(str(model), with_free(2**40), host.certain_bytes).why_not(SETTINGS) == ""
    said = MemoryGate(str(model), with_free(2**40), host.certain_bytes - 1).why_not(SETTINGS)
    assert said.startswith("weights and caches alone take")


def test_after_memory_ran_out_what_needs_no_less_is_not_tried(model: Path) -> None:
    gate = MemoryGate(str(model), with_free(2**40), None)
    smaller, larger = SETTINGS.replace(n_ctx=8192), SETTINGS.replace(n_ctx=65536)
    gate.ran_out(SETTINGS)
    assert gate.why_not(smaller) == ""
    assert "no less memory" in gate.why_not(larger)


def test_what_llama_cpp_tells_is_the_projection_and_is_asked_once(model: Path, tmp_path: Path) -> None:
    here = with_free(2**40)
    projector = Projector(str(model), here)
    with WorkerHandle() as worker:
        told = worker.tell_memory(str(model), SETTINGS)
        first = calibrated(
            projector,
            str(model),
            SETTINGS,
            here,
            cache=ReserveCache(tmp_path),
            model_sha256="a",
            worker=worker,
        )
    assert first.calibrated
    assert first.host.compute_bytes == sum(buffer.compute_bytes for buffer in told.buffers)
    assert first.host.compute_bytes == projector.of(SETTINGS).host.compute_bytes
    again = calibrated(
        projector, "/nowhere.gguf", SETTINGS, here, cache=ReserveCache(tmp_path), model_sha256="a"
    )
    assert again == first


def test_only_settings_that_matter_name_what_was_told() -> None:
    key = reserve_key("a", "b", SETTINGS, ())
    assert reserve_key("a", "b", SETTINGS.replace(threads=7, load_mode="mmap"), ()) == key
    assert reserve_key("a", "b", SETTINGS.replace(n_ubatch=64), ()) != key
    assert reserve_key("a", "c", SETTINGS, ()) != key


def test_a_damaged_file_of_what_was_told_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "reserves.jsonl").write_bytes(b"{]\n\xff\n[]\n")
    assert ReserveCache(tmp_path).get("a") is None


def test_a_projection_on_two_devices_is_what_llama_cpp_would_allocate(model: Path) -> None:
    with rpc_server() as first, rpc_server() as second:
        endpoints = (first.endpoint, second.endpoint)
        found = survey_machine(rpc=endpoints).machine
        projector = Projector(str(model), found)
        base = SETTINGS.replace(rpc=endpoints, n_ctx=2048)
        with WorkerHandle(rpc=endpoints) as worker:
            for changes in (
                {"n_gpu_layers": 2},
                {"tensor_split": (1.0, 3.0)},
                {"split_mode": "none", "flash_attn": "off"},
                {"split_mode": "none", "n_cpu_moe": 2},
            ):
                settings = base.replace(**changes)
                told = worker.tell_memory(str(model), settings)
                for part in projector.of(settings).devices:
                    here = [one for one in told.buffers if (one.device or MAIN_MEMORY) == part.name]
                    weights = sum(one.weights_bytes or 0 for one in here)
                    assert weights <= part.weights_bytes + part.repacked_bytes <= 1.001 * weights, changes
                    assert part.kv_bytes == sum(one.context_bytes or 0 for one in here), changes
                    compute = sum(one.compute_bytes for one in here)
                    assert compute <= part.compute_bytes <= 1.1 * compute, (changes, part.name)
