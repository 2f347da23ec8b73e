"""What parent and worker may say to each other, and what is no message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.domain.test_throughput import throughput
from tests.worker.conftest import SETTINGS
from tunesmith.domain.bandwidth import BandwidthReading, DeviceBandwidth, MemoryBandwidth
from tunesmith.domain.machine import Build, Device
from tunesmith.domain.measurement import Conditions, MemoryUse, Sample
from tunesmith.domain.quality import ChunkScore
from tunesmith.domain.reserve import BufferBytes, Reserve
from tunesmith.domain.speculation import BatchRound, Plan
from tunesmith.domain.worker_events import (
    WORKER_EVENTS,
    ChunkKept,
    ChunkScored,
    ContextReady,
    DeviceMemoryRead,
    FileQuantized,
    Heartbeat,
    ImportanceRead,
    LogLine,
    MatricesMultiplied,
    MemoryRead,
    MemoryTold,
    ModelLoaded,
    PromptRead,
    RequestDone,
    RequestFailed,
    SampleTaken,
    ServerReached,
    SpeculationTaken,
    TensorQuantized,
    TextEnded,
    TextGenerated,
    TextSplit,
    TokensTimed,
    WorkerEvent,
    WorkerReady,
)
from tunesmith.domain.workload import Workload
from tunesmith.worker.protocol import (
    COMMANDS,
    MAX_FRAME_BYTES,
    Cancel,
    CollectImportance,
    Command,
    Continue,
    DraftModel,
    Generate,
    Measure,
    MultiplyMatrices,
    NoisePolicy,
    Quantize,
    Reach,
    ReadDevice,
    ReadMemory,
    Sampling,
    Score,
    Shutdown,
    Speculate,
    TellMemory,
    TensorType,
    Turn,
)

MEASURE = Measure(
    request=7,
    model_path="/models/größer.gguf",
    settings=SETTINGS.replace(
        cpu_affinity=(0, 2),
        type_k="q8_0",
        rpc=("10.0.0.2:50052",),
        tensor_split=(1.0, 0.5),
        devices=("RPC0",),
    ),
    workload=Workload(prompt=512, generate=128, depth=4096, parallel=4),
    repetitions=3,
    noise=NoisePolicy(max_retries=5),
)
GENERATE = Generate(
    request=8,
    model_path="/models/größer.gguf",
    settings=SETTINGS,
    turns=(
        Turn(role="user", text="Wie groß?"),
        Turn(role="assistant", text="Sehr."),
        Turn(role="user", text="Ah."),
    ),
    max_tokens=7,
    sampling=Sampling(temperature=0, seed=2**31),
)
SPECULATE = Speculate(
    request=9,
    model_path="/models/größer.gguf",
    settings=SETTINGS,
    draft=DraftModel(model_path="/models/klein.gguf", settings=SETTINGS),
    task=Continue(prompt=(1, 2), max_tokens=5, plan=Plan(drafter="lookup", length=4, ngram=2)),
)
BUILD = Build(
    binding_version="1",
    llama_cpp_version="2",
    ggml_version="3",
    cpu_features=("avx2",),
    system_info="",
    supports_gpu_offload=False,
    supports_mmap=True,
    supports_mlock=True,
    supports_rpc=False,
    backends=("CPU",),
)
DEVICE = Device(name="CPU", description="A CPU", type="cpu", free_bytes=1, total_bytes=2, backend="CPU")

BANDWIDTH = MemoryBandwidth(
    threads=2, readings=(BandwidthReading(size_bytes=64, bytes_per_s=(1.5e10, 1.6e10)),),
    foreign_cores=None, noisy=False,
)  # fmt: skip


RESERVE = Reserve(
    source="breakdown", output_bytes=4,
    buffers=(
        BufferBytes(
            buffer="RPC0[box:1]", device="RPC0", weights_bytes=None, context_bytes=7, compute_bytes=2**40
        ),
    ),
)  # fmt: skip


def sample(step_ns: tuple[int, ...] = (5, 6)) -> Sample:
    return Sample(
        prefill_tokens=9,
        prefill_ns=10,
        step_ns=step_ns,
        sequences=1,
        conditions=Conditions(foreign_cores=None, wait_share=0.0, steal_cores=None),
        memory=MemoryUse(peak_rss_bytes=1, rss_bytes=1, pss_bytes=None),
        noisy=False,
        started_mono_ns=1,
        cost_ns=1,
    )


EVENTS: list[WorkerEvent] = [
    WorkerReady(pid=1, build=BUILD, devices=(DEVICE,)),
    ServerReached(endpoint="10.0.0.2:50052", devices=(DEVICE,), latency_ns=30_000),
    Heartbeat(progress=3, busy=True),
    LogLine(level="error", text="zu wenig Speicher ⚠"),
    ModelLoaded(load_ns=5),
    ContextReady(create_ns=1, depth_ns=2),
    TokensTimed(part="decode", tokens=4, elapsed_ns=5, rss_bytes=None),
    SampleTaken(sample=sample()),
    MemoryRead(bandwidth=BANDWIDTH),
    DeviceMemoryRead(bandwidth=DeviceBandwidth(device="CUDA0", size_bytes=2**30, bytes_per_s=(9e11,))),
    MatricesMultiplied(throughput=throughput("Q4_K", 1e11, 2e11)),
    MemoryTold(reserve=RESERVE),
    PromptRead(tokens=13, reused=12, elapsed_ns=5, templated=True),
    TextGenerated(text="Größe\n", tokens=2, elapsed_ns=5),
    TextEnded(reason="context_full", tokens=2, elapsed_ns=5),
    SpeculationTaken(result=BatchRound(sizes=(2, 1), elapsed_ns=(7, 5), depth=3, noisy=False)),
    TextSplit(tokens=9, chunks_in_text=3, chunks=(2, 0, 1), vocabulary="0" * 64, kept=1),
    ChunkKept(chunk=2),
    ChunkScored(score=ChunkScore(chunk=2, kld=(0.1, -1e-7), nll=(1.5, 2.0), source_nll=(1.0, 2.0), agreed=1)),
    ImportanceRead(done=3, total=40),
    TensorQuantized(done=3, total=272, tensor="blk.0.ffn_down.weight"),
    FileQuantized(weights_bytes=10**9, bits_per_weight=4.85, fallbacks=3, needs_imatrix=False),
    RequestDone(request=1),
    RequestFailed(request=1, error="out_of_memory", message="a\nb"),
]


MULTIPLY = MultiplyMatrices(request=10, weights_type="Q4_K", type_id=12, threads=(2, 1))
READ_DEVICE = ReadDevice(request=11, device="CUDA0")
MEMORY = ReadMemory(request=9, threads=(2, 1), free_bytes=5)
TELL = TellMemory(request=10, model_path="/m.gguf", settings=SETTINGS)
SCORE = Score(
    request=4, role="candidate", model_path="/m.gguf", settings=SETTINGS, text_path="/t.txt",
    text_sha256="0" * 64,
    max_chunks=3, base_folder="/c", base_key="a" * 32, base_limit_bytes=1, chunks=(2, 0), vocabulary="1" * 64,
)  # fmt: skip
QUANTIZE = Quantize(
    request=5, source_path="/m.gguf", target_path="/.q.part", file_type=15, threads=2, dry_run=True,
    tensor_types=(TensorType(pattern="ffn_down", type=14),), labels={"tunesmith.requantized_from": "Q4_1"},
)  # fmt: skip
COLLECT = CollectImportance(
    request=6, model_path="/m.gguf", settings=SETTINGS, text_path="/t.txt", text_sha256="0" * 64,
    text_name="t.txt", max_chunks=3, target_path="/i.gguf", notes={"tunesmith.text_sha256": "0" * 64},
)  # fmt: skip

REACH = Reach(request=2, endpoint="box:1")


@pytest.mark.parametrize(
    "command",
    [
        MEASURE,
        GENERATE,
        SCORE,
        QUANTIZE,
        COLLECT,
        MEMORY,
        READ_DEVICE,
        MULTIPLY,
        TELL,
        SPECULATE,
        REACH,
        Cancel(request=3),
        Shutdown(),
    ],
    ids=lambda c: c.type,
)
def test_a_command_arrives_as_it_was_sent(command: Command) -> None:
    assert COMMANDS.validate_json(COMMANDS.dump_json(command)) == command


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.type)
def test_an_event_arrives_as_it_was_sent(event: WorkerEvent) -> None:
    assert WORKER_EVENTS.validate_json(WORKER_EVENTS.dump_json(event)) == event


def test_every_kind_of_worker_event_is_tried_above() -> None:
    known = set(WORKER_EVENTS.json_schema()["discriminator"]["mapping"])
    assert {event.type for event in EVENTS} == known


def test_the_longest_sample_there_can_be_fits_into_a_frame() -> None:
    """2**20 steps is the most a workload asks for; ten digits of nanoseconds are ten seconds a step."""
    frame = WORKER_EVENTS.dump_json(SampleTaken(sample=sample((9_999_999_999,) * 2**20)))
    assert len(frame) < MAX_FRAME_BYTES


@pytest.mark.parametrize(
    "changes",
    [
        {"repetitions": 0},
        {"request": "7"},
        {"surprise": 1},
        {"model_path": 5},
        {"noise": {"max_retries": -1}},
        {"noise": {"pause_seconds": -0.1}},
        {"workload": {"prompt": 0, "generate": 0}},
        {"settings": {**SETTINGS.model_dump(), "n_batch": 0}},
        {"settings": {**SETTINGS.model_dump(), "threads": 513}},
    ],
    ids=str,
)
def test_a_command_that_makes_no_sense_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Measure.model_validate({**MEASURE.model_dump(), **changes})


@given(st.binary(max_size=200))
def test_bytes_at_random_are_no_message(frame: bytes) -> None:
    with pytest.raises(ValidationError):
        WORKER_EVENTS.validate_json(frame)
    with pytest.raises(ValidationError):
        COMMANDS.validate_json(frame)


@given(st.sampled_from(EVENTS), st.data())
def test_an_event_cut_short_is_no_event(event: WorkerEvent, data: st.DataObject) -> None:
    frame = WORKER_EVENTS.dump_json(event)
    end = data.draw(st.integers(0, len(frame) - 1))
    with pytest.raises(ValidationError):
        WORKER_EVENTS.validate_json(frame[:end])
