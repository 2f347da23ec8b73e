"""Own finding the run again that a profile came from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tunesmith.errors import NotFoundError

if TYPE_CHECKING:
    from tunesmith.domain.events import Event
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.store import Store


def events_of(profile: TunedProfile, store: Store) -> Iterator[Event] | None:
    """The stored events of the run that a profile came from; None if that run is not in this store.

    An imported profile names a run of another store. Should one of the same name be here, it is only taken
    for the profile's if model and machine class are the profile's too.

    Raises:
        StoreError: or one of its kin.
    """
    try:
        run = store.run(profile.run_id)
    except NotFoundError:
        return None
    same_model = run.model_sha256 == profile.model.sha256
    if run.id != profile.run_id or not same_model or run.machine_fingerprint != profile.machine.fingerprint:
        return None
    return store.events(run.id)
