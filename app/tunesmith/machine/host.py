"""Own what psutil, Python and py-cpuinfo know of any machine."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

UNREADABLE = (psutil.Error, OSError, ValueError, KeyError, IndexError, NotImplementedError, RuntimeError)
"""What psutil raises where /proc is missing, hidden, restricted or malformed."""


@dataclass(frozen=True, slots=True)
class HostMemory:
    """The whole machine's memory, bytes; control groups are not considered."""

    total_bytes: int
    available_bytes: int
    swap_total_bytes: int
    swap_used_bytes: int


@dataclass(frozen=True, slots=True)
class Battery:
    """What psutil says of the battery."""

    on_mains: bool | None
    percent: float | None


class Host(Protocol):
    """What every platform is asked in the same way. None stands for unknown."""

    def hostname(self) -> str: ...

    def architecture(self) -> str: ...

    def kernel(self) -> str: ...

    def os_name(self) -> str: ...

    def logical_cpus(self) -> int: ...

    def physical_cores(self) -> int | None: ...

    def affinity(self) -> frozenset[int] | None: ...

    def memory(self) -> HostMemory: ...

    def battery(self) -> Battery: ...

    def cpu_model(self) -> str | None:
        """As py-cpuinfo finds it: about a second, in a process of its own."""
        ...

    def cpu_flags(self) -> tuple[str, ...]:
        """As py-cpuinfo finds them: about a second, in a process of its own."""
        ...


class PsutilHost:
    """This machine."""

    def hostname(self) -> str:
        return platform.node()

    def architecture(self) -> str:
        return platform.machine()

    def kernel(self) -> str:
        return platform.release()

    def os_name(self) -> str:
        return f"{platform.system()} {platform.release()}".strip() or "unknown"

    def logical_cpus(self) -> int:
        return psutil.cpu_count() or os.cpu_count() or 1

    def physical_cores(self) -> int | None:
        try:
            return psutil.cpu_count(logical=False)
        except UNREADABLE:
            return None

    def affinity(self) -> frozenset[int] | None:
        """Return the logical CPUs this process may run on; None where there is no such mask (macOS)."""
        try:
            process = psutil.Process()
            return frozenset(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else None
        except UNREADABLE:
            return None

    def memory(self) -> HostMemory:
        try:
            ram = psutil.virtual_memory()
            total_bytes, available_bytes = ram.total, ram.available
        except UNREADABLE:
            if sys.platform != "win32":
                page_bytes = os.sysconf("SC_PAGE_SIZE")
                total_bytes = os.sysconf("SC_PHYS_PAGES") * page_bytes
                available_bytes = os.sysconf("SC_AVPHYS_PAGES") * page_bytes
            else:
                raise
        try:
            swap = psutil.swap_memory()
            return HostMemory(total_bytes, available_bytes, swap.total, swap.used)
        except UNREADABLE:
            return HostMemory(total_bytes, available_bytes, 0, 0)

    def battery(self) -> Battery:
        try:
            battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
        except UNREADABLE:
            battery = None
        if battery is None:
            return Battery(None, None)
        return Battery(battery.power_plugged, float(battery.percent))

    def cpu_model(self) -> str | None:
        brand = _cpuinfo().get("brand_raw")
        return brand if isinstance(brand, str) and brand else None

    def cpu_flags(self) -> tuple[str, ...]:
        flags = _cpuinfo().get("flags")
        return tuple(flag for flag in flags if isinstance(flag, str)) if isinstance(flags, list) else ()


@cache
def _cpuinfo() -> Mapping[str, Any]:
    import cpuinfo  # slow, and not needed where the platform reader knows

    try:
        info = cpuinfo.get_cpu_info()
    except Exception:  # noqa: BLE001  it raises bare Exception on an architecture it does not know
        return {}
    return info if isinstance(info, dict) else {}
