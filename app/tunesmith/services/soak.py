"""Own a soak: one setting run over and over in one worker, in short samples."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.domain.event_base import Part
from tunesmith.domain.events import Progress, StageStarted, TrialMeasured
from tunesmith.domain.soak import Soaked, SoakEnd, SoakRequest, SoakSample, Throttle
from tunesmith.domain.workload import Workload
from tunesmith.errors import Interrupted, ModelRefused, StoreError, WorkerError
from tunesmith.machine.power_limits import read_power_limits
from tunesmith.machine.throttle import ThrottleReader
from tunesmith.services.context import (
    Surroundings,
    check_devices,
    identify_model,
    read_model,
    survey_machine,
)
from tunesmith.services.rig import Rig
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.tuning.change_point import ALPHA, LEAST_RATIO
from tunesmith.tuning.soak_findings import findings
from tunesmith.tuning.soak_samples import (
    LONGEST_SAMPLE_SECONDS,
    SHORTEST_SAMPLE_SECONDS,
    held_since,
    part_speed,
    sized,
    soak_sample,
)
from tunesmith.wording import tr
from tunesmith.worker.protocol import NoisePolicy

if TYPE_CHECKING:
    from tunesmith.domain.model import ModelIdentity
    from tunesmith.domain.power_limit import PowerLimit
    from tunesmith.services.metering import SampleSource

STAGE = "soak"
SAMPLES = 240
"""So many of all parts together are aimed at, within these bounds."""


@dataclass(frozen=True, slots=True)
class SoakResult:
    """What was soaked, and what it found."""

    soaked: Soaked
    model: ModelIdentity
    surroundings: Surroundings
    exit_code: int
    """What the command line ends with: 0, 130 if it was interrupted, or what a fault's is."""


def start_soak(
    request: SoakRequest, *, keep: Callable[[SoakSample], None] = lambda _sample: None
) -> Session[SoakResult]:
    """Soak in the background; whoever interrupts it gets what was measured.

    The session's result raises ModelFileError, UsageError, or WorkerError and Interrupted before the first
    sample.

    Args:
        request: what to run and how long.
        keep: told of each sample as soon as it is there, in the run's thread.
    """
    return Session(lambda stream, controls: _soak(request, stream, controls, keep))


def _soak(
    request: SoakRequest, stream: Stream, controls: Controls, keep: Callable[[SoakSample], None]
) -> SoakResult:
    header = read_model(request.model_path)
    found = survey_machine(controls, rpc=request.rpc, on_reached=stream.emit)
    check_devices(request.settings, found.machine)
    model = identify_model(request.model_path, controls)
    title = tr("Soaking {name}", name=header.name or Path(request.model_path).stem)
    stream.emit(StageStarted(stage=STAGE, title=title, candidates=()))
    with Rig(
        request.model_path, live=1, noise=NoisePolicy(max_retries=0), on_event=stream.emit,
        interrupted=lambda: controls.cancelled, rpc=request.rpc,
    ) as rig:  # fmt: skip
        throttle = ThrottleReader()
        soak = Soak(
            request, rig, stream=stream, controls=controls, keep=keep, throttle=throttle.read,
            limits=read_power_limits(),
        )  # fmt: skip
        soaked, code = soak.run()
    return SoakResult(soaked, model, found, code)


@dataclass(slots=True)
class Soak:
    """One soak in its thread."""

    request: SoakRequest
    source: SampleSource
    stream: Stream
    controls: Controls
    keep: Callable[[SoakSample], None] = lambda _sample: None
    throttle: Callable[[], Throttle | None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    limits: tuple[PowerLimit, ...] = ()
    """Of power, that the machine says are in force."""
    _samples: list[SoakSample] = field(default_factory=list)
    _begun_ns: int = 0
    _held: Throttle | None = None
    _paused_s: float = 0.0

    def run(self) -> tuple[Soaked, int]:
        """Run until the time is over, or something ends it; what was measured, and an exit code.

        Raises:
            WorkerError, ModelRefused, StoreError, Interrupted: there is not one sample.
        """
        end: SoakEnd = "finished"
        fault, code = "", 0
        sampled: dict[Part, Workload] = {}
        try:
            sampled = self._sized()
            self._repeat(sampled)
        except (Interrupted, WorkerError, ModelRefused, StoreError) as error:
            if not self._samples:
                raise
            interrupted = isinstance(error, Interrupted)
            end, fault = ("interrupted", "") if interrupted else ("failed", error.what)
            code = error.exit_code
        return self._soaked(sampled, end, fault), code

    def _sized(self) -> dict[Part, Workload]:
        """What one sample of each part runs, by a pilot's speed; a pilot is no sample, it warms up."""
        aim = self.request.seconds / SAMPLES
        seconds = min(max(aim, SHORTEST_SAMPLE_SECONDS), LONGEST_SAMPLE_SECONDS)

        def speed(part: Part, pilot: Workload) -> float:
            return part_speed(self.source.sample(self.request.settings, pilot), part)

        return sized(self.request.workload, seconds, speed)

    def _repeat(self, sampled: dict[Part, Workload]) -> None:
        """Take turns until the time is over, pauses aside; every part has its turn, however slow they are."""
        begun = self.clock()
        self._held = self.throttle()
        while (passed := self.clock() - begun - self._paused_s) < self.request.seconds:
            for part, workload in sampled.items():
                self._paused_s += self.controls.wait_if_paused()
                self._tell(passed)
                taken = self._sample(part, workload)
                self._samples.append(taken)
                self.keep(taken)

    def _tell(self, passed: float) -> None:
        speeds: dict[str, float] = {}
        for sample in self._samples[-2:]:
            speeds[sample.part] = sample.tokens_per_s
        step = ", ".join(f"{part} {speed:.0f} tok/s" for part, speed in sorted(speeds.items()))
        left = self.request.seconds - passed
        fraction = passed / self.request.seconds
        self.stream.emit(Progress(step=step or tr("soaking"), fraction=fraction, eta_seconds=left))

    def _sample(self, part: Part, workload: Workload) -> SoakSample:
        settings = self.request.settings
        sample = self.source.sample(settings, workload)
        held, before = self.throttle(), self._held
        self._held = held
        self._begun_ns = self._begun_ns or sample.started_mono_ns
        self.stream.emit(
            TrialMeasured(
                stage=STAGE, candidate=tr("these settings"), digest=settings.digest,
                round=len(self._samples), sample=sample,
            )
        )  # fmt: skip
        return soak_sample(sample, part, begun_ns=self._begun_ns, held=held_since(before, held))

    def _soaked(self, sampled: dict[Part, Workload], end: SoakEnd, fault: str) -> Soaked:
        last = self._samples[-1]
        return Soaked(
            settings=self.request.settings,
            workload=self.request.workload,
            sampled=sampled,
            planned_seconds=self.request.seconds,
            seconds=last.begun_s + last.seconds,
            paused_seconds=self._paused_s,
            end=end,
            fault=fault,
            alpha=ALPHA,
            least_ratio=LEAST_RATIO,
            parts=findings(self._samples),
            samples=tuple(self._samples),
            power_limit_watts=self.request.power_limit_watts,
            power_limits=self.limits,
        )
