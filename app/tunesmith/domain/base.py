"""Own the base of every value that crosses a boundary."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """An immutable value that refuses unknown keys and wrong types.

    Numbers may arrive as JSON; strings are never coerced into numbers or the other way round.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
