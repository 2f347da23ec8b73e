"""Own the check that numbers from a file can be reckoned with."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any


def all_finite(value: Any) -> bool:
    """Whether every number in a value of dicts, sequences and scalars is finite and of a size that fits."""
    match value:
        case bool() | str() | None:
            return True
        case float() | Decimal():
            return math.isfinite(value)
        case int():
            return abs(value) < 2**63
        case dict():
            return all(all_finite(item) for item in value.values())
        case _:
            return all(all_finite(item) for item in value)
