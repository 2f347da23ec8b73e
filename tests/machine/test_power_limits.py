"""Own the claims about power limits that are read: what is told, and why the rest is not."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tunesmith.machine.device_nvml import NvmlReader
from tunesmith.machine.power_limits import read_power_limits

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's own files")


def zone(root: Path, folder: str, **files: object) -> None:
    (root / folder).mkdir(parents=True)
    for name, text in files.items():
        (root / folder / name).write_text(f"{text}\n")


def read(tmp_path: Path) -> list[tuple[str, str, float | None, str]]:
    found = read_power_limits(powercap=tmp_path / "powercap", hwmon=tmp_path / "hwmon", nvml=lambda: None)
    return [(limit.name, limit.kind, limit.watts, limit.reason) for limit in found]


@linux
def test_both_limits_of_a_package_are_read_and_parts_of_it_are_not(tmp_path: Path) -> None:
    told = {
        "constraint_0_name": "long_term", "constraint_0_power_limit_uw": 28_000_000,
        "constraint_1_name": "short_term", "constraint_1_power_limit_uw": 64_000_000,
    }  # fmt: skip
    zone(tmp_path / "powercap", "intel-rapl:0", name="package-0", enabled=1, **told)
    zone(tmp_path / "powercap", "intel-rapl:0:0", name="core", **told)
    zone(tmp_path / "powercap", "intel-rapl-mmio:0", name="package-0", **told)
    assert read(tmp_path) == [
        ("package-0", "long_term", 28.0, ""), ("package-0", "short_term", 64.0, ""),
    ]  # fmt: skip


@linux
def test_a_limit_that_is_off_missing_or_absurd_is_a_reason_and_no_number(tmp_path: Path) -> None:
    root = tmp_path / "powercap"
    limit = {"constraint_0_name": "long_term", "constraint_0_power_limit_uw": 28_000_000}
    zone(root, "intel-rapl:0", name="package-0", enabled=0, **limit)
    zone(root, "intel-rapl:1", name="package-1", **(limit | {"constraint_0_power_limit_uw": 2**62}))
    zone(root, "intel-rapl:2", name="package-2", **(limit | {"constraint_0_power_limit_uw": 0}))
    zone(root, "intel-rapl:3", name="package-3", constraint_0_name="long_term")
    told = read(tmp_path)
    assert [watts for _, _, watts, _ in told] == [None] * 4
    assert [reason.partition(" ")[0] for *_, reason in told] == ["it"] * 4
    assert told[0][3] == "it is switched off"


@linux
def test_an_amd_device_tells_the_cap_in_force(tmp_path: Path) -> None:
    zone(tmp_path / "hwmon", "hwmon3", name="amdgpu", power1_cap=220_000_000)
    zone(tmp_path / "hwmon", "hwmon4", name="coretemp")
    assert read(tmp_path) == [("AMD device, hwmon3", "", 220.0, "")]


def test_a_machine_without_any_tells_nothing(tmp_path: Path) -> None:
    assert read(tmp_path) == []


def test_nvml_tells_the_limit_in_force_or_why_not(tmp_path: Path) -> None:
    class NVMLError(Exception):
        pass

    def limit(device: int) -> int:
        if device:
            raise NVMLError("Not Supported")
        return 350_000

    nvml: Any = SimpleNamespace(
        NVMLError=NVMLError, nvmlDeviceGetCount=lambda: 2, nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetName=lambda number: f"GPU {number}", nvmlDeviceGetEnforcedPowerLimit=limit,
        nvmlShutdown=lambda: None,
    )  # fmt: skip
    found = read_power_limits(powercap=tmp_path, hwmon=tmp_path, nvml=lambda: NvmlReader(nvml))
    assert [(one.name, one.watts) for one in found] == [("GPU 0", 350.0), ("GPU 1", None)]
    assert "Not Supported" in found[1].reason
