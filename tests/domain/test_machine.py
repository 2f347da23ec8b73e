"""Claims about the machine class and its fingerprint."""

from __future__ import annotations

from typing import Any

import pytest

from tunesmith.domain.machine import (
    Build,
    Core,
    Cpu,
    Device,
    Machine,
    MachineClass,
    Memory,
    PowerSource,
    machine_class,
)

GIB = 2**30
CPU = Cpu(
    model="Intel(R) Xeon(R) Processor",
    architecture="x86_64",
    sockets=1,
    physical_cores=2,
    logical_cpus=2,
    cores=(Core(kind="unknown", socket=0, cpus=(0,)), Core(kind="unknown", socket=0, cpus=(1,))),
    allowed_cpus=(0, 1),
    cpu_quota=None,
    usable_cpus=2,
    usable_cores=2,
    llama_default_threads=2,
    features=("avx2",),
)
BUILD = Build(
    binding_version="0.3.36",
    llama_cpp_version="0.5.0-dev",
    ggml_version="0.9.4",
    cpu_features=("AVX2",),
    system_info="CPU : AVX2 = 1 |",
    supports_gpu_offload=False,
    supports_mmap=True,
    supports_mlock=True,
    supports_rpc=False,
    backends=("CPU",),
)
MEMORY = Memory(
    total_bytes=24 * GIB,
    available_bytes=20 * GIB,
    machine_total_bytes=24 * GIB,
    limit_bytes=None,
    swap_total_bytes=0,
    swap_used_bytes=0,
)
GPU = Device(
    name="CUDA0",
    description="NVIDIA RTX 4090",
    type="gpu",
    free_bytes=20 * GIB,
    total_bytes=24 * GIB,
    backend="CUDA",
)
MACHINE = Machine(
    hostname="vm",
    os_name="Debian GNU/Linux 12",
    os_kernel="6.1.0",
    cpu=CPU,
    memory=MEMORY,
    power=PowerSource(on_mains=None, battery_percent=None, governor=None),
    virtualization=None,
    devices=(),
    build=BUILD,
)


def changed(**changes: Any) -> MachineClass:
    return machine_class(MACHINE.model_copy(update=changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"hostname": "other"},
        {"os_kernel": "6.2.0"},
        {"os_name": "Ubuntu 24.04"},
        {"virtualization": "KVM"},
        {"power": PowerSource(on_mains=True, battery_percent=3.0, governor="powersave")},
        {"memory": MEMORY.model_copy(update={"available_bytes": 1, "swap_used_bytes": 5})},
        {"memory": MEMORY.model_copy(update={"total_bytes": 24 * GIB - 300 * 2**20})},
        {"devices": (GPU.model_copy(update={"type": "cpu"}),)},
    ],
)
def test_what_varies_from_boot_to_boot_is_no_part_of_the_class(changes: dict[str, Any]) -> None:
    assert changed(**changes).fingerprint == machine_class(MACHINE).fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        {"build": BUILD.model_copy(update={"binding_version": "0.3.37"})},
        {"build": BUILD.model_copy(update={"cpu_features": ("AVX2", "FMA")})},
        {"build": None},
        {"cpu": CPU.model_copy(update={"model": "Another"})},
        {"cpu": CPU.model_copy(update={"usable_cpus": 1})},
        {"cpu": CPU.model_copy(update={"sockets": None})},
        {"memory": MEMORY.model_copy(update={"total_bytes": 16 * GIB})},
        {"devices": (GPU,)},
    ],
)
def test_what_decides_speed_is_part_of_the_class(changes: dict[str, Any]) -> None:
    assert changed(**changes).fingerprint != machine_class(MACHINE).fingerprint


def test_free_memory_of_a_device_is_no_part_of_the_class() -> None:
    full = GPU.model_copy(update={"free_bytes": 1})
    assert changed(devices=(GPU,)).fingerprint == changed(devices=(full,)).fingerprint


def test_the_label_is_for_people() -> None:
    assert machine_class(MACHINE).label == "Intel Xeon Processor · 2 cores · 24 GiB"
    assert changed(devices=(GPU,)).label == "Intel Xeon Processor · 2 cores · 24 GiB · NVIDIA RTX 4090"


def test_what_the_system_does_not_tell_is_left_out_of_the_facts() -> None:
    facts = changed(cpu=CPU.model_copy(update={"sockets": None, "physical_cores": None})).facts
    assert "sockets" not in facts
    assert "physical_cores" not in facts


def test_a_machine_and_its_class_survive_json() -> None:
    assert Machine.model_validate_json(MACHINE.model_dump_json()) == MACHINE
    found = machine_class(MACHINE)
    assert MachineClass.model_validate_json(found.model_dump_json()) == found


def test_the_fingerprint_of_a_known_machine_stays_what_it_was() -> None:
    assert machine_class(MACHINE).fingerprint == "11bab841f29eee5f"
