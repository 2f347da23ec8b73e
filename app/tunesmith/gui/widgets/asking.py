"""Own a page's calls to services: one after another, off the UI thread."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QThreadPool, Signal

from tunesmith.errors import TunesmithError
from tunesmith.gui.background import Task

_LOG = logging.getLogger(__name__)
_LAST_MS = 3000

Then = Callable[[Any], None]


class Asker(QObject):
    """Carries calls out in the order they were asked for, so that a list read after a change shows it."""

    idle = Signal()
    """Nothing is left to do."""

    def __init__(self, parent: QObject, on_error: Callable[[TunesmithError], None]) -> None:
        super().__init__(parent)
        self._on_error = on_error
        self._waiting: deque[tuple[Callable[[], Any], Then | None, bool]] = deque()
        self._task: Task | None = None

    def ask(self, call: Callable[[], Any], then: Then | None = None, *, change: bool = False) -> None:
        """Make a call; ``then`` is given its result in the UI thread, an error goes to the page.

        Args:
            change: it changes what is stored, so that it is made even if the window closes first.
        """
        self._waiting.append((call, then, change))
        self._next()

    @property
    def busy(self) -> bool:
        """Whether a call is under way or waits."""
        return self._task is not None or bool(self._waiting)

    def finish(self) -> None:
        """Make the changes that still wait, here and now: the window closes."""
        waiting, self._waiting = self._waiting, deque()
        changes = [call for call, _then, change in waiting if change]
        if changes and self._task is not None:
            QThreadPool.globalInstance().waitForDone(_LAST_MS)
        for call in changes:
            try:
                call()
            except TunesmithError as error:
                _LOG.warning("a change was lost as the window closed: %s", error)

    def _next(self) -> None:
        if self._task is not None:
            return
        if not self._waiting:
            self.idle.emit()
            return
        call, then, _change = self._waiting.popleft()
        task = self._task = Task(call, self)
        task.done.connect(lambda result: self._done(then, result))
        task.failed.connect(self._failed)
        task.start()

    def _done(self, then: Then | None, result: Any) -> None:
        self._release()
        if then is not None:
            then(result)
        self._next()

    def _failed(self, error: TunesmithError) -> None:
        self._release()
        self._on_error(error)
        self._next()

    def _release(self) -> None:
        if self._task is not None:
            self._task.deleteLater()
            self._task = None
