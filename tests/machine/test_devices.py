"""Claims about reading graphics devices: a made-up driver, and trees after the documented ones."""

from __future__ import annotations

import plistlib
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tunesmith.domain.device_reading import DeviceReading, load_between, pci_id
from tunesmith.machine.device_apple import AppleReader
from tunesmith.machine.device_nvml import NvmlReader, driver_version, open_nvml
from tunesmith.machine.device_reader import DeviceReader, read_devices
from tunesmith.machine.device_sysfs import SysfsReader
from tunesmith.machine.device_watch import DeviceWatch

GIB = 2**30


class NvmlError(Exception):
    """As NVMLError of nvidia-ml-py: a number and the driver's words."""

    def __init__(self, value: int, words: str = "Not Supported") -> None:
        super().__init__(words)
        self.value = value


class FakeNvml:
    """The functions of nvidia-ml-py that are used, with answers as nvml.h documents them.

    Source: NVML API Reference Guide; the shapes are those of nvidia-ml-py 13.615.71.
    """

    NVMLError = NvmlError
    NVML_ERROR_NOT_FOUND = 6

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.processes: list[Any] = []
        self.loads: list[Any] = []
        self.reasons = 0x1
        self.ended = False

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("nvml"):
            raise AttributeError(name)
        answer = {
            "nvmlInit": None,
            "nvmlShutdown": None,
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetHandleByIndex": "handle",
            "nvmlDeviceGetName": "NVIDIA H100 80GB HBM3",
            "nvmlDeviceGetPciInfo": SimpleNamespace(busId=b"00000000:41:00.0"),
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=80 * GIB, used=12 * GIB, free=68 * GIB),
            "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=34, memory=21),
            "nvmlDeviceGetTemperature": 61,
            "nvmlDeviceGetPowerUsage": 310_250,
            "nvmlDeviceGetTotalEnergyConsumption": 5_000_000,
            "nvmlDeviceGetClockInfo": 1980,
            "nvmlDeviceGetCurrentClocksEventReasons": self.reasons,
            "nvmlDeviceGetCurrentClocksThrottleReasons": self.reasons,
            "nvmlDeviceGetComputeRunningProcesses": self.processes,
            "nvmlDeviceGetGraphicsRunningProcesses": [],
            "nvmlDeviceGetProcessUtilization": self.loads,
            "nvmlSystemGetDriverVersion": "570.86.15",
        }[name]

        def call(*_arguments: object) -> Any:
            if name in self.refused:
                raise NvmlError(3)
            self.ended |= name == "nvmlShutdown"
            if name == "nvmlDeviceGetProcessUtilization" and not self.loads:
                raise NvmlError(6, "Not Found")
            return answer

        return call


def process(pid: int, used_bytes: int | None = GIB) -> Any:
    return SimpleNamespace(pid=pid, usedGpuMemory=used_bytes)


def busy(pid: int, percent: int, at_us: int) -> Any:
    return SimpleNamespace(pid=pid, smUtil=percent, timeStamp=at_us)


def test_nvml_tells_memory_load_heat_power_and_clocks() -> None:
    (reading,) = NvmlReader(FakeNvml()).read(frozenset)
    assert reading.pci_id == "0000:41:00.0"
    assert (reading.memory_used_bytes, reading.memory_total_bytes) == (12 * GIB, 80 * GIB)
    assert (reading.utilization, reading.temperature_celsius) == (0.34, 61.0)
    assert (reading.power_watts, reading.energy_joules) == (310.25, 5000.0)
    assert (reading.clock_mhz, reading.throttled, reading.missing) == (1980.0, (), {})


def test_what_a_device_does_not_tell_is_missing_with_the_drivers_words() -> None:
    nvml = FakeNvml()
    nvml.refused = {"nvmlDeviceGetUtilizationRates", "nvmlDeviceGetMemoryInfo"}  # as with MIG
    (reading,) = NvmlReader(nvml).read(frozenset)
    assert reading.utilization is None
    assert reading.memory_total_bytes is None
    assert "Not Supported" in reading.missing["utilization"]
    assert reading.power_watts == 310.25


def test_a_driver_without_event_reasons_is_asked_by_the_older_name() -> None:
    nvml = FakeNvml()
    nvml.refused = {"nvmlDeviceGetCurrentClocksEventReasons"}
    nvml.reasons = 0x24
    (reading,) = NvmlReader(nvml).read(frozenset)
    assert reading.throttled == ("power limit", "heat")


def test_other_programs_on_a_device_are_told_from_ours() -> None:
    nvml = FakeNvml()
    nvml.processes = [process(11, 3 * GIB), process(12)]
    nvml.loads = [busy(11, 95, 100), busy(12, 40, 100)]
    reader = NvmlReader(nvml)
    (first,) = reader.read(lambda: frozenset({11}))
    assert (first.own_memory_bytes, first.foreign_processes) == (3 * GIB, 1)
    assert first.foreign_utilization is None  # what the driver remembers is from long before
    nvml.loads = [busy(11, 95, 200), busy(12, 40, 200)]
    (second,) = reader.read(lambda: frozenset({11}))
    assert second.foreign_utilization == 0.4


def test_our_own_work_is_no_foreign_load() -> None:
    nvml = FakeNvml()
    nvml.processes = [process(11)]
    (reading,) = NvmlReader(nvml).read(lambda: frozenset({11}))
    assert (reading.foreign_processes, reading.foreign_utilization) == (0, 0.0)


def test_process_ids_of_another_system_are_not_taken_for_foreign() -> None:
    nvml = FakeNvml()
    nvml.processes = [process(2**22 + 5)]  # beyond any id of this system
    (reading,) = NvmlReader(nvml).read(lambda: frozenset({11}))
    assert reading.foreign_processes is None
    assert reading.foreign_utilization is None
    assert "container" in reading.missing["foreign_utilization"]


def test_without_nvidias_driver_there_is_no_reader_and_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    def nothing() -> Any:
        raise OSError("libnvidia-ml.so.1: cannot open shared object file")

    assert open_nvml(nothing) is None
    assert driver_version(nothing) is None
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]


def test_the_drivers_version_is_read() -> None:
    assert driver_version(FakeNvml) == "570.86.15"


# ---------------------------------------------------------------- Linux's files


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")


@pytest.fixture
def amd(tmp_path: Path) -> Path:
    """An RX 7900 XTX as Documentation/gpu/amdgpu/thermal.rst describes its files."""
    write(
        tmp_path / "card1" / "device",
        {
            "uevent": "DRIVER=amdgpu\nPCI_ID=1002:744C\nPCI_SLOT_NAME=0000:03:00.0",
            "vendor": "0x1002", "device": "0x744c", "gpu_busy_percent": "87",
            "mem_info_vram_total": str(24 * GIB), "mem_info_vram_used": str(20 * GIB),
            "pp_dpm_sclk": "0: 500Mhz \n1: 2124Mhz *\n2: 2526Mhz ", "pp_dpm_mclk": "0: 96Mhz \n1: 1249Mhz *",
            "hwmon/hwmon4/name": "amdgpu", "hwmon/hwmon4/temp1_input": "58000",
            "hwmon/hwmon4/temp1_label": "edge", "hwmon/hwmon4/temp2_input": "73000",
            "hwmon/hwmon4/temp2_label": "junction", "hwmon/hwmon4/power1_average": "291000000",
            "hwmon/hwmon4/freq1_input": "2471000000", "hwmon/hwmon4/freq1_label": "sclk",
        },
    )  # fmt: skip
    write(tmp_path / "card1-DP-1", {"status": "connected"})
    return tmp_path


def test_amdgpus_files_are_read(amd: Path) -> None:
    (reading,) = SysfsReader(amd).read(frozenset)
    assert (reading.source, reading.pci_id, reading.name) == ("amdgpu", "0000:03:00.0", "AMD 1002:744c")
    assert (reading.memory_used_bytes, reading.memory_total_bytes) == (20 * GIB, 24 * GIB)
    assert (reading.utilization, reading.temperature_celsius, reading.power_watts) == (0.87, 73.0, 291.0)
    assert (reading.clock_mhz, reading.memory_clock_mhz) == (2471.0, 1249.0)
    assert reading.throttled is None
    assert "table" in reading.missing["throttled"]
    assert reading.missing["foreign_processes"]


def test_without_a_sensor_for_the_clock_the_marked_state_tells_it(amd: Path) -> None:
    (amd / "card1" / "device" / "hwmon" / "hwmon4" / "freq1_input").unlink()
    (reading,) = SysfsReader(amd).read(frozenset)
    assert reading.clock_mhz == 2124.0


@pytest.mark.parametrize("text", ["", "-1", "101", "x", "9" * 30])
def test_a_nonsensical_load_is_missing(amd: Path, text: str) -> None:
    (amd / "card1" / "device" / "gpu_busy_percent").write_text(text)
    (reading,) = SysfsReader(amd).read(frozenset)
    assert reading.utilization is None
    assert reading.missing["utilization"]


def test_i915_tells_its_clock_its_power_and_what_holds_it_down(tmp_path: Path) -> None:
    card = tmp_path / "card0"
    write(
        card,
        {
            "device/uevent": "DRIVER=i915\nPCI_SLOT_NAME=0000:00:02.0", "device/vendor": "0x8086",
            "device/device": "0x56a0", "gt/gt0/rps_act_freq_mhz": "2050",
            "gt/gt0/throttle_reason_status": "1", "gt/gt0/throttle_reason_pl1": "1",
            "gt/gt0/throttle_reason_thermal": "0", "device/hwmon/hwmon2/name": "i915",
            "device/hwmon/hwmon2/energy1_input": "1000000000",
        },
    )  # fmt: skip
    times = iter((1_000_000_000, 1_000_000_001, 3_000_000_000, 3_000_000_001))
    reader = SysfsReader(tmp_path, clock_ns=lambda: next(times))
    (first,) = reader.read(frozenset)
    assert first.power_watts is None
    write(card, {"device/hwmon/hwmon2/energy1_input": "1300000000"})
    (second,) = reader.read(frozenset)
    assert second.power_watts == pytest.approx(150.0)
    assert (second.clock_mhz, second.throttled) == (2050.0, ("power limit",))
    assert second.missing["memory_used_bytes"]


def test_xe_tells_its_memorys_size_and_its_packages_heat(tmp_path: Path) -> None:
    write(
        tmp_path / "card0" / "device",
        {
            "uevent": "DRIVER=xe\nPCI_SLOT_NAME=0000:03:00.0", "vendor": "0x8086", "device": "0xe20b",
            "tile0/physical_vram_size_bytes": str(12 * GIB), "tile0/gt0/freq0/act_freq": "2850",
            "tile0/gt0/freq0/throttle/status": "0", "hwmon/hwmon3/temp2_input": "64000",
        },
    )  # fmt: skip
    (reading,) = SysfsReader(tmp_path).read(frozenset)
    assert (reading.memory_total_bytes, reading.clock_mhz) == (12 * GIB, 2850.0)
    assert (reading.temperature_celsius, reading.throttled) == (64.0, ())


def test_a_card_of_another_driver_is_left_to_others(tmp_path: Path) -> None:
    write(tmp_path / "card0" / "device", {"uevent": "DRIVER=nvidia\nPCI_SLOT_NAME=0000:41:00.0"})
    assert SysfsReader(tmp_path).read(frozenset) == ()
    assert SysfsReader(tmp_path / "nothing").read(frozenset) == ()


# ---------------------------------------------------------------- macOS


def test_the_registry_tells_load_and_memory_and_the_rest_is_for_root() -> None:
    entry = {
        "IOClass": "AGXAcceleratorG13X", "model": "Apple M1 Pro",
        "PerformanceStatistics": {"Device Utilization %": 42, "In use system memory": 3 * GIB},
    }  # fmt: skip
    (reading,) = AppleReader(lambda: plistlib.dumps([entry])).read(frozenset)
    assert (reading.name, reading.utilization, reading.memory_used_bytes) == ("Apple M1 Pro", 0.42, 3 * GIB)
    assert "root" in reading.missing["temperature_celsius"]


@pytest.mark.parametrize("answer", [b"", b"nonsense", plistlib.dumps(7), plistlib.dumps([])])
def test_a_registry_that_tells_nothing_has_no_devices(answer: bytes) -> None:
    assert AppleReader(lambda: answer).read(frozenset) == ()


# ---------------------------------------------------------------- the watch


def reading(mono_ns: int, **quantities: Any) -> DeviceReading:
    return DeviceReading(pci_id="0000:41:00.0", name="H100", source="nvml", mono_ns=mono_ns, **quantities)


class Script:
    """A reader that says what it is told to, and counts."""

    def __init__(self) -> None:
        self.reads = 0
        self.closed = threading.Event()

    def read(self, _own: object) -> tuple[DeviceReading, ...]:
        self.reads += 1
        return (reading(self.reads),)

    def close(self) -> None:
        self.closed.set()


def test_the_watch_reads_again_and_again_and_lets_go() -> None:
    script = Script()
    watch = DeviceWatch(open_all=lambda: (script,), own_pids=frozenset, period_s=0.001)
    while script.reads < 3:
        pass
    assert watch.take()
    watch.close()
    assert script.closed.is_set()
    assert len(watch.readings()) >= 3


def test_without_devices_no_thread_lives_on() -> None:
    before = threading.active_count()
    with DeviceWatch(open_all=tuple[DeviceReader, ...]) as watch:
        watch.close()
        assert watch.take() == ()
        assert watch.between(0, 10) == ()
    assert threading.active_count() == before


def test_a_sample_gets_the_readings_taken_meanwhile() -> None:
    readings = [
        reading(100, utilization=0.1, power_watts=80.0, memory_used_bytes=1),
        reading(200, utilization=0.9, power_watts=300.0, memory_used_bytes=5, throttled=("heat",)),
        reading(300, utilization=0.7, power_watts=200.0, memory_used_bytes=4, throttled=()),
        reading(400, utilization=0.0, power_watts=80.0, memory_used_bytes=1),
    ]
    (load,) = load_between(readings, 150, 350)
    assert (load.readings, load.memory_used_bytes, load.throttled) == (2, 5, ("heat",))
    assert load.utilization == pytest.approx(0.8)
    assert load.power_watts == 250.0


def test_a_sample_shorter_than_the_distance_of_readings_gets_the_next_one() -> None:
    readings = [reading(100, utilization=0.1), reading(200, utilization=0.9)]
    (load,) = load_between(readings, 120, 130)
    assert load.utilization == 0.9
    (load,) = load_between(readings, 220, 230)
    assert load.utilization == 0.9
    assert load_between([], 0, 1) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00000000:41:00.0", "0000:41:00.0"), ("0000:C1:00.0", "0000:c1:00.0"), ("41:00.0", "0000:41:00.0"),
        ("0000:c1:00.0-v1", "0000:c1:00.0"), ("", None), (None, None), ("GPU-3f", None),
    ],
)  # fmt: skip
def test_addresses_on_the_pci_bus_are_written_alike(text: str | None, expected: str | None) -> None:
    assert pci_id(text) == expected


def test_one_reading_of_everything_closes_what_it_opened() -> None:
    script = Script()
    assert len(read_devices(open_all=lambda: (script,))) == 1
    assert script.closed.is_set()
