"""Own what the tuner asks of whoever measures for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload


@dataclass(frozen=True, slots=True)
class Job:
    """One sample to take."""

    stage: str
    candidate: str
    """Label for people."""
    round: int
    attempt: int
    position: int
    """Place within the round; with the fields above, the settings and the retake it names the sample."""
    settings: Settings
    workload: Workload
    retake: int = 0
    """How often it was taken before and found disturbed."""
    group: str = "search"
    """Jobs of one group may share a process; another group gets fresh ones."""

    @property
    def key(self) -> str:
        """Names the sample within its run: the same search asks for the same keys again."""
        place = f"{self.round}.{self.attempt}/{self.position}.{self.retake}"
        return f"{self.stage}/{place}/{self.group}/{self.settings.digest}"


class TrialFailure(Exception):
    """A candidate could not be measured; the run goes on without it."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message


class Meter(Protocol):
    """Takes samples, or finds them in what was already recorded."""

    @property
    def spent_seconds(self) -> float:
        """Time that samples, failures and rests of this run took, earlier sessions of it included."""

    def sample(self, job: Job) -> Sample:
        """Take one sample.

        Raises:
            TrialFailure: these settings cannot be measured.
            Interrupted: the user stopped the run.
        """

    def rest(self, seconds: float, *, why: str) -> None:
        """Wait for the machine to calm down or cool."""
