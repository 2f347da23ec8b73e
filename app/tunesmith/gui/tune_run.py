"""Own a tune's run as the window sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tunesmith.domain.events import Event
from tunesmith.domain.request import TuneRequest
from tunesmith.gui.context import AppContext
from tunesmith.gui.session_run import SessionRun
from tunesmith.presentation.live import LiveView

if TYPE_CHECKING:
    from tunesmith.services.session import Session
    from tunesmith.services.tune_result import TuneResult

Start = Callable[..., "Session[TuneResult]"]


def start_tune(request: TuneRequest, store: Any, *, resume: str | None = None) -> Session[TuneResult]:
    """Start with the service; what it needs is imported here, off the UI thread."""
    from tunesmith.services import tune

    return tune.start_tune(request, store, resume=resume)


class TuneRun(SessionRun):
    """At most one tune at a time; its end is a TuneResult."""

    def __init__(self, context: AppContext, *, start: Start = start_tune) -> None:
        super().__init__(context)
        self._start = start
        self.live = LiveView()
        self.request: TuneRequest | None = None

    def begin(self, request: TuneRequest, *, resume: str | None = None) -> None:
        """Start a run, or go on with a stopped one; nothing while one is under way."""
        if self.busy:
            return
        live = self.live = LiveView()
        self.request = request

        def take(events: list[Event]) -> bool:
            live.take_all(events)
            return live.timing

        self.launch(lambda: self._start(request, self._context.store, resume=resume), take)
