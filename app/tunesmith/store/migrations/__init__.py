"""List the migrations, oldest first; number n of the list brings a store from version n - 1 to n."""

from __future__ import annotations

from tunesmith.store.migrations import m0001_initial

MIGRATIONS: tuple[tuple[str, ...], ...] = (m0001_initial.STATEMENTS,)
"""Never edit or reorder one that was released: append."""
