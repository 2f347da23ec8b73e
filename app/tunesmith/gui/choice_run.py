"""Own a choice's run as the window sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tunesmith.domain.events import Event
from tunesmith.domain.quality import QualityLimits
from tunesmith.gui.context import AppContext
from tunesmith.gui.session_run import SessionRun
from tunesmith.presentation.choice_view import ChoiceView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tunesmith.services.choose_result import ChooseRequest, ChooseResult
    from tunesmith.services.session import Session

Start = Callable[["ChooseRequest", Any], "Session[ChooseResult]"]


def start_choose(request: ChooseRequest, store: Any) -> Session[ChooseResult]:
    """Start with the service; what it needs is imported here, off the UI thread."""
    from tunesmith.services import choose

    return choose.start_choose(request, store)


class ChoiceRun(SessionRun):
    """At most one choice at a time; its end is a ChooseResult."""

    def __init__(self, context: AppContext, *, start: Start = start_choose) -> None:
        super().__init__(context)
        self._start = start
        self.live = ChoiceView(QualityLimits())
        self.request: ChooseRequest | None = None

    def begin(self, request: ChooseRequest, foretold_bytes: Mapping[str, int]) -> None:
        """Start a run; nothing while one is under way.

        Args:
            foretold_bytes: sizes of files that are not there yet, by type.
        """
        if self.busy:
            return
        live = self.live = ChoiceView(request.limits, foretold_bytes)
        self.request = request

        def take(events: list[Event]) -> bool:
            live.take_all(events)
            return live.timing

        self.launch(lambda: self._start(request, self._context.store), take)
