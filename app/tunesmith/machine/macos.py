"""Own what macOS tells of the machine, through sysctl."""

from __future__ import annotations

import subprocess
from functools import cache
from typing import TYPE_CHECKING

from tunesmith.domain.machine import Core
from tunesmith.machine.features import known_features
from tunesmith.machine.files import MAX_CPUS, one_line, parse_int
from tunesmith.machine.reader import Limits
from tunesmith.machine.virtualization import UNKNOWN_HYPERVISOR, firmware_hypervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from tunesmith.domain.machine import CoreKind

_MAX_LEVELS = 4
_ARM_FEATURES = {
    "AdvSIMD": "neon",
    "arm.AdvSIMD": "neon",
    "arm.FEAT_DotProd": "dotprod",
    "arm.FEAT_FP16": "fp16",
    "arm.FEAT_I8MM": "i8mm",
    "arm.FEAT_BF16": "bf16",
    "arm.FEAT_SME": "sme",
    "arm.FEAT_SME2": "sme2",
}
_LEVELS = [f"hw.perflevel{level}.{key}" for level in range(_MAX_LEVELS) for key in ("name", "physicalcpu")]
_NAMES = (
    *("kern.osproductversion", "kern.hv_vmm_present", "machdep.cpu.brand_string"),
    *("machdep.cpu.features", "machdep.cpu.leaf7_features"),
    *("hw.model", "hw.packages", "hw.physicalcpu", "hw.logicalcpu", "hw.nperflevels"),
    *_LEVELS,
    *(f"hw.optional.{name}" for name in _ARM_FEATURES),
)


@cache
def _system_values() -> dict[str, str]:
    """Ask for all the names at once; sysctl leaves out those it does not know."""
    try:
        command = ["/usr/sbin/sysctl", *_NAMES]
        done = subprocess.run(command, capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return {}
    lines = (line.partition(": ") for line in done.stdout.decode(errors="replace").splitlines())
    return {name: value for name, colon, value in lines if colon}


def system_sysctl(name: str) -> str | None:
    """Return the value of one of the names this module reads, or None."""
    return _system_values().get(name)


class MacosReader:
    """Reads sysctl. The names are those of sysctl(3) and <sys/sysctl.h>."""

    def __init__(self, sysctl: Callable[[str], str | None]) -> None:
        self._sysctl = sysctl

    def os_name(self) -> str | None:
        version = one_line(self._sysctl("kern.osproductversion"))
        return f"macOS {version}" if version else None

    def cpu_model(self) -> str | None:
        return one_line(self._sysctl("machdep.cpu.brand_string"))

    def cores(self) -> tuple[Core, ...]:
        """Return the physical cores, without CPU numbers: macOS neither tells them nor pins threads."""
        levels = self._count("hw.nperflevels") or 0
        kinds: list[CoreKind] = []
        for level in range(min(levels, _MAX_LEVELS)):
            count = self._count(f"hw.perflevel{level}.physicalcpu")
            if count is None:
                return ()
            kinds += [self._kind(level, levels)] * count
        if not levels:
            kinds = ["unknown"] * (self._count("hw.physicalcpu") or 0)
        per_socket = -(-len(kinds) // (self.sockets() or 1)) or 1
        return tuple(
            Core(kind=kind, socket=index // per_socket, cpus=(), max_mhz=None)
            for index, kind in enumerate(kinds)
        )

    def sockets(self) -> int | None:
        return self._count("hw.packages")

    def logical_cpus(self) -> int | None:
        return self._count("hw.logicalcpu")

    def llama_default_threads(self) -> int | None:
        """Do as common_cpu_get_num_physical_cores (common/common.cpp) does: the fastest level's cores."""
        return self._count("hw.perflevel0.physicalcpu") or self._count("hw.physicalcpu")

    def features(self) -> tuple[str, ...] | None:
        x86 = [self._sysctl(f"machdep.cpu.{key}") for key in ("features", "leaf7_features")]
        if any(x86):
            return known_features(" ".join(text for text in x86 if text).split())
        has = {key: self._sysctl(f"hw.optional.{key}") for key in _ARM_FEATURES}
        if not any(has.values()):
            return None
        return known_features(_ARM_FEATURES[key] for key, value in has.items() if parse_int(value) == 1)

    def limits(self) -> Limits:
        return Limits()

    def governor(self) -> str | None:
        return None

    def virtualization(self) -> str | None:
        if parse_int(self._sysctl("kern.hv_vmm_present")) != 1:
            return None
        return firmware_hypervisor(self._sysctl("hw.model"), None) or UNKNOWN_HYPERVISOR

    def _count(self, name: str) -> int | None:
        count = parse_int(self._sysctl(name))
        return count if count is not None and 0 < count <= MAX_CPUS else None

    def _kind(self, level: int, levels: int) -> CoreKind:
        """Level 0 is the fastest. Some chips have two levels of which neither is called Efficiency."""
        if levels == 1:
            return "unknown"
        name = (self._sysctl(f"hw.perflevel{level}.name") or "").lower()
        if name:
            return "efficiency" if name.startswith("effic") else "performance"
        return "performance" if level == 0 else "efficiency"
