"""Own what is seen of a soak under way: its samples folded into one display state, without Qt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tunesmith.domain.event_base import Part
from tunesmith.domain.events import Event, Progress, StageStarted
from tunesmith.domain.measurement import Conditions
from tunesmith.domain.soak import SoakSample
from tunesmith.presentation.device_text import held_text
from tunesmith.presentation.live import being_timed, progress_words
from tunesmith.presentation.numbers import DASH, number
from tunesmith.presentation.read_outs import BUSY_CORES, newest
from tunesmith.presentation.series import Series
from tunesmith.wording import tr

PARTS: tuple[Part, ...] = ("decode", "prefill")
"""From the top of a picture; decode, which is what is waited for, first."""
_NOT_YET = tr("Told with the first sample.")
_LEAST_STEAL = 0.05
"""Cores that are worth a word; less is rounding."""


@dataclass(frozen=True, slots=True)
class SoakReadOut:
    """What is read of the machine: a name, a value, and why there is none."""

    name: str
    value: str
    reason: str = ""
    """Why a dash stands for the value; empty where there is one."""
    warns: bool = False


class SoakLive:
    """Takes events and samples as they come; what it holds may be drawn at any time and stays small."""

    def __init__(self) -> None:
        self.lines: dict[Part, Series] = {part: Series() for part in PARTS}
        self.step = tr("Looking at the machine and the model")
        self.fraction = 0.0
        self.eta_seconds: float | None = None
        self.seconds = 0.0
        """From the first sample's begin to the last one's end."""
        self.samples = 0
        self.changed = 0
        """Grows when there is something new to draw."""
        self.timing = False
        """Whether a sample is being timed, as far as events tell."""
        self._conditions: Conditions | None = None
        self._last: SoakSample | None = None
        self._counted = 0
        self._held_back = 0

    def take_all(self, events: Iterable[Event], samples: Iterable[SoakSample]) -> None:
        """Take what has come since the last time."""
        for event in events:
            self.take(event)
        for sample in samples:
            self.take_sample(sample)

    def take(self, event: Event) -> None:
        """Take the next event of the run."""
        self.timing = being_timed(event, before=self.timing)
        match event:
            case StageStarted(title=title):
                self.step = title
                self.changed += 1
            case Progress(fraction=fraction, eta_seconds=eta):
                self.fraction, self.eta_seconds = fraction, eta
                self.changed += 1
            case _:
                pass

    def take_sample(self, sample: SoakSample) -> None:
        """Take the next sample."""
        self.lines[sample.part].add(sample.begun_s, sample.tokens_per_s)
        self.seconds = sample.begun_s + sample.seconds
        self.samples += 1
        self.changed += 1
        self._conditions = newest(self._conditions, sample.conditions)
        self._last = sample
        if sample.throttled_periods is not None:
            self._counted += 1
            self._held_back += sample.throttled_periods > 0

    @property
    def progress_text(self) -> str:
        """Such as ``42% · about 1 min 20 s left``."""
        return progress_words(self.fraction, self.eta_seconds)

    @property
    def read_outs(self) -> tuple[SoakReadOut, ...]:
        """Temperature, clock, what held it back and foreign load: as last read, or why there is none."""
        told = self._conditions
        if told is None:
            names = (tr("Temperature"), tr("Clock"), tr("Held back"), tr("Other programs"))
            return tuple(SoakReadOut(name, DASH, _NOT_YET) for name in names)
        loads = told.devices
        heats = [load.temperature_celsius for load in loads if load.temperature_celsius is not None]
        clocks = [load.clock_mhz for load in loads if load.clock_mhz is not None]
        return (
            _read(
                tr("Temperature"), told.temperature_celsius, heats, "°C",
                tr("No sensor of this system tells it."),
            ),
            _read(tr("Clock"), told.cpu_mhz, clocks, "MHz", tr("This system does not tell it.")),
            self._throttled(),
            _load(told),
        )  # fmt: skip

    def _throttled(self) -> SoakReadOut:
        name = tr("Held back")
        loads = self._last.conditions.devices if self._last is not None else ()
        told = [load.throttled for load in loads if load.throttled is not None]
        reasons = tuple(dict.fromkeys(why for one in told for why in one))
        texts = [held_text(reasons)] if reasons else []
        if self._held_back:
            texts.append(
                tr(
                    "by the CPU quota in {count} of {total} samples",
                    count=self._held_back, total=self._counted,
                )
            )  # fmt: skip
        if texts:
            return SoakReadOut(name, ", ".join(texts), warns=True)
        if told or self._counted:
            return SoakReadOut(name, tr("not so far"))
        return SoakReadOut(name, DASH, tr("Neither a CPU quota nor a graphics device tells of it here."))


def _read(name: str, host: float | None, devices: list[float], unit: str, reason: str) -> SoakReadOut:
    """The processor's value, and that of the device where it is highest."""
    texts = [f"{host:.0f} {unit}"] if host is not None else []
    if devices:
        texts.append(tr("{value} on the device", value=f"{max(devices):.0f} {unit}"))
    return SoakReadOut(name, " · ".join(texts)) if texts else SoakReadOut(name, DASH, reason)


def _load(told: Conditions) -> SoakReadOut:
    name, cores = tr("Other programs"), told.foreign_cores
    texts = [] if cores is None else [tr("{cores} cores", cores=number(cores, spread=0.01))]
    if (told.steal_cores or 0.0) >= _LEAST_STEAL:
        texts.append(tr("{cores} taken by the host", cores=number(told.steal_cores or 0.0, spread=0.01)))
    if not texts:
        return SoakReadOut(name, DASH, tr("Samples are too short to tell it."))
    return SoakReadOut(name, " · ".join(texts), warns=(cores or 0.0) >= BUSY_CORES)
