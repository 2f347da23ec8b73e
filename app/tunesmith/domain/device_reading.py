"""Own what a device tells of itself while it computes: memory, load, heat, power, clocks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar

from pydantic import Field

from tunesmith.domain.base import Value

_T = TypeVar("_T", int, float)
Source = Literal["nvml", "amdgpu", "i915", "xe", "apple"]

_PCI = re.compile(r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])(?:-v\d+)?", re.IGNORECASE)


class DeviceReading(Value):
    """One device at one instant; what it does not tell is None, and ``missing`` says why."""

    pci_id: str | None
    """``0000:41:00.0``, as :func:`pci_id` writes it; None where it sits on no PCI bus."""
    name: str
    source: Source
    """The interface it was read from."""
    mono_ns: int
    memory_used_bytes: int | None = None
    """By all programs together."""
    memory_total_bytes: int | None = None
    utilization: float | None = Field(default=None, ge=0, le=1)
    """Share of the last moments in which it computed something."""
    temperature_celsius: float | None = None
    power_watts: float | None = None
    energy_joules: float | None = None
    """Since some instant in the past: only differences mean something."""
    clock_mhz: float | None = None
    """Of what computes."""
    memory_clock_mhz: float | None = None
    throttled: tuple[str, ...] | None = None
    """Why the clock is held down, keys in English whatever the language; empty if it is not."""
    own_memory_bytes: int | None = None
    """Of the memory used, what our own processes hold."""
    foreign_processes: int | None = None
    """Programs that hold memory on it and are not ours."""
    foreign_utilization: float | None = None
    """Share of the last moments in which other programs computed on it."""
    missing: dict[str, str] = {}
    """Why a quantity is None, by its name."""


class DeviceLoad(Value):
    """One device over the time of a sample, from readings taken meanwhile, twice a second at most."""

    pci_id: str | None
    name: str
    readings: int
    """How many there are; 1 is the one nearest to a sample shorter than their distance."""
    memory_used_bytes: int | None
    """The most."""
    memory_total_bytes: int | None
    utilization: float | None
    """Mean."""
    temperature_celsius: float | None
    """The highest."""
    power_watts: float | None
    """Mean."""
    clock_mhz: float | None
    """Mean."""
    throttled: tuple[str, ...] | None
    """All reasons that were seen."""
    foreign_utilization: float | None
    """The most."""


def pci_id(text: str | None) -> str | None:
    """A PCI address as sysfs writes it, ``0000:41:00.0``; None if the text is none.

    NVML writes a domain of eight digits, CUDA one of four, and ggml appends ``-v1`` to a device that
    stands for a part of another.
    """
    match = _PCI.fullmatch((text or "").strip())
    if match is None:
        return None
    return f"{int(match[1] or '0', 16):04x}:{match[2]}:{match[3]}.{match[4]}".lower()


def load_between(readings: Sequence[DeviceReading], begun_ns: int, ended_ns: int) -> tuple[DeviceLoad, ...]:
    """What the devices did between two instants of the monotonic clock, each by its readings therein.

    Where a device has none, the next one after the end is taken, else the last before the beginning: its
    averages look back about as far as readings lie apart.
    """
    by_device: dict[tuple[str | None, str], list[DeviceReading]] = {}
    for reading in readings:
        by_device.setdefault((reading.pci_id, reading.name), []).append(reading)
    return tuple(_load(_within(each, begun_ns, ended_ns)) for each in by_device.values())


def _within(readings: Sequence[DeviceReading], begun_ns: int, ended_ns: int) -> list[DeviceReading]:
    inside = [reading for reading in readings if begun_ns <= reading.mono_ns <= ended_ns]
    if inside:
        return inside
    after = [reading for reading in readings if reading.mono_ns > ended_ns]
    return [min(after, key=_when)] if after else [max(readings, key=_when)]


def _when(reading: DeviceReading) -> int:
    return reading.mono_ns


def _load(readings: Sequence[DeviceReading]) -> DeviceLoad:
    last = readings[-1]
    reasons = [reading.throttled for reading in readings if reading.throttled is not None]
    return DeviceLoad(
        pci_id=last.pci_id,
        name=last.name,
        readings=len(readings),
        memory_used_bytes=max(_known(reading.memory_used_bytes for reading in readings), default=None),
        memory_total_bytes=last.memory_total_bytes,
        utilization=_mean(reading.utilization for reading in readings),
        temperature_celsius=max(_known(reading.temperature_celsius for reading in readings), default=None),
        power_watts=_mean(reading.power_watts for reading in readings),
        clock_mhz=_mean(reading.clock_mhz for reading in readings),
        throttled=tuple(dict.fromkeys(why for each in reasons for why in each)) if reasons else None,
        foreign_utilization=max(_known(reading.foreign_utilization for reading in readings), default=None),
    )


def _known(values: Iterable[_T | None]) -> list[_T]:
    return [value for value in values if value is not None]


def _mean(values: Iterable[float | None]) -> float | None:
    known = _known(values)
    return sum(known) / len(known) if known else None
