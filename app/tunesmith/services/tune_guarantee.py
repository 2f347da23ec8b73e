"""Own the statement about all candidates that a tune ends with."""

from __future__ import annotations

import math

from tunesmith.domain.measurement import Quantity
from tunesmith.domain.profile import Guarantee
from tunesmith.domain.request import TuneRequest
from tunesmith.tuning.result import SearchResult

_TELLING = 10.0
"""A bound on a ratio beyond this tells nothing."""


def guarantee(
    request: TuneRequest, search: SearchResult, *, kept: bool, speedup: Quantity | None
) -> Guarantee:
    """What is proven of all candidates against what was chosen in the end.

    Args:
        request: whose margin and confidence hold.
        search: what the search proved against its own choice.
        kept: whether that choice was kept; else the defaults are compared with it by the confirmation.
        speedup: what the confirmation found; None where there was none.
    """
    if (
        request.objective.name == "sustained"
    ):  # the races were run on a machine that none of them had to itself
        return Guarantee(
            margin=request.margin, bound=None, confidence=request.confidence,
            candidates=max(1, len(search.considered)),
        )  # fmt: skip
    bound: float | None = search.considered.bound
    confidence = request.confidence
    if not kept:
        confidence = 2 * confidence - 1  # both statements hold together
        high = speedup.high if speedup is not None and request.objective.name != "memory" else None
        bound = None if high is None else search.considered.bound + max(0.0, math.log(high))
    ratio = math.expm1(bound) if bound is not None and bound < math.log1p(_TELLING) else None
    return Guarantee(
        margin=request.margin, bound=ratio, confidence=confidence, candidates=max(1, len(search.considered))
    )
