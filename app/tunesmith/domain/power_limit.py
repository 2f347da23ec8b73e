"""Own what a power limit is that a machine says is in force."""

from __future__ import annotations

from typing import Literal

from tunesmith.domain.base import Value


class PowerLimit(Value):
    """One limit; Tunesmith reads them and never sets one."""

    name: str
    """Of what, such as a package or a device."""
    source: Literal["powercap", "nvml", "amdgpu"]
    kind: str
    """The driver's own name of the limit, such as ``long_term``; empty where there is one only."""
    watts: float | None
    """None where it is not told."""
    reason: str
    """Why it is not; empty where it is."""
