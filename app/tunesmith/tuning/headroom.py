"""Own the memory that is kept free on devices: the margin, what went beyond it, and what spilled."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tunesmith.domain.blocks import Blocks
from tunesmith.domain.digits import fixed, memory_text
from tunesmith.domain.machine import Machine
from tunesmith.domain.measurement import MemoryUse, Sample
from tunesmith.domain.settings import Settings
from tunesmith.tuning.meter import Job, Meter, TrialFailure
from tunesmith.wording import tr

MARGIN_SHARE = 0.05
MARGIN_BYTES = 2**30
"""Of each device so much is kept free, whichever is less: others draw on it, and drivers need some.

A GiB is what llama.cpp's own --fit keeps (``fit_params_target`` of common.h).
"""
SHORT = "device_memory_low"
"""The cause of a trial that left less."""
SPILL_SLOWDOWN = 1.5
"""So many times slower than with fewer layers on the device is more than any order of layers explains."""
SPILL_SHARE = 0.85
"""Where less than this of the weights laid on a device shows in its memory, they lie elsewhere."""
_DEVICE_SHORT = re.compile(r"not enough memory on (\S+)")


def margin_bytes(total_bytes: int) -> int:
    """What is kept free of a memory of that size: 5%, at most a GiB."""
    return min(MARGIN_BYTES, int(MARGIN_SHARE * total_bytes))


def short_of(memory: MemoryUse, machine: Machine) -> str | None:
    """Which device a sample left less than the margin on, in words; None where none did or none tells."""
    for device in machine.devices:
        free = memory.device_free_bytes.get(device.name)
        if (
            free is None
            or device.type not in ("gpu", "igpu")
            or not memory.device_used_bytes.get(device.name)
        ):
            continue
        margin = margin_bytes(device.total_bytes)
        if free < margin:
            return tr(
                "only {free} of {device} stay free, less than the {margin} that are kept",
                free=memory_text(free), device=device.name, margin=memory_text(margin),
            )  # fmt: skip
    return None


class MarginMeter:
    """A meter under which no candidate passes that leaves less of a device free than the margin."""

    def __init__(self, meter: Meter, machine: Machine, *, exempt: Collection[str] = ()) -> None:
        """``exempt`` are digests of settings that are measured however little they leave: the defaults."""
        self._meter = meter
        self._machine = machine
        self._exempt = frozenset(exempt)

    @property
    def spent_seconds(self) -> float:
        """As the meter says."""
        return self._meter.spent_seconds

    def sample(self, job: Job) -> Sample:
        """As the meter's.

        Raises:
            TrialFailure: it cannot be measured, or leaves too little memory of a device.
        """
        sample = self._meter.sample(job)
        if job.settings.digest not in self._exempt:
            why = short_of(sample.memory, self._machine)
            if why is not None:
                raise TrialFailure(SHORT, why)
        return sample

    def rest(self, seconds: float, *, why: str) -> None:
        """As the meter's."""
        self._meter.rest(seconds, why=why)


class Refusals:
    """What devices were found not to hold: nothing that lays as much or more on them is tried again."""

    def __init__(self, blocks: Blocks | None, machine: Machine) -> None:
        self._blocks = blocks
        self._machine = machine
        self._least: int | None = None

    def note(self, settings: Settings, failure: str) -> None:
        """Take in why settings could not be measured; a lack of main memory says nothing of devices."""
        placed = self.placed_bytes(settings)
        if placed and (_DEVICE_SHORT.search(failure) or failure.startswith(SHORT)):
            self._least = placed if self._least is None else min(self._least, placed)

    def is_short(self, memory: MemoryUse) -> bool:
        """Whether a sample left less than the margin of a device."""
        return short_of(memory, self._machine) is not None

    def allows(self, settings: Settings) -> bool:
        """Whether nothing that laid as much on the devices, or less, was refused."""
        return self._least is None or self.placed_bytes(settings) < self._least

    def placed_bytes(self, settings: Settings) -> int:
        """About how much of the weights lies on devices, and of the cache as if it were weights."""
        blocks = self._blocks
        if blocks is None:
            return 0
        count = blocks.count
        layers = count if settings.n_gpu_layers < 0 else min(settings.n_gpu_layers, count)
        placed = blocks.weights_bytes * layers // count
        for kept, part in (
            (settings.n_cpu_moe, blocks.experts_bytes), (settings.n_cpu_ffn, blocks.ffn_bytes),
        ):  # fmt: skip
            placed -= part * max(0, min(kept, count) - (count - layers)) // count
        return placed


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one placement."""

    label: str
    placed_bytes: int
    """What of the weights was laid on devices."""
    used_bytes: int | None
    """By how much the devices' free memory fell; None where that is not told."""
    short: bool
    """Whether less than the margin stayed free."""
    speed: float
    """Requests per second."""


def spilled(one: Seen, others: Iterable[Seen]) -> str | None:
    """That a driver moved part of what was laid on a device to main memory, in words; None if it did not.

    Drivers of Windows do so silently where a device is full. Two signs must come together: the figures of
    free memory do not bear what was laid there, or nothing is left of it; and the speed is far below that of
    a placement with less on the device.
    """
    missing = one.used_bytes is not None and one.used_bytes < SPILL_SHARE * one.placed_bytes
    if not (missing or one.short) or one.speed <= 0:
        return None
    fewer = [other for other in others if other.placed_bytes < one.placed_bytes]
    best = max(fewer, key=lambda other: other.speed, default=None)
    if best is None or best.speed < SPILL_SLOWDOWN * one.speed:
        return None
    return tr(
        "the driver moved part of it to main memory: {times} times slower than {label}, with less there",
        times=fixed(best.speed / one.speed, 1), label=best.label,
    )  # fmt: skip
