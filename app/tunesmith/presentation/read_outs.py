"""Own how a machine's state around the last sample reads: heat, clock, power, foreign load, devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunesmith.domain.device_reading import DeviceReading
from tunesmith.domain.events import PowerRead
from tunesmith.domain.measurement import Conditions
from tunesmith.presentation.device_text import reading_text, reading_tip
from tunesmith.presentation.numbers import number, percent
from tunesmith.wording import tr

BUSY_CORES = 0.3
"""Other programs' load that is worth a warning, in cores."""
_QUIET_CORES = 0.05
BUSY_SHARE = 0.1
"""Of the time: others computing longer than this on a device is worth a warning."""

DEVICES = ("device0", "device1", "device2", "device3")
"""Of more than these there is no room."""
TEMPERATURE, CLOCK, POWER, LOAD = "temperature", "clock", "power", "load"
DRAWN, NO_POWER = "drawn", "no_power"
LONG = (*DEVICES, NO_POWER)
"""Those that give way where there is little room."""


@dataclass(frozen=True, slots=True)
class ReadOut:
    """One of them: a few characters, and what it is."""

    kind: str
    name: str
    text: str
    tip: str
    """What it is and where it is read from."""
    warns: bool = False


NAMES = {
    TEMPERATURE: tr("Temperature of the processor"),
    CLOCK: tr("Clock of the processor"),
    POWER: tr("Power of the processor"),
    DRAWN: tr("Power"),
    LOAD: tr("Load by other programs"),
    **{kind: tr("Graphics device {number}", number=place) for place, kind in enumerate(DEVICES, 1)},
    NO_POWER: tr("Why no power is told"),
}
_TIPS = {
    TEMPERATURE: tr(
        "Temperature of the processor's hottest package, or core, right after the last sample. "
        "Read from the system's sensors (Linux: /sys/class/hwmon)."
    ),
    CLOCK: tr(
        "Clock of the processor right after the last sample, the mean of all cores. "
        "Read from the system (Linux: cpufreq or /proc/cpuinfo); Windows tells the nominal one."
    ),
    POWER: tr(
        "Power of the processor packages, the mean over the last sample. "
        "Read from Linux's energy counters (/sys/class/powercap, RAPL)."
    ),
    LOAD: tr(
        "What other programs used of the processor during the last sample, in cores. "
        "Read from the system's count of CPU time, less the time of the process that is measured."
    ),
}


_NO_POWER_TIP = tr("No sensor of power can be read. The doctor on the page Machine says what would help.")


def newest(known: Conditions | None, read: Conditions) -> Conditions:
    """The conditions read last; what could not be read this time is as it was known before."""
    if known is None:
        return read
    told = {name: value for name, value in read if value is not None}
    return known.model_copy(update=told)


def read_outs(
    conditions: Conditions | None, devices: Sequence[DeviceReading] = (), power: PowerRead | None = None
) -> tuple[ReadOut, ...]:
    """What could be read; nothing for the rest, but why no sensor tells the power."""
    host = _of_the_host(conditions)
    if power is None:
        return (*host, *_of_devices(devices))
    if power.watts is None:
        why = ReadOut(NO_POWER, NAMES[NO_POWER], tr("no power: {reason}", reason=power.why), _NO_POWER_TIP)
        return (*host, *_of_devices(devices), why)
    drawn = ReadOut(DRAWN, NAMES[DRAWN], _power(power.watts), _drawn_tip(power))
    return (*(one for one in host if one.kind != POWER), drawn, *_of_devices(devices))


def _drawn_tip(power: PowerRead) -> str:
    told = tr(
        "What the machine draws, the mean of the last two seconds, by these sensors together: {names}.",
        names=", ".join(power.sensors),
    )
    if power.core_share is None:
        return told
    cost = tr("Reading them takes {share} of one core.", share=percent(power.core_share, 2))
    return f"{told} {cost}"


def _of_devices(devices: Sequence[DeviceReading]) -> list[ReadOut]:
    return [
        ReadOut(
            kind, NAMES[kind], reading_text(reading), reading_tip(reading),
            warns=bool(reading.throttled) or (reading.foreign_utilization or 0.0) > BUSY_SHARE,
        )
        for kind, reading in zip(DEVICES, devices, strict=False)
    ]  # fmt: skip


def _of_the_host(conditions: Conditions | None) -> tuple[ReadOut, ...]:
    if conditions is None:
        return ()
    texts = {
        TEMPERATURE: _temperature(conditions.temperature_celsius),
        CLOCK: _clock(conditions.cpu_mhz),
        POWER: _power(conditions.package_watts),
        LOAD: _load(conditions.foreign_cores),
    }
    busy = (conditions.foreign_cores or 0.0) >= BUSY_CORES
    return tuple(
        ReadOut(kind, NAMES[kind], text, _TIPS[kind], warns=busy and kind == LOAD)
        for kind, text in texts.items()
        if text
    )


def _temperature(celsius: float | None) -> str:
    return "" if celsius is None else f"{celsius:.0f} °C"


def _clock(mhz: float | None) -> str:
    if mhz is None:
        return ""
    return f"{mhz:.0f} MHz" if mhz < 1000 else f"{number(mhz / 1000, spread=0.1)} GHz"


def _power(watts: float | None) -> str:
    if watts is None:
        return ""
    return f"{watts:.0f} W" if watts >= 10 else f"{number(watts, spread=0.1)} W"


def _load(cores: float | None) -> str:
    if cores is None:
        return ""
    if cores < _QUIET_CORES:
        return tr("quiet machine")
    return tr("other programs {cores} cores", cores=number(cores, spread=0.1))
