"""Own a comparison at steady state: settings in long blocks by turns, kept loaded where memory bears it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.domain.events import Progress, StageStarted, TrialMeasured
from tunesmith.domain.settings import ChangeCost
from tunesmith.domain.soak import SoakEnd, SoakSample, Throttle
from tunesmith.domain.steady import SteadyCompared, SteadyRequest
from tunesmith.errors import Interrupted, ModelRefused, StoreError, WorkerError
from tunesmith.machine.power_limits import read_power_limits
from tunesmith.machine.throttle import ThrottleReader
from tunesmith.services.context import (
    Surroundings,
    check_devices,
    identify_model,
    live_workers,
    read_model,
    survey_machine,
)
from tunesmith.services.power_gauge import PowerGauge, silence
from tunesmith.services.rig import Rig
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.services.soak import STAGE
from tunesmith.tuning.change_point import ALPHA, LEAST_RATIO
from tunesmith.tuning.soak_samples import LONGEST_SAMPLE_SECONDS, SHORTEST_SAMPLE_SECONDS
from tunesmith.tuning.steady import BlockPlan, SteadyCourse, Turn, plan_blocks
from tunesmith.tuning.steady_findings import steady_blocks, steady_findings
from tunesmith.wording import tr
from tunesmith.worker.protocol import NoisePolicy

if TYPE_CHECKING:
    from tunesmith.domain.measurement import Sample
    from tunesmith.domain.model import ModelIdentity
    from tunesmith.domain.power_limit import PowerLimit
    from tunesmith.domain.settings import Settings
    from tunesmith.domain.workload import Workload
    from tunesmith.services.metering import SampleSource

LEAST_GAUGED_BLOCK_SECONDS = 30.0
"""In shorter blocks there are too few samples that are long enough for sensors of power."""


@dataclass(frozen=True, slots=True)
class SteadyResult:
    """What was compared, on what."""

    compared: SteadyCompared
    model: ModelIdentity
    surroundings: Surroundings
    exit_code: int
    """What the command line ends with: 0, 130 if it was interrupted, or what a fault's is."""


def start_comparison(
    request: SteadyRequest, *, keep: Callable[[SoakSample], None] = lambda _sample: None
) -> Session[SteadyResult]:
    """Compare in the background; whoever interrupts it gets what was measured.

    The session's result raises ModelFileError, UsageError, or WorkerError and Interrupted before the first
    sample.

    Args:
        request: what to compare and how long.
        keep: told of each sample as soon as it is there, in the run's thread.
    """
    return Session(lambda stream, controls: _compare(request, stream, controls, keep))


def _compare(
    request: SteadyRequest, stream: Stream, controls: Controls, keep: Callable[[SoakSample], None]
) -> SteadyResult:
    header = read_model(request.model_path)
    found = survey_machine(controls, rpc=request.rpc, on_reached=stream.emit)
    for one in request.compared:
        check_devices(one.settings, found.machine)
    model = identify_model(request.model_path, controls)
    title = tr("Soaking {name}", name=header.name or Path(request.model_path).stem)
    stream.emit(
        StageStarted(stage=STAGE, title=title, candidates=tuple(one.label for one in request.compared))
    )
    loads = len({one.settings.key(ChangeCost.MODEL) for one in request.compared})
    live = 1 if request.rpc else live_workers(header, found.machine, loads)
    gauge, doubt = _gauge(request)
    with Rig(
        request.model_path, live=live, noise=NoisePolicy(max_retries=0), on_event=stream.emit,
        interrupted=lambda: controls.cancelled, rpc=request.rpc, gauge=gauge,
    ) as rig:  # fmt: skip
        throttle = ThrottleReader()
        run = SteadyRun(
            request, rig, stream=stream, controls=controls, keep=keep, throttle=throttle.read,
            limits=read_power_limits(), gauged=gauge is not None, reloads=live < loads,
            doubt=lambda: doubt if gauge is None else next(iter(gauge.doubts().values()), ""),
        )  # fmt: skip
        compared, code = run.run()
    return SteadyResult(compared, model, found, code)


def _gauge(request: SteadyRequest) -> tuple[PowerGauge | None, str]:
    """What tells the energy of each sample; None, and why, where nothing does."""
    gauge = PowerGauge()
    why = silence(gauge.sensors)
    if gauge.reads and _plan(request).block_seconds < LEAST_GAUGED_BLOCK_SECONDS:
        why = tr("blocks are shorter than {seconds} s", seconds=f"{LEAST_GAUGED_BLOCK_SECONDS:g}")
    if why:
        gauge.close()
        return None, why
    return gauge, ""


def _plan(request: SteadyRequest) -> BlockPlan:
    return plan_blocks(request.seconds, len(request.compared), request.blocks)


@dataclass(slots=True)
class SteadyRun:
    """One comparison in its thread."""

    request: SteadyRequest
    source: SampleSource
    stream: Stream
    controls: Controls
    keep: Callable[[SoakSample], None] = lambda _sample: None
    throttle: Callable[[], Throttle | None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    limits: tuple[PowerLimit, ...] = ()
    """Of power, that the machine says are in force."""
    gauged: bool = False
    """Whether sensors of power are read: then samples are long enough for them."""
    reloads: bool = False
    doubt: Callable[[], str] = lambda: ""
    """Why sensors of power are not read, or not believed."""
    _speeds: dict[str, float] = field(default_factory=dict)

    def run(self) -> tuple[SteadyCompared, int]:
        """Run until all blocks are over, or something ends it; what was measured, and an exit code.

        Raises:
            WorkerError, ModelRefused, StoreError, Interrupted: there is not one sample.
        """
        request = self.request
        plan = _plan(request)
        course = SteadyCourse(
            request.workload, request.compared, plan, self._take, self.clock,
            least_sample_seconds=LONGEST_SAMPLE_SECONDS if self.gauged else SHORTEST_SAMPLE_SECONDS,
            throttle=self.throttle, keep=self.keep,
        )  # fmt: skip
        end: SoakEnd = "finished"
        fault, code = "", 0
        try:
            course.run()
        except (Interrupted, WorkerError, ModelRefused, StoreError) as error:
            if not course.samples:
                raise
            interrupted = isinstance(error, Interrupted)
            end, fault = ("interrupted", "") if interrupted else ("failed", error.what)
            code = error.exit_code
        last = course.samples[-1]
        return SteadyCompared(
            compared=request.compared,
            workload=request.workload,
            sampled=course.sampled,
            planned_seconds=request.seconds,
            seconds=last.begun_s + last.seconds,
            planned_blocks=plan.rounds,
            block_seconds=plan.block_seconds,
            end=end,
            fault=fault,
            alpha=ALPHA,
            least_ratio=LEAST_RATIO,
            reloads=self.reloads,
            findings=steady_findings(
                course.samples, request.compared, rounds=course.rounds, workload=request.workload,
                doubt=self.doubt(),
            ),
            blocks=steady_blocks(course.samples, rounds=course.rounds, workload=request.workload),
            samples=tuple(course.samples),
            power_limit_watts=request.power_limit_watts,
            power_limits=self.limits,
        ), code  # fmt: skip

    def _take(self, turn: Turn, settings: Settings, workload: Workload) -> Sample:
        self.controls.wait_if_paused()
        label = self.request.compared[turn.setting].label
        self._tell(turn, label)
        sample = self.source.sample(settings, workload)
        if turn.number < 0:
            return sample
        part = "prefill" if workload.prompt else "decode"
        speed = sample.prefill_tokens_per_s if workload.prompt else sample.decode_tokens_per_s
        self._speeds[part] = speed or 0.0
        self.stream.emit(
            TrialMeasured(
                stage=STAGE, candidate=label, digest=settings.digest, round=turn.number, sample=sample
            )
        )
        return sample

    def _tell(self, turn: Turn, label: str) -> None:
        speeds = ", ".join(f"{part} {speed:.0f} tok/s" for part, speed in sorted(self._speeds.items()))
        seconds = self.request.seconds
        step = tr("{setting}, block {number}", setting=label, number=turn.round + 1)
        self.stream.emit(
            Progress(
                step=f"{step}: {speeds}" if speeds else step,
                fraction=min(0.99, turn.passed_seconds / seconds),
                eta_seconds=max(0.0, seconds - turn.passed_seconds),
            )
        )
