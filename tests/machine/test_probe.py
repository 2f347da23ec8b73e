"""Claims about the probe: recorded machines, garbage, and this very machine."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.machine.trees import (
    GIB,
    M2_PRO,
    FakeHost,
    arm_board,
    hybrid_intel,
    server_container,
    write,
    write_cores,
    write_groups_v1,
    write_groups_v2,
)
from tunesmith.domain.machine import Device, Machine, machine_class
from tunesmith.machine import host as host_module
from tunesmith.machine.linux import LinuxReader
from tunesmith.machine.macos import MacosReader
from tunesmith.machine.probe import (
    describe_machine,
    llama_fallback_threads,
    platform_reader,
    probe_machine,
)
from tunesmith.machine.reader import PortableReader
from tunesmith.machine.windows import ProcessorRecord, WindowsReader


def described(root: Path, host: FakeHost) -> Machine:
    return describe_machine(LinuxReader(root, host.machine), host)


def test_a_hybrid_intel_desktop(tmp_path: Path) -> None:
    cpu = described(tmp_path, hybrid_intel(tmp_path)).cpu
    assert (cpu.physical_cores, cpu.logical_cpus, cpu.sockets) == (24, 32, 1)
    assert (cpu.usable_cpus, cpu.usable_cores) == (32, 24)
    assert cpu.llama_default_threads == 8
    assert cpu.cpu_quota is None


def test_a_container_with_two_of_128_cpus_on_one_core(tmp_path: Path) -> None:
    machine = described(tmp_path, server_container(tmp_path))
    cpu, memory = machine.cpu, machine.memory
    assert (cpu.sockets, cpu.physical_cores, cpu.logical_cpus) == (2, 64, 128)
    assert cpu.allowed_cpus == (3, 35)
    assert cpu.cpu_quota == 1.5
    assert (cpu.usable_cpus, cpu.usable_cores) == (2, 2)
    assert cpu.llama_default_threads == 64
    assert memory.machine_total_bytes == 512 * GIB
    assert memory.total_bytes == memory.limit_bytes == 8 * GIB
    assert memory.available_bytes == 5 * GIB + GIB + GIB // 2 + 4096


def test_two_threads_of_one_core_are_one_usable_core(tmp_path: Path) -> None:
    host = server_container(tmp_path)
    host.mask = frozenset((3, 67))
    write(tmp_path, {"sys/fs/cgroup/cpuset.cpus.effective": "3,67\n"})
    cpu = described(tmp_path, host).cpu
    assert (cpu.usable_cpus, cpu.usable_cores) == (2, 1)


def test_affinity_and_cpuset_are_intersected(tmp_path: Path) -> None:
    host = server_container(tmp_path)
    host.mask = frozenset((3, 4, 5))
    assert described(tmp_path, host).cpu.allowed_cpus == (3,)


def test_a_cpuset_that_shares_nothing_with_the_affinity_is_not_believed(tmp_path: Path) -> None:
    host = server_container(tmp_path)
    host.mask = frozenset((8, 9))
    assert described(tmp_path, host).cpu.allowed_cpus == (8, 9)


def test_a_quota_below_one_cpu_leaves_one(tmp_path: Path) -> None:
    host = server_container(tmp_path)
    write(tmp_path, {"sys/fs/cgroup/cpu.max": "20000 100000\n"})
    cpu = described(tmp_path, host).cpu
    assert (cpu.cpu_quota, cpu.usable_cpus, cpu.usable_cores) == (0.2, 1, 1)


def test_an_arm_board(tmp_path: Path) -> None:
    cpu = described(tmp_path, arm_board(tmp_path)).cpu
    assert cpu.model == "Cortex-A55 + Cortex-A76 (rk3588)"
    assert (cpu.physical_cores, cpu.usable_cores, cpu.llama_default_threads) == (4, 4, 4)


def test_version_1_limits_reach_the_machine(tmp_path: Path) -> None:
    write_cores(tmp_path, [[n] for n in range(4)])
    write_groups_v1(
        tmp_path,
        "/docker/x",
        {
            "cpuset/docker/x/cpuset.cpus": "1-2\n",
            "memory/docker/memory.limit_in_bytes": f"{2 * GIB}\n",
            "memory/docker/memory.usage_in_bytes": f"{GIB}\n",
            "memory/docker/x/memory.limit_in_bytes": f"{3 * GIB}\n",
        },
    )
    machine = described(tmp_path, FakeHost(cpus=4, cores=4, mask=frozenset(range(4))))
    assert machine.cpu.allowed_cpus == (1, 2)
    assert machine.memory.total_bytes == 2 * GIB
    assert machine.memory.available_bytes == GIB


def test_a_limit_above_the_ram_does_not_add_any(tmp_path: Path) -> None:
    write_groups_v2(tmp_path, "/", {"memory.max": f"{900 * GIB}\n", "memory.current": "0\n"})
    memory = described(tmp_path, FakeHost()).memory
    assert memory.total_bytes == 64 * GIB
    assert memory.available_bytes == 60 * GIB
    assert memory.limit_bytes == 900 * GIB


def test_an_m2_pro() -> None:
    cpu = describe_machine(MacosReader(M2_PRO.get), FakeHost(machine="arm64", cpus=12, cores=12)).cpu
    assert (cpu.physical_cores, cpu.logical_cpus, cpu.usable_cores) == (12, 12, 12)
    assert cpu.allowed_cpus == tuple(range(12))
    assert cpu.llama_default_threads == 8


def test_windows_with_an_affinity_mask() -> None:
    records = [ProcessorRecord(True, 0, ((0, 3 << 2 * n),)) for n in range(8)]
    reader = WindowsReader(lambda: records, lambda key, name: None)
    host = FakeHost(machine="AMD64", cpus=16, cores=8, mask=frozenset((0, 1, 2)))
    host.brand, host.flags = "A CPU", ("avx2",)
    cpu = describe_machine(reader, host).cpu
    assert (cpu.physical_cores, cpu.usable_cpus, cpu.usable_cores) == (8, 3, 2)
    assert (cpu.model, cpu.features) == ("A CPU", ("avx2",))


def test_an_unknown_platform_gets_by_with_psutil() -> None:
    host = FakeHost(cpus=12, cores=6, brand="Some\tCPU", flags=("avx2", "fpu"))
    machine = describe_machine(platform_reader("freebsd14", "amd64"), host)
    assert isinstance(platform_reader("freebsd14", "amd64"), PortableReader)
    assert machine.os_name == "SomeOS 1"
    assert machine.cpu.model == "Some CPU"
    assert machine.cpu.sockets is None
    assert (machine.cpu.usable_cpus, machine.cpu.usable_cores) == (12, 6)
    assert machine.cpu.llama_default_threads == 6
    assert machine.cpu.features == ("avx2",)


def test_missing_files_everywhere_leave_unknowns_and_no_error(tmp_path: Path) -> None:
    cpu = described(tmp_path, FakeHost(cpus=3, cores=None)).cpu
    assert (cpu.model, cpu.sockets, cpu.physical_cores) == ("unknown", None, None)
    assert (cpu.usable_cpus, cpu.usable_cores, cpu.llama_default_threads) == (3, 3, 3)
    assert cpu.features == ()


def test_py_cpuinfo_is_not_asked_where_the_reader_knows(tmp_path: Path) -> None:
    host = hybrid_intel(tmp_path)
    described(tmp_path, host)
    assert host.cpuinfo_calls == 0


@pytest.mark.parametrize(("cpus", "threads"), [(0, 4), (1, 1), (4, 4), (5, 2), (16, 8)])
def test_llama_s_rule_of_last_resort(cpus: int, threads: int) -> None:
    assert llama_fallback_threads(cpus) == threads


@pytest.mark.parametrize(
    ("platform", "kind"), [("linux", LinuxReader), ("darwin", MacosReader), ("win32", WindowsReader)]
)
def test_each_platform_has_its_reader(platform: str, kind: type[object]) -> None:
    assert isinstance(platform_reader(platform, "x86_64"), kind)


def test_the_class_does_not_depend_on_what_varies(tmp_path: Path) -> None:
    host = server_container(tmp_path)
    first = machine_class(described(tmp_path, host))
    host.name, host.available_bytes, host.plugged = "other", GIB, True
    write(tmp_path, {"sys/fs/cgroup/memory.current": f"{7 * GIB}\n"})
    assert machine_class(described(tmp_path, host)) == first


CPU = "sys/devices/system/cpu"
FILES = (
    *("proc/cpuinfo", "proc/self/cgroup", "proc/self/mountinfo", "proc/device-tree/compatible"),
    *("proc/sys/kernel/osrelease", "proc/device-tree/hypervisor/compatible", "etc/os-release"),
    *("sys/class/dmi/id/sys_vendor", "sys/class/dmi/id/product_name", "sys/hypervisor/type"),
    *("sys/devices/cpu_core/cpus", "sys/devices/cpu_atom/cpus", f"{CPU}/online"),
    *(f"{CPU}/cpu{n}/topology/{name}" for n in (0, 1) for name in ("core_cpus_list", "thread_siblings")),
    *(f"{CPU}/cpu{n}/topology/physical_package_id" for n in (0, 1)),
    *(f"{CPU}/cpu{n}/cpufreq/{name}" for n in (0, 1) for name in ("cpuinfo_max_freq", "scaling_governor")),
    *(f"{CPU}/cpu{n}/cpu_capacity" for n in (0, 1)),
    *(f"sys/fs/cgroup/{name}" for name in ("cpu.max", "cpuset.cpus.effective", "memory.max", "memory.high")),
    *("sys/fs/cgroup/memory.current", "sys/fs/cgroup/memory.stat"),
)
# Garbage, and near misses: what a parser looks for, with garbage in it.
CONTENT = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=30).map(str.encode),
    st.sampled_from(
        [
            *(b"0-1", b"0", b"-1", b"1", b"max", b"max 0", b"9" * 30, b"-" * 9, b"0-8191", b"nan", b"1e9"),
            *(b"0::/", b"0::/../..", b"1:memory:/\0", b"flags : ", b"processor : 0\nprocessor : x"),
            b"35 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
            b"35 24 0:30 / /sys/fs/cgroup rw - cgroup cgroup rw,cpu,cpuset,memory",
            b"CPU implementer : 0xzz\nCPU part : 0xd05",
            b"inactive_file -5\nactive_file 9999999999999999999",
        ]
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(FILES), CONTENT), st.sampled_from(("x86_64", "aarch64", "ppc64le")))
def test_no_garbage_in_the_files_makes_the_probe_raise(files: dict[str, bytes], architecture: str) -> None:
    with TemporaryDirectory() as folder:
        write(Path(folder), files)
        host = FakeHost(machine=architecture, mask=frozenset(range(8)))
        machine = described(Path(folder), host)
    assert machine.cpu.usable_cpus >= 1
    assert machine.cpu.usable_cores >= 1
    assert machine.cpu.llama_default_threads >= 1
    assert 0 <= machine.memory.available_bytes <= machine.memory.total_bytes
    assert Machine.model_validate_json(machine.model_dump_json()) == machine
    machine_class(machine)


def test_this_machine_agrees_with_python_and_psutil() -> None:
    device = Device(name="CPU", description="A CPU", type="cpu", free_bytes=1, total_bytes=2, backend="CPU")
    machine = probe_machine(devices=(device,))
    cpu, memory = machine.cpu, machine.memory
    assert machine.devices == (device,)
    assert cpu.logical_cpus == os.cpu_count()
    assert cpu.physical_cores == psutil.cpu_count(logical=False)
    assert 1 <= cpu.usable_cores <= cpu.usable_cpus <= len(cpu.allowed_cpus) <= cpu.logical_cpus
    assert cpu.model not in ("", "unknown")
    assert memory.machine_total_bytes == psutil.virtual_memory().total
    assert 0 < memory.available_bytes <= memory.total_bytes <= memory.machine_total_bytes
    assert Machine.model_validate_json(machine.model_dump_json()) == machine


@pytest.mark.skipif(sys.platform != "linux", reason="a promise for Linux")
def test_a_probe_takes_less_than_60_ms_and_no_py_cpuinfo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "_cpuinfo", lambda: pytest.fail("py-cpuinfo was asked"))
    probe_machine()
    durations_s = []
    for _ in range(5):
        begin_s = time.perf_counter()
        probe_machine()
        durations_s.append(time.perf_counter() - begin_s)
    assert min(durations_s) < 0.06
