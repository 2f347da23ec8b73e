"""Own the replay of a recorded surface: a meter that answers from what was measured before."""

from __future__ import annotations

import random
from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from tunesmith.domain.event_base import Part
from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import ChangeCost, Settings
from tunesmith.domain.surface import PartCell, Surface, part_settings
from tunesmith.domain.workload import ObjectiveName
from tunesmith.tuning.meter import Job, TrialFailure

MEAN_BLOCK_ROUNDS = 3
"""So many recorded rounds on end, on average, are replayed in the order they were recorded in."""
LIVE_PROCESSES = 2


@dataclass(slots=True)
class _Process:
    """What a simulated worker holds."""

    contexts: set[tuple[object, ...]] = field(default_factory=set)


class ReplayMeter:
    """A :class:`tunesmith.tuning.meter.Meter` over a surface, in the time that measuring would have taken.

    Whoever asks in the same round is answered from the same recorded round, so that what disturbed all of
    a round disturbs all of it again. Rounds are drawn by the stationary bootstrap: in blocks of random
    length, so that what hangs together from round to round still does (Politis & Romano 1994, "The
    stationary bootstrap"). The surface's :attr:`~tunesmith.domain.surface.PartCell.true_ns` are then the
    true values of what is drawn.

    A cell that is asked for again in the same round, as an anchor's is, or one that candidates share since
    they differ only in what it does not depend on, is answered from the recorded rounds that follow: the
    same sample twice would be free of noise against itself, which no two measurements are. Of the steps
    recorded, those from a random one on are given, the first after the last, so that none counts more.

    Time is charged as it was recorded: processes, loads of the model, contexts with their depth, samples.
    """

    def __init__(self, surface: Surface, *, seed: int) -> None:
        """Replay a surface; the same seed gives the same samples to the same questions."""
        self._surface = surface
        self._cells = surface.by_part()
        self._rounds = max((len(cell.samples) for cell in surface.cells), default=0)
        self._random = random.Random(seed)  # noqa: S311 (a simulation, not a secret)
        self._at = self._random.randrange(max(1, self._rounds))
        self._asked: Counter[tuple[Part, str]] = Counter()
        self._place: tuple[object, ...] = ()
        self._processes: OrderedDict[tuple[object, ...], _Process] = OrderedDict()
        self.spent_seconds = 0.0
        self.samples = 0
        """How many were asked for."""

    def rest(self, seconds: float, *, why: str) -> None:
        """Let time pass; what was recorded does not calm down."""
        del why
        self.spent_seconds += seconds

    def sample(self, job: Job) -> Sample:
        """Answer a job from the record; see :class:`~tunesmith.tuning.meter.Meter`."""
        workload = job.workload
        begun = self.spent_seconds
        parts: list[Part] = []
        if workload.prompt:
            parts.append("prefill")
        if workload.generate:
            parts.append("decode")
        cells = [self._cell(job, part) for part in parts]
        self._go_to(job)
        found = {cell.part: self._pick(cell) for cell in cells}
        prefill, decode = found.get("prefill"), found.get("decode")
        prefill_ns, tokens = None, 0
        if prefill is not None and prefill.prefill_ns_per_token is not None:
            tokens = workload.prompt * workload.parallel
            prefill_ns = round(prefill.prefill_ns_per_token * tokens)
        steps: tuple[int, ...] = ()
        if decode is not None:
            steps = self._steps(decode, workload.generate)
        self.samples += 1
        self._charge(job)
        self.spent_seconds += self._surface.costs.sample + ((prefill_ns or 0) + sum(steps)) / 1e9
        source = decode or prefill
        assert source is not None  # noqa: S101 (a workload has a part)
        return source.model_copy(
            update={
                "prefill_tokens": tokens,
                "prefill_ns": prefill_ns,
                "step_ns": steps,
                "sequences": workload.parallel,
                "noisy": any(one.noisy for one in (prefill, decode) if one is not None),
                "started_mono_ns": round(begun * 1e9),
                "cost_ns": round((self.spent_seconds - begun) * 1e9),
            }
        )

    def _cell(self, job: Job, part: Part) -> PartCell:
        settings = part_settings(job.settings, part, parallel=self._surface.workload.parallel)
        cell = self._cells.get((part, settings.digest))
        if cell is None:
            raise TrialFailure("not_recorded", "the survey did not measure these settings")
        if cell.failure:
            self._charge(job)
            raise TrialFailure("failed", cell.failure)
        return cell

    def _go_to(self, job: Job) -> None:
        """Draw a recorded round for a new round; stay where the job belongs to the same one.

        A confirmation's pair is a round too, although each of the two has a process of its own.
        """
        place = (job.stage, job.round, job.attempt)
        if place == self._place:
            return
        self._place = place
        self._asked.clear()
        go_on = self._random.random() > 1 / MEAN_BLOCK_ROUNDS
        self._at = self._at + 1 if go_on else self._random.randrange(max(1, self._rounds))

    def _pick(self, cell: PartCell) -> Sample:
        key = (cell.part, cell.settings.digest)
        recorded = self._at + self._asked[key]
        self._asked[key] += 1
        return cell.samples[recorded % len(cell.samples)]

    def _steps(self, sample: Sample, count: int) -> tuple[int, ...]:
        """So many of the recorded steps, in order, from a random one on."""
        recorded = sample.step_ns
        first = self._random.randrange(len(recorded))
        return tuple(recorded[(first + place) % len(recorded)] for place in range(count))

    def _charge(self, job: Job) -> None:
        """Pay for what these settings need and no live process has."""
        costs = self._surface.costs
        key = (job.group, *job.settings.key(ChangeCost.MODEL))
        if key not in self._processes:
            while len(self._processes) >= LIVE_PROCESSES:
                self._processes.popitem(last=False)
            self._processes[key] = _Process()
            self.spent_seconds += costs.process + costs.load
        self._processes.move_to_end(key)
        context = (*job.settings.key(ChangeCost.CONTEXT),)
        if context not in self._processes[key].contexts:
            self._processes[key].contexts.add(context)
            self.spent_seconds += costs.context


def true_speed(surface: Surface, settings: Settings) -> dict[Part, float]:
    """What counts as the truth: nanoseconds per prompt token and per decoding step.

    Raises:
        KeyError: the survey did not measure these settings.
    """
    parallel = surface.workload.parallel
    cells = surface.by_part()
    found: dict[Part, float] = {}
    for part in sorted({cell.part for cell in surface.cells}):
        found[part] = cells[part, part_settings(settings, part, parallel=parallel).digest].true_ns
    return found


def best_settings(surface: Surface, objective: ObjectiveName) -> tuple[Settings, float] | None:
    """The fastest of all settings by what counts as the truth, and the ratio of its speed to the baseline's.

    Of equals the first of the grid, the baseline first. None if the workload has not the objective's part.
    """
    wanted = {
        part for part in ("prefill", "decode") if objective not in ("prefill", "decode") or part == objective
    }
    workload, cells = surface.workload, surface.by_part()
    tokens = {"prefill": workload.prompt * workload.parallel, "decode": workload.generate}
    parts = [part for part in sorted({cell.part for cell in surface.cells}) if part in wanted]
    truth = {key: cell.true_ns for key, cell in cells.items() if cell.samples and not cell.failure}

    def request_ns(settings: Settings) -> float:
        found = ((part, part_settings(settings, part, parallel=workload.parallel).digest) for part in parts)
        return sum(tokens[part] * truth[part, digest] for part, digest in found)

    if not parts:
        return None
    best = min(surface.grid(), key=request_ns)
    return best, request_ns(surface.baseline) / request_ns(best)
