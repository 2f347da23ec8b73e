"""Own the second chance of a sample that others disturbed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from tunesmith.domain.measurement import Sample
from tunesmith.tuning.meter import Job, Meter

MAX_RETAKES = 2
"""How often a disturbed sample is taken again."""
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

    @property
    def disturbed(self) -> bool:
        """Whether disturbed samples are the normal state here."""
        return len(self._recent) >= RECENT // 2 and 2 * sum(self._recent) >= len(self._recent)

    def sample(self, job: Job) -> Sample:
        """Take one sample, resting before each retake.

        Raises:
            TrialFailure: these settings cannot be measured.
            Interrupted: the user stopped the run.
        """
        sample = self._meter.sample(job)
        for retake in range(1, MAX_RETAKES + 1):
            if not sample.noisy or self.disturbed or self._out_of_time():
                break
            self._meter.rest(float(retake), why="others use the machine")
            sample = self._meter.sample(replace(job, retake=retake))
        self._recent.append(sample.noisy)
        return sample
