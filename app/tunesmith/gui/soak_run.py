"""Own a soak's run as the window sees it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.domain.event_base import Part
from tunesmith.domain.events import Event
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.soak import SoakSample
from tunesmith.domain.workload import Workload
from tunesmith.gui.context import AppContext
from tunesmith.gui.session_run import SessionRun
from tunesmith.presentation.soak_live import SoakLive

if TYPE_CHECKING:
    from tunesmith.services.session import Session
    from tunesmith.services.soak import SoakResult


@dataclass(frozen=True, slots=True)
class SoakPlan:
    """What the form asks for."""

    name: str
    """Of the profile, or of the model that runs with llama.cpp's defaults."""
    model_path: str
    workload: Workload
    seconds: float
    profile: TunedProfile | None = None
    """Whose settings are soaked; None for llama.cpp's defaults."""
    rpc: tuple[str, ...] = ()
    power_limit_watts: float | None = None
    """What the user has limited the machine to."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is soaked."""
        sizes: tuple[tuple[Part, int], ...] = (
            ("decode", self.workload.generate), ("prefill", self.workload.prompt)
        )  # fmt: skip
        return tuple(part for part, tokens in sizes if tokens)


Start = Callable[[SoakPlan, Callable[[SoakSample], None]], "Session[SoakResult]"]


def start_soak(plan: SoakPlan, keep: Callable[[SoakSample], None]) -> Session[SoakResult]:
    """Start with the service; what it needs is imported here, off the UI thread."""
    from tunesmith.services import soak
    from tunesmith.services.soak_plan import defaults_request, profile_request

    limit = plan.power_limit_watts
    if plan.profile is not None:
        request = profile_request(plan.profile, plan.seconds, rpc=plan.rpc, power_limit_watts=limit)
    else:
        request = defaults_request(
            plan.model_path, plan.workload, plan.seconds, rpc=plan.rpc, power_limit_watts=limit
        )
    return soak.start_soak(request, keep=keep)


class SoakRun(SessionRun):
    """At most one soak at a time; its end is a SoakResult."""

    def __init__(self, context: AppContext, *, start: Start = start_soak) -> None:
        super().__init__(context)
        self._start = start
        self.live = SoakLive()
        self.plan: SoakPlan | None = None

    def begin(self, plan: SoakPlan) -> None:
        """Start a run; nothing while one is under way."""
        if self.busy:
            return
        live = self.live = SoakLive()
        self.plan = plan
        fresh: deque[SoakSample] = deque()  # filled in the run's thread

        def take(events: list[Event]) -> bool:
            live.take_all(events, (fresh.popleft() for _ in range(len(fresh))))
            return live.timing

        self.launch(lambda: self._start(plan, fresh.append), take)
