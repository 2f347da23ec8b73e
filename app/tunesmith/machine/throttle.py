"""Own how often Linux control groups held this process back for its CPU quota."""

from __future__ import annotations

from pathlib import Path

from tunesmith.domain.soak import Throttle
from tunesmith.machine.cgroup import quota_folders
from tunesmith.machine.files import parse_int, read_text


class ThrottleReader:
    """Reads the counters of every group that can hold this process back; some hundred microseconds a time.

    ``cpu.stat`` counts ``nr_throttled`` periods and the time waited: ``throttled_usec`` in version 2
    (Documentation/admin-guide/cgroup-v2.rst), ``throttled_time`` in nanoseconds in version 1
    (Documentation/scheduler/sched-bwc.rst).
    """

    def __init__(self, root: Path = Path("/")) -> None:
        """Find the groups; ``root`` holds proc/ and sys/."""
        self._files = [folder / "cpu.stat" for folder in quota_folders(root)]

    def read(self) -> Throttle | None:
        """What all groups together have counted; None where none counts."""
        periods, seconds, told = 0, 0.0, False
        for file in self._files:
            counted = dict(line.split(" ", 1) for line in (read_text(file) or "").splitlines() if " " in line)
            own = parse_int(counted.get("nr_throttled"))
            if own is None:
                continue
            told = True
            periods += own
            seconds += (parse_int(counted.get("throttled_usec")) or 0) / 1e6
            seconds += (parse_int(counted.get("throttled_time")) or 0) / 1e9
        return Throttle(periods=periods, seconds=seconds) if told else None
