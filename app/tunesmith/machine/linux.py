"""Own what Linux tells of the machine, through /proc and /sys."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from tunesmith.domain.machine import Core
from tunesmith.machine.arm import arm_core_name
from tunesmith.machine.cgroup import read_limits
from tunesmith.machine.features import known_features
from tunesmith.machine.files import MAX_CPUS, one_line, parse_cpu_list, read_int, read_text
from tunesmith.machine.reader import sockets_of
from tunesmith.machine.virtualization import linux_virtualization

if TYPE_CHECKING:
    from pathlib import Path

    from tunesmith.domain.machine import CoreKind
    from tunesmith.machine.reader import Limits

_MODEL_KEYS = ("model name", "cpu model", "uarch", "cpu")
"""x86 and LoongArch; MIPS; RISC-V; POWER."""


class LinuxReader:
    """Reads /proc and /sys below ``root``. Files are Documentation/admin-guide/cputopology.rst's."""

    def __init__(self, root: Path, architecture: str) -> None:
        self._root = root
        self._architecture = architecture.lower()
        self._cpus = root / "sys/devices/system/cpu"

    def os_name(self) -> str | None:
        """Return os-release's PRETTY_NAME (os-release(5))."""
        for path in ("etc/os-release", "usr/lib/os-release"):
            for line in (read_text(self._root / path) or "").splitlines():
                key, _, value = line.partition("=")
                if key.strip() == "PRETTY_NAME" and (name := one_line(value.strip().strip("\"'"))):
                    return name
        return None

    def cpu_model(self) -> str | None:
        """Return the processor's name; for Arm its kinds of core and the system on a chip."""
        if self._arm_cores:
            soc = self._soc()
            return " + ".join(self._arm_cores) + (f" ({soc})" if soc else "")
        if self._architecture.startswith(("arm", "aarch64")):
            return self._soc()
        return next((name for key in _MODEL_KEYS if (name := one_line(self._cpuinfo.get(key)))), None)

    def cores(self) -> tuple[Core, ...]:
        """Return the physical cores; empty where sysfs leaves them out or contradicts itself."""
        return self._cores

    @cached_property
    def _cores(self) -> tuple[Core, ...]:
        cores: list[Core] = []
        seen: set[int] = set()
        for cpu in sorted(self._online):
            if cpu in seen:
                continue
            topology = self._cpus / f"cpu{cpu}/topology"
            listed = read_text(topology / "core_cpus_list") or read_text(topology / "thread_siblings_list")
            siblings = (parse_cpu_list(listed) or frozenset()) & self._online
            if cpu not in siblings or siblings & seen:
                return ()
            seen |= siblings
            khz = read_int(self._cpus / f"cpu{cpu}/cpufreq/cpuinfo_max_freq")
            cores.append(
                Core(
                    kind=self._kind(cpu),
                    socket=max(0, read_int(topology / "physical_package_id") or 0),  # -1: not told
                    cpus=tuple(sorted(siblings)),
                    max_mhz=khz / 1000 if khz is not None and khz > 0 else None,
                )
            )
        return tuple(cores)

    def sockets(self) -> int | None:
        return sockets_of(self._cores)

    def logical_cpus(self) -> int | None:
        return len(self._online) or None

    def llama_default_threads(self) -> int | None:
        """Do as common_cpu_get_num_math and common_cpu_get_num_physical_cores (common/common.cpp) do.

        Physical cores of the whole machine, whatever the affinity; of a hybrid x86, its performance cores.
        """
        physical = self._llama_physical_cores()
        if self._architecture in ("x86_64", "amd64") and self._efficiency_cpus:
            return self._llama_math_cpus() or physical
        if physical and self._architecture.startswith(("ppc64", "powerpc")):
            threads_per_core = len(self._online) // physical if len(self._online) > physical else 1
            return physical * min(threads_per_core, 2)
        return physical

    def features(self) -> tuple[str, ...] | None:
        listed = self._cpuinfo.get("flags") or self._cpuinfo.get("features")
        if listed is None and (isa := self._cpuinfo.get("isa")):
            listed = "v" if "v" in isa.split("_")[0][4:] else ""  # rv64imafdcv_zicsr…
        return None if listed is None else known_features(listed.split())

    def limits(self) -> Limits:
        return read_limits(self._root)

    def governor(self) -> str | None:
        folders = [self._cpus / f"cpu{cpu}/cpufreq" for cpu in sorted(self._online)]
        governors = {one_line(read_text(folder / "scaling_governor", 64)) for folder in folders}
        return ", ".join(sorted(name for name in governors if name)) or None

    def virtualization(self) -> str | None:
        return linux_virtualization(self._root, frozenset(self._cpuinfo.get("flags", "").split()))

    @cached_property
    def _cpuinfo(self) -> dict[str, str]:
        """The first value of each key of /proc/cpuinfo; keys in lower case."""
        fields: dict[str, str] = {}
        for line in (read_text(self._root / "proc/cpuinfo") or "").splitlines():
            key, colon, value = line.partition(":")
            if colon and value.strip():
                fields.setdefault(key.strip().lower(), value.strip())
        return fields

    @cached_property
    def _online(self) -> frozenset[int]:
        if online := parse_cpu_list(read_text(self._cpus / "online")):
            return online
        listed = (read_text(self._root / "proc/cpuinfo", 1024 * 1024) or "").splitlines()
        numbers = [line.partition(":")[2].strip() for line in listed if line.startswith("processor")]
        return parse_cpu_list(",".join(numbers)) or frozenset()

    @cached_property
    def _performance_cpus(self) -> frozenset[int]:
        return parse_cpu_list(read_text(self._root / "sys/devices/cpu_core/cpus")) or frozenset()

    @cached_property
    def _efficiency_cpus(self) -> frozenset[int]:
        """Of a hybrid x86: those the kernel's performance counters call atom or low power."""
        names = ("cpu_atom", "cpu_lowpower")
        lists = [parse_cpu_list(read_text(self._root / f"sys/devices/{name}/cpus")) for name in names]
        return frozenset().union(*(cpus for cpus in lists if cpus))

    @cached_property
    def _capacities(self) -> dict[int, int]:
        """Arm's relative speed of each CPU, the fastest 1024 (Documentation/scheduler/sched-capacity.rst)."""
        if not self._architecture.startswith(("arm", "aarch64")):
            return {}  # x86 has the file too, and there it tells preferred cores apart
        read = {cpu: read_int(self._cpus / f"cpu{cpu}/cpu_capacity") for cpu in self._online}
        return {cpu: capacity for cpu, capacity in read.items() if capacity is not None and capacity > 0}

    @cached_property
    def _arm_cores(self) -> tuple[str, ...]:
        """The names of the kinds of core, in the order of their first CPU."""
        names: dict[str, None] = {}
        implementer = ""
        for line in (read_text(self._root / "proc/cpuinfo") or "").splitlines():
            key, _, value = line.partition(":")
            match key.strip():
                case "CPU implementer":
                    implementer = value.strip()
                case "CPU part" if name := arm_core_name(implementer, value.strip()):
                    names[name] = None
                case _:
                    pass
        return tuple(names)

    def _soc(self) -> str | None:
        """The system on a chip, such as ``bcm2711``: the last of the device tree's compatible names."""
        names = (read_text(self._root / "proc/device-tree/compatible", 1024) or "").split("\0")
        maker, _, soc = names[-1].rpartition(",")
        return one_line(soc) if maker not in ("", "linux") else None

    def _kind(self, cpu: int) -> CoreKind:
        if self._performance_cpus and self._efficiency_cpus:
            if cpu in self._efficiency_cpus:
                return "efficiency"
            return "performance" if cpu in self._performance_cpus else "unknown"
        capacities = self._capacities
        if cpu not in capacities:
            return "unknown"
        low, high = min(capacities.values()), max(capacities.values())
        if low > 0.9 * high:
            return "unknown"  # all of one kind; firmware bins clocks by a few percent
        return "efficiency" if capacities[cpu] <= 1.1 * low else "performance"

    def _llama_physical_cores(self) -> int | None:
        siblings: set[str] = set()
        for cpu in range(MAX_CPUS):
            line = read_text(self._cpus / f"cpu{cpu}/topology/thread_siblings")
            if line is None:
                break
            if line:
                siblings.add(line.splitlines()[0])
        return len(siblings) or None

    def _llama_math_cpus(self) -> int | None:
        """cpu_count_math_cpus: it pins itself to each CPU in turn, and gives up where it may not."""
        may_pin = self.limits().cpuset or self._online
        result = cpu = 0
        while cpu < len(self._online):
            if cpu not in may_pin or cpu not in self._online:
                return None
            if cpu not in self._efficiency_cpus:
                result += 1
                cpu += 1  # as the original: hyperthreading is of no use for linear algebra
            cpu += 1
        return result or None
