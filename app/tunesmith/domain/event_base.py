"""Own what all events share: their stamps, and the parts of a request that they are about."""

from __future__ import annotations

from typing import Literal

from tunesmith.domain.base import Value

Part = Literal["prefill", "decode"]


class Stamped(Value):
    """What every event carries."""

    run_id: str = ""
    """Stamped by the session; empty inside a worker."""
    seq: int = 0
    """Position in the run's stream, from 1; stamped by the session."""
    mono_ns: int = 0
    """Monotonic clock when it happened, ns."""
