"""Own a source of samples that needs no llama.cpp: a simulated machine, which can be stopped anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.tuning.simulation import SimulatedMachine
from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.errors import (
    Interrupted,
    ModelRefused,
    TunesmithError,
    WorkerCrashed,
    WorkerHung,
    WorkerOutOfMemory,
)
from tunesmith.services.power_gauge import PowerGauge
from tunesmith.services.session import Controls

ERRORS: dict[str, type[TunesmithError]] = {
    error.name: error for error in (WorkerCrashed, WorkerHung, WorkerOutOfMemory, ModelRefused)
}


@dataclass
class SimulatedSource:
    """Hands out samples of a simulated machine; keeps its state from one session to the next."""

    machine: SimulatedMachine
    stop_before: int | None = None
    """How many more samples may be asked for before the user stops the run."""
    on_call: Callable[[int], None] = lambda _count: None
    calls: list[tuple[Settings, Workload, str]] = field(default_factory=list)
    closed: int = 0
    gauge: PowerGauge | None = None

    def sample(self, settings: Settings, workload: Workload, *, group: str = "search") -> Sample:
        """Take one sample.

        Raises:
            Interrupted: it is time to stop.
            WorkerError, ModelRefused: as the machine refuses settings.
        """
        if self.stop_before is not None:
            if self.stop_before == 0:
                raise Interrupted("The run was interrupted; what was measured is kept.")
            self.stop_before -= 1
        self.calls.append((settings, workload, group))
        self.on_call(len(self.calls))
        if (error := self.machine.refuses(settings)) is not None:
            self.machine.now += self.machine.load_seconds
            raise ERRORS[error](f"{error} happened.")
        return self.machine.measure(settings, workload, group)

    def close(self) -> None:
        """Count how often it was closed."""
        self.closed += 1


class SimulatedControls(Controls):
    """Sleeps in simulated time."""

    def __init__(self, machine: SimulatedMachine) -> None:
        super().__init__()
        self._machine = machine

    def sleep(self, seconds: float) -> None:
        """Let simulated time pass."""
        self._machine.now += seconds
