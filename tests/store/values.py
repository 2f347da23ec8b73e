"""Own examples of every value that a store keeps."""

from __future__ import annotations

from tunesmith.domain.events import Event
from tunesmith.domain.machine import Build, Cpu, Machine, MachineClass, Memory, PowerSource, machine_class
from tunesmith.domain.measurement import Conditions, Measurement, MemoryUse, Quantity, Sample
from tunesmith.domain.model import ModelHeader, ModelIdentity, Shard, TensorTypeUse
from tunesmith.domain.profile import Change, TunedProfile
from tunesmith.domain.request import MeasureRequest, SearchRules, TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.worker_events import Heartbeat
from tunesmith.domain.workload import BUDGETS, Constraints, Objective, Workload
from tunesmith.store import Store

BUILD = Build(
    binding_version="0.3.36",
    llama_cpp_version="0.5.0-dev",
    ggml_version="0.9.5",
    cpu_features=("avx2", "fma"),
    system_info="CPU : AVX2 = 1 |",
    supports_gpu_offload=False,
    supports_mmap=True,
    supports_mlock=True,
    supports_rpc=False,
    backends=("CPU",),
)
MACHINE = Machine(
    hostname="bench-1",
    os_name="Debian GNU/Linux 12",
    os_kernel="6.1.0",
    cpu=Cpu(
        model="AMD Ryzen 7 5700G",
        architecture="x86_64",
        sockets=1,
        physical_cores=8,
        logical_cpus=16,
        cores=(),
        allowed_cpus=tuple(range(16)),
        cpu_quota=None,
        usable_cpus=16,
        usable_cores=8,
        llama_default_threads=8,
        features=("avx2", "fma"),
    ),
    memory=Memory(
        total_bytes=16 * 2**30,
        available_bytes=9 * 2**30,
        machine_total_bytes=16 * 2**30,
        limit_bytes=None,
        swap_total_bytes=0,
        swap_used_bytes=0,
    ),
    power=PowerSource(on_mains=True, battery_percent=None, governor="performance"),
    virtualization=None,
    devices=(),
    build=BUILD,
)
MACHINE_CLASS: MachineClass = machine_class(MACHINE)
WORKLOAD = Workload(prompt=256, generate=4, depth=512)
SETTINGS = Settings(threads=8, threads_batch=8, n_ctx=1024)


def identity(
    sha256: str = "5a" * 32, name: str | None = "SmolLM2 135M", path: str = "/models/s.gguf"
) -> ModelIdentity:
    """A model; its content decides who it is."""
    return ModelIdentity(
        sha256=sha256,
        header=ModelHeader(
            path=path,
            architecture="llama",
            name=name,
            gguf_version=3,
            file_type="Q4_K_M",
            parameters=134_515_008,
            layers=30,
            embedding_length=576,
            feed_forward_length=(1536,),
            heads=(9,),
            kv_heads=(3,),
            key_length=64,
            value_length=64,
            sliding_window=None,
            experts=None,
            experts_used=None,
            context_length=8192,
            vocabulary_size=49152,
            tensor_count=272,
            tensor_types=(TensorTypeUse(type="Q4_K", tensors=1, elements=1024, size_bytes=576),),
            weights_bytes=103_000_000,
            file_bytes=105_000_000,
            bits_per_weight=6.13,
            shards=(Shard(path=path, size_bytes=105_000_000),),
            has_chat_template=True,
            tokenizer="gpt2",
            license="apache-2.0",
        ),
    )


TUNE = TuneRequest(
    model_path="/models/s.gguf",
    workload=WORKLOAD,
    objective=Objective(),
    constraints=Constraints(max_ttft_ms=900.5),
    budget=BUDGETS["quick"],
    rules=SearchRules(vary=("threads",), fix={"type_k": "f16"}),
    preset="chat",
    seed=7,
)
MEASURE = MeasureRequest(model_path="/models/s.gguf", workload=WORKLOAD, settings=SETTINGS)


def sample(number: int = 0) -> Sample:
    """A sample that differs from those of other numbers."""
    return Sample(
        prefill_tokens=256,
        prefill_ns=812_345_678 + number,
        step_ns=(9_000_001, 9_100_002, 8_900_003, 9_000_000 + number),
        sequences=1,
        conditions=Conditions(foreign_cores=0.03, wait_share=0.001, steal_cores=None, cpu_mhz=4450.5),
        memory=MemoryUse(
            peak_rss_bytes=150_000_000, rss_bytes=149_000_000, pss_bytes=None, device_used_bytes={"GPU0": 5}
        ),
        noisy=bool(number % 2),
        rejected=number % 3,
        started_mono_ns=10**15 + number,
        cost_ns=2_000_000_000,
    )


def heartbeats(count: int, start: int = 1) -> list[Event]:
    """Events numbered from ``start``."""
    return [Heartbeat(seq=n, mono_ns=n * 1000, progress=n, busy=True) for n in range(start, start + count)]


def quantity(median: float) -> Quantity:
    """A quantity measured three times."""
    return Quantity(
        median=median,
        low=median * 0.9,
        high=median * 1.1,
        confidence=0.95,
        samples=(median * 0.9, median, median * 1.1),
        noisy=False,
    )


def measurement(settings: Settings = SETTINGS) -> Measurement:
    """What was found for some settings."""
    return Measurement(
        settings=settings,
        workload=WORKLOAD,
        prefill_tokens_per_s=quantity(310.0),
        decode_tokens_per_s=quantity(111.0),
        ttft_ms=quantity(826.0),
        itl_ms=quantity(9.0),
        itl_p95_ms=quantity(9.4),
        response_ms=quantity(1980.0),
        peak_memory_bytes=quantity(1.5e8),
        steady_memory_bytes=None,
        device_memory_bytes={},
        foreign_cores=None,
        noisy_samples=0,
        rejected_samples=1,
    )


def profile(
    profile_id: str = "p-20261123-174501",
    *,
    name: str = "SmolLM2 on bench-1",
    created_utc: str = "2026-11-23T17:45:01+00:00",
    model: ModelIdentity | None = None,
    machine: MachineClass = MACHINE_CLASS,
) -> TunedProfile:
    """A tuned profile with its evidence."""
    tuned = SETTINGS.replace(threads=6)
    return TunedProfile(
        id=profile_id,
        name=name,
        created_utc=created_utc,
        tunesmith_version="0.1.0",
        run_id="20261123-174000-ab12",
        outcome="improved",
        model=model or identity(),
        machine=machine,
        build=BUILD,
        workload=WORKLOAD,
        objective=Objective(),
        constraints=Constraints(),
        settings=tuned,
        speedup=quantity(1.21),
        baseline=measurement(),
        tuned=measurement(tuned),
        changes=(Change(setting="threads", before="8", after="6", effect=None),),
    )


def start_tune(store: Store) -> str:
    """Begin a run of the example model on the example machine."""
    return store.start_run("tune", TUNE, model=identity(), machine=MACHINE_CLASS, build=BUILD)


def record_sample(store: Store, run_id: str, number: int) -> str:
    """Store the sample of a number under the key of that number, which is returned."""
    key = f"k{number}"
    store.record_trial(
        run_id,
        key=key,
        stage="threads",
        candidate=f"threads={number}",
        round=number,
        settings=SETTINGS,
        sample=sample(number),
    )
    return key
