"""Own a roofline: what memory and arithmetic allow, and where what was measured stands below."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tunesmith.domain.base import Value
from tunesmith.domain.event_base import Part

Standing = Literal["baseline", "chosen", "other"]


class RooflinePoint(Value):
    """A part of the workload as one candidate was measured in it."""

    part: Part
    candidate: str
    """Its label, as the run names it."""
    standing: Standing
    tokens_per_s: float = Field(gt=0)
    """The median of its samples, over all sequences."""
    operations_per_token: float = Field(gt=0)
    bytes_per_token: float = Field(gt=0)
    """Read at least."""

    @property
    def operations_per_byte(self) -> float:
        """Arithmetic intensity: how much is computed with each byte that is read."""
        return self.operations_per_token / self.bytes_per_token

    @property
    def operations_per_s(self) -> float:
        """What was computed, at the fewest operations that a token takes."""
        return self.tokens_per_s * self.operations_per_token


class Roofline(Value):
    """A run's candidates below the roof of its machine."""

    bandwidth_bytes_per_s: float | None
    """The slanted part of the roof; None where it is not known."""
    operations_per_s: float | None
    """The level part of the roof, for this model's types of weights; None where it is not known."""
    points: tuple[RooflinePoint, ...]
    reason: str = ""
    """Why a part of the roof is not known, in words; empty where all of it is."""

    def allowed(self, point: RooflinePoint) -> float | None:
        """Operations/s that the roof allows at a point's intensity; None where the roof is not whole."""
        if self.bandwidth_bytes_per_s is None or self.operations_per_s is None:
            return None
        return min(self.operations_per_s, self.bandwidth_bytes_per_s * point.operations_per_byte)
