"""Own the replay of a stored run: its events folded off the UI thread, with snapshots to look back at."""

from __future__ import annotations

import copy

from PySide6.QtCore import QObject, Signal

from tunesmith.errors import TunesmithError
from tunesmith.gui.background import Task
from tunesmith.gui.context import AppContext
from tunesmith.presentation.live import LiveView

SNAPSHOTS = 32
"""States kept of a run; each is small, while all events of a long run are not."""


class Replay(QObject):
    """One stored run at a time."""

    shown = Signal(object, bool)
    """A LiveView to show; and whether it is the first of its run."""
    failed = Signal(object)

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self._context = context
        self._snapshots: list[LiveView] = []
        self._task: Task | None = None

    def load(self, run_id: str) -> None:
        """Read a run's events and show its end."""
        self._task = Task(lambda: self._read(run_id))
        self._task.done.connect(self._show)
        self._task.failed.connect(self._fail)
        self._task.start()

    def _read(self, run_id: str) -> list[LiveView]:
        store, view = self._context.store, LiveView()
        every = max(1, store.last_seq(run_id) // SNAPSHOTS)
        snapshots: list[LiveView] = []
        for event in store.events(run_id):
            view.take(event)
            if view.taken % every == 0:
                snapshots.append(copy.deepcopy(view))
        return [*snapshots, view]

    def move(self, share: float) -> None:
        """Show the run as it stood when about this share of its events had come."""
        if self._snapshots:
            self.shown.emit(self._snapshots[round(share * (len(self._snapshots) - 1))], False)  # noqa: FBT003

    def _show(self, snapshots: list[LiveView]) -> None:
        self._task, self._snapshots = None, snapshots
        self.shown.emit(snapshots[-1], True)  # noqa: FBT003 (a signal takes no names)

    def _fail(self, error: TunesmithError) -> None:
        self._task = None
        self.failed.emit(error)
