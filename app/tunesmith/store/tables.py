"""Own the SQLModel tables; a test holds them equal to what the migrations build."""

from __future__ import annotations

from sqlmodel import Field, SQLModel


class MachineTable(SQLModel, table=True):
    """A machine class, and the last machine of it that was seen."""

    __tablename__ = "machine"

    fingerprint: str = Field(primary_key=True)
    label: str
    facts: str
    """JSON object."""
    machine: str | None = None
    """JSON of Machine; None where only the class is known, as with an imported profile."""
    seen_utc: str


class ModelTable(SQLModel, table=True):
    """A model file, by content."""

    __tablename__ = "model"

    sha256: str = Field(primary_key=True)
    name: str
    """For people: what the header says, else the file's name."""
    header: str
    """JSON of ModelHeader."""
    last_path: str


class RunTable(SQLModel, table=True):
    """One tune or measurement."""

    __tablename__ = "run"

    id: str = Field(primary_key=True)
    kind: str
    state: str
    request: str
    """JSON of TuneRequest or MeasureRequest, by kind."""
    model_sha256: str = Field(foreign_key="model.sha256")
    machine_fingerprint: str = Field(foreign_key="machine.fingerprint")
    build: str
    """JSON of Build."""
    tunesmith_version: str
    started_utc: str
    seen_utc: str
    """When its owner last stored something."""
    finished_utc: str | None = None
    outcome: str | None = None
    sentence: str = ""
    owner_pid: int
    owner_host: str
    owner_started: float
    """When the owner started, seconds since 1970: tells it from a later process of the same number."""


class TrialTable(SQLModel, table=True):
    """One entry of a run's ledger."""

    __tablename__ = "trial"

    id: int | None = Field(default=None, primary_key=True)
    run_id: str = Field(foreign_key="run.id")
    key: str
    stage: str
    candidate: str
    round: int
    digest: str
    settings: str
    """JSON of Settings."""
    state: str
    cause: str | None = None
    message: str | None = None


class SampleTable(SQLModel, table=True):
    """The raw sample of a measured trial."""

    __tablename__ = "sample"

    trial_id: int = Field(primary_key=True, foreign_key="trial.id")
    prefill_tokens: int
    prefill_ns: int | None
    sequences: int
    noisy: bool
    rejected: int
    started_mono_ns: int
    cost_ns: int
    conditions: str
    """JSON of Conditions."""
    memory: str
    """JSON of MemoryUse."""
    step_ns: bytes
    """Packed by ``tunesmith.store.steps``."""


class EventTable(SQLModel, table=True):
    """One event of a run's stream."""

    __tablename__ = "event"

    run_id: str = Field(primary_key=True, foreign_key="run.id")
    seq: int = Field(primary_key=True)
    type: str
    mono_ns: int
    body: str
    """JSON of Event."""


class ProfileTable(SQLModel, table=True):
    """A tuned profile; every column but ``deleted_utc`` repeats what ``body`` says, for lists."""

    __tablename__ = "profile"

    id: str = Field(primary_key=True)
    name: str
    created_utc: str
    outcome: str
    model_sha256: str = Field(foreign_key="model.sha256")
    model_name: str
    quantization: str
    machine_fingerprint: str = Field(foreign_key="machine.fingerprint")
    machine_label: str
    workload: str
    objective: str
    speedup_median: float
    speedup_low: float | None
    speedup_high: float | None
    run_id: str
    """Not a reference: an imported profile's run is in another store."""
    body: str
    """JSON of TunedProfile."""
    deleted_utc: str | None = None
