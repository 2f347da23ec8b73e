"""Own the measuring of several files in one run: a live worker for each, and where a sample is routed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from tunesmith.domain.choice import Contender
from tunesmith.domain.events import Event
from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.services.rig import Rig
from tunesmith.tuning.meter import Job, Meter

MEMORY_SHARE = 0.8
"""Of the memory that is available so much may be taken by files that wait for their turn, loaded."""
_DIVIDER = "|"


class ModelRigs:
    """Live workers of several files at once, each with its own loaded; those longest idle make room.

    The file's label stands at the beginning of a job's group.
    """

    def __init__(
        self,
        contenders: Callable[[str], Contender],
        *,
        memory_bytes: int,
        on_event: Callable[[Event], None],
        interrupted: Callable[[], bool],
    ) -> None:
        self._contenders = contenders
        self._room = MEMORY_SHARE * memory_bytes
        self._on_event = on_event
        self._interrupted = interrupted
        self._rigs: OrderedDict[str, Rig] = OrderedDict()

    def sample(self, settings: Settings, workload: Workload, *, group: str = "search") -> Sample:
        """As :meth:`tunesmith.services.rig.Rig.sample`, of the file that the group names."""
        label, _, rest = group.partition(_DIVIDER)
        return self._rig(label).sample(settings, workload, group=rest)

    def _rig(self, label: str) -> Rig:
        if label in self._rigs:
            self._rigs.move_to_end(label)
            return self._rigs[label]
        contender = self._contenders(label)
        while self._rigs and self._taken + (contender.size_bytes or 0) > self._room:
            self._rigs.popitem(last=False)[1].close()
        self._rigs[label] = Rig(
            contender.path or "", live=1, on_event=self._on_event, interrupted=self._interrupted
        )
        return self._rigs[label]

    @property
    def _taken(self) -> int:
        return sum(self._contenders(label).size_bytes or 0 for label in self._rigs)

    def drop(self, label: str) -> None:
        """End the workers of a file."""
        rig = self._rigs.pop(label, None)
        if rig is not None:
            rig.close()

    def close(self) -> None:
        """End all workers."""
        for label in list(self._rigs):
            self.drop(label)


class FileMeter:
    """A :class:`~tunesmith.tuning.meter.Meter` that has each job done on the file it is about."""

    def __init__(
        self, meter: Meter, route: Callable[[Job], tuple[str, Job]],
        keep: Callable[[str, Sample], None] = lambda _label, _sample: None,
    ) -> None:  # fmt: skip
        """Wrap a meter.

        Args:
            meter: takes the samples.
            route: names a job's file, and may name the job anew.
            keep: is handed every sample with the label of its file.
        """
        self._meter = meter
        self._route = route
        self._keep = keep

    @property
    def spent_seconds(self) -> float:
        """Of the meter below."""
        return self._meter.spent_seconds

    def sample(self, job: Job) -> Sample:
        """Take one sample of the job's file."""
        label, job = self._route(job)
        sample = self._meter.sample(replace(job, group=f"{label}{_DIVIDER}{job.group}"))
        self._keep(label, sample)
        return sample

    def rest(self, seconds: float, *, why: str) -> None:
        """Wait for the machine to calm down."""
        self._meter.rest(seconds, why=why)
