"""Own the claims about the counters of CPU quotas."""

from __future__ import annotations

from pathlib import Path

from tunesmith.domain.soak import Throttle
from tunesmith.machine.throttle import ThrottleReader


def tree(root: Path, cgroup: str, mountinfo: str, files: dict[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": cgroup, "proc/self/mountinfo": mountinfo, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_version_2_counts_the_group_and_what_lies_above(tmp_path: Path) -> None:
    root = tree(
        tmp_path, "0::/a/b\n", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        {
            "sys/fs/cgroup/a/b/cpu.stat": "nr_periods 10\nnr_throttled 4\nthrottled_usec 500000",
            "sys/fs/cgroup/a/cpu.stat": "nr_periods 10\nnr_throttled 1\nthrottled_usec 250000",
            "sys/fs/cgroup/cpu.stat": "usage_usec 9\nuser_usec 5\nsystem_usec 4",
        },
    )  # fmt: skip
    assert ThrottleReader(root).read() == Throttle(periods=5, seconds=0.75)


def test_version_1_counts_nanoseconds(tmp_path: Path) -> None:
    root = tree(
        tmp_path, "4:cpu,cpuacct:/a\n3:memory:/b\n",
        "30 23 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
        {"sys/fs/cgroup/cpu/a/cpu.stat": "nr_periods 10\nnr_throttled 4\nthrottled_time 2000000000"},
    )  # fmt: skip
    reader = ThrottleReader(root)
    assert reader.read() == Throttle(periods=4, seconds=2.0)
    (root / "sys/fs/cgroup/cpu/a/cpu.stat").write_text("nr_throttled 9\nthrottled_time 3000000000\n")
    assert reader.read() == Throttle(periods=9, seconds=3.0)


def test_nothing_is_told_where_nothing_counts(tmp_path: Path) -> None:
    assert ThrottleReader(tmp_path).read() is None
    root = tree(
        tmp_path, "0::/\n", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        {"sys/fs/cgroup/cpu.stat": "usage_usec 9\nnr_throttled many\n"},
    )  # fmt: skip
    assert ThrottleReader(root).read() is None
