"""Own a run's session as the window sees it: started off the UI thread, drained by one timer."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from tunesmith.domain.events import Event
from tunesmith.errors import TunesmithError
from tunesmith.gui.background import Task
from tunesmith.gui.context import AppContext
from tunesmith.gui.yielding import Yielding, as_usual
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.services.session import Session

_LOG = logging.getLogger(__name__)
DRAIN_MS = 200
"""Five times a second is enough for an eye."""
TIMED_MS = 1000
"""While a sample is being timed, as far as is known: what the window takes of a busy core, a decode beside it
loses: each of its threads waits for the one that was held up. Once a second still shows that it lives.
Between two samples the run waits for the window to draw (:meth:`Controls.draw_between`)."""
END_SECONDS = 2.0
"""How long closing waits for a run to end."""


class SessionRun(QObject):
    """At most one run at a time."""

    moved = Signal()
    """There is something new to draw: five times a second, or once while a sample is timed."""
    finished = Signal(object)
    """What the run came to."""
    failed = Signal(object)
    """The TunesmithError that ended the run."""
    _between = Signal()
    """Between two samples; sent from the run's thread, which waits until what is new is drawn."""

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self._context = context
        self._session: Session[Any] | None = None
        self._starting: Task | None = None
        self._begun = threading.Event()
        self._early: Session[Any] | None = None
        self._unwanted = False
        self._yielding = Yielding()
        self._take: Callable[[list[Event]], bool] = lambda _events: False
        self.paused = False
        self._timer = QTimer(self)
        self._timer.setInterval(DRAIN_MS)
        self._timer.timeout.connect(self._drain)
        self._between.connect(self._draw_between, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """Whether a run is under way, or about to be."""
        return self._session is not None or self._starting is not None

    def launch(self, start: Callable[[], Session[Any]], take: Callable[[list[Event]], bool]) -> None:
        """Start a run; nothing while one is under way.

        Args:
            start: makes the session; called off the UI thread.
            take: is handed the events as they come, in the UI thread; says whether something is being timed.
        """
        if self.busy:
            return
        self._take = take
        self.paused, self._unwanted = False, False
        self._begun.clear()
        self._early = None

        def begin() -> Session[Any]:
            as_usual()
            try:
                session = self._early = start()
            finally:
                self._begun.set()
            if self._unwanted:  # the window was closed, or Stop was pressed, meanwhile
                session.cancel()
            return session

        self._starting = Task(begin)
        self._starting.done.connect(self._started)
        self._starting.failed.connect(self._not_started)
        self._starting.start()
        self._tell_busy(on=True)

    def _started(self, session: Session[Any]) -> None:
        if self._starting is None:  # closed while this was on its way: nothing may begin again
            session.cancel()
            return
        self._starting = None
        self._session = session
        if self._unwanted:  # Stop was pressed when the session was there, but not known here yet
            session.cancel()
        self._yielding.begin()
        session.controls.draw_between(self._between.emit)
        self._timer.start(DRAIN_MS)

    def _not_started(self, error: TunesmithError) -> None:
        if self._starting is None:
            return
        self._starting = None
        self._tell_busy(on=False)
        self.failed.emit(error)

    def pause(self) -> None:
        """Wait before the next sample."""
        if self._session is not None:
            self._session.controls.pause()
            self.paused = True

    def proceed(self) -> None:
        """Go on after a pause."""
        if self._session is not None:
            self._session.controls.proceed()
            self.paused = False

    def cancel(self) -> None:
        """Stop; the end comes as a failure, Interrupted."""
        self._unwanted = True
        self._come_again(DRAIN_MS)
        if self._session is not None:
            self._session.cancel()

    def close(self) -> None:
        """Stop, and wait a while for the run to end and its workers with it."""
        self._timer.stop()
        self.cancel()
        deadline = time.monotonic() + END_SECONDS
        if self._starting is not None:
            self._begun.wait(END_SECONDS)
        session = self._session or self._early
        if session is not None:
            with contextlib.suppress(Exception):
                session.result(max(0.0, deadline - time.monotonic()))
        self._session = self._starting = None
        self._yielding.end()

    # ------------------------------------------------------------- the timer's work

    def _draw_between(self) -> None:
        """Draw what is new, then let the run go on; the next sample is timed from now on."""
        session = self._session
        if session is None:
            return
        self._drain()
        if self._session is session and not self._unwanted:
            self._timer.start(TIMED_MS)
        QTimer.singleShot(0, self, session.controls.drawn)  # after the paint events that are waiting

    def _drain(self) -> None:
        session = self._session
        if session is None:
            return
        events, over = session.drain()
        timing = self._take(events)
        self._come_again(TIMED_MS if timing and not self._unwanted else DRAIN_MS)
        if events:
            self.moved.emit()
        if over:
            self._end(session)

    def _come_again(self, after_ms: int) -> None:
        if self._timer.interval() != after_ms:
            self._timer.setInterval(after_ms)

    def _end(self, session: Session[Any]) -> None:
        self._timer.stop()
        self._session = None
        self._yielding.end()
        self._tell_busy(on=False)
        try:
            result = session.result(END_SECONDS)
        except TunesmithError as error:
            self.failed.emit(error)
        except Exception as error:  # noqa: BLE001 (whatever it was, it is told in the window)
            _LOG.exception("a run ended unexpectedly")
            self.failed.emit(
                TunesmithError(
                    tr("The run ended unexpectedly."), unharmed=tr("What was measured is kept."),
                    todo=tr("Try again; if it happens again, copy the details into a report."),
                    details=f"{type(error).__name__}: {error}",
                )
            )  # fmt: skip
        else:
            self.finished.emit(result)

    def _tell_busy(self, *, on: bool) -> None:
        self._context.bus.busy_changed.emit(on)
