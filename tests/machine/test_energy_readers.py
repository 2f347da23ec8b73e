"""Claims about the readers of power and energy, on trees that real machines showed."""

from __future__ import annotations

import io
import plistlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.machine.recorded_power import (
    AMDGPU_CARD,
    AMDGPU_IN_RYZEN,
    APPLE_BATTERY,
    BATTERIES_THINKPAD,
    BATTERY_CHROMEBOOK,
    BATTERY_THINKPAD,
    BATTERY_X1_EXTREME,
    EPYC_RANGE_UJ,
    POWER_METER_LYING,
    POWERCAP_HASWELL,
    POWERCAP_LAPTOP,
    POWERCAP_MINIPC,
    POWERMETRICS,
    plant,
)
from tests.machine.test_devices import FakeNvml
from tunesmith.domain.power import drawn
from tunesmith.machine.device_nvml import NvmlReader
from tunesmith.machine.device_sysfs import SysfsReader
from tunesmith.machine.energy_battery import AppleBatteryReader, BatteryReader
from tunesmith.machine.energy_hwmon import HwmonReader
from tunesmith.machine.energy_msr import MsrReader
from tunesmith.machine.energy_powercap import PowercapReader
from tunesmith.machine.energy_powermetrics import PowermetricsReader, combined_millijoules
from tunesmith.machine.energy_reader import ONLY_ROOT, open_energy_readers
from tunesmith.machine.files import load_text


def denying(name: str) -> Callable[[Path], str]:
    """Reads as one who is not root; the tests may run as root, to whom every file opens."""

    def load(path: Path) -> str:
        if path.name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return load_text(path)

    return load


# --- powercap


@pytest.mark.parametrize(
    ("tree", "names", "joules"),
    [
        (POWERCAP_LAPTOP, ["package-0"], [240_422.366267]),
        (POWERCAP_HASWELL, ["package-0", "dram"], [2_469.474853, 2_469.474853]),
        (POWERCAP_MINIPC, ["package-0"], [26_963.529117]),
    ],
)
def test_powercap_tells_packages_and_memory_and_not_their_parts_or_the_board(
    tmp_path: Path, tree: dict[str, str], names: list[str], joules: list[float]
) -> None:
    reader = PowercapReader(plant(tmp_path, tree))
    assert [sensor.name for sensor in reader.sensors()] == names
    assert [reading.joules for reading in reader.power()] == joules
    assert reader.sensors()[0].wraps_joules == pytest.approx(262_143, abs=1)


def test_the_eleventh_package_has_a_letter_for_a_number(tmp_path: Path) -> None:
    """Sixteen packages, as github.com/prometheus/node_exporter/issues/1808 has them; %x of powercap_sys.c."""
    for number in range(16):
        tree = {"name": f"package-{number}", "energy_uj": "5", "max_energy_range_uj": str(EPYC_RANGE_UJ)}
        plant(tmp_path / f"intel-rapl:{number:x}", tree)
    assert len(PowercapReader(tmp_path).sensors()) == 16


def test_a_counter_for_root_alone_is_named_with_what_would_grant_it(tmp_path: Path) -> None:
    """-r-------- of energy_uj, as github.com/powerapi-ng/pyJoules/issues/13 lists it."""
    reader = PowercapReader(plant(tmp_path, POWERCAP_LAPTOP), load=denying("energy_uj"))
    (sensor,) = reader.sensors()
    assert sensor.why == ONLY_ROOT
    assert "sudo chmod a+r" in sensor.todo
    assert reader.power() == ()


@pytest.mark.parametrize("text", ["", "x", "1e9"])
def test_a_counter_that_stops_telling_numbers_reads_as_none(tmp_path: Path, text: str) -> None:
    reader = PowercapReader(plant(tmp_path, POWERCAP_LAPTOP))
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text(text)
    assert [reading.joules for reading in reader.power()] == [None]


# --- registers


def msr_tree(root: Path, vendor: str) -> Any:
    for cpu, package in enumerate((0, 0, 1, 1)):
        plant(root / f"dev/{cpu}", {"msr": ""})
        plant(root / f"cpus/cpu{cpu}/topology", {"physical_package_id": str(package)})
    plant(root, {"cpuinfo": f"processor\t: 0\nvendor_id\t: {vendor}\n"})
    return root / "dev", root / "cpus", root / "cpuinfo"


@pytest.mark.parametrize(
    ("vendor", "unit", "energy", "shift"),
    [("GenuineIntel", 0x606, 0x611, 14), ("AuthenticAMD", 0xC0010299, 0xC001029B, 16)],
)
def test_registers_are_read_once_for_each_package_in_the_processors_own_unit(
    tmp_path: Path, vendor: str, unit: int, energy: int, shift: int
) -> None:
    asked: list[tuple[str, int]] = []

    def read(path: Path, register: int) -> int:
        asked.append((path.parent.name, register))
        return {unit: 0xA0003 | shift << 8, energy: 0xDEAD_0001_0000_0000 | 3 << shift}[register]

    reader = MsrReader(*msr_tree(tmp_path, vendor), read=read)
    assert [sensor.name for sensor in reader.sensors()] == ["package-0", "package-1"]
    assert {cpu for cpu, _ in asked} == {"0", "2"}
    assert [reading.joules for reading in reader.power()] == [3.0, 3.0]
    assert reader.sensors()[0].wraps_joules == 2 ** (32 - shift)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (PermissionError(13, "Permission denied"), ONLY_ROOT),
        (OSError(5, "Input/output error"), "Input/output"),
    ],
)
def test_registers_that_may_not_be_read_or_are_not_there_say_so(
    tmp_path: Path, error: OSError, why: str
) -> None:
    def read(_path: Path, _register: int) -> int:
        raise error

    reader = MsrReader(*msr_tree(tmp_path, "GenuineIntel"), read=read)
    assert why in reader.sensors()[0].why
    assert bool(reader.sensors()[0].todo) == isinstance(error, PermissionError)
    assert reader.power() == ()


def test_another_makers_registers_are_left_alone(tmp_path: Path) -> None:
    assert MsrReader(*msr_tree(tmp_path, "CentaurHauls")).sensors() == ()


# --- hwmon


def test_a_servers_meter_is_read_and_its_largest_number_is_not_believed(tmp_path: Path) -> None:
    plant(tmp_path / "hwmon1", POWER_METER_LYING)
    reader = HwmonReader(tmp_path)
    (sensor,) = reader.sensors()
    assert (sensor.covers, sensor.source, sensor.counts) == ("machine", "hwmon", False)
    readings = []
    for second in range(6):
        (reading,) = reader.power()
        readings.append(reading.model_copy(update={"mono_ns": second * 10**9}))
    assert readings[0].watts == pytest.approx(4.295e6, rel=1e-4)
    assert "4294967 W" in drawn(sensor, readings, 0, 5 * 10**9).why


def test_a_jetsons_input_rail_is_voltage_times_current_and_a_part_is_not_asked(tmp_path: Path) -> None:
    """Labels as github.com/rbonghi/jetson_stats/issues/344 and NVIDIA's guide have them; values made up."""
    plant(tmp_path / "hwmon1", {
        "name": "ina3221", "in1_label": "VDD_IN", "in1_input": "5040", "curr1_input": "1200",
        "in2_label": "VDD_CPU_GPU_CV", "in2_input": "5040", "curr2_input": "400",
    })  # fmt: skip
    plant(tmp_path / "hwmon2", {
        "name": "ina3221", "in3_label": "VIN_SYS_5V0", "in3_input": "5040", "curr3_input": "900",
    })  # fmt: skip
    reader = HwmonReader(tmp_path)
    assert [(sensor.name, sensor.covers) for sensor in reader.sensors()] == [("VDD_IN", "machine")]
    assert reader.power()[0].watts == pytest.approx(6.048)


@pytest.mark.parametrize("driver", ["amd_energy", "zenergy"])
def test_sockets_of_amd_energy_are_processors_and_its_cores_are_not(tmp_path: Path, driver: str) -> None:
    plant(tmp_path / "hwmon3", {
        "name": driver, "energy1_label": "Ecore000", "energy1_input": "5",
        "energy65_label": "Esocket0", "energy65_input": "148377000000",
    })  # fmt: skip
    reader = HwmonReader(tmp_path)
    assert [(s.name, s.covers, s.counts) for s in reader.sensors()] == [("Esocket0", "processors", True)]
    assert reader.power()[0].joules == 148_377.0


def test_linux_on_an_apple_tells_the_systems_power(tmp_path: Path) -> None:
    plant(tmp_path / "hwmon0", {
        "name": "macsmc_hwmon", "power1_label": "AC Input Power", "power1_input": "0",
        "power2_label": "Total System Power", "power2_input": "8250000",
    })  # fmt: skip
    assert [reading.watts for reading in HwmonReader(tmp_path).power()] == [8.25]


def test_other_sensors_of_hwmon_are_not_asked(tmp_path: Path) -> None:
    plant(tmp_path / "hwmon0", {"name": "coretemp", "temp1_input": "61000"})
    plant(tmp_path / "hwmon1", {"name": "BAT0", "power1_input": "5002000"})
    assert HwmonReader(tmp_path).sensors() == ()


# --- batteries


@pytest.mark.parametrize(
    ("tree", "watts"),
    [
        (BATTERY_THINKPAD, [5.002]),
        (BATTERIES_THINKPAD, [27.758]),
        (BATTERY_CHROMEBOOK, [pytest.approx(6.1495, abs=1e-3)]),
        ({**BATTERY_THINKPAD, "BAT0/power_now": "-5002000"}, [5.002]),  # qcom-battmgr, macsmc-battery
        (BATTERY_X1_EXTREME, []),
        ({**BATTERY_THINKPAD, "BAT0/status": "Charging"}, []),
        ({**BATTERY_THINKPAD, "BAT0/scope": "Device"}, []),  # a mouse's
        ({}, []),
    ],
)
def test_only_a_battery_of_the_machine_that_discharges_is_read(
    tmp_path: Path, tree: dict[str, str], watts: list[float]
) -> None:
    assert [reading.watts for reading in BatteryReader(plant(tmp_path, tree)).power()] == watts


def test_a_battery_on_mains_says_why_it_tells_nothing(tmp_path: Path) -> None:
    (sensor,) = BatteryReader(plant(tmp_path, BATTERY_X1_EXTREME)).sensors()
    assert sensor.why == "it does not discharge"


def test_plugging_in_while_it_is_read_ends_the_figure(tmp_path: Path) -> None:
    reader = BatteryReader(plant(tmp_path, BATTERY_THINKPAD))
    (tmp_path / "BAT0" / "status").write_text("Charging")
    assert [reading.watts for reading in reader.power()] == [None]


@pytest.mark.parametrize("amperage", [-652, 2**64 - 652])
def test_a_macs_battery_is_current_times_voltage(amperage: int) -> None:
    told = plistlib.dumps([{**APPLE_BATTERY, "Amperage": min(amperage, 2**63)}])
    if amperage > 2**63:
        told = told.replace(str(2**63).encode(), str(amperage).encode())
    reader = AppleBatteryReader(lambda: told)
    assert reader.power()[0].watts == pytest.approx(7.34, abs=0.01)
    assert reader.power() == ()  # asked again only after a while


@pytest.mark.parametrize("told", [b"", b"no property list"])
def test_a_mac_without_a_battery_has_no_figure(told: bytes) -> None:
    assert AppleBatteryReader(lambda: told).power() == ()


def test_a_mac_on_mains_says_why_its_battery_tells_nothing() -> None:
    told = plistlib.dumps([{**APPLE_BATTERY, "ExternalConnected": True}])
    (sensor,) = AppleBatteryReader(lambda: told).sensors()
    assert sensor.why == "it does not discharge"


# --- powermetrics


def test_powermetrics_tells_the_mean_power_of_an_interval() -> None:
    assert combined_millijoules(POWERMETRICS) == pytest.approx(3248.07 * 1.023685416)
    parts = POWERMETRICS.replace(b"combined_power", b"another")
    assert combined_millijoules(parts) == pytest.approx((2978.45 + 269.614) * 1.023685416)


@pytest.mark.parametrize("document", [b"", b"x", plistlib.dumps({}), plistlib.dumps({"processor": {}})])
def test_powermetrics_that_says_something_else_is_no_number(document: bytes) -> None:
    with pytest.raises(ValueError, match="no number"):
        combined_millijoules(document)


class Program:
    """A running powermetrics that has written something."""

    def __init__(self, written: bytes) -> None:
        self.stdout = io.BytesIO(written)
        self.ended = False

    def terminate(self) -> None:
        self.ended = True

    def wait(self, _seconds: float | None = None) -> int:
        return 0


def test_what_powermetrics_writes_adds_up_to_a_counter() -> None:
    program: Any = Program(POWERMETRICS + b"\0" + POWERMETRICS + b"\0" + b"<plist> broken </plist>")
    reader = PowermetricsReader(may_run=lambda: True, start=lambda: program)
    deadline = time.monotonic() + 5
    while not (told := reader.power()) or told[0].joules != pytest.approx(2 * 3.32500, rel=1e-3):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    reader.close()
    assert program.ended


def test_without_rights_powermetrics_is_not_started() -> None:
    def start() -> Any:
        raise AssertionError("it was started")

    reader = PowermetricsReader(may_run=lambda: False, start=start)
    (sensor,) = reader.sensors()
    assert (sensor.why, reader.power()) == (ONLY_ROOT, ())
    assert "sudo" in sensor.todo
    reader.close()


# --- graphics devices


def card(root: Path, hwmon: dict[str, str]) -> SysfsReader:
    plant(root / "card0" / "device", {
        "uevent": "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:33:00.0", "vendor": "0x1002", "device": "0x1681",
    })  # fmt: skip
    plant(root / "card0" / "device" / "hwmon" / "hwmon4", hwmon)
    return SysfsReader(root)


def test_a_card_of_its_own_is_a_device_and_graphics_in_a_processor_are_the_processor(tmp_path: Path) -> None:
    own, inside = card(tmp_path / "a", AMDGPU_CARD), card(tmp_path / "b", AMDGPU_IN_RYZEN)
    assert [(s.covers, s.counts) for s in own.sensors()] == [("device", False)]
    assert [s.covers for s in inside.sensors()] == ["processors"]
    assert own.power()[0].watts == pytest.approx(9.103)
    assert inside.power()[0].watts == pytest.approx(17.08)


@pytest.mark.parametrize(
    "files",
    [
        {"energy1_label": "card", "energy1_input": "1300000000", "energy2_input": "900000000"},
        {"energy2_label": "pkg", "energy2_input": "1300000000"},
    ],
)
def test_an_intel_card_counts_energy(tmp_path: Path, files: dict[str, str]) -> None:
    """Labels as a Battlemage's: github.com/aristocratos/btop/pull/1457; the values are made up.

    In µJ: Documentation/ABI/testing/sysfs-driver-intel-xe-hwmon.
    """
    plant(tmp_path / "card0" / "device", {"uevent": "DRIVER=xe\nPCI_SLOT_NAME=0000:03:00.0"})
    plant(tmp_path / "card0" / "device" / "hwmon" / "hwmon2", {"name": "xe", **files})
    reader = SysfsReader(tmp_path)
    assert [(s.source, s.covers, s.counts) for s in reader.sensors()] == [("xe", "device", True)]
    assert reader.power()[0].joules == 1300.0


def test_newer_kernels_name_the_power_of_a_card_input(tmp_path: Path) -> None:
    """Since Linux 6.6 some cards have power1_input alone: github.com/flightlessmango/MangoHud/issues/1202."""
    tree = {key.replace("power1_average", "power1_input"): value for key, value in AMDGPU_CARD.items()}
    assert card(tmp_path, tree).power()[0].watts == pytest.approx(9.103)


def test_an_nvidia_device_counts_energy_and_an_older_one_tells_power() -> None:
    nvml = FakeNvml()
    (sensor,) = NvmlReader(nvml).sensors()
    assert (sensor.id, sensor.counts, sensor.covers) == ("nvml:0000:41:00.0", True, "device")
    (reading,) = NvmlReader(nvml).power()
    assert (reading.joules, reading.watts) == (5000.0, 310.25)
    nvml.refused = {"nvmlDeviceGetTotalEnergyConsumption"}  # before Volta: mlco2/codecarbon, issue 1316
    (sensor,) = NvmlReader(nvml).sensors()
    assert (sensor.counts, sensor.why) == (False, "")


def test_an_nvidia_device_that_tells_neither_says_why() -> None:
    """As on a Jetson Orin: github.com/HazyResearch/intelligence-per-watt/issues/40."""
    nvml = FakeNvml()
    nvml.refused = {"nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetPowerUsage"}
    (sensor,) = NvmlReader(nvml).sensors()
    assert sensor.why == "the driver says: Not Supported"
    assert NvmlReader(nvml).power() == ()


# --- here


def test_what_this_machine_tells_is_believable_or_has_a_reason() -> None:
    for reader in open_energy_readers():
        ids = {sensor.id for sensor in reader.sensors() if not sensor.why}
        assert {reading.sensor for reading in reader.power()} <= ids
        reader.close()
