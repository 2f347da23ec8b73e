"""Own work off the UI thread: one call, its result or its error brought back as a signal."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

from tunesmith.errors import TunesmithError

_LOG = logging.getLogger(__name__)


class Task(QObject):
    """A call under way. Connect before you start it; keep a reference until it is over."""

    done = Signal(object)
    failed = Signal(object)

    def __init__(self, call: Callable[[], Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._call = call

    def start(self) -> None:
        """Run on the shared pool."""
        QThreadPool.globalInstance().start(_Runner(self._run))

    def _run(self) -> None:
        try:
            result = self._call()
        except TunesmithError as error:
            self._tell(self.failed, error)
        except Exception as error:  # noqa: BLE001 (whatever it was, it is told in the window)
            _LOG.exception("a background task failed")
            self._tell(self.failed, TunesmithError(f"{type(error).__name__}: {error}"))
        else:
            self._tell(self.done, result)

    @staticmethod
    def _tell(signal: Any, value: object) -> None:
        try:
            signal.emit(value)
        except RuntimeError:  # the window was closed meanwhile
            _LOG.debug("nobody waits for a background task any more")


class Tasks(QObject):
    """The calls that one widget has under way; keeps them alive until they are over.

    ``done`` and ``failed`` must be methods of a QObject: they are called in its thread, and not at all
    once it is gone.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._running: set[Task] = set()

    @property
    def running(self) -> int:
        """How many are under way."""
        return len(self._running)

    def run(
        self, call: Callable[[], Any], done: Callable[[Any], None], failed: Callable[[Any], None]
    ) -> None:
        """Run a call on the shared pool."""
        task = Task(call)
        self._running.add(task)
        task.done.connect(done)
        task.failed.connect(failed)
        task.done.connect(self._over)
        task.failed.connect(self._over)
        task.start()

    def _over(self) -> None:
        task = self.sender()
        if isinstance(task, Task):
            self._running.discard(task)


class _Runner(QRunnable):
    def __init__(self, call: Callable[[], None]) -> None:
        super().__init__()
        self._run = call

    def run(self) -> None:
        self._run()
