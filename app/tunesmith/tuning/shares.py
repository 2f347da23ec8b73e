"""Own what a gain in one part of the workload is worth for the whole, at most."""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST = 0.999
"""No share is taken for more than this, since what is left is never nothing."""


@dataclass(frozen=True, slots=True)
class Share:
    """The most that a part may take of the time that the objective is about, a fraction; 1 for all of it.

    Let a part take the share s, and a candidate be faster in it by a ratio of at most r. The time of the
    whole falls from 1 to at least 1 - s + s/r (Amdahl 1967), so that the whole is faster by at most
    1 / (1 - s (1 - 1/r)). This grows with s, so that an upper bound of s gives an upper bound of the gain.
    """

    most: float = 1.0

    def of_whole(self, gain: float) -> float:
        """The most that a gain in the part is for the whole, both as logarithms of a ratio."""
        if self.most >= 1 or gain <= 0:
            return gain
        if math.isinf(gain) and self.most > MOST:
            return gain
        return -math.log1p(self.most * math.expm1(-gain))

    def in_part(self, gain: float) -> float:
        """The gain in the part that is so much for the whole, as logarithms; infinite where none is."""
        if self.most >= 1 or gain <= 0:
            return gain
        lost = -math.expm1(-gain) / self.most
        return -math.log1p(-lost) if lost < 1 else math.inf


WHOLE = Share()
