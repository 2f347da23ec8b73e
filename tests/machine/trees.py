"""Own the recorded machines: file trees, sysctl answers and a host that tell what other machines told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.machine.host import Battery, HostMemory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

GIB = 2**30

V2_MOUNT = "35 24 0:30 {root} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNTS = (
    "32 31 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "34 31 0:31 {root} /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "35 31 0:32 {root} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)
V1_GROUPS = "6:memory:{group}\n5:cpuset:{group}\n4:cpu,cpuacct:{group}\n1:name=systemd:{group}\n"


@dataclass
class FakeHost:
    """What psutil and py-cpuinfo would have told."""

    machine: str = "x86_64"
    cpus: int = 8
    cores: int | None = 4
    mask: frozenset[int] | None = None
    total_bytes: int = 64 * GIB
    available_bytes: int = 60 * GIB
    name: str = "box"
    plugged: bool | None = None
    brand: str | None = None
    flags: tuple[str, ...] = ()
    cpuinfo_calls: int = 0

    def hostname(self) -> str:
        return self.name

    def architecture(self) -> str:
        return self.machine

    def kernel(self) -> str:
        return "6.1.0"

    def os_name(self) -> str:
        return "SomeOS 1"

    def logical_cpus(self) -> int:
        return self.cpus

    def physical_cores(self) -> int | None:
        return self.cores

    def affinity(self) -> frozenset[int] | None:
        return self.mask

    def memory(self) -> HostMemory:
        return HostMemory(self.total_bytes, self.available_bytes, 0, 0)

    def battery(self) -> Battery:
        return Battery(self.plugged, None)

    def cpu_model(self) -> str | None:
        self.cpuinfo_calls += 1
        return self.brand

    def cpu_flags(self) -> tuple[str, ...]:
        self.cpuinfo_calls += 1
        return self.flags


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below a root, folders included."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def write_cores(root: Path, cores: Sequence[Sequence[int]], cores_per_socket: int | None = None) -> None:
    """Write sysfs' topology of cores given as their logical CPUs."""
    cpus = sorted(cpu for core in cores for cpu in core)
    write(root, {"sys/devices/system/cpu/online": f"{cpus[0]}-{cpus[-1]}\n"})
    for index, core in enumerate(cores):
        for cpu in core:
            folder = f"sys/devices/system/cpu/cpu{cpu}/topology"
            write(
                root,
                {
                    f"{folder}/core_cpus_list": ",".join(map(str, core)) + "\n",
                    f"{folder}/thread_siblings_list": ",".join(map(str, core)) + "\n",
                    f"{folder}/thread_siblings": f"{sum(1 << cpu for cpu in core):08x}\n",
                    f"{folder}/physical_package_id": f"{index // (cores_per_socket or len(cores))}\n",
                },
            )


def write_cpuinfo(root: Path, model: str, flags: str, cpus: int) -> None:
    """Write an x86 /proc/cpuinfo."""
    block = "processor\t: {}\nmodel name\t: {}\nflags\t\t: {}\n\n"
    write(root, {"proc/cpuinfo": "".join(block.format(cpu, model, flags) for cpu in range(cpus))})


def write_groups_v2(
    root: Path, group: str, files: Mapping[str, str], *, mount_root: str = "/", mount: str = V2_MOUNT
) -> None:
    """Write a version 2 hierarchy; file names are relative to the mount point."""
    write(root, {"proc/self/cgroup": f"0::{group}\n", "proc/self/mountinfo": mount.format(root=mount_root)})
    write(root, {f"sys/fs/cgroup/{name}": content for name, content in files.items()})


def write_groups_v1(root: Path, group: str, files: Mapping[str, str], *, mount_root: str = "/") -> None:
    """Write version 1 hierarchies of cpu, cpuset and memory."""
    write(
        root,
        {
            "proc/self/cgroup": V1_GROUPS.format(group=group),
            "proc/self/mountinfo": V1_MOUNTS.format(root=mount_root),
        },
    )
    write(root, {f"sys/fs/cgroup/{name}": content for name, content in files.items()})


def hybrid_intel(root: Path) -> FakeHost:
    """8 performance cores of two threads and 16 efficiency cores: CPUs 0-15 and 16-31."""
    cores = [[2 * n, 2 * n + 1] for n in range(8)] + [[n] for n in range(16, 32)]
    write_cores(root, cores)
    write_cpuinfo(root, "Intel(R) Core(TM) i9-14900K", "fpu pni ssse3 sse4_1 avx avx2 fma f16c avx_vnni", 32)
    write(root, {"sys/devices/cpu_core/cpus": "0-15\n", "sys/devices/cpu_atom/cpus": "16-31\n"})
    for cpu in range(32):
        folder = f"sys/devices/system/cpu/cpu{cpu}/cpufreq"
        khz = "5700000\n" if cpu < 16 else "4400000\n"
        write(root, {f"{folder}/cpuinfo_max_freq": khz, f"{folder}/scaling_governor": "powersave\n"})
    write(
        root,
        {
            "etc/os-release": 'NAME="Fedora Linux"\nPRETTY_NAME="Fedora Linux 41 (Workstation Edition)"\n',
            "sys/class/dmi/id/sys_vendor": "ASUS\n",
            "sys/class/dmi/id/product_name": "System Product Name\n",
        },
    )
    write_groups_v2(root, "/user.slice/session-2.scope", {"user.slice/session-2.scope/memory.max": "max\n"})
    return FakeHost(cpus=32, cores=24, mask=frozenset(range(32)))


def server_container(root: Path) -> FakeHost:
    """Two sockets of 32 cores of two threads; a container with CPUs 3 and 35, 1.5 CPUs of time and 8 GiB."""
    write_cores(root, [[n, n + 64] for n in range(64)], cores_per_socket=32)
    write_cpuinfo(root, "AMD EPYC 7543 32-Core Processor", "fpu pni avx2 hypervisor", 128)
    write(
        root,
        {
            ".dockerenv": "",
            "sys/class/dmi/id/sys_vendor": "QEMU\n",
            "sys/class/dmi/id/product_name": "Standard PC (Q35 + ICH9, 2009)\n",
        },
    )
    write_groups_v2(
        root,
        "/",
        {
            "cpu.max": "150000 100000\n",
            "cpuset.cpus.effective": "3,35\n",
            "memory.max": f"{8 * GIB}\n",
            "memory.high": "max\n",
            "memory.current": f"{3 * GIB}\n",
            "memory.stat": f"anon 1\nactive_file {GIB}\ninactive_file {GIB // 2}\nslab_reclaimable 4096\n",
        },
        mount_root="/docker/4f1c",
    )
    return FakeHost(cpus=128, cores=64, mask=frozenset((3, 35)), total_bytes=512 * GIB)


def arm_board(root: Path) -> FakeHost:
    """Two slow and two fast cores, with the kernel's capacities."""
    write_cores(root, [[0], [1], [2], [3]])
    parts = ("0xd05", "0xd05", "0xd0b", "0xd0b")
    block = "processor\t: {}\nFeatures\t: fp asimd asimdhp asimddp crc32\n"
    block += "CPU implementer\t: 0x41\nCPU part\t: {}\n\n"
    write(
        root,
        {
            "proc/cpuinfo": "".join(block.format(cpu, part) for cpu, part in enumerate(parts)),
            "proc/device-tree/compatible": b"radxa,rock-5b\0rockchip,rk3588\0",
        },
    )
    for cpu, capacity in enumerate((530, 530, 1024, 1000)):
        write(root, {f"sys/devices/system/cpu/cpu{cpu}/cpu_capacity": f"{capacity}\n"})
        write(root, {f"sys/devices/system/cpu/cpu{cpu}/topology/physical_package_id": "-1\n"})
    return FakeHost(machine="aarch64", cpus=4, cores=None, mask=frozenset(range(4)))


M2_PRO = {
    "kern.osproductversion": "15.1",
    "kern.hv_vmm_present": "0",
    "machdep.cpu.brand_string": "Apple M2 Pro",
    "hw.model": "Mac14,9",
    "hw.packages": "1",
    "hw.physicalcpu": "12",
    "hw.logicalcpu": "12",
    "hw.nperflevels": "2",
    "hw.perflevel0.name": "Performance",
    "hw.perflevel0.physicalcpu": "8",
    "hw.perflevel1.name": "Efficiency",
    "hw.perflevel1.physicalcpu": "4",
    "hw.optional.AdvSIMD": "1",
    "hw.optional.arm.FEAT_DotProd": "1",
    "hw.optional.arm.FEAT_FP16": "1",
    "hw.optional.arm.FEAT_I8MM": "1",
    "hw.optional.arm.FEAT_BF16": "1",
    "hw.optional.arm.FEAT_SME": "0",
}
