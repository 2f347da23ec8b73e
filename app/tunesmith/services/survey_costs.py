"""Own what a survey learns of costs: processes, loads, contexts and samples, beside what is timed."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean, median

from tunesmith.domain.measurement import Sample
from tunesmith.domain.surface import Costs


@dataclass(slots=True)
class Overheads:
    """What samples took beside what was timed, seconds, by what was new to the worker."""

    process: list[float] = field(default_factory=list)
    """Until a fresh process took the request up."""
    load: list[float] = field(default_factory=list)
    """Of the first sample in a fresh process, from then on."""
    context: list[float] = field(default_factory=list)
    """Of the first sample in a fresh context."""
    warm: list[float] = field(default_factory=list)

    def costs(self) -> Costs:
        """Medians; of contexts the mean, since few of them have their depth still to fill."""
        sample = median(self.warm or [0.0])
        contexts = self.context or self.load or [0.0]
        context = max(0.0, fmean(contexts) - sample) if self.context else 0.0
        load = max(0.0, median(self.load or [0.0]) - context - sample)
        return Costs(load=load, process=median(self.process or [0.0]), context=context, sample=sample)

    def note(self, sample: Sample, waited: float, *, fresh: tuple[bool, bool]) -> None:
        """Take in a sample of a cell.

        Args:
            sample: the first try's.
            waited: how long it was until the worker had taken the request up, seconds.
            fresh: whether process and context were made for it.
        """
        fresh_process, fresh_context = fresh
        if fresh_process:
            self.process.append(waited)
            self.load.append(_overhead(sample))
        elif fresh_context:
            self.context.append(_overhead(sample))

    def note_warm(self, sample: Sample) -> None:
        """Take in a sample for which nothing had to be made."""
        self.warm.append(_overhead(sample))


def _overhead(sample: Sample) -> float:
    """What a sample took beside what was timed, seconds."""
    return max(0.0, (sample.cost_ns - (sample.prefill_ns or 0) - sum(sample.step_ns)) / 1e9)
