"""Own one finding of the check-up."""

from __future__ import annotations

from typing import Literal

from tunesmith.domain.base import Value


class Check(Value):
    """One thing looked at."""

    name: str
    status: Literal["ok", "warning", "failed"]
    what: str
    todo: str | None = None
