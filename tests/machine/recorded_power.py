"""Own what sensors of power told on real machines: values that others published, each with its source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunesmith.domain.power import PowerReading

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROOT = Path(__file__).resolve().parents[2]

POWERCAP_LAPTOP = {
    "intel-rapl/enabled": "1",
    "intel-rapl:0/name": "package-0",
    "intel-rapl:0/enabled": "1",
    "intel-rapl:0/energy_uj": "240422366267",
    "intel-rapl:0/max_energy_range_uj": "262143328850",
    "intel-rapl:0/constraint_0_max_power_uw": "95000000",
    "intel-rapl:0:0/name": "core",
    "intel-rapl:0:0/enabled": "0",
    "intel-rapl:0:0/energy_uj": "118821284256",
    "intel-rapl:0:0/max_energy_range_uj": "262143328850",
}
"""prometheus/node_exporter a7dcc3a, collector/fixtures/sys.ttar, sys/class/powercap."""

POWERCAP_HASWELL = {
    "intel-rapl:0/name": "package-0",
    "intel-rapl:0/energy_uj": "2469474853",
    "intel-rapl:0/max_energy_range_uj": "262143999938",
    "intel-rapl:0:2/name": "dram",
    "intel-rapl:0:2/enabled": "1",
    "intel-rapl:0:2/energy_uj": "2469474853",
    "intel-rapl:0:2/max_energy_range_uj": "262143999938",
    "intel-rapl:0:2/constraint_0_power_limit_uw": "3408250000",
}
"""Core i7 4770S; the part dram as github.com/intel/thermal_daemon/issues/45 lists it, the package's counter
is not in the excerpt and stands at the same value here."""

POWERCAP_MINIPC = {
    "intel-rapl:0/name": "package-0",
    "intel-rapl:0/energy_uj": "26963529117",
    "intel-rapl:0/max_energy_range_uj": "262143328850",
    "intel-rapl:0:0/name": "core",
    "intel-rapl:0:0/energy_uj": "7980278886",
    "intel-rapl:0:0/max_energy_range_uj": "262143328850",
    "intel-rapl:0:1/name": "uncore",
    "intel-rapl:0:1/energy_uj": "6564982278",
    "intel-rapl:0:1/max_energy_range_uj": "262143328850",
    "intel-rapl:1/name": "psys",
    "intel-rapl:1/energy_uj": "60293987000000",
}
"""github.com/flightlessmango/MangoHud/issues/1776; psys with a counter far beyond every range, as
github.com/intel/powertelemetry/issues/3 lists it of another machine."""

EPYC_RANGE_UJ = 65_532_610_987
"""max_energy_range_uj of AMD's processors: 2^32 counts of 2^-16 J; Intel's 262143328850 are of 2^-14 J."""

BATTERY_THINKPAD = {
    "AC/type": "Mains",
    "AC/online": "0",
    "BAT0/type": "Battery",
    "BAT0/present": "1",
    "BAT0/status": "Discharging",
    "BAT0/power_now": "5002000",
    "BAT0/voltage_now": "11660000",
    "BAT0/energy_now": "36580000",
    "BAT0/energy_full": "45070000",
}
"""prometheus/node_exporter a7dcc3a, collector/fixtures/sys.ttar, sys/class/power_supply."""

BATTERIES_THINKPAD = {
    "BAT0/type": "Battery", "BAT0/present": "1", "BAT0/status": "Discharging", "BAT0/power_now": "27758000",
    "BAT1/type": "Battery", "BAT1/present": "1", "BAT1/status": "Unknown", "BAT1/power_now": "0",
}  # fmt: skip
"""Two batteries, one of them empty: github.com/jaor/xmobar/issues/315."""

BATTERY_CHROMEBOOK = {
    "BATC/type": "Battery", "BATC/present": "1", "BATC/status": "Discharging", "BATC/voltage_now": "3942000",
    "BATC/current_now": "1560000",
}  # fmt: skip
"""Current and voltage in place of power: github.com/sebanc/brunch/issues/117."""

BATTERY_X1_EXTREME = {
    "BAT0/type": "Battery", "BAT0/present": "1", "BAT0/status": "Not charging", "BAT0/power_now": "0",
}  # fmt: skip
"""On mains at its charging limit: github.com/wennaspeedy/batt_consumption_wattmetter/issues/1."""

POWER_METER_LYING = {"name": "power_meter", "device/power1_average": "4294967295000"}
"""A server's meter that tells 4.29 MW, 2^32-1 mW: github.com/lm-sensors/lm-sensors/issues/460."""

AMDGPU_CARD = {
    "freq1_input": "351590000", "freq1_label": "sclk", "freq2_input": "300000000", "freq2_label": "mclk",
    "in0_input": "750", "in0_label": "vddgfx", "power1_average": "9103000", "name": "amdgpu",
}  # fmt: skip
"""A card of its own, idle: github.com/lm-sensors/lm-sensors/issues/261."""

AMDGPU_IN_RYZEN = {
    "in0_input": "830", "in0_label": "vddgfx", "in1_input": "724", "in1_label": "vddnb",
    "temp1_input": "67000", "temp1_label": "edge", "power1_average": "17080000", "name": "amdgpu",
}  # fmt: skip
"""Ryzen 6850U: github.com/UshakovVasilii/gnome-shell-extension-freon/pull/249; only a processor with graphics
has vddnb."""

POWERMETRICS = b"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>is_delta</key><true/>
<key>elapsed_ns</key><integer>1023685416</integer>
<key>thermal_pressure</key><string>Nominal</string>
<key>processor</key><dict>
<key>cpu_power</key><real>2978.45</real>
<key>gpu_power</key><real>269.614</real>
<key>combined_power</key><real>3248.07</real>
</dict></dict></plist>
"""
"""A Mac, 2026-01-22: github.com/hluisi/pause-monitor, its data dictionary's reference sample."""

APPLE_BATTERY: dict[str, Any] = {"Amperage": -652, "Voltage": 11262, "ExternalConnected": False}
"""MacBookPro12,1, macOS 12.7.6, 7.34 W: github.com/htop-dev/htop/pull/1967."""

ZEUS_DISAGREEMENT = (187.443, 326.883, 5.0045)
"""One idle NVIDIA device, joules by its counter and by its power: github.com/ml-energy/zeus/issues/181."""


def plant(root: Path, files: Mapping[str, str]) -> Path:
    """Write a recorded tree below a folder; returns the folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


def h200_readings() -> tuple[tuple[PowerReading, ...], int]:
    """What an NVIDIA H200 told over idle and decoding of 8B parameters, and when its load began, ns.

    Recorded by this project: docs/benchmarks/gpu.json, step ``readings``.
    """
    steps = json.loads((_ROOT / "docs" / "benchmarks" / "gpu.json").read_text())
    (step,) = (step for step in steps if step["name"].startswith("readings "))
    told = step["document"]["readings"]
    found = tuple(
        PowerReading(
            sensor="nvml:h200", mono_ns=one["mono_ns"], joules=one["energy_joules"], watts=one["power_watts"]
        )
        for one in told
    )
    return found, next(one.mono_ns for one in found if one.watts is not None and one.watts > 300)
