"""Own how tests tell that no process was left behind."""

from __future__ import annotations

import time

import psutil


def gone(pid: int, *, within: float = 0.0) -> bool:
    """Whether a process has ended, at the latest ``within`` seconds from now; a zombie has."""
    deadline = time.monotonic() + within
    while True:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)


def children() -> set[int]:
    """The processes that descend from this one."""
    return {child.pid for child in psutil.Process().children(recursive=True)}
