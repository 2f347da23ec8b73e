"""Own the reading of one process's memory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil

from tunesmith.domain.machine import ProcessMemory
from tunesmith.machine.files import parse_int, read_text

_PROC = Path("/proc")


def process_memory(pid: int, *, shares: bool = True, proc: Path = _PROC) -> ProcessMemory:
    """Return the memory of a process.

    Args:
        pid: of the process.
        shares: also read pss and uss. Linux walks the whole page table for them, tens of milliseconds
            with a large model mapped, during which page faults of the process wait.
        proc: where procfs is mounted; Linux only.

    Raises:
        ProcessLookupError: there is no such process, or it has ended and only its entry is left.
        PermissionError: the system does not let this process read even its resident size.
    """
    return _linux(pid, proc, shares=shares) if sys.platform == "linux" else _portable(pid, shares=shares)


def reset_peak(pid: int, *, proc: Path = _PROC) -> bool:
    """Begin counting the process's peak anew; False where the system has no way or refuses.

    Linux: 5 written to /proc/PID/clear_refs (proc_pid_clear_refs(5)).
    """
    path = proc / str(pid) / "clear_refs"
    try:
        if not path.exists():
            return False
        path.write_bytes(b"5")
    except OSError:
        return False
    return True


def _linux(pid: int, proc: Path, *, shares: bool) -> ProcessMemory:
    """Read status and smaps_rollup (proc_pid_status(5), proc_pid_smaps(5))."""
    folder = proc / str(pid)
    status = _fields(read_text(folder / "status"))
    rss_bytes = _bytes(status.get("VmRSS"))
    if rss_bytes is None:  # gone, hidden, a zombie or a kernel thread
        if folder.exists() and "State" not in status:
            raise PermissionError(f"The memory of process {pid} cannot be read.")
        raise ProcessLookupError(f"There is no process {pid} with memory.")
    rollup = _fields(read_text(folder / "smaps_rollup")) if shares else {}
    private = [_bytes(rollup.get(f"Private_{name}")) for name in ("Clean", "Dirty", "Hugetlb")]
    clean, dirty, huge = private
    # The kernel's counter behind VmRSS lags by some pages per CPU; the page walk is exact.
    rss_bytes = _bytes(rollup.get("Rss")) or rss_bytes
    peak_bytes = _bytes(status.get("VmHWM"))
    return ProcessMemory(
        rss_bytes=rss_bytes,
        pss_bytes=_bytes(rollup.get("Pss")),
        uss_bytes=None if clean is None or dirty is None else clean + dirty + (huge or 0),
        peak_rss_bytes=None if peak_bytes is None else max(peak_bytes, rss_bytes),
    )


def _fields(text: str | None) -> dict[str, str]:
    lines = (line.partition(":") for line in (text or "").splitlines())
    return {key: value.strip() for key, colon, value in lines if colon}


def _bytes(value: str | None) -> int | None:
    """Return ``1692 kB`` in bytes."""
    number, _, unit = (value or "").partition(" ")
    kibibytes = parse_int(number)
    return kibibytes * 1024 if kibibytes is not None and kibibytes >= 0 and unit == "kB" else None


def _portable(pid: int, *, shares: bool) -> ProcessMemory:
    """Ask psutil: Windows tells a peak of any process, macOS and the BSDs of this one."""
    try:
        process = psutil.Process(pid)
        memory = process.memory_info()
        try:
            uss_bytes = getattr(process.memory_full_info(), "uss", None) if shares else None
        except psutil.AccessDenied:
            uss_bytes = None
    except psutil.NoSuchProcess as error:
        raise ProcessLookupError(f"There is no process {pid} with memory.") from error
    except psutil.AccessDenied as error:
        raise PermissionError(f"The memory of process {pid} cannot be read.") from error
    peak_bytes = getattr(memory, "peak_wset", None)
    if peak_bytes is None and pid == os.getpid():
        peak_bytes = _own_peak_bytes()
    return ProcessMemory(rss_bytes=memory.rss, pss_bytes=None, uss_bytes=uss_bytes, peak_rss_bytes=peak_bytes)


def _own_peak_bytes() -> int | None:
    if sys.platform != "win32":
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    else:  # noqa: RET505  a plain return is unreachable to a type checker elsewhere
        return None
