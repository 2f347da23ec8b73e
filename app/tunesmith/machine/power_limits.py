"""Own the power limits that a machine says are in force: read where anyone may, never set."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.domain.power_limit import PowerLimit
from tunesmith.machine.energy_powercap import POWERCAP
from tunesmith.machine.files import one_line, read_int, read_text
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.machine.device_nvml import NvmlReader

HWMON = Path("/sys/class/hwmon")
_PACKAGE = re.compile(r"intel-rapl:[0-9a-f]{1,4}")
_CONSTRAINTS = 3
"""Long term, short term, and peak power on some."""
_MOST_WATTS = 10_000.0
"""A limit beyond is none: firmware writes such numbers where nothing is limited."""


def _nvml() -> NvmlReader | None:
    from tunesmith.machine.device_nvml import open_nvml

    return open_nvml()


def read_power_limits(
    *, powercap: Path = POWERCAP, hwmon: Path = HWMON, nvml: Callable[[], NvmlReader | None] = _nvml
) -> tuple[PowerLimit, ...]:
    """All limits that are told here, with the reason where one is there and is not told.

    Sources: Documentation/power/powercap/powercap.rst of the Linux kernel, "constraint_X_power_limit_uw";
    Documentation/gpu/amdgpu/thermal.rst, "power1_cap"; NVML API Reference Guide,
    nvmlDeviceGetEnforcedPowerLimit.
    """
    found: list[PowerLimit] = []
    if sys.platform.startswith("linux"):
        found += _packages(powercap)
        found += _amd(hwmon)
    reader = nvml()
    if reader is not None:
        try:
            found += reader.limits()
        finally:
            reader.close()
    return tuple(found)


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(root.iterdir())
    except OSError:
        return []


def _packages(root: Path) -> Iterator[PowerLimit]:
    for zone in _folders(root):
        name = one_line(read_text(zone / "name", 64)) or ""
        if not _PACKAGE.fullmatch(zone.name) or not name.startswith("package"):
            continue
        off = read_int(zone / "enabled") == 0
        for number in range(_CONSTRAINTS):
            kind = one_line(read_text(zone / f"constraint_{number}_name", 64))
            if kind is None:
                continue
            watts, reason = believed(read_int(zone / f"constraint_{number}_power_limit_uw"))
            if off and watts is not None:
                watts, reason = None, tr("it is switched off")
            yield PowerLimit(name=name, source="powercap", kind=kind, watts=watts, reason=reason)


def _amd(root: Path) -> Iterator[PowerLimit]:
    for folder in _folders(root):
        if read_text(folder / "name", 32) == "amdgpu" and (folder / "power1_cap").exists():
            watts, reason = believed(read_int(folder / "power1_cap"))
            yield PowerLimit(
                name=tr("AMD device, {name}", name=folder.name), source="amdgpu", kind="", watts=watts,
                reason=reason,
            )  # fmt: skip


def believed(microwatts: int | None) -> tuple[float | None, str]:
    """A limit in watts; or None and why it is none."""
    if microwatts is None:
        return None, tr("it tells no number")
    if not 0 < microwatts / 1e6 <= _MOST_WATTS:
        return None, tr("it told {watts} W, which is not believed", watts=f"{microwatts / 1e6:g}")
    return microwatts / 1e6, ""
