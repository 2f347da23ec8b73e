"""Keep machines, models, runs, samples and profiles in SQLite.

Importing this package is cheap: ``Store``, which needs SQLModel, is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.store.records import FailedTrial, LedgerEntry, MeasuredTrial, ProfileRow, RunRecord, RunState

if TYPE_CHECKING:
    from tunesmith.store.store import Store

__all__ = [
    "FailedTrial",
    "LedgerEntry",
    "MeasuredTrial",
    "ProfileRow",
    "RunRecord",
    "RunState",
    "Store",
]


if not TYPE_CHECKING:  # or every misspelt name would pass the type checker

    def __getattr__(name: str) -> object:
        if name == "Store":
            from tunesmith.store.store import Store

            return Store
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
