"""Claims about reading Linux, on recorded machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machine.trees import arm_board, hybrid_intel, server_container, write, write_cores, write_cpuinfo
from tunesmith.machine.linux import LinuxReader
from tunesmith.machine.reader import Limits

CPU = "sys/devices/system/cpu"


def test_a_hybrid_intel_s_kinds_follow_the_kernel_s_counters(tmp_path: Path) -> None:
    hybrid_intel(tmp_path)
    reader = LinuxReader(tmp_path, "x86_64")
    cores = reader.cores()
    assert [core.kind for core in cores] == ["performance"] * 8 + ["efficiency"] * 16
    assert cores[0].cpus == (0, 1)
    assert cores[0].max_mhz == 5700.0
    assert cores[8].cpus == (16,)
    assert reader.logical_cpus() == 32
    assert reader.sockets() == 1
    assert reader.governor() == "powersave"
    assert reader.os_name() == "Fedora Linux 41 (Workstation Edition)"
    assert reader.cpu_model() == "Intel(R) Core(TM) i9-14900K"
    assert reader.features() == ("avx", "avx2", "avx_vnni", "f16c", "fma", "sse3", "sse4_1", "ssse3")
    assert reader.virtualization() is None


def test_llama_counts_a_hybrid_intel_s_performance_cores(tmp_path: Path) -> None:
    hybrid_intel(tmp_path)
    assert LinuxReader(tmp_path, "x86_64").llama_default_threads() == 8


def test_llama_skips_the_cpu_after_a_performance_core_even_without_hyperthreading(tmp_path: Path) -> None:
    write_cores(tmp_path, [[n] for n in range(8)])
    write(tmp_path, {"sys/devices/cpu_core/cpus": "0-3\n", "sys/devices/cpu_atom/cpus": "4-7\n"})
    assert LinuxReader(tmp_path, "x86_64").llama_default_threads() == 2


def test_llama_skips_low_power_cores_too(tmp_path: Path) -> None:
    write_cores(tmp_path, [[n] for n in range(8)])
    write(
        tmp_path,
        {
            "sys/devices/cpu_core/cpus": "0-3\n",
            "sys/devices/cpu_atom/cpus": "4-5\n",
            "sys/devices/cpu_lowpower/cpus": "6-7\n",
        },
    )
    reader = LinuxReader(tmp_path, "x86_64")
    assert reader.llama_default_threads() == 2
    assert [core.kind for core in reader.cores()].count("efficiency") == 4


def test_llama_counts_all_cores_of_a_hybrid_it_may_not_pin_itself_to(tmp_path: Path) -> None:
    hybrid_intel(tmp_path)
    write(tmp_path, {"sys/fs/cgroup/user.slice/session-2.scope/cpuset.cpus.effective": "0-3\n"})
    assert LinuxReader(tmp_path, "x86_64").llama_default_threads() == 24


def test_llama_counts_all_cores_of_a_server_whatever_the_container(tmp_path: Path) -> None:
    server_container(tmp_path)
    assert LinuxReader(tmp_path, "x86_64").llama_default_threads() == 64


def test_llama_stops_counting_at_the_first_cpu_that_is_offline(tmp_path: Path) -> None:
    write_cores(tmp_path, [[0], [1], [2], [3]])
    (tmp_path / CPU / "cpu2/topology/thread_siblings").unlink()
    assert LinuxReader(tmp_path, "x86_64").llama_default_threads() == 2


def test_llama_s_count_is_unknown_without_sysfs(tmp_path: Path) -> None:
    assert LinuxReader(tmp_path, "x86_64").llama_default_threads() is None


def test_llama_takes_at_most_two_threads_of_a_power_core(tmp_path: Path) -> None:
    write_cores(tmp_path, [list(range(8)), list(range(8, 16))])
    assert LinuxReader(tmp_path, "ppc64le").llama_default_threads() == 4


def test_a_server_s_cores_and_sockets(tmp_path: Path) -> None:
    server_container(tmp_path)
    reader = LinuxReader(tmp_path, "x86_64")
    assert len(reader.cores()) == 64
    assert reader.sockets() == 2
    assert {core.kind for core in reader.cores()} == {"unknown"}
    assert reader.cores()[63].cpus == (63, 127)
    assert reader.cores()[63].socket == 1
    assert reader.limits().cpuset == frozenset((3, 35))
    assert reader.virtualization() == "container on QEMU"


def test_an_arm_board_s_kinds_follow_its_capacities(tmp_path: Path) -> None:
    arm_board(tmp_path)
    reader = LinuxReader(tmp_path, "aarch64")
    assert [core.kind for core in reader.cores()] == ["efficiency"] * 2 + ["performance"] * 2
    assert reader.sockets() == 1
    assert reader.cpu_model() == "Cortex-A55 + Cortex-A76 (rk3588)"
    assert reader.features() == ("dotprod", "fp16", "neon")
    assert reader.llama_default_threads() == 4


def test_arm_cores_of_equal_capacity_are_of_no_known_kind(tmp_path: Path) -> None:
    arm_board(tmp_path)
    for cpu, capacity in enumerate((1024, 1024, 1010, 1024)):
        write(tmp_path, {f"{CPU}/cpu{cpu}/cpu_capacity": f"{capacity}\n"})
    assert {core.kind for core in LinuxReader(tmp_path, "aarch64").cores()} == {"unknown"}


def test_x86_capacities_tell_preferred_cores_and_no_kinds(tmp_path: Path) -> None:
    write_cores(tmp_path, [[0], [1]])
    write(tmp_path, {f"{CPU}/cpu0/cpu_capacity": "1024\n", f"{CPU}/cpu1/cpu_capacity": "500\n"})
    assert {core.kind for core in LinuxReader(tmp_path, "x86_64").cores()} == {"unknown"}


def test_older_kernels_name_of_the_sibling_list_is_read(tmp_path: Path) -> None:
    write_cores(tmp_path, [[0, 1]])
    for cpu in (0, 1):
        (tmp_path / f"{CPU}/cpu{cpu}/topology/core_cpus_list").unlink()
    assert [core.cpus for core in LinuxReader(tmp_path, "x86_64").cores()] == [(0, 1)]


@pytest.mark.parametrize("siblings", ["1\n", "0-1\n", "", "x"])
def test_a_topology_that_contradicts_itself_is_unknown(tmp_path: Path, siblings: str) -> None:
    write_cores(tmp_path, [[0], [1], [2]])
    folder = tmp_path / CPU / "cpu2/topology"
    (folder / "thread_siblings_list").unlink()
    (folder / "core_cpus_list").write_text(siblings)
    assert LinuxReader(tmp_path, "x86_64").cores() == ()


def test_without_sysfs_cpus_are_counted_in_cpuinfo(tmp_path: Path) -> None:
    write_cpuinfo(tmp_path, "Some CPU", "avx2", 6)
    reader = LinuxReader(tmp_path, "x86_64")
    assert reader.logical_cpus() == 6
    assert reader.cores() == ()
    assert reader.sockets() is None


def test_governors_that_differ_are_all_told(tmp_path: Path) -> None:
    write_cores(tmp_path, [[0], [1]])
    for cpu, governor in enumerate(("schedutil", "performance")):
        write(tmp_path, {f"{CPU}/cpu{cpu}/cpufreq/scaling_governor": f"{governor}\n"})
    assert LinuxReader(tmp_path, "x86_64").governor() == "performance, schedutil"


def test_a_risc_v_board_with_vectors(tmp_path: Path) -> None:
    write(tmp_path, {"proc/cpuinfo": "processor : 0\nisa : rv64imafdcv_zicbom\nuarch : spacemit,x60\n"})
    reader = LinuxReader(tmp_path, "riscv64")
    assert reader.cpu_model() == "spacemit,x60"
    assert reader.features() == ("v",)


def test_an_empty_root_is_unknown_and_not_an_error(tmp_path: Path) -> None:
    for architecture in ("x86_64", "aarch64", "ppc64le", ""):
        reader = LinuxReader(tmp_path, architecture)
        told = (reader.os_name(), reader.cpu_model(), reader.sockets(), reader.logical_cpus())
        assert told == (None, None, None, None)
        assert reader.cores() == ()
        assert reader.features() is None
        assert reader.governor() is None
        assert reader.virtualization() is None
        assert reader.limits() == Limits()
