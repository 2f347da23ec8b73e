"""Own what the Linux kernel tells of AMD's and Intel's graphics devices, in files that anyone may read."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.domain.device_reading import DeviceReading, Source, pci_id
from tunesmith.domain.power import PowerReading, PowerSensor, PowerSource
from tunesmith.machine.files import one_line, read_int, read_text
from tunesmith.wording import tr

if TYPE_CHECKING:
    from collections.abc import Callable

DRM = Path("/sys/class/drm")
_CARD = re.compile(r"card[0-9]{1,3}")
_DRIVERS: dict[str, Source] = {"amdgpu": "amdgpu", "i915": "i915", "xe": "xe"}
_POWER_SOURCES: dict[str, PowerSource] = {"amdgpu": "amdgpu", "i915": "i915", "xe": "xe"}
_CURRENT_CLOCK = re.compile(r"^\s*[0-9S]+:\s*([0-9]{1,6})\s*Mhz\s*\*", re.IGNORECASE | re.MULTILINE)
"""``1: 2124Mhz *`` of pp_dpm_sclk: the star marks the state the device is in."""
_INTEL_ENERGY = ("energy1_input", "energy2_input")
"""The card's counter; xe has only its package's of some, such as those of the A series (xe_hwmon.c)."""
_MOST_WATTS = 2000.0
_NOT_THERE = tr("the kernel's driver does not tell")
_NO_PROCESSES = tr("the kernel tells it only of one's own processes")
_REASONS = {
    "pl1": "power limit", "pl2": "power limit", "pl4": "power limit",
    "thermal": "heat", "prochot": "heat, by the hardware",
    "vr_tdc": "current limit", "vr_thermalert": "heat, by the hardware", "ratl": "heat",
}  # fmt: skip
"""Of ``throttle_reason_*`` (i915) and ``reason_*`` (xe)."""


@dataclass(frozen=True, slots=True)
class _Energy:
    mono_ns: int
    joules: float


@dataclass(slots=True)
class _Found:
    """What was found of a device, and why the rest was not."""

    values: dict[str, object] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, value: object | None, why: str = _NOT_THERE) -> None:
        if value is None:
            self.missing[name] = why
        else:
            self.values[name] = value


class SysfsReader:
    """Reads ``/sys/class/drm``.

    Sources: Documentation/gpu/amdgpu/thermal.rst and driver-misc.rst (gpu_busy_percent, mem_info_vram_*,
    pp_dpm_*, hwmon), Documentation/ABI/testing/sysfs-driver-intel-i915-hwmon, -xe-hwmon and
    Documentation/gpu/i915 of the Linux kernel.
    """

    def __init__(self, root: Path = DRM, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._root = root
        self._clock_ns = clock_ns
        self._energy: dict[str, _Energy] = {}
        self._power: list[tuple[Path, PowerSensor]] | None = None
        """Files with their sensors of power, once they were asked for."""

    def read(self, own_pids: Callable[[], frozenset[int]]) -> tuple[DeviceReading, ...]:
        """Every card with a driver that is known here, in the order of their numbers."""
        del own_pids  # the files tell nothing of processes
        found = (self._read(card) for card in self._cards())
        return tuple(reading for reading in found if reading is not None)

    def sensors(self) -> tuple[PowerSensor, ...]:
        """AMD's power, and Intel's counter of energy, of each card that tells it."""
        if self._power is None:
            found = (_power_sensor(card) for card in self._cards())
            self._power = [one for one in found if one is not None]
        return tuple(sensor for _, sensor in self._power)

    def power(self) -> tuple[PowerReading, ...]:
        """Those numbers now."""
        self.sensors()
        found: list[PowerReading] = []
        for file, sensor in self._power or ():
            micro = read_int(file)
            value = None if micro is None else micro / 1e6
            found.append(
                PowerReading(
                    sensor=sensor.id, mono_ns=self._clock_ns(), joules=value if sensor.counts else None,
                    watts=None if sensor.counts else value,
                )
            )  # fmt: skip
        return tuple(found)

    def _cards(self) -> list[Path]:
        try:
            return sorted(
                (entry for entry in self._root.iterdir() if _CARD.fullmatch(entry.name)),
                key=lambda entry: int(entry.name[4:]),
            )
        except OSError:
            return []

    def close(self) -> None:
        """There is nothing to let go of."""

    def _read(self, card: Path) -> DeviceReading | None:
        device = card / "device"
        source = _source(device)
        if source is None:
            return None
        found = _Found()
        if source == "amdgpu":
            _read_amd(device, found)
        else:
            self._read_intel(card, device, source, found)
        for name in ("own_memory_bytes", "foreign_processes", "foreign_utilization"):
            found.missing.setdefault(name, _NO_PROCESSES)
        return DeviceReading.model_validate(
            {
                "pci_id": _address(device),
                "name": _name(device, source), "source": source, "mono_ns": self._clock_ns(),
                **found.values, "missing": found.missing,
            }
        )  # fmt: skip

    def _read_intel(self, card: Path, device: Path, source: Source, found: _Found) -> None:
        tile = device / "tile0"
        if source == "xe":
            found.put("clock_mhz", _positive(read_int(tile / "gt0" / "freq0" / "act_freq")))
            found.put("throttled", _throttled(tile / "gt0" / "freq0" / "throttle", "reason_"))
            found.put("memory_total_bytes", _positive(read_int(tile / "physical_vram_size_bytes")))
        else:
            actual = read_int(card / "gt" / "gt0" / "rps_act_freq_mhz") or read_int(card / "gt_act_freq_mhz")
            found.put("clock_mhz", _positive(actual))
            found.put("throttled", _throttled(card / "gt" / "gt0", "throttle_reason_"))
            found.put("memory_total_bytes", None)
        why = tr("the kernel tells it only of one's own processes, or to root")
        found.put("memory_used_bytes", None, why)
        found.put("utilization", None, why)
        found.put("memory_clock_mhz", None)
        hwmon = _hwmon(device)
        found.put("temperature_celsius", _hottest(hwmon))
        values = (None if hwmon is None else read_int(hwmon / name) for name in _INTEL_ENERGY)
        energy_uj = next((value for value in values if value is not None), None)
        joules = None if energy_uj is None else energy_uj / 1e6
        found.put("energy_joules", joules)
        watts = None if joules is None else self._mean_power(card.name, joules)
        first = tr("the first look tells nothing")
        found.put("power_watts", watts, _NOT_THERE if joules is None else first)

    def _mean_power(self, card: str, joules: float) -> float | None:
        """The mean power since the last look, watts."""
        now = _Energy(self._clock_ns(), joules)
        before = self._energy.get(card)
        self._energy[card] = now
        if before is None or now.mono_ns <= before.mono_ns or joules < before.joules:
            return None
        watts = (joules - before.joules) / ((now.mono_ns - before.mono_ns) / 1e9)
        return watts if watts < _MOST_WATTS else None


def _source(device: Path) -> Source | None:
    """By its driver; None where that is not known here."""
    return _DRIVERS.get(_link_name(device / "driver") or _uevent(device).get("DRIVER", ""))


def _address(device: Path) -> str | None:
    return pci_id(_link_name(device)) or pci_id(_uevent(device).get("PCI_SLOT_NAME"))


def _power_sensor(card: Path) -> tuple[Path, PowerSensor] | None:
    """The file that tells a card's power or energy, and what it is; None where there is none.

    A processor with graphics in it tells its socket's power, so what its cores draw as well. Only such a one
    has the voltage ``vddnb`` (amdgpu_pm.c, hwmon_attributes_visible).
    """
    device = card / "device"
    source, hwmon = _POWER_SOURCES.get(_source(device) or ""), _hwmon(device)
    if source is None or hwmon is None:
        return None
    names = ("power1_average", "power1_input") if source == "amdgpu" else _INTEL_ENERGY
    file = next((hwmon / name for name in names if read_int(hwmon / name) is not None), None)
    if file is None:
        return None
    in_processor = source == "amdgpu" and read_text(hwmon / "in1_label", 32) == "vddnb"
    return file, PowerSensor(
        id=f"{source}:{_address(device) or card.name}", name=_name(device, source), source=source,
        covers="processors" if in_processor else "device", counts=source != "amdgpu",
    )  # fmt: skip


def _read_amd(device: Path, found: _Found) -> None:
    for name, file in (
        ("memory_used_bytes", "mem_info_vram_used"),
        ("memory_total_bytes", "mem_info_vram_total"),
    ):
        size = read_int(device / file)
        found.put(name, size if size is not None and size >= 0 else None)
    busy = read_int(device / "gpu_busy_percent")
    found.put("utilization", busy / 100 if busy is not None and 0 <= busy <= 100 else None)
    hwmon = _hwmon(device)
    found.put("temperature_celsius", _hottest(hwmon))
    microwatts = None
    if hwmon is not None:  # a discrete card's mean power, or what an APU draws now
        microwatts = read_int(hwmon / "power1_average") or read_int(hwmon / "power1_input")
    found.put("power_watts", microwatts / 1e6 if microwatts and microwatts > 0 else None)
    found.put("energy_joules", None)
    found.put("clock_mhz", _amd_clock(device / "pp_dpm_sclk", hwmon, "sclk"))
    found.put("memory_clock_mhz", _amd_clock(device / "pp_dpm_mclk", hwmon, "mclk"))
    found.put("throttled", None, tr("only in a binary table that changes from card to card"))


def _amd_clock(states: Path, hwmon: Path | None, label: str) -> float | None:
    """From the sensor of that label, Hz, else the state that is marked as current."""
    if hwmon is not None:
        for number in (1, 2):
            if read_text(hwmon / f"freq{number}_label", 32) == label:
                hertz = read_int(hwmon / f"freq{number}_input")
                if hertz is not None and hertz > 0:
                    return hertz / 1e6
    match = _CURRENT_CLOCK.search(read_text(states) or "")
    return float(match[1]) if match else None


def _hwmon(device: Path) -> Path | None:
    try:
        return next(iter(sorted((device / "hwmon").iterdir())), None)
    except OSError:
        return None


def _hottest(hwmon: Path | None) -> float | None:
    """The hottest of a device's sensors, °C: AMD's edge, junction and memory, Intel's package and memory."""
    if hwmon is None:
        return None
    degrees = [
        value / 1000
        for number in range(1, 6)
        if (value := read_int(hwmon / f"temp{number}_input")) is not None and 0 < value < 150_000
    ]
    return max(degrees, default=None)


def _throttled(folder: Path, prefix: str) -> tuple[str, ...] | None:
    status = read_int(folder / ("throttle_reason_status" if prefix == "throttle_reason_" else "status"))
    if status is None:
        return None
    reasons = (why for name, why in _REASONS.items() if read_int(folder / f"{prefix}{name}"))
    return tuple(dict.fromkeys(reasons))


def _positive(value: int | None) -> int | None:
    return value if value is not None and value > 0 else None


def _uevent(device: Path) -> dict[str, str]:
    lines = (line.partition("=") for line in (read_text(device / "uevent") or "").splitlines())
    return {key: value for key, _, value in lines}


def _link_name(path: Path) -> str | None:
    """What a symbolic link leads to, by its last name; None if it is none."""
    try:
        return path.resolve(strict=True).name if path.is_symlink() else None
    except (OSError, RuntimeError):
        return None


def _name(device: Path, source: Source | PowerSource) -> str:
    told = one_line(read_text(device / "product_name", 200))
    if told:
        return told
    maker = "AMD" if source == "amdgpu" else "Intel"
    ids = ":".join((read_text(device / name, 16) or "?").removeprefix("0x") for name in ("vendor", "device"))
    return f"{maker} {ids}"
