"""Own what Linux control groups, version 1 and 2, allow this process.

Limits hold for a group and all groups below it, so every ancestor that can be seen is read and the
tightest wins. Files: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ of the Linux kernel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.machine.files import parse_cpu_list, parse_int, read_int, read_text
from tunesmith.machine.reader import Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_NO_LIMIT_BYTES = 2**62
"""Version 1 writes 2^63 - 4096 for no limit."""
_MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class _Mount:
    folder: Path
    root: str
    """The group that the mount point shows, as a path in the hierarchy."""
    controllers: frozenset[str]
    """Empty for version 2."""


@dataclass(frozen=True, slots=True)
class _Memory:
    limit_bytes: int
    used_bytes: int | None
    reclaimable_bytes: int

    @property
    def headroom_bytes(self) -> int:
        if self.used_bytes is None:
            return self.limit_bytes
        free = self.limit_bytes - self.used_bytes + min(self.reclaimable_bytes, self.used_bytes)
        return min(max(0, free), self.limit_bytes)


def read_limits(root: Path) -> Limits:
    """Return the limits of this process's control groups; ``root`` holds proc/ and sys/."""
    mounts = list(_mounts(root))
    groups = _groups(root)
    cpuset: frozenset[int] | None = None
    quotas: list[float] = []
    memories: list[_Memory] = []
    for mount in mounts:
        if not mount.controllers:
            lineage = list(_lineage(mount, groups.get("", "/")))
            cpuset = cpuset or _cpuset(lineage, ("cpuset.cpus.effective",))
            quotas += _quotas_v2(lineage)
            memories += _memories_v2(lineage)
            continue
        if "cpuset" in mount.controllers:
            lineage = list(_lineage(mount, groups.get("cpuset", "/")))
            cpuset = cpuset or _cpuset(lineage, ("cpuset.effective_cpus", "cpuset.cpus"))
        if "cpu" in mount.controllers:
            quotas += _quotas_v1(_lineage(mount, groups.get("cpu", "/")))
        if "memory" in mount.controllers:
            memories += _memories_v1(_lineage(mount, groups.get("memory", "/")))
    return Limits(
        cpuset=cpuset,
        cpu_quota=min(quotas, default=None),
        memory_limit_bytes=min((m.limit_bytes for m in memories), default=None),
        memory_headroom_bytes=min((m.headroom_bytes for m in memories), default=None),
    )


def quota_folders(root: Path) -> tuple[Path, ...]:
    """The folders of the groups whose CPU quota holds for this process; ``root`` holds proc/ and sys/."""
    groups = _groups(root)
    found: list[Path] = []
    for mount in _mounts(root):
        if not mount.controllers:
            found += _lineage(mount, groups.get("", "/"))
        elif "cpu" in mount.controllers:
            found += _lineage(mount, groups.get("cpu", "/"))
    return tuple(dict.fromkeys(found))


def _groups(root: Path) -> dict[str, str]:
    """Return this process's group by controller; version 2 goes by the empty name."""
    groups: dict[str, str] = {}
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if colon:
            groups.update(dict.fromkeys(controllers.split(","), path))
    return groups


def _mounts(root: Path) -> Iterator[_Mount]:
    """Yield the control group file systems that are mounted (proc_pid_mountinfo(5))."""
    for line in (read_text(root / "proc/self/mountinfo", 1024 * 1024) or "").splitlines():
        before, separator, after = line.partition(" - ")
        fields, file_system = before.split(" "), after.split(" ")
        if not separator or len(fields) < 5 or len(file_system) < 3:
            continue
        folder = root / _unescape(fields[4]).lstrip("/")
        match file_system[0]:
            case "cgroup2":
                yield _Mount(folder, _unescape(fields[3]), frozenset())
            case "cgroup":
                yield _Mount(folder, _unescape(fields[3]), frozenset(file_system[2].split(",")))
            case _:
                pass


def _unescape(path: str) -> str:
    """Undo mountinfo's octal escapes: a space is ``\\040``."""
    return re.sub(r"\\([0-3][0-7]{2})", lambda match: chr(int(match[1], 8)), path)


def _lineage(mount: _Mount, group: str) -> Iterator[Path]:
    """Yield the folder of the group, then its ancestors' up to the mount point."""
    parts = [part for part in group.split("/") if part]
    above = [part for part in mount.root.split("/") if part]
    # Outside the mount's subtree, or shown as "/../.." across a namespace: only the mount point is ours.
    inside = parts[len(above) :] if parts[: len(above)] == above and ".." not in parts else []
    inside = inside[:_MAX_DEPTH]
    for length in range(len(inside), -1, -1):
        yield mount.folder.joinpath(*inside[:length])


def _cpuset(lineage: Iterable[Path], names: tuple[str, ...]) -> frozenset[int] | None:
    # A group's effective set already lies within its ancestors'; the nearest that is told is ours.
    for folder in lineage:
        for name in names:
            if cpus := parse_cpu_list(read_text(folder / name)):
                return cpus
    return None


def _quotas_v2(lineage: Iterable[Path]) -> Iterator[float]:
    for folder in lineage:
        quota_us, _, period_us = (read_text(folder / "cpu.max", 256) or "").partition(" ")
        yield from _quota(parse_int(quota_us), parse_int(period_us))


def _quotas_v1(lineage: Iterable[Path]) -> Iterator[float]:
    for folder in lineage:
        yield from _quota(read_int(folder / "cpu.cfs_quota_us"), read_int(folder / "cpu.cfs_period_us"))


def _quota(quota_us: int | None, period_us: int | None) -> Iterator[float]:
    if quota_us is not None and period_us is not None and quota_us > 0 and period_us > 0:
        yield quota_us / period_us


def _memories_v2(lineage: Iterable[Path]) -> Iterator[_Memory]:
    for folder in lineage:
        # Above memory.high the kernel throttles and reclaims until a model crawls: a limit in effect.
        limits = [read_int(folder / name) for name in ("memory.max", "memory.high")]
        limit_bytes = min((n for n in limits if n is not None and 0 < n < _NO_LIMIT_BYTES), default=None)
        if limit_bytes is not None:
            cache = ("active_file", "inactive_file", "slab_reclaimable")
            yield _memory(folder, limit_bytes, "memory.current", cache)


def _memories_v1(lineage: Iterable[Path]) -> Iterator[_Memory]:
    for depth, folder in enumerate(lineage):
        if depth and read_text(folder / "memory.use_hierarchy", 8) == "0":
            return  # what is below it is not charged to it, nor to its ancestors
        limit_bytes = read_int(folder / "memory.limit_in_bytes")
        if limit_bytes is not None and 0 < limit_bytes < _NO_LIMIT_BYTES:
            cache = ("total_active_file", "total_inactive_file")
            yield _memory(folder, limit_bytes, "memory.usage_in_bytes", cache)


def _memory(folder: Path, limit_bytes: int, usage: str, cache: tuple[str, ...]) -> _Memory:
    stat: dict[str, int] = {}
    for line in (read_text(folder / "memory.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        stat[name] = max(0, parse_int(value) or 0)
    used_bytes = read_int(folder / usage)
    if used_bytes is not None and used_bytes < 0:
        used_bytes = None
    return _Memory(limit_bytes, used_bytes, sum(stat.get(name, 0) for name in cache))
