"""Own the probe of the machine: a platform's reader, psutil and the limits put together."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.domain.machine import Cpu, Machine, Memory, PowerSource
from tunesmith.machine.features import known_features
from tunesmith.machine.files import one_line
from tunesmith.machine.host import PsutilHost
from tunesmith.machine.linux import LinuxReader
from tunesmith.machine.macos import MacosReader, system_sysctl
from tunesmith.machine.reader import PortableReader
from tunesmith.machine.windows import WindowsReader
from tunesmith.machine.windows_api import processor_records, registry_value

if TYPE_CHECKING:
    from tunesmith.domain.machine import Build, Core, Device
    from tunesmith.machine.host import Host, HostMemory
    from tunesmith.machine.reader import Limits, PlatformReader


def platform_reader(platform: str, architecture: str) -> PlatformReader:
    """Return the reader for a ``sys.platform``; one that knows nothing for an unknown one."""
    if platform in ("linux", "android"):
        return LinuxReader(Path("/"), architecture)
    if platform == "darwin":
        return MacosReader(system_sysctl)
    if platform == "win32":
        return WindowsReader(processor_records, registry_value)
    return PortableReader()


def probe_machine(*, devices: tuple[Device, ...] = (), build: Build | None = None) -> Machine:
    """Return what this machine is and what of it this process may use.

    A few milliseconds on Linux; on Windows about a second the first time, for py-cpuinfo.

    Args:
        devices: what llama.cpp listed, from a worker; passed through.
        build: what the worker's binding says of itself; passed through.
    """
    host = PsutilHost()
    reader = platform_reader(sys.platform, host.architecture())
    return describe_machine(reader, host, devices=devices, build=build)


def describe_machine(
    reader: PlatformReader, host: Host, *, devices: tuple[Device, ...] = (), build: Build | None = None
) -> Machine:
    """Put together what a reader and a host tell; see :func:`probe_machine`."""
    limits = reader.limits()
    battery = host.battery()
    return Machine(
        hostname=host.hostname(),
        os_name=reader.os_name() or host.os_name(),
        os_kernel=host.kernel(),
        cpu=_cpu(reader, host, limits),
        memory=_memory(host.memory(), limits),
        power=PowerSource(
            on_mains=battery.on_mains, battery_percent=battery.percent, governor=reader.governor()
        ),
        virtualization=reader.virtualization(),
        devices=devices,
        build=build,
    )


def _cpu(reader: PlatformReader, host: Host, limits: Limits) -> Cpu:
    cores = reader.cores()
    logical_cpus = reader.logical_cpus() or host.logical_cpus()
    physical_cores = len(cores) or host.physical_cores()
    allowed_cpus = _allowed_cpus(cores, logical_cpus, host.affinity(), limits.cpuset)
    usable_cpus = len(allowed_cpus)
    usable_cores = _cores_under(cores, allowed_cpus, physical_cores)
    if limits.cpu_quota is not None:
        usable_cpus = min(usable_cpus, math.ceil(limits.cpu_quota))
        usable_cores = min(usable_cores, math.ceil(limits.cpu_quota))
    features = reader.features()
    return Cpu(
        model=reader.cpu_model() or one_line(host.cpu_model()) or "unknown",
        architecture=host.architecture(),
        sockets=reader.sockets(),
        physical_cores=physical_cores,
        logical_cpus=logical_cpus,
        cores=cores,
        allowed_cpus=allowed_cpus,
        cpu_quota=limits.cpu_quota,
        usable_cpus=max(1, usable_cpus),
        usable_cores=max(1, min(usable_cores, usable_cpus)),
        llama_default_threads=reader.llama_default_threads() or llama_fallback_threads(logical_cpus),
        features=known_features(host.cpu_flags()) if features is None else features,
    )


def llama_fallback_threads(logical_cpus: int) -> int:
    """Do as common_cpu_get_num_physical_cores (common/common.cpp) does where no platform's way succeeds."""
    if logical_cpus <= 0:
        return 4
    return logical_cpus if logical_cpus <= 4 else logical_cpus // 2


def _allowed_cpus(
    cores: tuple[Core, ...], logical_cpus: int, affinity: frozenset[int] | None, cpuset: frozenset[int] | None
) -> tuple[int, ...]:
    numbered = frozenset(cpu for core in cores for cpu in core.cpus)
    everything = numbered if len(numbered) == logical_cpus else frozenset(range(logical_cpus))
    allowed = everything if affinity is None else affinity
    if cpuset is not None:
        allowed = allowed & cpuset or allowed  # an empty overlap is a misread, not a machine without CPUs
    return tuple(sorted(allowed))


def _cores_under(cores: tuple[Core, ...], cpus: tuple[int, ...], physical_cores: int | None) -> int:
    """Return how many physical cores the logical CPUs lie on."""
    numbered = {cpu: index for index, core in enumerate(cores) for cpu in core.cpus}
    if cpus and numbered.keys() >= set(cpus):
        return len({numbered[cpu] for cpu in cpus})
    return min(len(cpus), physical_cores or len(cpus))


def _memory(host: HostMemory, limits: Limits) -> Memory:
    limit_bytes, headroom_bytes = limits.memory_limit_bytes, limits.memory_headroom_bytes
    total_bytes, available_bytes = host.total_bytes, host.available_bytes
    if limit_bytes is not None:
        total_bytes = min(total_bytes, limit_bytes)
    if headroom_bytes is not None:
        available_bytes = min(available_bytes, headroom_bytes)
    return Memory(
        total_bytes=total_bytes,
        available_bytes=available_bytes,
        machine_total_bytes=host.total_bytes,
        limit_bytes=limit_bytes,
        swap_total_bytes=host.swap_total_bytes,
        swap_used_bytes=host.swap_used_bytes,
    )
