"""Own a soak: one setting run over and over in one worker, in short samples."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tunesmith.domain.event_base import Part
from tunesmith.domain.events import Progress, StageStarted, TrialMeasured
from tunesmith.domain.soak import Soaked, SoakEnd, SoakRequest, SoakSample, Throttle
from tunesmith.domain.workload import Workload
from tunesmith.errors import Interrupted, ModelRefused, WorkerError
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
from tunesmith.wording import tr
from tunesmith.worker.protocol import NoisePolicy

if TYPE_CHECKING:
    from tunesmith.domain.measurement import Sample
    from tunesmith.domain.model import ModelIdentity
    from tunesmith.services.metering import SampleSource

STAGE = "soak"
SHORTEST_SAMPLE_SECONDS = 0.3
"""Foreign load is told of no shorter time than 0.2 s."""
LONGEST_SAMPLE_SECONDS = 2.0
SAMPLES = 240
"""So many of all parts together are aimed at, within these bounds."""
PILOT_PROMPT, PILOT_GENERATE = 64, 8
LEAST_PROMPT, LEAST_GENERATE = 16, 4
MOST_PROMPT, MOST_GENERATE = 2048, 512


@dataclass(frozen=True, slots=True)
class SoakResult:
    """What was soaked, and what it found."""

    soaked: Soaked
    model: ModelIdentity
    surroundings: Surroundings
    exit_code: int
    """What the command line ends with: 0, 130 if it was interrupted, or what a fault's is."""


class SourceFactory(Protocol):
    """Makes what takes the samples."""

    def __call__(self, request: SoakRequest, stream: Stream, controls: Controls) -> SampleSource:
        """A rig, or a simulation of one."""


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
        soak = Soak(request, rig, stream=stream, controls=controls, keep=keep, throttle=throttle.read)
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
    _samples: list[SoakSample] = field(default_factory=list)
    _begun_ns: int = 0
    _held: Throttle | None = None
    _paused_s: float = 0.0

    def run(self) -> tuple[Soaked, int]:
        """Run until the time is over, or something ends it; what was measured, and an exit code.

        Raises:
            WorkerError, ModelRefused, Interrupted: there is not one sample.
        """
        end: SoakEnd = "finished"
        fault, code = "", 0
        sampled: dict[Part, Workload] = {}
        try:
            sampled = self._sized()
            self._repeat(sampled)
        except (Interrupted, WorkerError, ModelRefused) as error:
            if not self._samples:
                raise
            interrupted = isinstance(error, Interrupted)
            end, fault = ("interrupted", "") if interrupted else ("failed", error.what)
            code = error.exit_code
        return self._soaked(sampled, end, fault), code

    def _sized(self) -> dict[Part, Workload]:
        """What one sample of each part runs, by a pilot's speed; a pilot is no sample, it warms up."""
        whole, settings = self.request.workload, self.request.settings
        aim = self.request.seconds / SAMPLES
        seconds = min(max(aim, SHORTEST_SAMPLE_SECONDS), LONGEST_SAMPLE_SECONDS)
        kinds: tuple[tuple[Part, int, int, int, int], ...] = (
            ("prefill", whole.prompt, PILOT_PROMPT, LEAST_PROMPT, MOST_PROMPT),
            ("decode", whole.generate, PILOT_GENERATE, LEAST_GENERATE, MOST_GENERATE),
        )
        sized: dict[Part, Workload] = {}
        for part, asked, tried, least, most in kinds:
            if asked:
                pilot = self.source.sample(settings, _piece(whole, part, min(asked, tried)))
                fitting = round(seconds * _speed(pilot, part) / whole.parallel)
                sized[part] = _piece(whole, part, min(asked, most, max(least, fitting)))
        return sized

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
        counted = _since(before, held)
        return SoakSample(
            part=part,
            begun_s=(sample.started_mono_ns - self._begun_ns) / 1e9,
            seconds=_timed_ns(sample) / 1e9,
            tokens=sample.prefill_tokens if part == "prefill" else len(sample.step_ns) * sample.sequences,
            tokens_per_s=_speed(sample, part),
            conditions=sample.conditions,
            throttled_periods=None if counted is None else counted.periods,
            throttled_seconds=None if counted is None else counted.seconds,
        )

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
        )


def _since(before: Throttle | None, now: Throttle | None) -> Throttle | None:
    if before is None or now is None:
        return None
    return Throttle(
        periods=max(0, now.periods - before.periods), seconds=max(0.0, now.seconds - before.seconds)
    )


def _timed_ns(sample: Sample) -> int:
    return (sample.prefill_ns or 0) + sum(sample.step_ns)


def _piece(whole: Workload, part: Part, tokens: int) -> Workload:
    """So many tokens of one part of the workload; it decodes where the workload does, behind its prompt."""
    if part == "prefill":
        return Workload(prompt=tokens, generate=0, depth=whole.depth, parallel=whole.parallel)
    return Workload(prompt=0, generate=tokens, depth=whole.depth + whole.prompt, parallel=whole.parallel)


def _speed(sample: Sample, part: Part) -> float:
    """Tokens per second over all sequences; 0 where it was too short to tell."""
    return (sample.prefill_tokens_per_s if part == "prefill" else sample.decode_tokens_per_s) or 0.0
