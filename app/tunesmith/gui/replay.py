"""Own the replay of a stored run: its events read and folded off the UI thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from tunesmith.domain.events import Event
from tunesmith.errors import TunesmithError
from tunesmith.gui.background import Task
from tunesmith.gui.context import AppContext
from tunesmith.presentation.live import LiveView

_KEPT = 100_000
"""Of a longer run only the end is shown; its events are not kept to look back."""


def folded(events: list[Event], share: float) -> LiveView:
    """A run as it stood when this share of its time had passed."""
    view = LiveView()
    if share >= 1 or not events:
        view.take_all(events)
        return view
    clock = LiveView()
    clock.take_all(events)
    until = clock.seconds * share
    for event in events:
        view.take(event)
        if view.seconds >= until:
            break
    return view


class Replay(QObject):
    """One stored run at a time."""

    shown = Signal(object, bool)
    """A LiveView to show; and whether it is the first of its run."""
    failed = Signal(object)

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self._context = context
        self._events: list[Event] = []
        self._task: Task | None = None
        self._wanted: float | None = None

    def load(self, run_id: str) -> None:
        """Read a run's events and show its end."""

        def read() -> LiveView:
            view = LiveView()
            events: list[Event] = []
            for event in self._context.store.events(run_id):
                view.take(event)
                if len(events) < _KEPT:
                    events.append(event)
            self._events = events if len(events) < _KEPT else []
            return view

        self._wanted = None
        self._task = Task(read)
        self._task.done.connect(self._show_first)
        self._task.failed.connect(self._fail)
        self._task.start()

    def move(self, share: float) -> None:
        """Show the run as it stood at a share of its time; the latest wish counts."""
        if self._task is not None or not self._events:
            self._wanted = share
            return
        events = self._events
        self._task = Task(lambda: folded(events, share))
        self._task.done.connect(self._show_moved)
        self._task.failed.connect(self._fail)
        self._task.start()

    def _show_first(self, view: LiveView) -> None:
        self._show(view, first=True)

    def _show_moved(self, view: LiveView) -> None:
        self._show(view, first=False)

    def _show(self, view: LiveView, *, first: bool) -> None:
        self._task = None
        self.shown.emit(view, first)
        if self._wanted is not None:
            wanted, self._wanted = self._wanted, None
            self.move(wanted)

    def _fail(self, error: TunesmithError) -> None:
        self._task = None
        self.failed.emit(error)
