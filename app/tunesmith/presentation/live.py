"""Own what is seen of a run: its events folded into one display state, without Qt."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import assert_never

from tunesmith.domain.device_reading import DeviceReading
from tunesmith.domain.event_base import Part
from tunesmith.domain.events import (
    CandidateStanding,
    ContenderStanding,
    DevicesRead,
    Event,
    PowerRead,
    Progress,
    RoundDiscarded,
    RunFinished,
    RunStarted,
    StageFinished,
    StageStarted,
    TrialFailed,
    TrialMeasured,
    TrialStarted,
)
from tunesmith.domain.measurement import Conditions, Sample
from tunesmith.domain.worker_events import (
    ChunkKept,
    ChunkScored,
    ContextReady,
    DeviceMemoryRead,
    FileQuantized,
    Heartbeat,
    ImportanceRead,
    LogLine,
    MatricesMultiplied,
    MemoryRead,
    MemoryTold,
    ModelLoaded,
    PromptRead,
    RequestDone,
    RequestFailed,
    SampleTaken,
    ServerReached,
    SpeculationTaken,
    TensorQuantized,
    TextEnded,
    TextGenerated,
    TextSplit,
    TokensTimed,
    WorkerReady,
)
from tunesmith.presentation.candidates import OUT, Candidates
from tunesmith.presentation.machine_facts import server_text
from tunesmith.presentation.numbers import duration_text, percent
from tunesmith.presentation.read_outs import BUSY_CORES, ReadOut, newest, read_outs
from tunesmith.presentation.series import Series, Ticks
from tunesmith.wording import tr

MIB = 2**20
_PILOT = "pilot"
_BASELINE_SAMPLES = 400
"""Of the baseline's speeds, the newest so many make its line."""
_SENTENCES = 400
_STEPS = {
    "pilot": tr("A first look at the defaults"),
    "confirm": tr("Confirming in fresh processes"),
    "steady": tr("Comparing at steady state"),
}


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended."""

    outcome: str
    sentence: str
    profile_id: str | None


def being_timed(event: Event, *, before: bool) -> bool:
    """Whether a sample is being timed, after an event; a worker that has its context ready is."""
    if isinstance(event, TrialStarted | ContextReady | TokensTimed):
        return True
    if isinstance(event, WorkerReady | ModelLoaded | TrialMeasured | TrialFailed | RunFinished):
        return False  # it has just started, or it is over
    return before


class LiveView:
    """Takes events one by one; what it holds may be drawn at any time and stays small."""

    def __init__(self) -> None:
        self.run_id = ""
        self.model_name = ""
        self.decode = Series()
        self.prefill = Series()
        self.memory_mib = Series()
        self.power_watts = Series()
        """Of what sensors tell together; empty where none does."""
        self.power: PowerRead | None = None
        """As last told."""
        self.ticks = Ticks()
        self.candidates = Candidates()
        self.candidate = ""
        self.step = tr("Looking at the machine and the model")
        self.fraction = 0.0
        self.eta_seconds: float | None = None
        self.conditions: Conditions | None = None
        self.device_readings: tuple[DeviceReading, ...] = ()
        self.noisy_samples = 0
        self.samples = 0
        self.sentences: deque[str] = deque(maxlen=_SENTENCES)
        self.end: End | None = None
        self.taken = 0
        """Events taken; changes when there is something new to draw."""
        self.seconds = 0.0
        """Time of the newest event since the first."""
        self.timing = False
        """Whether a sample is being timed, as far as events tell: from a trial's start to its end, unless a
        model is being loaded."""
        self.limits: dict[Part, float | None] = {"prefill": None, "decode": None}
        """Tokens/s that the machine allows; None while or where it is not known."""
        self._start_ns: int | None = None
        self._baseline = ""
        self._speeds: dict[Part, deque[float]] = {
            "prefill": deque(maxlen=_BASELINE_SAMPLES), "decode": deque(maxlen=_BASELINE_SAMPLES),
        }  # fmt: skip
        self._from_pilot: set[Part] = {"prefill", "decode"}
        self._seen: set[Part] = set()
        self._told: set[tuple[str, str]] = set()

    def take_all(self, events: Iterable[Event]) -> None:
        """Take many events."""
        for event in events:
            self.take(event)

    def take(self, event: Event) -> None:
        """Take the next event of the run."""
        self.taken += 1
        self.run_id = event.run_id or self.run_id
        self._tell_time(event)
        self.timing = being_timed(event, before=self.timing)
        match event:
            case TokensTimed():
                self._add_speed(event)
            case TrialStarted(candidate=candidate, stage=stage):
                self.candidate = candidate
                self._seen = set()
                self.ticks.add(self.seconds, candidate)
                self.step = _STEPS.get(stage, self.step)
            case TrialMeasured(sample=sample):
                self._add_sample(event, sample)
            case CandidateStanding():
                self.candidates.stand(event)
                if event.state in OUT and event.why:
                    sentence = tr("{candidate} is out: {why}", candidate=event.candidate, why=event.why)
                    self._say_once(event.stage, event.candidate, sentence)
            case StageStarted(title=title):
                self.candidates.start(event)
                self.step = title
            case StageFinished(winner=winner, sentence=sentence):
                self.candidates.finish(event)
                if winner:
                    self._say(sentence)
            case Progress(step=step, fraction=fraction, eta_seconds=eta):
                self.step = step[:1].upper() + step[1:]
                self.fraction, self.eta_seconds = fraction, eta
            case TrialFailed(candidate=candidate, message=message):
                self.candidates.fail(event)
                self._say(tr("{candidate} could not be measured: {why}", candidate=candidate, why=message))
            case RoundDiscarded(drift=drift):
                change = percent(abs(drift))
                self._say(
                    tr("A round is repeated: the machine's speed changed by {change} in it", change=change)
                )
            case RunStarted():
                self._begin(event)
            case RunFinished(outcome=outcome, sentence=sentence, profile_id=profile_id):
                self.end = End(outcome, sentence, profile_id)
                self.fraction, self.eta_seconds = 1.0, None
                self._say(sentence)
            case DevicesRead(readings=readings):
                self.device_readings = readings
            case PowerRead(watts=watts):
                self.power = event
                if watts is not None:
                    self.power_watts.add(self.seconds, watts)
            case ServerReached():
                self._say(server_text(event))
            case LogLine(level=level, text=text):
                if level in ("warning", "error"):
                    self._say(f"llama.cpp: {text}")
            case (
                WorkerReady() | Heartbeat() | ModelLoaded() | ContextReady() | SampleTaken() | MemoryRead()
                | DeviceMemoryRead() | MatricesMultiplied() | MemoryTold() | RequestDone() | RequestFailed()
                | PromptRead() | TextGenerated() | TextEnded() | TextSplit() | ChunkKept() | ChunkScored()
                | TensorQuantized() | FileQuantized() | ImportanceRead() | SpeculationTaken()
                | ContenderStanding()
            ):  # fmt: skip
                pass
            case _:
                assert_never(event)

    # ------------------------------------------------------------- what a view reads

    def baseline_speed(self, part: Part) -> float | None:
        """Median of the baseline's own samples so far, tokens/s; None before the first."""
        return median(self._speeds[part]) if self._speeds[part] else None

    @property
    def progress_text(self) -> str:
        """Such as ``42% · about 1 min 20 s left``."""
        return progress_words(self.fraction, None if self.end is not None else self.eta_seconds)

    @property
    def read_outs(self) -> tuple[ReadOut, ...]:
        """Temperature, clock, power and foreign load as last read, and devices; without what cannot be."""
        return read_outs(self.conditions, self.device_readings, self.power)

    @property
    def busy(self) -> bool:
        """Whether other programs disturbed the last sample."""
        return self.conditions is not None and (self.conditions.foreign_cores or 0.0) >= BUSY_CORES

    # ------------------------------------------------------------- folding

    def _tell_time(self, event: Event) -> None:
        """Seconds since the first event; a resumed run goes on where it was cut short."""
        if not event.mono_ns:
            return
        resumed = isinstance(event, RunStarted) and event.resumed
        if self._start_ns is None or resumed:
            self._start_ns = event.mono_ns - round(self.seconds * 1e9)
        self.seconds = max(self.seconds, (event.mono_ns - self._start_ns) / 1e9)

    def _begin(self, event: RunStarted) -> None:
        self.model_name = event.model_name
        self._baseline = event.baseline.digest
        self.limits = {
            "prefill": event.prefill_limit_tokens_per_s, "decode": event.decode_limit_tokens_per_s
        }  # fmt: skip
        self.end = None
        self.step = tr("Loading the model")
        if event.resumed:
            self._say(tr("Resuming {model}", model=event.model_name))
        elif event.kind == "tune":
            self._say(tr("Tuning {model}", model=event.model_name))
        else:
            self._say(tr("Measuring {model}", model=event.model_name))

    def _add_speed(self, event: TokensTimed) -> None:
        if event.elapsed_ns > 0:
            self._seen.add(event.part)
            line = self.decode if event.part == "decode" else self.prefill
            line.add(self.seconds, 1e9 * event.tokens / event.elapsed_ns)
        if event.rss_bytes is not None:
            self.memory_mib.add(self.seconds, event.rss_bytes / MIB)

    def _add_sample(self, event: TrialMeasured, sample: Sample) -> None:
        self.samples += 1
        self.noisy_samples += sample.noisy
        self.conditions = newest(self.conditions, sample.conditions)
        speeds: dict[Part, float | None] = {
            "prefill": sample.prefill_tokens_per_s, "decode": sample.decode_tokens_per_s
        }  # fmt: skip
        self._check_limits(speeds)
        if event.digest == self._baseline:
            self._count_baseline(event.stage, speeds)
        if event.replayed:
            return
        for part, speed in speeds.items():
            if speed is not None and part not in self._seen:  # too short to be seen while it ran
                (self.decode if part == "decode" else self.prefill).add(self.seconds, speed)
        if not self._seen and sample.memory.rss_bytes is not None:
            self.memory_mib.add(self.seconds, sample.memory.rss_bytes / MIB)

    def _check_limits(self, speeds: dict[Part, float | None]) -> None:
        """A limit that was surpassed is none."""
        for part, speed in speeds.items():
            limit = self.limits[part]
            if limit is None or speed is None or speed <= limit:
                continue
            self.limits[part] = None
            if part == "decode":
                why = tr("no limit is drawn: a sample was faster than the memory bandwidth measured allows")
            else:
                why = tr("no limit of prefill is drawn: a sample was faster than what was measured allows")
            self._say(why)

    def _count_baseline(self, stage: str, speeds: dict[Part, float | None]) -> None:
        """The pilot, a small taste of the workload, counts only until there is something better."""
        for part, speed in speeds.items():
            if speed is None or (stage == _PILOT and part not in self._from_pilot):
                continue
            if stage != _PILOT and part in self._from_pilot:
                self._speeds[part].clear()
                self._from_pilot.discard(part)
            self._speeds[part].append(speed)

    def _say(self, sentence: str) -> None:
        self.sentences.append(sentence[:1].upper() + sentence[1:])

    def _say_once(self, stage: str, candidate: str, sentence: str) -> None:
        if (stage, candidate) not in self._told:
            self._told.add((stage, candidate))
            self._say(sentence)


def progress_words(fraction: float, eta_seconds: float | None) -> str:
    """Such as ``42% · about 1 min 20 s left``; the share alone where the rest is not known, or over."""
    share = percent(fraction)
    if not eta_seconds:
        return share
    return tr("{share} · about {time} left", share=share, time=duration_text(_coarse(eta_seconds)))


def _coarse(seconds: float) -> float:
    """As sure as an estimate is: to 5 s below a minute, to 10 s below five, else to minutes."""
    step = 5 if seconds < 60 else 10 if seconds < 300 else 60
    return max(step, round(seconds / step) * step)
