"""Own the one stream of events that recorder, terminal, window and tests all read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from tunesmith.domain.choice import Contender
from tunesmith.domain.device_reading import DeviceReading
from tunesmith.domain.event_base import Stamped
from tunesmith.domain.measurement import Sample
from tunesmith.domain.profile import Outcome
from tunesmith.domain.settings import Settings
from tunesmith.domain.worker_events import WorkerEvent


class RunStarted(Stamped):
    """A tune or a measurement begins."""

    type: Literal["run_started"] = "run_started"
    kind: Literal["tune", "measure"]
    model_name: str
    baseline: Settings
    resumed: bool = False
    decode_limit_tokens_per_s: float | None = None
    """What memory bandwidth allows the least demanding candidate; None where it is not known."""
    prefill_limit_tokens_per_s: float | None = None
    """What matrix throughput allows the easiest stretch of a prompt; None where it is not known."""


class StageStarted(Stamped):
    """A question is put: which of these candidates is best."""

    type: Literal["stage_started"] = "stage_started"
    stage: str
    title: str
    candidates: tuple[str, ...]
    """Labels; the first is what holds so far."""


class TrialStarted(Stamped):
    """A candidate is about to be measured."""

    type: Literal["trial_started"] = "trial_started"
    stage: str
    candidate: str
    digest: str
    round: int


class TrialMeasured(Stamped):
    """A candidate has one more sample."""

    type: Literal["trial_measured"] = "trial_measured"
    stage: str
    candidate: str
    digest: str
    round: int
    sample: Sample
    replayed: bool = False
    """It was measured before the run was interrupted."""


class TrialFailed(Stamped):
    """A candidate could not be measured; the run goes on without it."""

    type: Literal["trial_failed"] = "trial_failed"
    stage: str
    candidate: str
    digest: str
    cause: str
    """Name of the error, such as ``worker_crashed``."""
    message: str


class DevicesRead(Stamped):
    """Graphics devices were read, once a second or less often; never inside a timed process."""

    type: Literal["devices_read"] = "devices_read"
    readings: tuple[DeviceReading, ...]


class PowerRead(Stamped):
    """What this machine draws, by the sensors that count together; told once a second or less often."""

    type: Literal["power_read"] = "power_read"
    watts: float | None
    """Mean of the last moments; None where nothing can be read at all, which is told once."""
    sensors: tuple[str, ...] = ()
    """Names of those that are in the sum."""
    core_share: float | None = None
    """What reading them has cost so far, share of one core."""
    why: str = ""
    """Why nothing can be read."""


class RoundDiscarded(Stamped):
    """The anchor drifted within a round; it will be repeated."""

    type: Literal["round_discarded"] = "round_discarded"
    stage: str
    round: int
    drift: float
    """Natural logarithm of the anchor's second speed over its first."""


class CandidateStanding(Stamped):
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


class StageFinished(Stamped):
    """A question is answered."""

    type: Literal["stage_finished"] = "stage_finished"
    stage: str
    winner: str
    sentence: str


class ContenderStanding(Stamped):
    """Where a file stands in the choice of a quantization; the newest of a label holds."""

    type: Literal["contender"] = "contender"
    contender: Contender


class Progress(Stamped):
    """How far the run is."""

    type: Literal["progress"] = "progress"
    step: str
    fraction: float
    eta_seconds: float | None


class RunFinished(Stamped):
    """The run is over; the terminal event of a run."""

    type: Literal["run_finished"] = "run_finished"
    outcome: Outcome | Literal["measured", "interrupted", "failed"]
    profile_id: str | None
    sentence: str


Event = Annotated[
    WorkerEvent
    | RunStarted
    | StageStarted
    | TrialStarted
    | TrialMeasured
    | TrialFailed
    | DevicesRead
    | PowerRead
    | RoundDiscarded
    | CandidateStanding
    | StageFinished
    | ContenderStanding
    | Progress
    | RunFinished,
    Field(discriminator="type"),
]

EVENTS: TypeAdapter[Event] = TypeAdapter(Event)
