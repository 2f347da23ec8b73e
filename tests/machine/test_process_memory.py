"""Claims about one process's memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.machine.trees import write
from tunesmith.domain.machine import ProcessMemory
from tunesmith.machine import process_memory as module
from tunesmith.machine.process_memory import process_memory, reset_peak

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="procfs is Linux's")
STATUS = "Name:\tx\nState:\tS (sleeping)\nVmHWM:\t    2000 kB\nVmRSS:\t    1000 kB\n"
ROLLUP = (
    "5587-7ffe ---p 00000000 00:00 0   [rollup]\nRss:  1010 kB\nPss:   400 kB\n"
    "Private_Clean:  72 kB\nPrivate_Dirty:  100 kB\nPrivate_Hugetlb:  2048 kB\n"
)


@linux_only
def test_status_and_rollup_are_read_in_bytes(tmp_path: Path) -> None:
    write(tmp_path, {"7/status": STATUS, "7/smaps_rollup": ROLLUP})
    assert process_memory(7, proc=tmp_path) == ProcessMemory(
        rss_bytes=1010 * 1024,
        pss_bytes=400 * 1024,
        uss_bytes=(72 + 100 + 2048) * 1024,
        peak_rss_bytes=2000 * 1024,
    )


@linux_only
def test_without_shares_the_page_table_is_not_walked(tmp_path: Path) -> None:
    write(tmp_path, {"7/status": STATUS, "7/smaps_rollup": ROLLUP})
    memory = process_memory(7, shares=False, proc=tmp_path)
    assert memory.rss_bytes == 1000 * 1024
    assert (memory.pss_bytes, memory.uss_bytes) == (None, None)


@linux_only
@pytest.mark.parametrize("rollup", ["", "garbage\0\n: :", "Pss: many kB\nRss: -3 kB", "Pss: 1 MB"])
def test_an_unreadable_rollup_leaves_the_shares_unknown(tmp_path: Path, rollup: str) -> None:
    write(tmp_path, {"7/status": STATUS, "7/smaps_rollup": rollup})
    memory = process_memory(7, proc=tmp_path)
    assert memory.rss_bytes == 1000 * 1024
    assert (memory.pss_bytes, memory.uss_bytes) == (None, None)


@linux_only
def test_a_zombie_and_a_missing_process_are_no_processes(tmp_path: Path) -> None:
    write(tmp_path, {"7/status": "Name:\tx\nState:\tZ (zombie)\n"})
    for pid in (7, 8):
        with pytest.raises(ProcessLookupError):
            process_memory(pid, proc=tmp_path)


@linux_only
def test_an_unreadable_status_is_refused(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    with pytest.raises(PermissionError):
        process_memory(7, proc=tmp_path)


def test_this_process_s_memory_agrees_with_psutil() -> None:
    memory = process_memory(os.getpid())
    rss_bytes = psutil.Process().memory_info().rss
    assert memory.rss_bytes == pytest.approx(rss_bytes, rel=0.3)
    assert memory.peak_rss_bytes is None or memory.peak_rss_bytes >= memory.rss_bytes
    if memory.pss_bytes is not None and memory.uss_bytes is not None:
        assert memory.uss_bytes <= memory.pss_bytes <= memory.rss_bytes


def test_psutil_s_way_tells_what_the_system_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "other")
    memory = process_memory(os.getpid())
    assert memory.rss_bytes > 0
    assert memory.pss_bytes is None
    assert memory.uss_bytes is None or memory.uss_bytes > 0


@pytest.mark.parametrize(
    ("error", "raised"),
    [(psutil.NoSuchProcess(9), ProcessLookupError), (psutil.AccessDenied(9), PermissionError)],
)
def test_psutil_s_errors_become_python_s(
    monkeypatch: pytest.MonkeyPatch, error: Exception, raised: type[Exception]
) -> None:
    def refuse(pid: int) -> psutil.Process:
        raise error

    monkeypatch.setattr(psutil, "Process", refuse)
    with pytest.raises(raised):
        module._portable(9, shares=True)


def test_no_peak_is_reset_where_there_is_no_way(tmp_path: Path) -> None:
    assert not reset_peak(7, proc=tmp_path)
    (tmp_path / "7/clear_refs").mkdir(parents=True)
    assert not reset_peak(7, proc=tmp_path)


@linux_only
def test_a_reset_peak_falls_to_what_is_still_resident() -> None:
    code = "import sys\nx = bytearray(64 << 20)\ndel x\nprint(flush=True)\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        before = process_memory(child.pid)
        if not reset_peak(child.pid):
            pytest.skip("the kernel refuses")
        after = process_memory(child.pid)
        child.communicate()
    assert before.peak_rss_bytes is not None
    assert after.peak_rss_bytes is not None
    assert before.peak_rss_bytes >= 64 << 20
    assert after.peak_rss_bytes < 48 << 20
