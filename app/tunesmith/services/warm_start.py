"""Own the search of the store for profiles that say where to look first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.domain.machine import MachineClass
from tunesmith.domain.model import ModelHeader, ModelIdentity
from tunesmith.domain.request import KnownSettings, TuneRequest
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.store import Store

MOST = 2
_LOOKED_AT = 40
"""So many of the newest profiles of a machine class are read."""


def known_settings(
    store: Store, request: TuneRequest, model: ModelIdentity, machine: MachineClass
) -> tuple[KnownSettings, ...]:
    """Settings that won on this machine class before: for this model, or for a sibling quantization.

    The same model comes before a sibling, the same workload and objective before others, the newer before
    the older; at most :data:`MOST` of them. Settings that use other RPC servers than the user named now are
    left out.

    Raises:
        StoreError: or one of its kin.
    """
    rows = store.profiles(machine=machine.fingerprint)[:_LOOKED_AT]
    found = [profile for row in rows if (profile := store.profile(row.id)).speedup.median > 1]
    related = [
        profile for profile in found if _related(profile, model) and profile.settings.rpc == request.rpc
    ]
    related.sort(key=lambda profile: _distance(profile, request, model))
    return tuple(
        KnownSettings(label=tr("profile {name}", name=profile.name), settings=profile.settings)
        for profile in related[:MOST]
    )


def _related(profile: TunedProfile, model: ModelIdentity) -> bool:
    return profile.model.sha256 == model.sha256 or siblings(profile.model.header, model.header)


def siblings(one: ModelHeader, other: ModelHeader) -> bool:
    """Whether two headers are of one model in two quantizations: alike in all that fixes its shape."""
    shape = ("architecture", "layers", "embedding_length", "heads", "kv_heads", "vocabulary_size")
    return one.name == other.name and all(getattr(one, name) == getattr(other, name) for name in shape)


def _distance(profile: TunedProfile, request: TuneRequest, model: ModelIdentity) -> tuple[bool, bool, bool]:
    return (
        profile.model.sha256 != model.sha256,
        profile.workload != request.workload,
        profile.objective.name != request.objective.name,
    )
