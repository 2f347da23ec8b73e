"""Own the meter of a tune: takes samples on the rig, and never the same one twice."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol

from tunesmith.domain.events import Event, TrialFailed, TrialMeasured, TrialStarted
from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.errors import (
    DoesNotFit,
    Interrupted,
    ModelRefused,
    TunesmithError,
    WorkerError,
    WorkerOutOfMemory,
)
from tunesmith.services.overtime import Overtime
from tunesmith.services.power_gauge import PowerGauge
from tunesmith.services.session import Controls, Stream
from tunesmith.store import FailedTrial, LedgerEntry, MeasuredTrial
from tunesmith.tuning.meter import Job, TrialFailure
from tunesmith.wording import tr

TRIES = 3
"""How often a trial is tried whose worker died: what killed it may not have been the settings."""


class SampleSource(Protocol):
    """Takes one sample: a rig of live workers, or a recording of one."""

    def sample(self, settings: Settings, workload: Workload, *, group: str = "search") -> Sample:
        """As :meth:`tunesmith.services.rig.Rig.sample`."""


class GaugedSource(SampleSource, Protocol):
    """Takes samples, and may tell their energy."""

    @property
    def gauge(self) -> PowerGauge | None:
        """What tells the energy of each sample; None where nothing does."""


class Gate(Protocol):
    """Knows which settings need not be tried."""

    def why_not(self, settings: Settings) -> str:
        """Why settings need not be tried, in a sentence; empty where they may do."""

    def ran_out(self, settings: Settings) -> None:
        """Settings were tried, and there was not enough memory."""


class OpenGate:
    """Lets everything be tried."""

    def why_not(self, settings: Settings) -> str:
        """Nothing is against it."""
        del settings
        return ""

    def ran_out(self, settings: Settings) -> None:
        """Nothing is learned."""
        del settings


class StoreRecorder:
    """Buffers events and writes them together with the next trial, while the worker is idle."""

    def __init__(self, record: Callable[[list[Event], LedgerEntry | None], None]) -> None:
        self._record = record
        self._events: list[Event] = []

    def take(self, event: Event) -> None:
        """Keep an event for the next write."""
        self._events.append(event)

    def flush(self) -> None:
        """Write what is kept."""
        self.write(None)

    def write(self, trial: LedgerEntry | None) -> None:
        """Write a trial and what is kept, in one transaction."""
        events, self._events = self._events, []
        if events or trial is not None:
            self._record(events, trial)


class LedgerMeter:
    """A :class:`tunesmith.tuning.meter.Meter` over a rig and a ledger of what was measured before.

    A sample found in the ledger is returned as it is, so that an interrupted run, started again with the
    same request, walks the same way and measures only what is missing. For the same reason the time that
    failures took is not spent at once but charged to the next sample, with which it is stored.
    """

    def __init__(
        self,
        source: SampleSource,
        *,
        stream: Stream,
        controls: Controls,
        recorder: StoreRecorder,
        ledger: dict[str, LedgerEntry],
        gate: Gate | None = None,
        overtime: Overtime | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._stream = stream
        self._controls = controls
        self._recorder = recorder
        self._ledger = ledger
        self._gate = gate or OpenGate()
        self._overtime = overtime or Overtime(math.inf)
        self._clock = clock
        self.resumes = bool(ledger)
        """Whether something was measured in an earlier session of the run."""
        self._replaying = self.resumes
        self._lost_seconds = 0.0
        self.spent_seconds = 0.0
        self.taken = 0
        """Samples found or taken so far."""

    def sample(self, job: Job) -> Sample:
        """Find or take one sample; see :class:`~tunesmith.tuning.meter.Meter`."""
        error: TunesmithError | None = None
        for attempt in range(TRIES):
            key = f"{job.key}#{attempt}"
            match self._ledger.get(key):
                case MeasuredTrial(sample=sample):
                    return self._accept(job, sample, replayed=True)
                case FailedTrial(cause=cause, message=message):
                    if cause in (ModelRefused.name, DoesNotFit.name) or attempt + 1 == TRIES:
                        if cause == WorkerOutOfMemory.name:
                            self._gate.ran_out(job.settings)
                        raise TrialFailure(cause, message)
                    continue
                case None:
                    pass
            self._controls.wait_if_paused()
            self._replaying = False
            if attempt == 0 and (why := self._gate.why_not(job.settings)):
                unfit = DoesNotFit(tr("not tried: {why}", why=why))
                self._fail(job, key, unfit)
                raise TrialFailure(unfit.name, unfit.what)
            self._stream.emit(
                TrialStarted(
                    stage=job.stage, candidate=job.candidate, digest=job.settings.digest, round=job.round
                )
            )
            begun = self._clock()
            self._overtime.begin(self.spent_seconds)
            try:
                sample = self._source.sample(job.settings, job.workload, group=job.group)
            except (WorkerError, ModelRefused) as caught:
                error = caught
                self._overtime.end()
                self._lost_seconds += self._clock() - begun
                self._fail(job, key, caught)
                if isinstance(caught, ModelRefused):
                    break
                continue
            cost_ns = round((self._clock() - begun + self._lost_seconds) * 1e9)
            self._lost_seconds = 0.0
            sample = sample.model_copy(update={"cost_ns": max(cost_ns, sample.cost_ns)})
            self._overtime.end(sample)
            return self._accept(job, sample, key=key)
        if error is None:
            raise Interrupted(tr("The run was interrupted; what was measured is kept."))
        if isinstance(error, WorkerOutOfMemory):
            self._gate.ran_out(job.settings)
        raise TrialFailure(error.name, error.what) from error

    def _accept(self, job: Job, sample: Sample, *, key: str = "", replayed: bool = False) -> Sample:
        self.spent_seconds += sample.cost_ns / 1e9
        self.taken += 1
        self._stream.emit(
            TrialMeasured(
                stage=job.stage, candidate=job.candidate, digest=job.settings.digest, round=job.round,
                sample=sample, replayed=replayed,
            )
        )  # fmt: skip
        if not replayed:
            self._recorder.write(
                MeasuredTrial(
                    key=key, stage=job.stage, candidate=job.candidate, round=job.round,
                    settings=job.settings, sample=sample,
                )
            )  # fmt: skip
        return sample

    def _fail(self, job: Job, key: str, error: TunesmithError) -> None:
        self._stream.emit(
            TrialFailed(
                stage=job.stage, candidate=job.candidate, digest=job.settings.digest, cause=error.name,
                message=error.what,
            )
        )  # fmt: skip
        self._recorder.write(
            FailedTrial(
                key=key, stage=job.stage, candidate=job.candidate, round=job.round, settings=job.settings,
                cause=error.name, message=error.what,
            )
        )  # fmt: skip

    def rest(self, seconds: float, *, why: str) -> None:
        """Wait for the machine to calm down; what was recorded was waited for already."""
        del why
        self.spent_seconds += seconds
        if not self._replaying:
            self._controls.sleep(seconds)
