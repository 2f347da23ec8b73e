"""Own which settings of a stored run are marked: those it compared with, and those it kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.domain.events import RunFinished, RunStarted
from tunesmith.errors import NotFoundError

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.store import Store


@dataclass(frozen=True, slots=True)
class Marked:
    """Digests of settings; empty where there are none."""

    baseline: str
    chosen: str
    profile: TunedProfile | None
    """What came of the run; None where nothing did, or it was deleted since."""


def marked(store: Store, run_id: str) -> Marked:
    """What a run began with and what it kept."""
    baseline, profile = "", None
    for event in store.events(run_id):
        if isinstance(event, RunStarted):
            baseline = event.baseline.digest
        elif isinstance(event, RunFinished) and event.profile_id is not None:
            try:
                profile = store.profile(event.profile_id)
            except NotFoundError:  # deleted since
                continue
    return Marked(baseline, "" if profile is None else profile.settings.digest, profile)
