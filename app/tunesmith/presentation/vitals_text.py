"""Own the words of the status bar."""

from __future__ import annotations

from tunesmith.presentation.numbers import bytes_text
from tunesmith.services.doctor import BUSY_CORES


def memory_text(available_bytes: int) -> str:
    """Such as ``22.6 GiB free``."""
    return f"{bytes_text(available_bytes)} free"


def quiet_text(foreign_cores: float) -> str:
    """``quiet``, or how much of the processor others use."""
    if foreign_cores <= BUSY_CORES:
        return "quiet"
    return f"busy: other programs use {foreign_cores:.1f} cores"
