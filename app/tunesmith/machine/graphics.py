"""Own what graphics hardware and drivers are there, whether llama.cpp can use them or not."""

from __future__ import annotations

import ctypes
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tunesmith.domain.device_reading import pci_id
from tunesmith.machine.files import one_line, read_text

if TYPE_CHECKING:
    from collections.abc import Callable

Vendor = Literal["nvidia", "amd", "intel", "apple"]

PCI = Path("sys/bus/pci/devices")
_VENDORS: dict[str, Vendor] = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}
"""Of the PCI ID repository."""
_DISPLAY, _ACCELERATOR = "0x03", "0x1200"
"""Base class of display controllers, and processing accelerators: AMD's Instinct cards are such.

Source: PCI Code and ID Assignment Specification.
"""
_VULKAN = {"win32": "vulkan-1.dll", "darwin": "libvulkan.1.dylib"}


@dataclass(frozen=True, slots=True)
class Card:
    """One graphics device of the machine."""

    vendor: Vendor
    pci_id: str | None
    ids: str
    """Vendor and device number, such as ``10de:2330``; empty where there is no such number."""
    driver: str | None
    """The kernel's driver that holds it, such as ``nvidia``; None where there is none."""


@dataclass(frozen=True, slots=True)
class Graphics:
    """What is there."""

    cards: tuple[Card, ...]
    nvidia_driver: str | None
    """Its version; None where the driver is not there, or does not answer."""
    kfd: bool
    """Whether AMD's compute driver is there (``/dev/kfd``), which ROCm needs."""
    vulkan_loader: bool


def find_graphics(
    *,
    root: Path = Path("/"),
    system: str = sys.platform,
    machine: str = platform.machine(),
    nvidia_driver: Callable[[], str | None] | None = None,
    loads: Callable[[str], bool] | None = None,
) -> Graphics:
    """Look for graphics hardware and its drivers; never raises.

    Linux lists hardware (``/sys/bus/pci``), also what has no driver. On Windows only NVIDIA's is seen, by its
    driver; on a Mac the processor tells.
    """
    from tunesmith.machine.device_nvml import driver_version

    version = (nvidia_driver or driver_version)()
    cards = _pci_cards(root / PCI)
    if version is not None and not any(card.vendor == "nvidia" for card in cards):
        cards += (Card("nvidia", None, "", "nvidia"),)  # a container may hide the bus, Windows has none
    if system == "darwin" and machine == "arm64":
        cards += (Card("apple", None, "", None),)
    return Graphics(
        cards=cards,
        nvidia_driver=version,
        kfd=(root / "dev" / "kfd").exists(),
        vulkan_loader=(loads or _loads)(_VULKAN.get(system, "libvulkan.so.1")),
    )


def _pci_cards(folder: Path) -> tuple[Card, ...]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return ()
    found: list[Card] = []
    for entry in entries:
        kind = read_text(entry / "class", 16) or ""
        vendor = _VENDORS.get(read_text(entry / "vendor", 16) or "")
        if vendor is None or not kind.startswith((_DISPLAY, _ACCELERATOR)):
            continue
        numbers = (read_text(entry / name, 16) or "?" for name in ("vendor", "device"))
        ids = ":".join(number.removeprefix("0x") for number in numbers)
        found.append(Card(vendor, pci_id(entry.name), one_line(ids) or "", _driver(entry)))
    return tuple(found)


def _driver(entry: Path) -> str | None:
    link = entry / "driver"
    try:
        if link.is_symlink():
            return link.resolve().name
    except (OSError, RuntimeError):
        return None
    lines = (line.partition("=") for line in (read_text(entry / "uevent") or "").splitlines())
    return next((value for key, _, value in lines if key == "DRIVER"), None)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
