"""Own the second chance of a sample that others disturbed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from tunesmith.domain.measurement import Sample
from tunesmith.tuning.meter import Job, Meter

MAX_RETAKES = 2
"""How often a disturbed sample is taken again; the worker itself has tried already, without a rest."""
REST_SECONDS = 2.0
RECENT = 8
"""Of so many last samples half must be disturbed for disturbance to be the normal state here."""


class Retaker:
    """Takes samples, those that others disturbed again, unless that is how this machine always is.

    What others do has nothing to do with what a candidate is worth, so that choosing the undisturbed
    samples favours none.
    """

    def __init__(self, meter: Meter, *, out_of_time: Callable[[], bool]) -> None:
        self._meter = meter
        self._out_of_time = out_of_time
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._taken = self._disturbed = 0
        self._first: list[bool] = []

    @property
    def disturbed(self) -> bool:
        """Whether disturbed samples are the normal state here."""
        return len(self._recent) >= RECENT // 2 and 2 * sum(self._recent) >= len(self._recent)

    @property
    def turned(self) -> bool:
        """Whether others use the machine now who did not in the beginning: another machine, as it were."""
        return len(self._first) == RECENT and 2 * sum(self._first) < RECENT and self.disturbed

    @property
    def mostly_disturbed(self) -> bool:
        """Whether more than half of all samples were disturbed, those that were taken again included."""
        return 2 * self._disturbed > self._taken

    def sample(self, job: Job) -> Sample:
        """Take one sample, resting before each retake.

        Raises:
            TrialFailure: these settings cannot be measured.
            Interrupted: the user stopped the run.
        """
        sample = self._take(job)
        for retake in range(1, MAX_RETAKES + 1):
            if not sample.noisy or self.disturbed or self._out_of_time():
                break
            self._meter.rest(REST_SECONDS, why="others use the machine")
            sample = self._take(replace(job, retake=retake))
        return sample

    def _take(self, job: Job) -> Sample:
        sample = self._meter.sample(job)
        self._recent.append(sample.noisy)
        if len(self._first) < RECENT:
            self._first.append(sample.noisy)
        self._taken += 1
        self._disturbed += sample.noisy
        return sample
