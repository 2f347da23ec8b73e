"""Own how a reading of a graphics device reads: in a few characters, and in full."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.domain.device_reading import DeviceReading
from tunesmith.domain.digits import percent
from tunesmith.presentation.numbers import bytes_text, number
from tunesmith.wording import tr, trn

_SOURCES = {
    "nvml": tr("Read through NVML, the library of NVIDIA's driver."),
    "amdgpu": tr("Read from the files of the kernel's driver amdgpu (/sys/class/drm)."),
    "i915": tr("Read from the files of the kernel's driver i915 (/sys/class/drm)."),
    "xe": tr("Read from the files of the kernel's driver xe (/sys/class/drm)."),
    "apple": tr("Read from macOS's I/O registry."),
}
_QUANTITIES = {
    "memory_used_bytes": tr("memory used"),
    "utilization": tr("utilization"),
    "temperature_celsius": tr("temperature"),
    "power_watts": tr("power"),
    "clock_mhz": tr("clock"),
    "throttled": tr("what holds the clock down"),
    "foreign_utilization": tr("load by other programs"),
}
"""What is worth saying of where it is missing."""
_HELD_BY = {
    "power limit": tr("power limit"), "current limit": tr("current limit"),
    "power brake": tr("power brake"), "board limit": tr("board limit"),
    "heat": tr("heat"), "heat, by the hardware": tr("heat, by the hardware"),
    "hardware slowdown": tr("hardware slowdown"), "reliability": tr("reliability"),
}  # fmt: skip
"""What holds a clock down, by what readings call it."""


def reading_text(reading: DeviceReading) -> str:
    """Such as ``34% · 61 °C · 310 W · 1.98 GHz · 12.3 of 79.6 GiB``; what is missing is left out."""
    parts: list[str] = []
    if reading.utilization is not None:
        parts.append(percent(reading.utilization))
    if reading.temperature_celsius is not None:
        parts.append(f"{reading.temperature_celsius:.0f} °C")
    if reading.power_watts is not None:
        parts.append(f"{reading.power_watts:.0f} W")
    if reading.clock_mhz is not None:
        mhz = reading.clock_mhz
        parts.append(f"{mhz:.0f} MHz" if mhz < 1000 else f"{number(mhz / 1000, spread=0.01)} GHz")
    if reading.memory_used_bytes is not None:
        used = bytes_text(reading.memory_used_bytes)
        total = reading.memory_total_bytes
        parts.append(used if total is None else tr("{used} of {total}", used=used, total=bytes_text(total)))
    return " · ".join(parts) or tr("tells nothing")


def reading_remarks(reading: DeviceReading) -> list[str]:
    """What is worth a sentence: a clock held down, others at work, what is missing and why."""
    remarks: list[str] = []
    if reading.throttled:
        remarks.append(tr("The clock is held down: {reasons}.", reasons=held_text(reading.throttled)))
    if reading.foreign_processes:
        load = reading.foreign_utilization
        others = trn(
            "{count} other program holds memory on it", "{count} other programs hold memory on it",
            reading.foreign_processes,
        )  # fmt: skip
        busy = "" if load is None else tr(", busy {share} of the time", share=percent(load))
        remarks.append(f"{others}{busy}.")
    by_reason: dict[str, list[str]] = {}
    for quantity, name in _QUANTITIES.items():
        if quantity in reading.missing:
            by_reason.setdefault(reading.missing[quantity], []).append(name)
    remarks += [
        tr("Not told: {names} ({reason}).", names=", ".join(names), reason=reason)
        for reason, names in by_reason.items()
    ]
    return remarks


def held_text(reasons: Sequence[str]) -> str:
    """What holds a clock down, in words."""
    return ", ".join(_HELD_BY.get(reason, reason) for reason in reasons)


def reading_tip(reading: DeviceReading) -> str:
    """Everything of a reading, for those who point at it."""
    return "\n".join([reading.name, *reading_remarks(reading), _SOURCES[reading.source]])


def reading_rows(readings: Sequence[DeviceReading]) -> list[tuple[str, str]]:
    """Each device's name and what it tells."""
    return [
        (reading.name, " ".join([reading_text(reading) + ".", *reading_remarks(reading)]))
        for reading in readings
    ]
