"""Own what a worker tells of its work, as it happens."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from tunesmith.domain.bandwidth import DeviceBandwidth, MemoryBandwidth
from tunesmith.domain.event_base import Part, Stamped
from tunesmith.domain.machine import Build, Device
from tunesmith.domain.measurement import Sample
from tunesmith.domain.quality import ChunkScore
from tunesmith.domain.reserve import Reserve
from tunesmith.domain.speculation import SpeculationResult
from tunesmith.domain.throughput import MatrixThroughput


class WorkerReady(Stamped):
    """The child runs and has loaded the binding."""

    type: Literal["worker_ready"] = "worker_ready"
    pid: int
    build: Build
    devices: tuple[Device, ...]


class Heartbeat(Stamped):
    """The worker lives; ``progress`` counts steps of work and stands still in a hang."""

    type: Literal["heartbeat"] = "heartbeat"
    progress: int
    busy: bool


class LogLine(Stamped):
    """A line that llama.cpp or the worker printed."""

    type: Literal["log"] = "log"
    level: Literal["debug", "info", "warning", "error"]
    text: str


class ModelLoaded(Stamped):
    """The model is in memory."""

    type: Literal["model_loaded"] = "model_loaded"
    load_ns: int


class ContextReady(Stamped):
    """A context exists and holds the workload's depth."""

    type: Literal["context_ready"] = "context_ready"
    create_ns: int
    depth_ns: int


class TokensTimed(Stamped):
    """Live timings of a part under way: what a plot draws."""

    type: Literal["tokens_timed"] = "tokens_timed"
    part: Part
    tokens: int
    """Tokens over all sequences since the last such event."""
    elapsed_ns: int
    rss_bytes: int | None = None


class SampleTaken(Stamped):
    """One repetition is done."""

    type: Literal["sample_taken"] = "sample_taken"
    sample: Sample


class MemoryRead(Stamped):
    """Memory bandwidth was measured."""

    type: Literal["memory_read"] = "memory_read"
    bandwidth: MemoryBandwidth


class DeviceMemoryRead(Stamped):
    """A device's memory bandwidth was measured, or could not be."""

    type: Literal["device_memory_read"] = "device_memory_read"
    bandwidth: DeviceBandwidth


class MatricesMultiplied(Stamped):
    """Matrix throughput was measured."""

    type: Literal["matrices_multiplied"] = "matrices_multiplied"
    throughput: MatrixThroughput


class MemoryTold(Stamped):
    """llama.cpp said what memory a model would take."""

    type: Literal["memory_told"] = "memory_told"
    reserve: Reserve


class PromptRead(Stamped):
    """A conversation was read; the answer begins."""

    type: Literal["prompt_read"] = "prompt_read"
    tokens: int
    """Of the whole conversation so far."""
    reused: int
    """Of these, how many were in the context already."""
    elapsed_ns: int
    templated: bool
    """In the model's own chat format; else as plain text, for llama.cpp does not know the format."""


class TextGenerated(Stamped):
    """A piece of an answer."""

    type: Literal["text_generated"] = "text_generated"
    text: str
    tokens: int
    """Of the whole answer so far."""
    elapsed_ns: int
    """Since the first token was chosen."""


class TextEnded(Stamped):
    """An answer is over."""

    type: Literal["text_ended"] = "text_ended"
    reason: Literal["end", "limit", "context_full"]
    """The model was done; it had written as much as was asked for; or the context has no more room."""
    tokens: int
    elapsed_ns: int


class TextSplit(Stamped):
    """A text is in tokens, and what will be read of it is known."""

    type: Literal["text_split"] = "text_split"
    tokens: int
    chunks_in_text: int
    chunks: tuple[int, ...]
    """Those that are read, in their order."""
    vocabulary: str
    """SHA-256 of the tokens' texts."""
    kept: int
    """Chunks whose predictions were kept by an earlier run."""


class ChunkKept(Stamped):
    """What the source predicts for a chunk is on the disk."""

    type: Literal["chunk_kept"] = "chunk_kept"
    chunk: int


class ChunkScored(Stamped):
    """A candidate's predictions for a chunk were compared with its source's."""

    type: Literal["chunk_scored"] = "chunk_scored"
    score: ChunkScore


class ImportanceRead(Stamped):
    """One more chunk went into an importance matrix."""

    type: Literal["importance_read"] = "importance_read"
    done: int
    total: int


class TensorQuantized(Stamped):
    """One more tensor of a file is quantized."""

    type: Literal["tensor_quantized"] = "tensor_quantized"
    done: int
    total: int
    tensor: str


class FileQuantized(Stamped):
    """A file is complete, or the size that it would have is known."""

    type: Literal["file_quantized"] = "file_quantized"
    weights_bytes: int
    """Without the header; to 10 KiB."""
    bits_per_weight: float
    fallbacks: int
    """Tensors whose shape does not allow the type and that got a larger one."""
    needs_imatrix: bool
    """It cannot be made without an importance matrix."""


class SpeculationTaken(Stamped):
    """One answer about speculative decoding."""

    type: Literal["speculation_taken"] = "speculation_taken"
    result: SpeculationResult


class RequestDone(Stamped):
    """The worker finished what it was asked; the terminal event of a request."""

    type: Literal["request_done"] = "request_done"
    request: int


class RequestFailed(Stamped):
    """The worker could not do what it was asked; also terminal."""

    type: Literal["request_failed"] = "request_failed"
    request: int
    error: Literal["refused", "out_of_memory", "cancelled", "engine", "input", "disk"]
    message: str


class ServerReached(Stamped):
    """An RPC server that the user named has answered."""

    type: Literal["server_reached"] = "server_reached"
    endpoint: str
    devices: tuple[Device, ...]
    latency_ns: int
    """The least time that a question and its answer took."""


WorkerEvent = Annotated[
    WorkerReady
    | ServerReached
    | Heartbeat
    | LogLine
    | ModelLoaded
    | ContextReady
    | TokensTimed
    | SampleTaken
    | MemoryRead
    | DeviceMemoryRead
    | MatricesMultiplied
    | MemoryTold
    | PromptRead
    | TextGenerated
    | TextEnded
    | TextSplit
    | ChunkKept
    | ChunkScored
    | ImportanceRead
    | TensorQuantized
    | FileQuantized
    | SpeculationTaken
    | RequestDone
    | RequestFailed,
    Field(discriminator="type"),
]


WORKER_EVENTS: TypeAdapter[WorkerEvent] = TypeAdapter(WorkerEvent)
