"""Own the interface through which devices are read, and the choice of readers on this system."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tunesmith.domain.device_reading import DeviceReading


class DeviceReader(Protocol):
    """Reads the devices that one interface knows. What a device does not tell is None; nothing raises."""

    def read(self, own_pids: Callable[[], frozenset[int]]) -> tuple[DeviceReading, ...]:
        """Read all of them, some milliseconds each; empty where there are none.

        Args:
            own_pids: lists the processes that are ours, so that what others do is told apart; asked only
                where a process is seen that was not among them before, for it may take milliseconds.
        """
        ...

    def close(self) -> None:
        """Let go of the interface."""
        ...


def open_readers() -> tuple[DeviceReader, ...]:
    """The readers that have something to read here; none where no interface is there, without a word."""
    from tunesmith.machine.device_nvml import open_nvml

    found: list[DeviceReader | None] = [open_nvml()]
    if sys.platform.startswith("linux"):
        from tunesmith.machine.device_sysfs import SysfsReader

        found.append(SysfsReader())
    if sys.platform == "darwin":
        from tunesmith.machine.device_apple import AppleReader

        found.append(AppleReader())
    kept: list[DeviceReader] = []
    for reader in found:
        if reader is None:
            continue
        if reader.read(frozenset):
            kept.append(reader)
        else:
            reader.close()
    return tuple(kept)


def read_devices(
    own_pids: Callable[[], frozenset[int]] = frozenset,
    *,
    open_all: Callable[[], Sequence[DeviceReader]] = open_readers,
) -> tuple[DeviceReading, ...]:
    """One reading of every device that can be read."""
    readers = open_all()
    try:
        return tuple(reading for reader in readers for reading in reader.read(own_pids))
    finally:
        for reader in readers:
            reader.close()
