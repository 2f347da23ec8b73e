"""Own what NVIDIA's devices tell through NVML, the library that comes with their driver."""

from __future__ import annotations

import ctypes
import logging
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tunesmith.domain.device_reading import DeviceReading, pci_id
from tunesmith.domain.power import PowerReading, PowerSensor
from tunesmith.domain.power_limit import PowerLimit
from tunesmith.wording import tr

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

GPU_TEMPERATURE = 0
"""NVML_TEMPERATURE_GPU of nvml.h."""
SM_CLOCK, MEMORY_CLOCK = 1, 2
"""NVML_CLOCK_SM and NVML_CLOCK_MEM of nvml.h."""
REASONS = {
    0x0000000000000004: "power limit",
    0x0000000000000008: "hardware slowdown",
    0x0000000000000020: "heat",
    0x0000000000000040: "heat, by the hardware",
    0x0000000000000080: "power brake",
    0x0000000000000200: "board limit",
    0x0000000000000400: "reliability",
}
"""Of nvmlClocksEventReasons of nvml.h those that hold a busy device's clock down.

Not here: idle (0x1), clocks that somebody set (0x2, 0x100) and sync boost (0x10).
"""


_LIBRARY = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"


def _load() -> Any:
    """NVIDIA's own binding, imported only where their library can be: it takes a while."""
    ctypes.CDLL(_LIBRARY)
    import pynvml

    return pynvml


def open_nvml(load: Callable[[], Any] = _load) -> NvmlReader | None:
    """A reader, if NVIDIA's driver is there; None where it is not, or tells nothing."""
    try:
        nvml = load()
        nvml.nvmlInit()
    except Exception as error:  # noqa: BLE001  ImportError, NVMLError, and what ctypes raises of a broken library
        _LOG.debug("no NVML: %s", error)
        return None
    return NvmlReader(nvml)


class NvmlReader:
    """Asks NVML; see the NVML API Reference Guide, "Device Queries"."""

    def __init__(self, nvml: Any, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """``nvml`` is the module ``pynvml``, initialised."""
        self._nvml = nvml
        self._clock_ns = clock_ns
        self._own: frozenset[int] = frozenset()
        self._seen_us: dict[int, int] = {}
        """Newest sample of processes' load by device, in microseconds of the driver's own clock."""
        self._power: list[tuple[Any, PowerSensor]] | None = None
        """Devices with their sensors of power, once they were asked for."""

    def read(self, own_pids: Callable[[], frozenset[int]]) -> tuple[DeviceReading, ...]:
        """Every device of the driver."""
        missing: dict[str, str] = {}
        count = self._ask("devices", self._nvml.nvmlDeviceGetCount, missing) or 0
        found = (self._read(number, own_pids) for number in range(count))
        return tuple(reading for reading in found if reading is not None)

    def sensors(self) -> tuple[PowerSensor, ...]:
        """One for each device: its counter of energy, since Volta, else its power."""
        if self._power is None:
            count = self._ask("devices", self._nvml.nvmlDeviceGetCount, {}) or 0
            found = (self._sensor(number) for number in range(count))
            self._power = [one for one in found if one is not None]
        return tuple(sensor for _, sensor in self._power)

    def power(self) -> tuple[PowerReading, ...]:
        """Energy and power of every device that tells them; nothing else is asked, to be quick."""
        self.sensors()
        return tuple(self._power_of(device, sensor) for device, sensor in self._power or () if not sensor.why)

    def limits(self) -> tuple[PowerLimit, ...]:
        """The power limit in force of every device: the least of what was set and what the board bears."""
        count = self._ask("devices", self._nvml.nvmlDeviceGetCount, {}) or 0
        found = (self._limit(number) for number in range(count))
        return tuple(limit for limit in found if limit is not None)

    def close(self) -> None:
        """Let go of the driver."""
        self._ask("end", self._nvml.nvmlShutdown, {})

    def _limit(self, number: int) -> PowerLimit | None:
        nvml, missing = self._nvml, dict[str, str]()
        device = self._ask("device", lambda: nvml.nvmlDeviceGetHandleByIndex(number), missing)
        if device is None:
            return None
        name = self._ask("name", lambda: _text(nvml.nvmlDeviceGetName(device)), missing)
        limit_mw = self._ask("limit", lambda: int(nvml.nvmlDeviceGetEnforcedPowerLimit(device)), missing)
        return PowerLimit(
            name=name or tr("NVIDIA device {number}", number=number), source="nvml", kind="",
            watts=limit_mw / 1e3 if limit_mw else None,
            reason="" if limit_mw else missing.get("limit", tr("it tells no number")),
        )  # fmt: skip

    def _sensor(self, number: int) -> tuple[Any, PowerSensor] | None:
        nvml, missing = self._nvml, dict[str, str]()
        device = self._ask("device", lambda: nvml.nvmlDeviceGetHandleByIndex(number), missing)
        if device is None:
            return None
        bus = self._ask("pci_id", lambda: _text(nvml.nvmlDeviceGetPciInfo(device).busId), missing)
        name = self._ask("name", lambda: _text(nvml.nvmlDeviceGetName(device)), missing)
        reading = self._power_of(device, None, missing)
        told = reading.joules is not None or reading.watts is not None
        return device, PowerSensor(
            id=f"nvml:{pci_id(bus) or number}", name=name or tr("NVIDIA device {number}", number=number),
            source="nvml", covers="device", counts=reading.joules is not None,
            why="" if told else missing.get("power_watts", ""),
        )  # fmt: skip

    def _power_of(
        self, device: Any, sensor: PowerSensor | None, missing: dict[str, str] | None = None
    ) -> PowerReading:
        nvml, missing = self._nvml, {} if missing is None else missing
        energy_mj = None
        if sensor is None or sensor.counts:
            energy_mj = self._ask(
                "energy_joules", lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(device), missing
            )
        power_mw = self._ask("power_watts", lambda: nvml.nvmlDeviceGetPowerUsage(device), missing)
        return PowerReading(
            sensor="" if sensor is None else sensor.id, mono_ns=self._clock_ns(),
            joules=None if energy_mj is None else energy_mj / 1e3,
            watts=None if power_mw is None else power_mw / 1e3,
        )  # fmt: skip

    def _read(self, number: int, own_pids: Callable[[], frozenset[int]]) -> DeviceReading | None:
        nvml, missing = self._nvml, dict[str, str]()
        device = self._ask("device", lambda: nvml.nvmlDeviceGetHandleByIndex(number), missing)
        if device is None:
            return None
        ask = self._ask
        memory = ask("memory_used_bytes", lambda: nvml.nvmlDeviceGetMemoryInfo(device), missing)
        rates = ask("utilization", lambda: nvml.nvmlDeviceGetUtilizationRates(device), missing)
        heat = ask(
            "temperature_celsius", lambda: nvml.nvmlDeviceGetTemperature(device, GPU_TEMPERATURE), missing
        )
        power_mw = ask("power_watts", lambda: nvml.nvmlDeviceGetPowerUsage(device), missing)
        energy_mj = ask("energy_joules", lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(device), missing)
        clock = ask("clock_mhz", lambda: nvml.nvmlDeviceGetClockInfo(device, SM_CLOCK), missing)
        memory_clock = ask(
            "memory_clock_mhz", lambda: nvml.nvmlDeviceGetClockInfo(device, MEMORY_CLOCK), missing
        )
        reasons = ask("throttled", lambda: self._reasons(device), missing)
        if memory is None:
            missing["memory_total_bytes"] = missing["memory_used_bytes"]
        own_bytes, others = self._processes(device, own_pids, missing)
        foreign = None
        if others is not None:
            foreign = self._foreign_load(number, device, others, missing)
        elif "foreign_processes" in missing:
            missing["foreign_utilization"] = missing["foreign_processes"]
        bus = ask("pci_id", lambda: _text(nvml.nvmlDeviceGetPciInfo(device).busId), missing)
        name = ask("name", lambda: _text(nvml.nvmlDeviceGetName(device)), missing)
        return DeviceReading(
            pci_id=pci_id(bus),
            name=name or tr("NVIDIA device {number}", number=number),
            source="nvml",
            mono_ns=self._clock_ns(),
            memory_used_bytes=None if memory is None else int(memory.used),
            memory_total_bytes=None if memory is None else int(memory.total),
            utilization=None if rates is None else min(1.0, rates.gpu / 100),
            temperature_celsius=None if heat is None else float(heat),
            power_watts=None if power_mw is None else power_mw / 1e3,
            energy_joules=None if energy_mj is None else energy_mj / 1e3,
            clock_mhz=None if clock is None else float(clock),
            memory_clock_mhz=None if memory_clock is None else float(memory_clock),
            throttled=None
            if reasons is None
            else tuple(why for bit, why in REASONS.items() if reasons & bit),
            own_memory_bytes=own_bytes,
            foreign_processes=None if others is None else len(others),
            foreign_utilization=foreign,
            missing=missing,
        )

    def _reasons(self, device: Any) -> int:
        """A bit mask; drivers before R525 know it by its older name."""
        try:
            return int(self._nvml.nvmlDeviceGetCurrentClocksEventReasons(device))
        except (AttributeError, self._nvml.NVMLError):
            return int(self._nvml.nvmlDeviceGetCurrentClocksThrottleReasons(device))

    def _processes(
        self, device: Any, own_pids: Callable[[], frozenset[int]], missing: dict[str, str]
    ) -> tuple[int | None, frozenset[int] | None]:
        """What our processes hold, bytes, and the ids of the others; None where that cannot be told.

        In a container with process ids of its own NVML tells the host's ids, or none at all: then ours
        cannot be told from others.
        """
        nvml = self._nvml
        listed: list[Any] = []
        for query in (nvml.nvmlDeviceGetComputeRunningProcesses, nvml.nvmlDeviceGetGraphicsRunningProcesses):
            answer = self._ask("foreign_processes", partial(query, device), missing)
            if answer is None:
                missing["own_memory_bytes"] = missing["foreign_processes"]
                return None, None
            listed += answer
        seen = frozenset(process.pid for process in listed)
        if seen - self._own:
            self._own = own_pids()
        ours = [process for process in listed if process.pid in self._own]
        others = seen - self._own
        if others and not ours and not any(_is_here(pid) for pid in others):
            why = tr("process ids are another system's, as in a container")
            missing["foreign_processes"] = missing["own_memory_bytes"] = why
            return None, None
        sizes = [process.usedGpuMemory for process in ours]
        if any(size is None for size in sizes):
            missing["own_memory_bytes"] = tr("the driver does not tell the memory of processes")
            return None, others
        return sum(sizes), others

    def _foreign_load(
        self, number: int, device: Any, others: frozenset[int], missing: dict[str, str]
    ) -> float | None:
        """The share of the time since the last look in which the busiest other process computed."""
        if not others:
            return 0.0
        nvml = self._nvml
        since_us = self._seen_us.get(number, 0)
        try:
            samples = nvml.nvmlDeviceGetProcessUtilization(device, since_us)
        except nvml.NVMLError as error:
            if getattr(error, "value", None) == getattr(nvml, "NVML_ERROR_NOT_FOUND", 6):
                return 0.0  # no process has computed since
            missing["foreign_utilization"] = _driver_says(error)
            return None
        self._seen_us[number] = max((sample.timeStamp for sample in samples), default=since_us)
        if not since_us:  # all that the driver remembers, from long before
            missing["foreign_utilization"] = tr("the first look tells nothing")
            return None
        loads = [sample.smUtil / 100 for sample in samples if sample.pid in others]
        return min(1.0, max(loads, default=0.0))

    def _ask(self, quantity: str, query: Callable[[], _T], missing: dict[str, str]) -> _T | None:
        """What a query says; None, and why, where the driver or the device does not know it."""
        try:
            return query()
        except self._nvml.NVMLError as error:
            missing[quantity] = _driver_says(error)
        except (AttributeError, OSError, ValueError) as error:  # another version of the library
            missing[quantity] = str(error)
        return None


def _text(raw: bytes | str) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw


def _driver_says(error: Exception) -> str:
    return tr("the driver says: {words}", words=str(error).strip() or type(error).__name__)


def _is_here(pid: int) -> bool:
    """Whether this system has a process of that id."""
    import psutil

    return psutil.pid_exists(pid)


def driver_version(load: Callable[[], Any] = _load) -> str | None:
    """NVIDIA's driver, such as ``570.86.15``; None where there is none."""
    reader = open_nvml(load)
    if reader is None:
        return None
    nvml = load()
    try:
        return _text(nvml.nvmlSystemGetDriverVersion())
    except nvml.NVMLError:
        return None
    finally:
        reader.close()
