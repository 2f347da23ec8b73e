"""Own the energy counters of x86 processors' own registers, for where the kernel shows no powercap."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.domain.power import PowerReading, PowerSensor
from tunesmith.machine.energy_reader import ONLY_ROOT, why_unread
from tunesmith.machine.files import read_int, read_text
from tunesmith.wording import tr

if TYPE_CHECKING:
    from collections.abc import Callable

_CPU = re.compile(r"[0-9]{1,4}")
_VENDOR = re.compile(r"^vendor_id\s*:\s*(\S+)", re.MULTILINE)
_REGISTERS = {"GenuineIntel": (0x606, 0x611), "AuthenticAMD": (0xC0010299, 0xC001029B)}
"""Unit and package energy. Intel: Software Developer's Manual, volume 4, MSR_RAPL_POWER_UNIT and
MSR_PKG_ENERGY_STATUS; AMD: Processor Programming Reference, RAPL_PWR_UNIT and PKG_ENERGY_STAT."""
_COUNTER_BITS = 32
GRANT = tr(
    "Run `sudo modprobe intel_rapl_msr`, so that the kernel shows the counters itself, and see the guide, "
    "page Energy."
)


def _read_register(path: Path, register: int) -> int:
    handle = os.open(path, os.O_RDONLY)
    try:
        return int.from_bytes(os.pread(handle, 8, register), "little")
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class _Package:
    sensor: PowerSensor
    device: Path
    joules_per_count: float


class MsrReader:
    """Reads one processor of each package; memory is left out, for its unit differs between models."""

    def __init__(
        self,
        devices: Path = Path("/dev/cpu"),
        cpus: Path = Path("/sys/devices/system/cpu"),
        cpuinfo: Path = Path("/proc/cpuinfo"),
        *,
        read: Callable[[Path, int], int] = _read_register,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """``read`` returns the 64 bits of a register of a processor's ``msr`` device."""
        self._read = read
        self._clock_ns = clock_ns
        vendor = _VENDOR.search(read_text(cpuinfo) or "")
        registers = _REGISTERS.get(vendor[1]) if vendor else None
        self._energy = 0
        self._packages: tuple[_Package, ...] = ()
        if registers is not None:
            unit, self._energy = registers
            self._packages = tuple(
                self._package(number, device, unit) for number, device in _first_of_each(devices, cpus)
            )

    def sensors(self) -> tuple[PowerSensor, ...]:
        """One for each package."""
        return tuple(package.sensor for package in self._packages)

    def power(self) -> tuple[PowerReading, ...]:
        """The counters' low 32 bits; the rest is reserved."""
        found: list[PowerReading] = []
        for package in self._packages:
            if package.sensor.why:
                continue
            try:
                count = self._read(package.device, self._energy) & (2**_COUNTER_BITS - 1)
                joules: float | None = count * package.joules_per_count
            except OSError:
                joules = None
            found.append(PowerReading(sensor=package.sensor.id, mono_ns=self._clock_ns(), joules=joules))
        return tuple(found)

    def close(self) -> None:
        """There is nothing to let go of."""

    def _package(self, number: int, device: Path, unit: int) -> _Package:
        why, joules = "", 0.0
        try:
            joules = 0.5 ** (self._read(device, unit) >> 8 & 0x1F)
            self._read(device, self._energy)
        except OSError as error:
            why = why_unread(error)
        return _Package(
            PowerSensor(
                id=f"msr:{number}", name=f"package-{number}", source="msr", covers="processors", counts=True,
                wraps_joules=joules * 2**_COUNTER_BITS or None, why=why,
                todo=GRANT if why == ONLY_ROOT else "",
            ),
            device, joules,
        )  # fmt: skip


def _first_of_each(devices: Path, cpus: Path) -> list[tuple[int, Path]]:
    """The first processor of each package that has an ``msr`` device."""
    try:
        numbers = sorted(int(entry.name) for entry in devices.iterdir() if _CPU.fullmatch(entry.name))
    except OSError:
        return []
    found: dict[int, Path] = {}
    for number in numbers:
        device = devices / str(number) / "msr"
        package = read_int(cpus / f"cpu{number}" / "topology" / "physical_package_id")
        if package is not None and device.exists():
            found.setdefault(package, device)
    return sorted(found.items())
