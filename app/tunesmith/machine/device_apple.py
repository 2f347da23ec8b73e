"""Own what macOS tells of Apple's graphics without root: how busy it is, and its memory."""

from __future__ import annotations

import plistlib
import subprocess
import time
from typing import TYPE_CHECKING, Any

from tunesmith.domain.device_reading import DeviceReading
from tunesmith.wording import tr

if TYPE_CHECKING:
    from collections.abc import Callable

_COMMAND = ("/usr/sbin/ioreg", "-r", "-c", "IOAccelerator", "-d", "1", "-a")
_SECONDS = 2.0
_ONLY_ROOT = tr("macOS tells it to root alone (powermetrics)")
_NOT_TOLD = tr("macOS does not tell")


def _ioreg() -> bytes:
    return subprocess.run(_COMMAND, capture_output=True, timeout=_SECONDS, check=True).stdout


class AppleReader:
    """Reads the statistics that an accelerator's driver publishes in the I/O Registry.

    Apple documents the registry and not these keys (``PerformanceStatistics``): what is not there is
    missing. Temperature, power and clocks are for root alone, and never read here.
    """

    def __init__(
        self, ask: Callable[[], bytes] = _ioreg, *, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        """``ask`` returns a property list of the accelerators, as ``ioreg -r -c IOAccelerator -a`` does."""
        self._ask = ask
        self._clock_ns = clock_ns

    def read(self, own_pids: Callable[[], frozenset[int]]) -> tuple[DeviceReading, ...]:
        """Every accelerator."""
        del own_pids  # the registry tells nothing of processes
        try:
            listed = plistlib.loads(self._ask())
        except (OSError, subprocess.SubprocessError, ValueError, plistlib.InvalidFileException):
            return ()
        entries = listed if isinstance(listed, list) else [listed]
        return tuple(self._reading(entry) for entry in entries if isinstance(entry, dict))

    def close(self) -> None:
        """There is nothing to let go of."""

    def _reading(self, entry: dict[str, Any]) -> DeviceReading:
        told = entry.get("PerformanceStatistics")
        statistics = told if isinstance(told, dict) else {}
        busy = _number(statistics.get("Device Utilization %"))
        used = _number(statistics.get("In use system memory"))
        missing = dict.fromkeys(
            ("temperature_celsius", "power_watts", "energy_joules", "clock_mhz", "memory_clock_mhz"),
            _ONLY_ROOT,
        )
        untold = ("own_memory_bytes", "foreign_processes", "foreign_utilization")
        missing |= dict.fromkeys(("memory_total_bytes", "throttled", *untold), _NOT_TOLD)
        if busy is None:
            missing["utilization"] = _NOT_TOLD
        if used is None:
            missing["memory_used_bytes"] = _NOT_TOLD
        name = entry.get("model")
        text = name.decode("utf-8", "replace").strip("\0 ") if isinstance(name, bytes) else name
        return DeviceReading(
            pci_id=None,
            name=text if isinstance(text, str) and text else str(entry.get("IOClass", "Apple GPU")),
            source="apple",
            mono_ns=self._clock_ns(),
            utilization=None if busy is None else min(1.0, busy / 100),
            memory_used_bytes=None if used is None else int(used),
            missing=missing,
        )


def _number(value: object) -> float | None:
    """A number that is no truth value and not below 0."""
    return (
        float(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        else None
    )
