"""What a worker does again and what it does not, and when it speaks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.worker.conftest import ONCE, SETTINGS
from tunesmith.domain.machine import Device
from tunesmith.domain.measurement import Conditions, MemoryUse, Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.worker_events import ContextReady, SampleTaken, WorkerEvent
from tunesmith.domain.workload import Workload
from tunesmith.engine import library
from tunesmith.engine.errors import Cancelled, EngineError, LoadRefused
from tunesmith.engine.library import AbortFlag, LogBuffer
from tunesmith.engine.timing import LiveTiming
from tunesmith.worker.bench import Bench
from tunesmith.worker.protocol import Measure, NoisePolicy

WORKLOAD = Workload(prompt=20, generate=4)
RSS = 10**9


@dataclass
class FakeProbe:
    """A machine as quiet as the test wants it."""

    happened: list[str] = field(default_factory=list)
    foreign_cores: list[float] = field(default_factory=list)
    """Of the samples to come; quiet when there are none left."""
    peak_rss_bytes: int | None = RSS + 10**8

    def adopt(self, endpoints: tuple[str, ...]) -> None:
        if endpoints:
            self.happened.append("adopt")

    def begin(self) -> None:
        self.happened.append("begin")

    def end(self) -> Conditions:
        self.happened.append("end")
        foreign = self.foreign_cores.pop(0) if self.foreign_cores else 0.0
        return Conditions(foreign_cores=foreign, wait_share=None, steal_cores=None)

    def memory(self) -> MemoryUse:
        return MemoryUse(peak_rss_bytes=self.peak_rss_bytes, rss_bytes=RSS, pss_bytes=None)

    def resident_bytes(self) -> int | None:
        return RSS

    def reset_peak(self) -> None:
        self.happened.append("reset peak")


@dataclass
class Rig:
    """A bench, all that it said, and when it said it."""

    path: Path
    bench: Bench
    probe: FakeProbe
    abort: AbortFlag
    events: list[WorkerEvent]

    def measure(self, settings: Settings = SETTINGS, workload: Workload = WORKLOAD, **more: object) -> None:
        command = {"request": 1, "model_path": str(self.path), "noise": ONCE, **more}
        self.bench.measure(Measure.model_validate({**command, "settings": settings, "workload": workload}))

    def took(self) -> list[str]:
        """The types of the events since the last call."""
        types: list[str] = [event.type for event in self.events]
        self.events.clear()
        return types

    def samples(self) -> list[Sample]:
        return [event.sample for event in self.events if isinstance(event, SampleTaken)]


@pytest.fixture(scope="module")
def log() -> LogBuffer:
    log = LogBuffer()
    library.start(log)
    return log


@pytest.fixture
def rig(tiny_path: Path, log: LogBuffer) -> Iterator[Rig]:
    probe, abort, events = FakeProbe(), AbortFlag(), list[WorkerEvent]()

    def emit(event: WorkerEvent) -> None:
        probe.happened.append("emit")
        events.append(event)

    bench = Bench(log=log, abort=abort, live=LiveTiming(), probe=probe, emit=emit)
    yield Rig(tiny_path, bench, probe, abort, events)
    bench.close()


def test_what_a_device_lost_since_before_the_load_is_the_samples(tiny_path: Path, log: LogBuffer) -> None:
    free = iter(range(10**10, 0, -(10**9)))
    asked = 0

    def devices() -> tuple[Device, ...]:
        nonlocal asked
        asked += 1
        cpu = Device(name="CPU", description="", type="cpu", free_bytes=1, total_bytes=1, backend="CPU")
        gpu = cpu.model_copy(update={"name": "GPU0", "type": "gpu", "free_bytes": next(free)})
        return cpu, gpu

    events: list[WorkerEvent] = []
    bench = Bench(
        log=log, abort=AbortFlag(), live=LiveTiming(), probe=FakeProbe(), emit=events.append, devices=devices
    )
    made = Rig(tiny_path, bench, FakeProbe(), AbortFlag(), events)
    made.measure()
    bench.close()
    (sample,) = made.samples()
    assert sample.memory.device_used_bytes == {"GPU0": (asked - 1) * 10**9}


FIRST = ["model_loaded", "context_ready", "sample_taken"]
NEW_CONTEXT = ["context_ready", "sample_taken"]
AGAIN = ["sample_taken"]


def test_nothing_is_said_while_a_sample_is_timed(rig: Rig) -> None:
    rig.measure(repetitions=3)
    happened = "".join({"begin": "(", "end": ")", "emit": "!"}.get(h, "?") for h in rig.probe.happened)
    assert happened == "!!()!()!()!"


def test_the_second_measurement_uses_model_context_and_warmth_of_the_first(rig: Rig) -> None:
    rig.measure()
    assert rig.took() == FIRST
    rig.measure()
    assert rig.took() == AGAIN


def test_other_threads_make_no_context_but_warm_it_up_once(rig: Rig) -> None:
    short = Workload(prompt=2, generate=1)
    rig.measure(SETTINGS, short)
    rig.took()
    contexts = list(rig.bench._contexts.values())
    other = SETTINGS.replace(threads=2)
    rig.measure(other, short)
    assert rig.took() == NEW_CONTEXT  # warmed up for these threads
    assert list(rig.bench._contexts.values()) == contexts
    for settings in (SETTINGS, other, SETTINGS):
        rig.measure(settings, short)
        assert rig.took() == AGAIN


@pytest.mark.parametrize(
    "changes",
    [
        {"n_ctx": 1024},
        {"n_batch": 100},
        {"n_ubatch": 32},
        {"flash_attn": "off"},
        {"type_k": "q8_0"},
        {"type_k": "q8_0", "type_v": "q8_0"},
        {"swa_full": True},
        {"op_offload": False},
        {"n_seq_max": 2},
    ],
    ids=str,
)
def test_another_setting_of_the_context_makes_a_context_and_loads_nothing(
    rig: Rig, changes: dict[str, object]
) -> None:
    rig.measure()
    rig.took()
    rig.measure(SETTINGS.replace(**changes))
    assert rig.took() == NEW_CONTEXT
    assert len(rig.bench._contexts) == 2
    rig.measure()
    assert rig.took() == AGAIN


@pytest.mark.parametrize(
    "changes", [{"n_gpu_layers": 0}, {"load_mode": "none"}, {"use_extra_bufts": False}], ids=str
)
def test_another_setting_of_the_model_loads_it_again_and_counts_the_peak_anew(
    rig: Rig, changes: dict[str, object]
) -> None:
    rig.measure()
    rig.took()
    assert "reset peak" not in rig.probe.happened
    rig.measure(SETTINGS.replace(**changes))
    assert rig.took() == FIRST
    assert "reset peak" in rig.probe.happened
    assert len(rig.bench._contexts) == 1


def test_another_file_is_another_model(rig: Rig, tmp_path: Path) -> None:
    rig.measure()
    rig.took()
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(rig.path.read_bytes())
    rig.measure(model_path=str(copy))
    assert rig.took() == FIRST


def test_another_workload_is_warmed_up_in_the_same_context(rig: Rig) -> None:
    rig.measure()
    rig.took()
    other = Workload(prompt=5, generate=9)
    rig.measure(workload=other)
    (ready, taken) = rig.events
    assert isinstance(ready, ContextReady)
    assert isinstance(taken, SampleTaken)
    assert (taken.sample.prefill_tokens, len(taken.sample.step_ns)) == (5, 9)
    assert len(rig.bench._contexts) == 1


def test_without_warm_up_there_is_none(rig: Rig) -> None:
    rig.measure(warmup=False)
    assert rig.took() == ["model_loaded", "sample_taken"]


def test_the_context_used_longest_ago_makes_room(rig: Rig) -> None:
    for ubatch in (8, 16, 24, 32, 40, 48):
        rig.measure(SETTINGS.replace(n_ubatch=ubatch))
    rig.measure(SETTINGS.replace(n_ubatch=8))
    rig.took()
    rig.measure(SETTINGS.replace(n_ubatch=56))
    assert len(rig.bench._contexts) == 6
    rig.took()
    rig.measure(SETTINGS.replace(n_ubatch=8))
    assert rig.took() == AGAIN
    rig.measure(SETTINGS.replace(n_ubatch=16))  # made room, and has to be warmed up again
    assert rig.took() == NEW_CONTEXT


def test_a_sample_holds_what_was_asked_for(rig: Rig) -> None:
    workload = Workload(prompt=10, generate=3, depth=40, parallel=2)
    rig.measure(SETTINGS.replace(n_seq_max=2), workload, repetitions=2)
    assert len(rig.samples()) == 2
    for sample in rig.samples():
        assert (sample.prefill_tokens, len(sample.step_ns), sample.sequences) == (20, 3, 2)
        assert sample.cost_ns > sum(sample.step_ns)
        assert not sample.noisy
    first, second = rig.samples()
    assert first.started_mono_ns < second.started_mono_ns
    assert first.cost_ns > second.cost_ns  # it paid for load, context and depth


# ---------------------------------------------------------------- noise


def test_a_disturbed_sample_is_taken_again(rig: Rig) -> None:
    rig.probe.foreign_cores = [1.0, 0.9]
    rig.measure(noise=NoisePolicy(max_retries=2, pause_seconds=0))
    (sample,) = rig.samples()
    assert (sample.rejected, sample.noisy) == (2, False)
    assert sample.conditions.foreign_cores == 0.0


def test_a_sample_disturbed_every_time_is_kept_and_marked(rig: Rig) -> None:
    rig.probe.foreign_cores = [1.0, 0.9, 0.8, 0.7]
    rig.measure(noise=NoisePolicy(max_retries=2, pause_seconds=0))
    (sample,) = rig.samples()
    assert (sample.rejected, sample.noisy) == (2, True)
    assert sample.conditions.foreign_cores == 0.8


# ---------------------------------------------------------------- memory


def test_memory_is_told_as_it_is_where_no_depth_was_saved(rig: Rig) -> None:
    rig.measure()
    (sample,) = rig.samples()
    assert sample.memory == rig.probe.memory()


def test_a_saved_depth_is_no_memory_of_the_models(rig: Rig) -> None:
    rig.measure(workload=Workload(prompt=10, generate=3, depth=40))
    (sample,) = rig.samples()
    kept = rig.bench._depths.kept_bytes
    assert kept > 0
    assert sample.memory.rss_bytes == RSS - kept
    assert sample.memory.pss_bytes is None
    # the peak may as well have been before the state was saved
    assert sample.memory.peak_rss_bytes == RSS + 10**8


def test_a_peak_reached_after_saving_is_less_by_what_was_saved(rig: Rig) -> None:
    deep = Workload(prompt=10, generate=3, depth=40)
    rig.measure(workload=deep)
    rig.events.clear()
    rig.probe.peak_rss_bytes = 2 * RSS
    rig.measure(workload=deep)
    (sample,) = rig.samples()
    assert sample.memory.peak_rss_bytes == 2 * RSS - rig.bench._depths.kept_bytes


def test_an_unknown_peak_stays_unknown(rig: Rig) -> None:
    rig.probe.peak_rss_bytes = None
    rig.measure(workload=Workload(prompt=10, generate=3, depth=40))
    assert rig.samples()[0].memory.peak_rss_bytes is None


# ---------------------------------------------------------------- failures


def test_a_refused_model_leaves_a_bench_that_measures_the_next(rig: Rig, tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"no model")
    rig.measure()
    rig.took()
    with pytest.raises(LoadRefused):
        rig.measure(model_path=str(bad))
    assert rig.took() == []
    rig.measure()
    assert rig.took() == FIRST


def test_a_refused_context_leaves_the_others(rig: Rig) -> None:
    rig.measure()
    rig.took()
    with pytest.raises(EngineError, match="tokens of context"):
        rig.measure(workload=Workload(prompt=600, generate=1))
    with pytest.raises(EngineError, match="no room for one token"):
        rig.measure(SETTINGS.replace(n_seq_max=8, n_batch=4, n_ubatch=4))
    rig.measure()
    assert rig.took() == AGAIN


def test_a_cancelled_warm_up_is_done_again(rig: Rig) -> None:
    rig.measure(workload=Workload(prompt=1, generate=1))
    rig.took()
    rig.abort.set()
    with pytest.raises(Cancelled):
        rig.measure()
    rig.abort.clear()
    rig.measure()
    assert rig.took() == NEW_CONTEXT


def test_closing_frees_everything_and_twice_is_harmless(rig: Rig) -> None:
    rig.measure(workload=Workload(prompt=10, generate=3, depth=40))
    rig.bench.close()
    assert rig.bench._depths.kept_bytes == 0
    assert not rig.bench._contexts
    rig.bench.close()
    rig.took()
    rig.measure()
    assert rig.took() == FIRST


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux binds threads to CPUs")
def test_affinity_holds_for_its_settings_and_no_others(rig: Rig) -> None:
    mine = os.sched_getaffinity(0)
    one = min(mine)
    try:
        rig.measure(SETTINGS.replace(cpu_affinity=(one,)))
        assert os.sched_getaffinity(0) == {one}
        rig.measure()
        assert os.sched_getaffinity(0) == mine
    finally:
        rig.bench.affinity.apply(None)
