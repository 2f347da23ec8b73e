"""Own the one stream of events that recorder, terminal, window and tests all read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from tunesmith.domain.bandwidth import MemoryBandwidth
from tunesmith.domain.base import Value
from tunesmith.domain.choice import Contender
from tunesmith.domain.device_reading import DeviceReading
from tunesmith.domain.machine import Build, Device
from tunesmith.domain.measurement import Sample
from tunesmith.domain.profile import Outcome
from tunesmith.domain.quality import ChunkScore
from tunesmith.domain.reserve import Reserve
from tunesmith.domain.settings import Settings
from tunesmith.domain.speculation import SpeculationResult

Part = Literal["prefill", "decode"]


class _Event(Value):
    run_id: str = ""
    """Stamped by the session; empty inside a worker."""
    seq: int = 0
    """Position in the run's stream, from 1; stamped by the session."""
    mono_ns: int = 0
    """Monotonic clock when it happened, ns."""


# ---------------------------------------------------------------- from a worker


class WorkerReady(_Event):
    """The child runs and has loaded the binding."""

    type: Literal["worker_ready"] = "worker_ready"
    pid: int
    build: Build
    devices: tuple[Device, ...]


class ServerReached(_Event):
    """An RPC server that the user named has answered."""

    type: Literal["server_reached"] = "server_reached"
    endpoint: str
    devices: tuple[Device, ...]
    latency_ns: int
    """The least time that a question and its answer took."""


class Heartbeat(_Event):
    """The worker lives; ``progress`` counts steps of work and stands still in a hang."""

    type: Literal["heartbeat"] = "heartbeat"
    progress: int
    busy: bool


class LogLine(_Event):
    """A line that llama.cpp or the worker printed."""

    type: Literal["log"] = "log"
    level: Literal["debug", "info", "warning", "error"]
    text: str


class ModelLoaded(_Event):
    """The model is in memory."""

    type: Literal["model_loaded"] = "model_loaded"
    load_ns: int


class ContextReady(_Event):
    """A context exists and holds the workload's depth."""

    type: Literal["context_ready"] = "context_ready"
    create_ns: int
    depth_ns: int


class TokensTimed(_Event):
    """Live timings of a part under way: what a plot draws."""

    type: Literal["tokens_timed"] = "tokens_timed"
    part: Part
    tokens: int
    """Tokens over all sequences since the last such event."""
    elapsed_ns: int
    rss_bytes: int | None = None


class SampleTaken(_Event):
    """One repetition is done."""

    type: Literal["sample_taken"] = "sample_taken"
    sample: Sample


class MemoryRead(_Event):
    """Memory bandwidth was measured."""

    type: Literal["memory_read"] = "memory_read"
    bandwidth: MemoryBandwidth


class MemoryTold(_Event):
    """llama.cpp said what memory a model would take."""

    type: Literal["memory_told"] = "memory_told"
    reserve: Reserve


class PromptRead(_Event):
    """A conversation was read; the answer begins."""

    type: Literal["prompt_read"] = "prompt_read"
    tokens: int
    """Of the whole conversation so far."""
    reused: int
    """Of these, how many were in the context already."""
    elapsed_ns: int
    templated: bool
    """In the model's own chat format; else as plain text, for llama.cpp does not know the format."""


class TextGenerated(_Event):
    """A piece of an answer."""

    type: Literal["text_generated"] = "text_generated"
    text: str
    tokens: int
    """Of the whole answer so far."""
    elapsed_ns: int
    """Since the first token was chosen."""


class TextEnded(_Event):
    """An answer is over."""

    type: Literal["text_ended"] = "text_ended"
    reason: Literal["end", "limit", "context_full"]
    """The model was done; it had written as much as was asked for; or the context has no more room."""
    tokens: int
    elapsed_ns: int


class TextSplit(_Event):
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


class ChunkKept(_Event):
    """What the source predicts for a chunk is on the disk."""

    type: Literal["chunk_kept"] = "chunk_kept"
    chunk: int


class ChunkScored(_Event):
    """A candidate's predictions for a chunk were compared with its source's."""

    type: Literal["chunk_scored"] = "chunk_scored"
    score: ChunkScore


class ImportanceRead(_Event):
    """One more chunk went into an importance matrix."""

    type: Literal["importance_read"] = "importance_read"
    done: int
    total: int


class TensorQuantized(_Event):
    """One more tensor of a file is quantized."""

    type: Literal["tensor_quantized"] = "tensor_quantized"
    done: int
    total: int
    tensor: str


class FileQuantized(_Event):
    """A file is complete, or the size that it would have is known."""

    type: Literal["file_quantized"] = "file_quantized"
    weights_bytes: int
    """Without the header; to 10 KiB."""
    bits_per_weight: float
    fallbacks: int
    """Tensors whose shape does not allow the type and that got a larger one."""
    needs_imatrix: bool
    """It cannot be made without an importance matrix."""


class SpeculationTaken(_Event):
    """One answer about speculative decoding."""

    type: Literal["speculation_taken"] = "speculation_taken"
    result: SpeculationResult


class RequestDone(_Event):
    """The worker finished what it was asked; the terminal event of a request."""

    type: Literal["request_done"] = "request_done"
    request: int


class RequestFailed(_Event):
    """The worker could not do what it was asked; also terminal."""

    type: Literal["request_failed"] = "request_failed"
    request: int
    error: Literal["refused", "out_of_memory", "cancelled", "engine", "input", "disk"]
    message: str


# ---------------------------------------------------------------- from a session


class RunStarted(_Event):
    """A tune or a measurement begins."""

    type: Literal["run_started"] = "run_started"
    kind: Literal["tune", "measure"]
    model_name: str
    baseline: Settings
    resumed: bool = False
    decode_limit_tokens_per_s: float | None = None
    """What memory bandwidth allows the least demanding candidate; None where it is not known."""


class StageStarted(_Event):
    """A question is put: which of these candidates is best."""

    type: Literal["stage_started"] = "stage_started"
    stage: str
    title: str
    candidates: tuple[str, ...]
    """Labels; the first is what holds so far."""


class TrialStarted(_Event):
    """A candidate is about to be measured."""

    type: Literal["trial_started"] = "trial_started"
    stage: str
    candidate: str
    digest: str
    round: int


class TrialMeasured(_Event):
    """A candidate has one more sample."""

    type: Literal["trial_measured"] = "trial_measured"
    stage: str
    candidate: str
    digest: str
    round: int
    sample: Sample
    replayed: bool = False
    """It was measured before the run was interrupted."""


class TrialFailed(_Event):
    """A candidate could not be measured; the run goes on without it."""

    type: Literal["trial_failed"] = "trial_failed"
    stage: str
    candidate: str
    digest: str
    cause: str
    """Name of the error, such as ``worker_crashed``."""
    message: str


class DevicesRead(_Event):
    """Graphics devices were read, once a second or less often; never inside a timed process."""

    type: Literal["devices_read"] = "devices_read"
    readings: tuple[DeviceReading, ...]


class RoundDiscarded(_Event):
    """The anchor drifted within a round; it will be repeated."""

    type: Literal["round_discarded"] = "round_discarded"
    stage: str
    round: int
    drift: float
    """Natural logarithm of the anchor's second speed over its first."""


class CandidateStanding(_Event):
    """Where a candidate stands against the one that holds so far."""

    type: Literal["candidate_standing"] = "candidate_standing"
    stage: str
    candidate: str
    rounds: int
    ratio: float
    """Speed against the stage's first candidate."""
    low: float | None
    high: float | None
    state: Literal["racing", "lost", "tied", "won", "infeasible", "failed"]
    why: str


class StageFinished(_Event):
    """A question is answered."""

    type: Literal["stage_finished"] = "stage_finished"
    stage: str
    winner: str
    sentence: str


class ContenderStanding(_Event):
    """Where a file stands in the choice of a quantization; the newest of a label holds."""

    type: Literal["contender"] = "contender"
    contender: Contender


class Progress(_Event):
    """How far the run is."""

    type: Literal["progress"] = "progress"
    step: str
    fraction: float
    eta_seconds: float | None


class RunFinished(_Event):
    """The run is over; the terminal event of a run."""

    type: Literal["run_finished"] = "run_finished"
    outcome: Outcome | Literal["measured", "interrupted", "failed"]
    profile_id: str | None
    sentence: str


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

Event = Annotated[
    WorkerReady
    | ServerReached
    | Heartbeat
    | LogLine
    | ModelLoaded
    | ContextReady
    | TokensTimed
    | SampleTaken
    | MemoryRead
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
    | RequestFailed
    | RunStarted
    | StageStarted
    | TrialStarted
    | TrialMeasured
    | TrialFailed
    | DevicesRead
    | RoundDiscarded
    | CandidateStanding
    | StageFinished
    | ContenderStanding
    | Progress
    | RunFinished,
    Field(discriminator="type"),
]

WORKER_EVENTS: TypeAdapter[WorkerEvent] = TypeAdapter(WorkerEvent)
EVENTS: TypeAdapter[Event] = TypeAdapter(Event)
