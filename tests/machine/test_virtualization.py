"""Claims about telling virtual machines and containers from bare metal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machine.trees import write
from tunesmith.machine.virtualization import firmware_hypervisor, linux_virtualization

NO_FLAGS: frozenset[str] = frozenset()
VIRTUAL = frozenset(("hypervisor",))


def test_nothing_told_is_bare_metal(tmp_path: Path) -> None:
    assert linux_virtualization(tmp_path, NO_FLAGS) is None


def test_the_flag_alone_names_no_hypervisor(tmp_path: Path) -> None:
    assert linux_virtualization(tmp_path, VIRTUAL) == "unknown hypervisor"


@pytest.mark.parametrize(
    ("vendor", "product", "name"),
    [
        ("QEMU", "KVM Virtual Machine", "KVM"),
        ("QEMU", "Standard PC (i440FX + PIIX, 1996)", "QEMU"),
        ("Google", "Google Compute Engine", "KVM"),
        ("Amazon EC2", "m7i.large", "Amazon Nitro"),
        ("Amazon EC2", "i3.metal", None),
        ("VMware, Inc.", "VMware7,1", "VMware"),
        ("innotek GmbH", "VirtualBox", "VirtualBox"),
        ("Microsoft Corporation", "Virtual Machine", "Hyper-V"),
        ("Microsoft Corporation", "Surface Laptop 5", None),
        ("Xen", "HVM domU", "Xen"),
        ("Dell Inc.", "PowerEdge R650", None),
        (None, None, None),
    ],
)
def test_firmware_names_the_hypervisor(vendor: str | None, product: str | None, name: str | None) -> None:
    assert firmware_hypervisor(vendor, product) == name


@pytest.mark.parametrize("marker", [".dockerenv", "run/.containerenv", "run/systemd/container"])
def test_a_marker_file_is_a_container(tmp_path: Path, marker: str) -> None:
    write(tmp_path, {marker: ""})
    assert linux_virtualization(tmp_path, NO_FLAGS) == "container"


@pytest.mark.parametrize("group", ["/docker/4f1c", "/kubepods.slice/x", "/machine.slice/libpod-1.scope"])
def test_a_group_made_by_a_container_engine_is_a_container(tmp_path: Path, group: str) -> None:
    write(tmp_path, {"proc/self/cgroup": f"0::{group}\n"})
    assert linux_virtualization(tmp_path, VIRTUAL) == "container on unknown hypervisor"


def test_an_arm_guest_is_named_by_its_device_tree(tmp_path: Path) -> None:
    write(tmp_path, {"proc/device-tree/hypervisor/compatible": b"linux,kvm\0"})
    assert linux_virtualization(tmp_path, NO_FLAGS) == "KVM"


def test_the_windows_subsystem_runs_on_hyper_v(tmp_path: Path) -> None:
    write(tmp_path, {"proc/sys/kernel/osrelease": "5.15.153.1-microsoft-standard-WSL2\n"})
    assert linux_virtualization(tmp_path, VIRTUAL) == "Hyper-V"


def test_a_xen_guest_without_firmware_is_named_by_sysfs(tmp_path: Path) -> None:
    write(tmp_path, {"sys/hypervisor/type": "xen\n"})
    assert linux_virtualization(tmp_path, VIRTUAL) == "Xen"
