"""Claims about the physical limit of prefill: where it is known, and that nothing measured lies above it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.domain.test_bandwidth import FALLING
from tests.domain.test_machine import GPU, MACHINE
from tests.domain.test_throughput import WORK, throughput
from tests.store.values import measurement
from tests.support.gguf_writer import tiny_llama
from tunesmith import gguf
from tunesmith.domain.bandwidth import SAFETY
from tunesmith.domain.machine import Machine, machine_class
from tunesmith.domain.measurement import Measurement
from tunesmith.domain.request import MeasureRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.statistics import quantity
from tunesmith.domain.throughput import MatrixThroughput, PrefillLimit
from tunesmith.domain.workload import Workload
from tunesmith.errors import WorkerCrashed
from tunesmith.presentation.limit_text import all_limits, known_limits, prefill_limit_sentence
from tunesmith.services import prefill_limits as service
from tunesmith.services.context import Surroundings
from tunesmith.services.limits import limit_of
from tunesmith.services.measure import start_measure
from tunesmith.services.prefill_limits import (
    PrefillLimits,
    confirmed_prefill_limit,
    forget_throughput_if_beaten,
    prefill_limit_of,
    with_throughput,
)
from tunesmith.store import Store

SETTINGS = Settings(threads=2, threads_batch=2, n_ctx=1024)
WORKLOAD = Workload(prompt=512, generate=16)
THROUGHPUT = (throughput("Q4_K", 2e11), throughput("Q6_K", 1e11))
KNOWN = MACHINE.model_copy(update={"memory_bandwidth": FALLING, "matrix_throughput": THROUGHPUT})
FOUND = Surroundings(MACHINE, machine_class(MACHINE))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.sqlite3") as store:
        yield store


def measured(*tokens_per_s: float) -> Measurement:
    speed = quantity(list(tokens_per_s)) if tokens_per_s else None
    return measurement(SETTINGS).model_copy(
        update={"workload": WORKLOAD, "prefill_tokens_per_s": speed, "decode_tokens_per_s": None}
    )


def test_the_limit_is_throughput_over_operations() -> None:
    limit = prefill_limit_of(WORK, WORKLOAD, SETTINGS, KNOWN)
    seconds = 8e7 / 2e11 + 2e7 / 1e11
    assert limit.tokens_per_s == pytest.approx(1 / seconds)
    assert limit.operations_per_token == WORK.operations_per_token
    assert limit.operations_per_s == pytest.approx(WORK.operations_per_token / seconds)
    assert not limit.by_memory


def test_a_short_prompt_is_held_back_by_reading_the_weights_once_for_each_batch() -> None:
    limit = prefill_limit_of(WORK, Workload(prompt=4, generate=0), SETTINGS, KNOWN)
    assert limit.by_memory
    assert limit.tokens_per_s == pytest.approx(4 / (10**8 / 38e9))
    twice = prefill_limit_of(WORK, Workload(prompt=4, generate=0), SETTINGS.replace(n_ubatch=2), KNOWN)
    assert twice.tokens_per_s == pytest.approx(2 / (10**8 / 38e9))


def test_the_line_that_is_drawn_lies_below_no_batch_of_any_candidate(smollm2_path: Path) -> None:
    types = {type_ for type_, _count in gguf.prefill_work(gguf.read_shape(smollm2_path), WORKLOAD).operations}
    known = KNOWN.model_copy(update={"matrix_throughput": tuple(throughput(name, 2e11) for name in types)})
    limits = PrefillLimits(str(smollm2_path), known)
    loosest = limits.loosest(WORKLOAD, SETTINGS).tokens_per_s
    assert loosest is not None
    for prompt in (1, 32, WORKLOAD.prompt):
        for n_ubatch in (16, 512):
            taste = WORKLOAD.model_copy(update={"prompt": prompt})
            allowed = limits.of(taste, SETTINGS.replace(n_ubatch=n_ubatch)).tokens_per_s
            assert allowed is not None
            assert allowed <= loosest


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        (MACHINE, "matrix throughput was not measured"),
        (KNOWN.model_copy(update={"devices": (GPU,)}), "CUDA0 may compute, whose matrix throughput is not"),
        (
            MACHINE.model_copy(
                update={"matrix_throughput": (throughput("Q4_K", 2e11, noisy=True), THROUGHPUT[1])}
            ),
            "other programs used the machine",
        ),
    ],
)
def test_a_limit_that_is_not_known_says_why(machine: Machine, reason: str) -> None:
    limit = prefill_limit_of(WORK, WORKLOAD, SETTINGS, machine)
    assert limit.tokens_per_s is None
    assert limit.reason.startswith(reason)
    assert reason in (prefill_limit_sentence(measured(5.0), limit) or "")


def test_without_a_prompt_there_is_no_limit_and_nothing_is_said() -> None:
    limit = prefill_limit_of(WORK, Workload(prompt=0, generate=4), SETTINGS, KNOWN)
    assert limit.reason == "no prompt is read"
    assert prefill_limit_sentence(measured(), limit) is None


def test_a_sample_above_the_limit_makes_it_none_and_has_it_measured_again(store: Store) -> None:
    store.save_machine(KNOWN, FOUND.machine_class)
    limit = PrefillLimit(tokens_per_s=100.0, operations_per_token=1e8, operations_per_s=1e10)
    kept = confirmed_prefill_limit(limit, measured(80.0, 99.0))
    forget_throughput_if_beaten(store, FOUND, limit, kept)
    assert kept == limit
    assert store.matrix_throughput(FOUND.machine_class.fingerprint) == THROUGHPUT
    beaten = confirmed_prefill_limit(limit, measured(80.0, 101.0))
    forget_throughput_if_beaten(store, FOUND, limit, beaten)
    assert "too low" in beaten.reason
    assert store.matrix_throughput(FOUND.machine_class.fingerprint) == ()
    assert store.memory_bandwidth(FOUND.machine_class.fingerprint) == FALLING


def test_each_type_is_measured_once_for_a_machine_class(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    def measure(_machine: Machine, types: list[str], _controls: object) -> Iterator[MatrixThroughput]:
        asked.extend(types)
        return iter([throughput(name, 1e11) for name in types])

    monkeypatch.setattr(service, "_measure", measure)
    path = str(tiny_llama().write(tmp_path / "tiny.gguf"))
    none = with_throughput(FOUND, store, path, WORKLOAD, measure=False)
    assert none.machine.matrix_throughput == ()
    first = with_throughput(FOUND, store, path, WORKLOAD)
    store.save_machine(first.machine, first.machine_class)
    store.save_machine(MACHINE, FOUND.machine_class)  # seen again, not measured
    assert with_throughput(FOUND, store, path, WORKLOAD).machine == first.machine
    assert asked == ["F32", "F16"], "attention takes more than a tenth of so small a model"
    on_gpu = Surroundings(MACHINE.model_copy(update={"devices": (GPU,)}), FOUND.machine_class)
    store.forget_matrix_throughput(FOUND.machine_class.fingerprint)
    assert with_throughput(on_gpu, store, path, WORKLOAD).machine.matrix_throughput == ()
    assert with_throughput(FOUND, store, path, Workload(prompt=0, generate=1)).machine == MACHINE


def test_matrices_that_cannot_be_measured_stop_no_run(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def crash(**_ignored: object) -> None:
        raise WorkerCrashed("The worker died.")

    monkeypatch.setattr(service, "WorkerHandle", crash)
    path = str(tiny_llama().write(tmp_path / "tiny.gguf"))
    assert with_throughput(FOUND, store, path, WORKLOAD) == FOUND


def test_a_machine_stored_before_matrices_were_measured_still_loads() -> None:
    kept = MACHINE.model_dump()
    del kept["matrix_throughput"]
    assert Machine.model_validate(kept) == MACHINE


def test_the_limit_is_told_in_a_sentence() -> None:
    limit = PrefillLimit(tokens_per_s=1000.0, operations_per_token=1.5e8, operations_per_s=1.5e11)
    told = "Prefill reaches 62% of what matrix throughput allows: 1000 tok/s at 150 GFLOPS."
    assert prefill_limit_sentence(measured(620.0), limit) == told
    by_memory = limit.model_copy(update={"by_memory": True})
    assert "with so short a prompt: 1000 tok/s." in (prefill_limit_sentence(measured(620.0), by_memory) or "")
    none = limit_of(1, WORKLOAD, SETTINGS, MACHINE)
    assert known_limits(measured(620.0), none, limit) == [told]
    assert all_limits(measured(620.0), none, limit) == [told]


@pytest.mark.model
def test_nothing_that_is_measured_lies_above_the_limits(store: Store, smollm2_path: Path) -> None:
    request = MeasureRequest(
        model_path=str(smollm2_path), workload=Workload(prompt=128, generate=8),
        settings=Settings(threads=2, threads_batch=2, n_ctx=256), repetitions=2,
    )  # fmt: skip
    result = start_measure(request, store).result()
    speeds, limit = result.measurement.prefill_tokens_per_s, result.prefill_limit
    assert speeds is not None
    assert limit is not None
    if limit.tokens_per_s is None:
        assert "other programs" in limit.reason or "too low" in limit.reason
    else:
        assert max(speeds.samples) <= limit.tokens_per_s * SAFETY
    decode = result.measurement.decode_tokens_per_s
    assert decode is not None
    if result.limit.tokens_per_s is not None:
        assert max(decode.samples) <= result.limit.tokens_per_s * SAFETY
