"""Claims about the limits of control groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machine.trees import GIB, V1_GROUPS, V1_MOUNTS, V2_MOUNT, write, write_groups_v1, write_groups_v2
from tunesmith.machine.cgroup import read_limits
from tunesmith.machine.reader import Limits

V1_NO_LIMIT = "9223372036854771712\n"


def test_without_control_groups_there_are_no_limits(tmp_path: Path) -> None:
    assert read_limits(tmp_path) == Limits()
    write(
        tmp_path, {"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": "22 27 0:21 / /proc rw - proc p rw\n"}
    )
    assert read_limits(tmp_path) == Limits()


def test_version_2_unlimited_is_no_limit(tmp_path: Path) -> None:
    files = {"a/cpu.max": "max 100000\n", "a/memory.max": "max\n", "a/memory.high": "max\n"}
    write_groups_v2(tmp_path, "/a", files)
    assert read_limits(tmp_path) == Limits()


def test_version_2_the_tightest_ancestor_wins(tmp_path: Path) -> None:
    write_groups_v2(
        tmp_path,
        "/a/b/c",
        {
            "a/cpu.max": "800000 100000\n",
            "a/b/cpu.max": "50000 25000\n",
            "a/b/c/cpu.max": "max 100000\n",
            "a/memory.max": f"{4 * GIB}\n",
            "a/b/memory.max": "max\n",
            "a/b/c/memory.max": f"{16 * GIB}\n",
        },
    )
    limits = read_limits(tmp_path)
    assert limits.cpu_quota == 2.0
    assert limits.memory_limit_bytes == 4 * GIB


def test_headroom_is_the_least_of_all_levels_and_counts_file_cache_as_free(tmp_path: Path) -> None:
    write_groups_v2(
        tmp_path,
        "/a/b",
        {
            "a/memory.max": f"{10 * GIB}\n",
            "a/memory.current": f"{9 * GIB}\n",
            "a/memory.stat": f"anon {8 * GIB}\ninactive_file {GIB}\nactive_file 0\n",
            "a/b/memory.max": f"{4 * GIB}\n",
            "a/b/memory.current": f"{GIB}\n",
            "a/b/memory.stat": "inactive_file 0\n",
        },
    )
    limits = read_limits(tmp_path)
    assert limits.memory_limit_bytes == 4 * GIB
    assert limits.memory_headroom_bytes == 2 * GIB


def test_memory_high_limits_like_memory_max(tmp_path: Path) -> None:
    write_groups_v2(tmp_path, "/a", {"a/memory.max": f"{8 * GIB}\n", "a/memory.high": f"{6 * GIB}\n"})
    assert read_limits(tmp_path).memory_limit_bytes == 6 * GIB


def test_headroom_never_leaves_zero_to_limit(tmp_path: Path) -> None:
    full = {"a/memory.max": "4096\n", "a/memory.current": "8192\n", "a/memory.stat": "inactive_file 0\n"}
    write_groups_v2(tmp_path, "/a", full)
    assert read_limits(tmp_path).memory_headroom_bytes == 0
    write(tmp_path, {"sys/fs/cgroup/a/memory.stat": "inactive_file 999999\n"})
    assert read_limits(tmp_path).memory_headroom_bytes == 4096


def test_an_unreadable_usage_leaves_the_limit_as_headroom(tmp_path: Path) -> None:
    write_groups_v2(tmp_path, "/a", {"a/memory.max": f"{GIB}\n"})
    assert read_limits(tmp_path).memory_headroom_bytes == GIB


def test_version_1_nested_limits(tmp_path: Path) -> None:
    write_groups_v1(
        tmp_path,
        "/docker/x",
        {
            "cpu,cpuacct/docker/cpu.cfs_quota_us": "150000\n",
            "cpu,cpuacct/docker/cpu.cfs_period_us": "100000\n",
            "cpu,cpuacct/docker/x/cpu.cfs_quota_us": "-1\n",
            "cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000\n",
            "cpuset/docker/x/cpuset.cpus": "4-5\n",
            "memory/memory.limit_in_bytes": V1_NO_LIMIT,
            "memory/docker/memory.limit_in_bytes": f"{2 * GIB}\n",
            "memory/docker/memory.usage_in_bytes": f"{GIB}\n",
            "memory/docker/memory.stat": f"inactive_file 7\ntotal_inactive_file {GIB // 4}\n",
            "memory/docker/x/memory.limit_in_bytes": V1_NO_LIMIT,
        },
    )
    assert read_limits(tmp_path) == Limits(
        cpuset=frozenset((4, 5)),
        cpu_quota=1.5,
        memory_limit_bytes=2 * GIB,
        memory_headroom_bytes=GIB + GIB // 4,
    )


def test_version_1_without_hierarchy_ancestors_do_not_limit_memory(tmp_path: Path) -> None:
    write_groups_v1(
        tmp_path,
        "/a/b",
        {
            "memory/a/memory.limit_in_bytes": "4096\n",
            "memory/a/memory.use_hierarchy": "0\n",
            "memory/a/b/memory.limit_in_bytes": f"{GIB}\n",
        },
    )
    assert read_limits(tmp_path).memory_limit_bytes == GIB


def test_version_1_inside_a_container_the_mount_shows_the_group_itself(tmp_path: Path) -> None:
    files = {"memory/memory.limit_in_bytes": f"{GIB}\n", "cpuset/cpuset.effective_cpus": "7\n"}
    write_groups_v1(tmp_path, "/docker/4f1c", files, mount_root="/docker/4f1c")
    limits = read_limits(tmp_path)
    assert limits.memory_limit_bytes == GIB
    assert limits.cpuset == frozenset((7,))


@pytest.mark.parametrize("group", ["/../../other", "/elsewhere"])
def test_a_group_outside_the_mount_is_looked_for_at_the_mount_point_only(tmp_path: Path, group: str) -> None:
    write(tmp_path, {"sys/fs/other/memory.max": "4096\n", "sys/fs/cgroup/elsewhere/memory.max": "4096\n"})
    write_groups_v2(tmp_path, group, {"memory.max": f"{GIB}\n"}, mount_root="/docker/x")
    assert read_limits(tmp_path).memory_limit_bytes == GIB


def test_both_versions_at_once_are_both_read(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/self/cgroup": V1_GROUPS.format(group="/a") + "0::/u\n",
            "proc/self/mountinfo": V1_MOUNTS.format(root="/")
            + V2_MOUNT.format(root="/").replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified"),
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": f"{GIB}\n",
            "sys/fs/cgroup/unified/u/cpu.max": "300000 100000\n",
        },
    )
    limits = read_limits(tmp_path)
    assert limits.memory_limit_bytes == GIB
    assert limits.cpu_quota == 3.0


def test_a_mount_point_with_a_space_is_found(tmp_path: Path) -> None:
    write_groups_v2(tmp_path, "/", {}, mount=V2_MOUNT.replace("/sys/fs/cgroup", r"/mnt/my\040groups"))
    write(tmp_path, {"mnt/my groups/memory.max": f"{GIB}\n"})
    assert read_limits(tmp_path).memory_limit_bytes == GIB


@pytest.mark.parametrize("content", ["0 100000", "100000 0", "-5 100000", "a b", "", "1", "9" * 40 + " 1"])
def test_a_quota_that_makes_no_sense_is_none(tmp_path: Path, content: str) -> None:
    write_groups_v2(tmp_path, "/a", {"a/cpu.max": content})
    assert read_limits(tmp_path).cpu_quota is None
