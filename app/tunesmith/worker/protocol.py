"""Own what parent and worker say to each other: commands down, events up, as framed JSON."""

from __future__ import annotations

from typing import Annotated, Literal, assert_never

from pydantic import Field, TypeAdapter

from tunesmith.domain.base import Value
from tunesmith.domain.measurement import Conditions
from tunesmith.domain.settings import Settings
from tunesmith.domain.speculation import Plan
from tunesmith.domain.workload import Workload

MAX_FRAME_BYTES = 16 * 2**20
"""A frame larger than this is no message of ours."""

HEARTBEAT_SECONDS = 0.5
"""How often a worker says that it lives."""

FLUSH_SECONDS = 0.2
"""How often live timings are sent while a sample runs."""


class NoisePolicy(Value):
    """When a sample counts as disturbed and how often it is taken again."""

    max_foreign_cores: float = Field(default=0.2, ge=0)
    """More CPU than this used by others, in cores, disturbs a sample."""
    max_wait_share: float = Field(default=0.08, ge=0)
    """Waiting longer than this share of the time for a CPU disturbs a sample."""
    max_foreign_utilization: float = Field(default=0.1, ge=0, le=1)
    """Others computing on a device for more than this share of the time disturbs a sample."""
    max_retries: int = Field(default=2, ge=0)
    """A disturbed sample is taken again at most so often, then kept and marked noisy."""
    pause_seconds: float = Field(default=0.3, ge=0)
    """Rest before a disturbed sample is taken again."""

    def disturbed(self, conditions: Conditions) -> bool:
        """Whether others disturbed what was measured under these conditions."""
        foreign, waiting = conditions.foreign_cores or 0, conditions.wait_share or 0
        on_devices = max((device.foreign_utilization or 0 for device in conditions.devices), default=0)
        return (
            foreign > self.max_foreign_cores
            or waiting > self.max_wait_share
            or on_devices > self.max_foreign_utilization
        )


class Measure(Value):
    """Measure a workload under some settings, loading and preparing what is not there yet."""

    type: Literal["measure"] = "measure"
    request: int
    model_path: str
    settings: Settings
    workload: Workload
    repetitions: int = Field(default=1, ge=1)
    warmup: bool = True
    """Warm up if this context has not run this workload yet."""
    check_tensors: bool = False
    noise: NoisePolicy = NoisePolicy()


class Turn(Value):
    """What one side said."""

    role: Literal["system", "user", "assistant"]
    text: str = Field(max_length=2**20)


class Sampling(Value):
    """How the next token is chosen."""

    temperature: float = Field(default=0.8, ge=0, le=5)
    """0 always takes the likeliest."""
    top_k: int = Field(default=40, ge=0)
    top_p: float = Field(default=0.95, gt=0, le=1)
    seed: int = Field(default=0, ge=0, lt=2**32 - 1)


class Generate(Value):
    """Go on with a conversation, loading what is not there yet."""

    type: Literal["generate"] = "generate"
    request: int
    model_path: str
    settings: Settings
    turns: tuple[Turn, ...] = Field(min_length=1)
    max_tokens: int = Field(default=1024, ge=1)
    sampling: Sampling = Sampling()


class Score(Value):
    """Read a text chunk by chunk: keep what the source predicts, or compare a candidate with what is kept."""

    type: Literal["score"] = "score"
    request: int
    role: Literal["source", "candidate"]
    model_path: str
    settings: Settings
    """Its context holds one chunk."""
    text_path: str
    text_sha256: str
    max_chunks: int = Field(ge=1)
    """Only so many of the text's first chunks are read."""
    seed: int = 1
    """Of the order in which they are read."""
    base_folder: str
    """Holds the folders of what sources predicted."""
    base_key: str = Field(pattern="[0-9a-f]{32}")
    """The folder's name of this source with this text and these settings."""
    base_limit_bytes: int = Field(ge=0)
    """Of all these folders together."""
    chunks: tuple[int, ...] = ()
    """What is read, in this order; for a source, nothing here lets it choose and say what it chose."""
    first_chunks: int = Field(default=0, ge=0)
    """For a source that chooses: only so many of the chosen are read now; 0 reads all."""
    vocabulary: str = ""
    """For a candidate: what its source's must be."""


class Reach(Value):
    """Ask an RPC server for its devices; what it says comes as :class:`ServerReached`."""

    type: Literal["reach"] = "reach"
    request: int
    endpoint: str


class TensorType(Value):
    """The type of the tensors whose names fit."""

    pattern: str = Field(min_length=1, max_length=1000)
    """A regular expression, looked for anywhere in the name."""
    type: int = Field(ge=0, le=1000)
    """enum ggml_type."""


class Quantize(Value):
    """Make a quantized file from another, or say how large it would be."""

    type: Literal["quantize"] = "quantize"
    request: int
    source_path: str
    target_path: str
    """Written to as it is; nothing may be there yet."""
    file_type: int = Field(ge=0, le=1000)
    """enum llama_ftype."""
    threads: int = Field(ge=1)
    allow_requantize: bool = False
    dry_run: bool = False
    tensor_types: tuple[TensorType, ...] = Field(default=(), max_length=1000)
    labels: dict[str, str] = Field(default_factory=dict, max_length=10)
    """Put into the file's header."""
    imatrix_path: str = ""
    """A file of llama-imatrix's kind; nothing for none."""


class CollectImportance(Value):
    """Read a text and keep how strongly each column of a model's weights is used."""

    type: Literal["collect_importance"] = "collect_importance"
    request: int
    model_path: str
    settings: Settings
    """Its context holds one chunk."""
    text_path: str
    text_sha256: str
    text_name: str
    max_chunks: int = Field(ge=1)
    target_path: str
    notes: dict[str, str] = Field(default_factory=dict, max_length=10)
    """Put into the file's header, to say where it is from."""


class ReadMemory(Value):
    """Measure how fast memory is read."""

    type: Literal["read_memory"] = "read_memory"
    request: int
    threads: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1)
    """Numbers of threads to try, the most useful first."""
    free_bytes: int = Field(ge=0)
    """Main memory that is free; a part of it is used."""
    noise: NoisePolicy = NoisePolicy()


class ReadDevice(Value):
    """Measure how fast a device beside the CPU reads its memory."""

    type: Literal["read_device"] = "read_device"
    request: int
    device: str
    """llama.cpp's name of it, such as ``CUDA0``."""


class MultiplyMatrices(Value):
    """Measure how fast the CPU multiplies weights of a type by a batch of activations."""

    type: Literal["multiply_matrices"] = "multiply_matrices"
    request: int
    weights_type: str
    """ggml's name."""
    type_id: int = Field(ge=0)
    """Its number in ``enum ggml_type``."""
    threads: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1)
    """Numbers of threads to try, the most useful first."""
    noise: NoisePolicy = NoisePolicy()


class TellMemory(Value):
    """Have llama.cpp say what memory a model would take under some settings, without taking it."""

    type: Literal["tell_memory"] = "tell_memory"
    request: int
    model_path: str
    settings: Settings


class ReadPrompts(Value):
    """Turn texts into tokens, each cut to a length."""

    do: Literal["read_prompts"] = "read_prompts"
    texts: tuple[Annotated[str, Field(max_length=2**20)], ...] = Field(min_length=1)
    max_tokens: int = Field(ge=1)


class TimeBatches(Value):
    """Time batches of several sizes, each on top of a prompt."""

    do: Literal["time_batches"] = "time_batches"
    model: Literal["target", "draft"]
    prompt: tuple[int, ...] = Field(min_length=1)
    sizes: tuple[int, ...] = Field(min_length=1)
    seed: int
    """Of the order."""


class Predict(Value):
    """Have the draft model say, for every position of a continuation, what it would put there."""

    do: Literal["predict"] = "predict"
    prompt: tuple[int, ...] = Field(min_length=1)
    continuation: tuple[int, ...] = Field(min_length=1)


class Continue(Value):
    """Go on with a prompt, always with the likeliest token, and time it."""

    do: Literal["continue"] = "continue"
    prompt: tuple[int, ...] = Field(min_length=1)
    max_tokens: int = Field(ge=1)
    plan: Plan
    gaps: bool = False
    """Also tell by how much each token led; it takes time, which is timed as well."""


class GetReady(Value):
    """Load both models and compare their vocabularies."""

    do: Literal["get_ready"] = "get_ready"


class DraftModel(Value):
    """A second, smaller model."""

    model_path: str
    settings: Settings


SpeculationTask = Annotated[
    GetReady | ReadPrompts | TimeBatches | Predict | Continue, Field(discriminator="do")
]


class Speculate(Value):
    """Do one thing with a model and perhaps a draft model, loading what is not there yet."""

    type: Literal["speculate"] = "speculate"
    request: int
    model_path: str
    settings: Settings
    draft: DraftModel | None
    task: SpeculationTask
    noise: NoisePolicy = NoisePolicy()


class Shutdown(Value):
    """Free everything and exit."""

    type: Literal["shutdown"] = "shutdown"


class Cancel(Value):
    """Stop what is being done; the worker lives on."""

    type: Literal["cancel"] = "cancel"
    request: int


Work = (
    Measure
    | Generate
    | Score
    | Quantize
    | CollectImportance
    | ReadMemory
    | ReadDevice
    | MultiplyMatrices
    | TellMemory
    | Speculate
    | Reach
)
"""What is answered with ``RequestDone`` or ``RequestFailed``."""


def servers_of(command: Work) -> tuple[str, ...]:
    """The RPC servers that a command would connect to."""
    match command:
        case Reach(endpoint=endpoint):
            return (endpoint,)
        case Measure(settings=settings) | Generate(settings=settings) | TellMemory(settings=settings):
            return settings.rpc
        case Score(settings=settings) | CollectImportance(settings=settings):
            return settings.rpc
        case Speculate(settings=settings, draft=draft):
            return settings.rpc if draft is None else (*settings.rpc, *draft.settings.rpc)
        case Quantize() | ReadMemory() | ReadDevice() | MultiplyMatrices():
            return ()
        case _:
            assert_never(command)


Command = Annotated[Work | Shutdown | Cancel, Field(discriminator="type")]
COMMANDS: TypeAdapter[Command] = TypeAdapter(Command)
