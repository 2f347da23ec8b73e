"""Own a survey: a whole grid of settings measured in rounds, kept raw."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Protocol

from tunesmith.domain.blocks import blocks_of
from tunesmith.domain.event_base import Part
from tunesmith.domain.events import Progress, StageStarted, TrialFailed, TrialMeasured
from tunesmith.domain.measurement import Sample
from tunesmith.domain.model import ModelHeader
from tunesmith.domain.request import SearchRules
from tunesmith.domain.settings import Settings
from tunesmith.domain.surface import AxisValue, PartCell, Surface, part_settings
from tunesmith.domain.workload import Workload
from tunesmith.errors import Interrupted, ModelRefused, TunesmithError, WorkerError
from tunesmith.services.context import Surroundings, check_devices, narrowed, read_model, survey_machine
from tunesmith.services.metering import SampleSource
from tunesmith.services.rig import Rig
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.services.survey_costs import Overheads
from tunesmith.tuning.changes import differing
from tunesmith.tuning.grid import Axes, Cell, grid_cells, shuffled, survey_axes, survey_pace, workload_parts
from tunesmith.tuning.pace import Pace, pilot_workload
from tunesmith.tuning.setting_text import format_setting
from tunesmith.tuning.space import baseline_settings
from tunesmith.worker.protocol import NoisePolicy

STAGE = "survey"
TRIES = 2
"""How often a cell is tried whose worker died: what killed it may not have been the settings."""
WARM_SAMPLES = 3
"""So many of each part of the baseline tell, once it is warm, what a sample costs beside its timed parts."""


@dataclass(frozen=True, slots=True)
class SurveyRequest:
    """What is to be surveyed."""

    model_path: str
    workload: Workload
    preset: str | None = None
    rules: SearchRules = field(default_factory=SearchRules)
    given: dict[str, tuple[AxisValue, ...]] = field(default_factory=dict)
    """Values set by hand, by setting."""
    rounds: int = 6
    part_seconds: float | None = None
    """About how long a sample takes; None for what a tune of the standard budget takes."""
    seed: int = 1
    title: str = ""
    conditions: str = ""
    rpc: tuple[str, ...] = ()
    """RPC servers that the user named; only these are ever connected to."""
    devices: tuple[str, ...] = ()
    """Devices that layers may be put on; all if none is named."""


@dataclass(frozen=True, slots=True)
class SurveyResult:
    """A recorded surface, and what it took."""

    surface: Surface
    seconds: float

    @property
    def samples(self) -> int:
        """How many it holds."""
        return sum(len(cell.samples) for cell in self.surface.cells)

    @property
    def noisy_samples(self) -> int:
        """How many of them others disturbed."""
        return sum(sample.noisy for cell in self.surface.cells for sample in cell.samples)


class SourceFactory(Protocol):
    """Makes what takes the samples."""

    def __call__(
        self, request: SurveyRequest, found: Surroundings, stream: Stream, controls: Controls
    ) -> SampleSource:
        """A rig, or a simulation of one."""


def start_survey(
    request: SurveyRequest, *, make_source: SourceFactory | None = None
) -> Session[SurveyResult]:
    """Survey in the background; nothing is kept but what the session returns.

    The session's result raises ModelFileError, WorkerError, UsageError or Interrupted.
    """
    maker = make_source or _rig
    return Session(lambda stream, controls: _survey(request, stream, controls, maker))


def _survey(
    request: SurveyRequest, stream: Stream, controls: Controls, make_source: SourceFactory
) -> SurveyResult:
    begun = time.monotonic()
    header = read_model(request.model_path)
    try:
        found = survey_machine(controls, rpc=request.rpc, on_reached=stream.emit)
        source = make_source(request, found, stream, controls)
        try:
            surface = _Survey(request, header, found, source, stream, controls).run()
        finally:
            close: Callable[[], None] = getattr(source, "close", lambda: None)
            close()
    except Interrupted:
        raise Interrupted(
            "The survey was interrupted; nothing of it is kept.", todo="Start it again for a whole one."
        ) from None
    return SurveyResult(surface, time.monotonic() - begun)


def _rig(request: SurveyRequest, found: Surroundings, stream: Stream, controls: Controls) -> SampleSource:
    """One worker at a time; a disturbed sample is kept as it is."""
    del found
    return Rig(
        request.model_path,
        live=1,
        noise=NoisePolicy(max_retries=0),
        on_event=stream.emit,
        interrupted=lambda: controls.cancelled,
        rpc=request.rpc,
    )


@dataclass(slots=True)
class _Record:
    """What is known of a cell so far."""

    samples: list[Sample] = field(default_factory=list)
    failure: str = ""


class _Survey:
    """One survey in its thread."""

    def __init__(
        self, request: SurveyRequest, header: ModelHeader, found: Surroundings, source: SampleSource,
        stream: Stream, controls: Controls,
    ) -> None:  # fmt: skip
        self._request = request
        self._header = header
        self._machine = narrowed(found.machine, request.devices)
        self._source = source
        self._stream = stream
        self._controls = controls
        self._baseline = baseline_settings(found.machine, request.workload).replace(
            rpc=request.rpc, devices=request.devices
        )
        check_devices(self._baseline, found.machine)
        self._overheads = Overheads()
        self._records: dict[tuple[Part, str], _Record] = {}
        self._begun = 0.0
        self._taken = 0

    def run(self) -> Surface:
        """Measure the whole grid.

        Raises:
            UsageError: there is nothing to survey.
            WorkerError, ModelRefused: not even the baseline can be measured.
            Interrupted: the user stopped it.
        """
        request = self._request
        axes = survey_axes(
            self._baseline, workload=request.workload, machine=self._machine, rules=request.rules,
            given=request.given, blocks=blocks_of(self._header),
        )  # fmt: skip
        cells = grid_cells(self._baseline, axes, request.workload)
        self._announce(axes, cells)
        pilot, _ = self._timed(self._baseline, pilot_workload(request.workload), "pilot")
        pace = survey_pace(request.workload, pilot, axes=axes, part_seconds=request.part_seconds)
        self._warm(pace)
        self._begun = time.monotonic()
        self._records = {(part, settings.digest): _Record() for part, settings in cells}
        order = random.Random(request.seed)  # noqa: S311 (an order, not a secret)
        for number in range(request.rounds):
            self._round(number, shuffled(cells, order), pace, total=len(cells) * request.rounds)
        return self._surface(axes, cells, pace)

    def _announce(self, axes: Axes, cells: list[Cell]) -> None:
        values = (
            f"{name} {' '.join(format_setting(value) for value in values)}" for name, values in axes.items()
        )
        title = f"Surveying {self._name}, {len(cells)} cells in {self._request.rounds} rounds"
        self._stream.emit(StageStarted(stage=STAGE, title=title, candidates=tuple(values)))

    @property
    def _name(self) -> str:
        return self._header.name or Path(self._request.model_path).stem

    # ------------------------------------------------------------- samples

    def _timed(self, settings: Settings, workload: Workload, group: str) -> tuple[Sample, float]:
        """A sample, and how long it was until the worker had taken the request up, seconds."""
        self._controls.wait_if_paused()
        begun = time.monotonic()
        sample = self._source.sample(settings, workload, group=group)
        return sample, max(0.0, time.monotonic() - begun - sample.cost_ns / 1e9)

    def _warm(self, pace: Pace) -> None:
        """Learn from the baseline what a sample costs to a worker that has all it needs."""
        for part in workload_parts(self._request.workload):
            settings = part_settings(self._baseline, part, parallel=self._request.workload.parallel)
            for place in range(WARM_SAMPLES):
                sample, _ = self._timed(settings, self._workload(pace, part), "pilot")
                if place:
                    self._overheads.note_warm(sample)

    def _workload(self, pace: Pace, part: Part) -> Workload:
        return pace.workload(self._request.workload, frozenset({part}), batches=True)

    def _round(self, number: int, loads: list[list[list[Cell]]], pace: Pace, *, total: int) -> None:
        for contexts in loads:
            fresh_process = True
            for cells in contexts:
                fresh_context = True
                for cell in cells:
                    self._tell(number, total)
                    record = self._records[cell[0], cell[1].digest]
                    if not record.failure:
                        done = self._measure(record, cell, pace, number, fresh=(fresh_process, fresh_context))
                        fresh_process &= not done
                        fresh_context &= not done
                    self._taken += 1

    def _measure(
        self, record: _Record, cell: Cell, pace: Pace, number: int, *, fresh: tuple[bool, bool]
    ) -> bool:
        """Take one sample of a cell, or note why there is none; whether there is one."""
        part, settings = cell
        name = f"{part}, {cell_text(settings, self._baseline)}"
        for attempt in range(TRIES):
            try:
                sample, waited = self._timed(settings, self._workload(pace, part), f"round-{number}")
            except (WorkerError, ModelRefused) as error:
                self._stream.emit(
                    TrialFailed(
                        stage=STAGE, candidate=name, digest=settings.digest, cause=error.name,
                        message=error.what,
                    )
                )  # fmt: skip
                if attempt + 1 == TRIES or isinstance(error, ModelRefused):
                    self._give_up(record, cell, error)
                    return False
                continue
            record.samples.append(sample)
            if not attempt:
                self._overheads.note(sample, waited, fresh=fresh)
            self._stream.emit(
                TrialMeasured(
                    stage=STAGE, candidate=name, digest=settings.digest, round=number + 1, sample=sample
                )
            )
            return True
        raise AssertionError("unreachable: the last try returns")

    def _give_up(self, record: _Record, cell: Cell, error: TunesmithError) -> None:
        part, settings = cell
        if settings == part_settings(self._baseline, part, parallel=self._request.workload.parallel):
            raise error
        record.failure = f"{error.name}: {error.what}"

    def _tell(self, number: int, total: int) -> None:
        share = self._taken / total
        spent = time.monotonic() - self._begun
        eta = spent * (1 - share) / share if self._taken else None
        step = f"round {number + 1} of {self._request.rounds}"
        self._stream.emit(Progress(step=step, fraction=share, eta_seconds=eta))

    # ------------------------------------------------------------- the end

    def _surface(self, axes: Axes, cells: list[Cell], pace: Pace) -> Surface:
        request = self._request
        recorded = tuple(
            PartCell(part=part, settings=settings, samples=tuple(record.samples), failure=record.failure)
            for part, settings in cells
            for record in (self._records[part, settings.digest],)
        )
        conditions = request.conditions or _conditions(recorded)
        quantization = self._header.quantization
        about = request.preset or request.workload.label
        return Surface(
            title=request.title or f"{self._name} {quantization}, {about}, {conditions}",
            model_name=self._name,
            quantization=quantization,
            machine=self._machine.model_copy(update={"hostname": "recorded"}),
            conditions=conditions,
            workload=request.workload,
            measured=pace.workload(
                request.workload, frozenset(workload_parts(request.workload)), batches=True
            ),
            baseline=self._baseline,
            axes=axes,
            cells=recorded,
            costs=self._overheads.costs(),
            recorded_utc=datetime.now(tz=UTC).isoformat(timespec="seconds"),
        )


def cell_text(settings: Settings, baseline: Settings) -> str:
    """What differs from the baseline, such as ``threads 1, flash_attn off``; ``defaults`` if nothing does."""
    changes = (f"{name} {format_setting(getattr(settings, name))}" for name in differing(baseline, settings))
    return ", ".join(changes) or "defaults"


def _conditions(cells: tuple[PartCell, ...]) -> str:
    """What the samples themselves say of what else went on."""
    samples = [sample for cell in cells for sample in cell.samples]
    foreign = [s.conditions.foreign_cores for s in samples if s.conditions.foreign_cores is not None]
    noisy = sum(sample.noisy for sample in samples)
    if not foreign:
        return f"{noisy} of {len(samples)} samples disturbed"
    return f"others used {median(foreign):.2f} CPUs, {noisy} of {len(samples)} samples disturbed"
