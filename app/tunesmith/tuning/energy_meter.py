"""Own the second chance of a sample that does not tell its energy, where energy decides."""

from __future__ import annotations

from dataclasses import replace

from tunesmith.domain.measurement import Sample
from tunesmith.domain.sample_energy import NotTold
from tunesmith.tuning.expense import Expense
from tunesmith.tuning.meter import Job, Meter, TrialFailure

CAUSE = "no_energy"
MAX_RETAKES = 2
_RETAKES_FROM = 100
"""Retakes for want of energy are numbered from here, those that others disturbed from 1."""
_NOT_SCORED = ("pilot", "memory")


class EnergyMeter:
    """Passes samples on; one without energy is taken again, and fails its candidate in the end."""

    def __init__(self, meter: Meter, expense: Expense) -> None:
        self._meter = meter
        self._expense = expense

    @property
    def spent_seconds(self) -> float:
        """As :attr:`~tunesmith.tuning.meter.Meter.spent_seconds`."""
        return self._meter.spent_seconds

    def sample(self, job: Job) -> Sample:
        """As :meth:`~tunesmith.tuning.meter.Meter.sample`.

        Raises:
            TrialFailure: these settings cannot be measured, or their energy cannot.
        """
        why = ""
        for retake in range(MAX_RETAKES + 1):
            again = replace(job, retake=_RETAKES_FROM * retake + job.retake) if retake else job
            sample = self._meter.sample(again)
            if job.stage.endswith(_NOT_SCORED):
                return sample
            try:
                self._expense.of_second(sample)
            except NotTold as error:
                why = str(error)
                continue
            return sample
        raise TrialFailure(CAUSE, why)

    def rest(self, seconds: float, *, why: str) -> None:
        """As :meth:`~tunesmith.tuning.meter.Meter.rest`."""
        self._meter.rest(seconds, why=why)
