"""Own what Windows tells of the machine: processor records and the registry."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.domain.machine import Core
from tunesmith.machine.files import one_line, parse_int
from tunesmith.machine.reader import Limits, sockets_of
from tunesmith.machine.virtualization import firmware_hypervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tunesmith.domain.machine import CoreKind

_CPUS_PER_GROUP = 64
_CORE, _PACKAGE = 0, 3
_CPU_KEY = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
_FIRMWARE_KEY = r"HARDWARE\DESCRIPTION\System\BIOS"
_VERSION_KEY = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_WINDOWS_11_BUILD = 22000


@dataclass(frozen=True, slots=True)
class ProcessorRecord:
    """One record of GetLogicalProcessorInformationEx: a core or a package."""

    is_core: bool
    efficiency_class: int
    """Higher is faster; 0 on a processor with one kind of core."""
    group_masks: tuple[tuple[int, int], ...]
    """Processor group and the mask of the logical CPUs in it."""

    @property
    def cpus(self) -> tuple[int, ...]:
        """Logical CPU numbers: 64 · group + bit."""
        return tuple(
            sorted(
                group * _CPUS_PER_GROUP + bit
                for group, mask in self.group_masks
                for bit in range(_CPUS_PER_GROUP)
                if mask >> bit & 1
            )
        )


def parse_records(buffer: bytes) -> tuple[ProcessorRecord, ...]:
    """Return the core and package records of SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX (64 bit).

    Layout (winnt.h): Relationship u32, Size u32, then for both kinds PROCESSOR_RELATIONSHIP: Flags u8,
    EfficiencyClass u8, 20 reserved bytes, GroupCount u16, and per group Mask u64, Group u16, 6 reserved.
    A record that does not fit ends the list.
    """
    records: list[ProcessorRecord] = []
    offset = 0
    while offset + 8 <= len(buffer):
        relationship, size = struct.unpack_from("<II", buffer, offset)
        if size < 8 or offset + size > len(buffer):
            break
        if relationship in (_CORE, _PACKAGE) and size >= 32:
            _flags, efficiency_class, groups = struct.unpack_from("<BB20xH", buffer, offset + 8)
            if size < 32 + 16 * groups:
                break
            masks = [struct.unpack_from("<QH6x", buffer, offset + 32 + 16 * n) for n in range(groups)]
            pairs = tuple((group, mask) for mask, group in masks)
            records.append(ProcessorRecord(relationship == _CORE, efficiency_class, pairs))
        offset += size
    return tuple(records)


class WindowsReader:
    """Reads processor records and the registry's HKEY_LOCAL_MACHINE.

    Args:
        records: returns the parsed records; empty where the call failed.
        registry: returns a value, as text, by key and name, or None.
    """

    def __init__(
        self,
        records: Callable[[], Sequence[ProcessorRecord]],
        registry: Callable[[str, str], str | None],
    ) -> None:
        self._records = tuple(records())
        self._registry = registry

    def os_name(self) -> str | None:
        """Return such as ``Windows 11 23H2``; ProductName says Windows 10 on both."""
        product = one_line(self._registry(_VERSION_KEY, "ProductName"))
        release = one_line(self._registry(_VERSION_KEY, "DisplayVersion"))
        build = parse_int(self._registry(_VERSION_KEY, "CurrentBuildNumber"))
        if product is None and build is None:
            return None
        if product is not None and "server" in product.lower():
            name = product
        elif build is not None:
            name = "Windows 11" if build >= _WINDOWS_11_BUILD else "Windows 10"
        else:
            name = "Windows"
        return f"{name} {release}" if release else name

    def cpu_model(self) -> str | None:
        return one_line(self._registry(_CPU_KEY, "ProcessorNameString"))

    def cores(self) -> tuple[Core, ...]:
        records = [record for record in self._records if record.is_core and record.cpus]
        packages = [set(record.cpus) for record in self._records if not record.is_core]
        classes = {record.efficiency_class for record in records}
        cores: list[Core] = []
        for record in records:
            kind: CoreKind = "unknown"
            if len(classes) > 1:
                kind = "performance" if record.efficiency_class == max(classes) else "efficiency"
            socket = next((n for n, package in enumerate(packages) if record.cpus[0] in package), 0)
            cores.append(Core(kind=kind, socket=socket, cpus=record.cpus, max_mhz=None))
        return tuple(sorted(cores, key=lambda core: core.cpus))

    def sockets(self) -> int | None:
        return sockets_of(self.cores())

    def logical_cpus(self) -> int | None:
        return sum(len(core.cpus) for core in self.cores()) or None

    def llama_default_threads(self) -> int | None:
        """Do as common_cpu_get_num_physical_cores (common/common.cpp) does: all cores, of every kind."""
        return sum(len(record.group_masks) for record in self._records if record.is_core) or None

    def features(self) -> tuple[str, ...] | None:
        return None

    def limits(self) -> Limits:
        return Limits()

    def governor(self) -> str | None:
        return None

    def virtualization(self) -> str | None:
        vendor = self._registry(_FIRMWARE_KEY, "SystemManufacturer")
        product = self._registry(_FIRMWARE_KEY, "SystemProductName")
        return firmware_hypervisor(vendor, product)
