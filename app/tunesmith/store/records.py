"""Own what the store takes and gives back: frozen records, free of SQL."""

from __future__ import annotations

from typing import Literal

from tunesmith.domain.base import Value
from tunesmith.domain.machine import Build
from tunesmith.domain.measurement import Sample
from tunesmith.domain.profile import Outcome
from tunesmith.domain.request import MeasureRequest, RunKind, TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import ObjectiveName

RunState = Literal["running", "finished", "interrupted", "failed"]


class RunRecord(Value):
    """One run as the store knows it."""

    id: str
    kind: RunKind
    state: RunState
    request: TuneRequest | MeasureRequest
    model_sha256: str
    model_name: str
    machine_fingerprint: str
    machine_label: str
    build: Build
    tunesmith_version: str
    started_utc: str
    """ISO 8601 with offset."""
    finished_utc: str | None
    outcome: str | None
    sentence: str
    owner_pid: int
    """The process that runs or last ran it."""
    owner_host: str
    owner_alive: bool
    """When the record was read: the run is under way and its owner lives."""
    measured: int
    """Trials in the ledger that have a sample."""

    @property
    def resumable(self) -> bool:
        """Whether it was cut short and nobody is at work on it."""
        return self.state == "interrupted" or (self.state == "running" and not self.owner_alive)


class MeasuredTrial(Value):
    """An entry of a run's ledger: a candidate was measured once."""

    key: str
    """Names what was measured, and when in the run; unique in the run."""
    stage: str
    candidate: str
    round: int
    settings: Settings
    sample: Sample


class FailedTrial(Value):
    """An entry of a run's ledger: a candidate could not be measured."""

    key: str
    stage: str
    candidate: str
    round: int
    settings: Settings
    cause: str
    """Name of the error, such as ``worker_crashed``."""
    message: str


LedgerEntry = MeasuredTrial | FailedTrial


class ProfileRow(Value):
    """What a list shows of a tuned profile."""

    id: str
    name: str
    created_utc: str
    """ISO 8601 in UTC."""
    outcome: Outcome
    model_sha256: str
    model_name: str
    quantization: str
    machine_fingerprint: str
    machine_label: str
    workload: str
    """The workload's label."""
    objective: ObjectiveName
    speedup_median: float
    speedup_low: float | None
    speedup_high: float | None
