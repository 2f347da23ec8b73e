"""Own a tune's session as the window sees it: started off the UI thread, drained by one timer."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from tunesmith.domain.request import TuneRequest
from tunesmith.errors import TunesmithError
from tunesmith.gui.background import Task
from tunesmith.gui.context import AppContext
from tunesmith.gui.yielding import Yielding, as_usual
from tunesmith.presentation.live import LiveView
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.services.session import Session
    from tunesmith.services.tune_result import TuneResult

_LOG = logging.getLogger(__name__)
DRAIN_MS = 200
"""Five times a second is enough for an eye."""
TIMED_MS = 1000
"""While a sample is being timed, as far as is known: what the window takes of a busy core, a decode beside it
loses: each of its threads waits for the one that was held up. Once a second still shows that it lives."""
END_SECONDS = 2.0
"""How long closing waits for a run to end."""

Start = Callable[..., "Session[TuneResult]"]


def start_tune(request: TuneRequest, store: Any, *, resume: str | None = None) -> Session[TuneResult]:
    """Start with the service; what it needs is imported here, off the UI thread."""
    from tunesmith.services import tune

    return tune.start_tune(request, store, resume=resume)


class TuneRun(QObject):
    """At most one run at a time."""

    moved = Signal()
    """There is something new in ``live`` to draw: five times a second, or once while a sample is timed."""
    finished = Signal(object)
    """The TuneResult."""
    failed = Signal(object)
    """The TunesmithError that ended the run."""

    def __init__(self, context: AppContext, *, start: Start = start_tune) -> None:
        super().__init__()
        self._context = context
        self._start = start
        self._session: Session[TuneResult] | None = None
        self._starting: Task | None = None
        self._begun = threading.Event()
        self._early: Session[TuneResult] | None = None
        self._unwanted = False
        self._yielding = Yielding()
        self.live = LiveView()
        self.request: TuneRequest | None = None
        self.paused = False
        self._timer = QTimer(self)
        self._timer.setInterval(DRAIN_MS)
        self._timer.timeout.connect(self._drain)

    @property
    def busy(self) -> bool:
        """Whether a run is under way, or about to be."""
        return self._session is not None or self._starting is not None

    def begin(self, request: TuneRequest, *, resume: str | None = None) -> None:
        """Start a run, or go on with a stopped one; nothing while one is under way."""
        if self.busy:
            return
        self.live = LiveView()
        self.request, self.paused, self._unwanted = request, False, False

        self._begun.clear()
        self._early = None

        def start() -> Session[TuneResult]:
            as_usual()
            try:
                session = self._early = self._start(request, self._context.store, resume=resume)
            finally:
                self._begun.set()
            if self._unwanted:  # the window was closed, or Stop was pressed, meanwhile
                session.cancel()
            return session

        self._starting = Task(start)
        self._starting.done.connect(self._started)
        self._starting.failed.connect(self._not_started)
        self._starting.start()
        self._tell_busy(on=True)

    def _started(self, session: Session[TuneResult]) -> None:
        if self._starting is None:  # closed while this was on its way: nothing may begin again
            session.cancel()
            return
        self._starting = None
        self._session = session
        if self._unwanted:  # Stop was pressed when the session was there, but not known here yet
            session.cancel()
        self._yielding.begin()
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

    def _drain(self) -> None:
        session = self._session
        if session is None:
            return
        events, over = session.drain()
        self.live.take_all(events)
        self._come_again(TIMED_MS if self.live.timing and not self._unwanted else DRAIN_MS)
        if events:
            self.moved.emit()
        if over:
            self._end(session)

    def _come_again(self, after_ms: int) -> None:
        if self._timer.interval() != after_ms:
            self._timer.setInterval(after_ms)

    def _end(self, session: Session[TuneResult]) -> None:
        self._timer.stop()
        self._session = None
        self._yielding.end()
        self._tell_busy(on=False)
        try:
            result = session.result(END_SECONDS)
        except TunesmithError as error:
            self.failed.emit(error)
        except Exception as error:  # noqa: BLE001 (whatever it was, it is told in the window)
            _LOG.exception("a tune ended unexpectedly")
            self.failed.emit(
                TunesmithError(
                    tr("The tune ended unexpectedly."), unharmed=tr("What was measured is kept."),
                    todo=tr("Tune again; if it happens again, copy the details into a report."),
                    details=f"{type(error).__name__}: {error}",
                )
            )  # fmt: skip
        else:
            self.finished.emit(result)

    def _tell_busy(self, *, on: bool) -> None:
        self._context.bus.busy_changed.emit(on)
