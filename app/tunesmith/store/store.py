"""Own the store: everything Tunesmith keeps, behind one door."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from tunesmith.store.catalog import Catalog
from tunesmith.store.database import Database
from tunesmith.store.ledger import Ledger
from tunesmith.store.location import store_path
from tunesmith.store.profiles import Profiles
from tunesmith.store.runs import Runs


def _utc_now() -> datetime:
    return datetime.now(tz=UTC)


class Store(Catalog, Runs, Ledger, Profiles):
    """One open store; safe to use from several threads, and beside other processes.

    What a method has returned from is stored, and survives the end of this process by any means.
    """

    @classmethod
    def open(
        cls,
        location: str | Path | None = None,
        *,
        read_only: bool = False,
        timeout_s: float = 10.0,
        clock: Callable[[], datetime] = _utc_now,
    ) -> Self:
        """Open the store, making it and its folders if need be.

        A store that cannot be written is opened for reading: lists and records come, a write raises
        StoreReadOnly.

        Args:
            location: a path; or ``sqlite:///relative/path`` or ``sqlite:////absolute/path``; or None for
                what the environment or the preferences say, else the usual place.
            read_only: never write, not even to make the store.
            timeout_s: how long to wait for another process's lock, seconds.
            clock: the time in UTC.

        Raises:
            UsageError: the location is no file.
            StoreLocked: another process held the store for longer than we wait.
            StoreReadOnly: there is no store, and none can be made.
            StoreTooNew: a newer Tunesmith wrote it.
            StoreError: the file is damaged or belongs to another program.
        """
        path = store_path(location)
        return cls(Database(path, read_only=read_only, timeout_s=timeout_s, clock=clock))

    @property
    def path(self) -> Path:
        """The store's file."""
        return self._database.path

    @property
    def read_only(self) -> bool:
        """Whether a write would raise StoreReadOnly."""
        return self._database.read_only

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
