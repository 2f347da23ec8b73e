"""Own the words of the status bar."""

from __future__ import annotations

from tunesmith.presentation.numbers import bytes_text, fixed
from tunesmith.services.doctor import BUSY_CORES
from tunesmith.wording import tr


def memory_text(available_bytes: int) -> str:
    """Such as ``22.6 GiB free``."""
    return tr("{memory} free", memory=bytes_text(available_bytes))


def quiet_text(foreign_cores: float) -> str:
    """``quiet``, or how much of the processor others use."""
    if foreign_cores <= BUSY_CORES:
        return tr("quiet")
    return tr("busy: other programs use {cores} cores", cores=fixed(foreign_cores, 1))
