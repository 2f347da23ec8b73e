"""Own what tells a virtual machine or a container from bare metal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tunesmith.machine.files import read_text

if TYPE_CHECKING:
    from pathlib import Path

UNKNOWN_HYPERVISOR = "unknown hypervisor"

# Looked for in "vendor product" of the firmware, in this order.
_FIRMWARE = (
    (r"\.metal\b", None),  # Amazon's bare-metal instances carry the vendor of its virtual ones
    (r"KVM|Google Compute Engine", "KVM"),
    (r"Amazon EC2", "Amazon Nitro"),
    (r"QEMU|Bochs", "QEMU"),
    (r"VMware|VMW", "VMware"),
    (r"VirtualBox|innotek", "VirtualBox"),
    (r"Microsoft Corporation Virtual Machine", "Hyper-V"),
    (r"Xen\b|HVM domU", "Xen"),
    (r"Parallels", "Parallels"),
    (r"BHYVE", "bhyve"),
    (r"Apple Virtualization|VirtualMac", "Apple Virtualization"),
    (r"OpenStack|DigitalOcean|Hetzner vServer", UNKNOWN_HYPERVISOR),
)
_CONTAINER_GROUP = re.compile(r"docker|kubepods|libpod|containerd|/lxc|/crio|machine\.slice/.*nspawn")


def firmware_hypervisor(vendor: str | None, product: str | None) -> str | None:
    """Return the hypervisor that the firmware's vendor and product names belong to, or None."""
    text = f"{vendor or ''} {product or ''}"
    return next((name for pattern, name in _FIRMWARE if re.search(pattern, text, re.IGNORECASE)), None)


def linux_virtualization(root: Path, flags: frozenset[str]) -> str | None:
    """Return what Linux runs in, as ``Machine.virtualization`` says it.

    Args:
        root: holds proc/ and sys/.
        flags: of /proc/cpuinfo; ``hypervisor`` is CPUID's word that there is one.
    """
    hypervisor = _linux_hypervisor(root, flags)
    if not _in_container(root):
        return hypervisor
    return f"container on {hypervisor}" if hypervisor else "container"


def _linux_hypervisor(root: Path, flags: frozenset[str]) -> str | None:
    if "microsoft" in (read_text(root / "proc/sys/kernel/osrelease") or "").lower():
        return "Hyper-V"  # WSL 2
    dmi = root / "sys/class/dmi/id"
    named = firmware_hypervisor(read_text(dmi / "sys_vendor"), read_text(dmi / "product_name"))
    if named is None and read_text(root / "sys/hypervisor/type") == "xen":
        named = "Xen"
    if named is None:
        compatible = read_text(root / "proc/device-tree/hypervisor/compatible") or ""
        named = {"linux,kvm": "KVM", "xen,xen": "Xen"}.get(compatible.split("\0")[0])
    return named or (UNKNOWN_HYPERVISOR if "hypervisor" in flags else None)


def _in_container(root: Path) -> bool:
    markers = (root / ".dockerenv", root / "run/.containerenv", root / "run/systemd/container")
    try:
        if any(marker.exists() for marker in markers):
            return True
    except OSError:
        pass
    return bool(_CONTAINER_GROUP.search(read_text(root / "proc/self/cgroup") or ""))
