"""Own how a soak comes into the profile that it was of: what is kept, and when it is not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tunesmith.domain.measurement import Quantity
from tunesmith.domain.soak import MOST_KEPT, KeptPart, KeptSoak, SoakPart
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.services.soak import SoakResult
    from tunesmith.store import Store


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a soak's figures."""

    profile: TunedProfile | None = None
    """The one that carries them now."""
    why_not: str = ""
    """Why no profile does though it was of one, in a sentence; empty where nobody asked for it."""


def keep_soak(store: Store, profile: TunedProfile, result: SoakResult) -> TunedProfile:
    """Put a soak's figures into its profile, in place of those of an earlier soak.

    Raises:
        ValueError: it is not to be kept; ask :func:`why_not_kept` first.
        NotFoundError: the profile is no longer there.
        StoreError: or one of its kin.
    """
    if why := why_not_kept(profile, result):
        raise ValueError(why)
    return store.set_soak(profile.id, kept_soak(result, datetime.now(tz=UTC)))


def why_not_kept(profile: TunedProfile, result: SoakResult) -> str:
    """Why a soak is not the profile's figure, in a sentence; empty where it is."""
    soaked = result.soaked
    if soaked.end != "finished":
        return tr("It did not run to its end.")
    if soaked.paused_seconds:
        return tr("It was paused, and the machine may have cooled meanwhile.")
    if not soaked.parts:
        return tr("There were too few samples to tell a speed.")
    if result.model.sha256 != profile.model.sha256:
        return tr("It was of another model than the profile's.")
    if soaked.settings != profile.settings:
        return tr("It was of other settings than the profile's.")
    if soaked.workload != profile.workload:
        return tr("It was of another workload than the profile's.")
    if result.surroundings.machine_class.fingerprint != profile.machine.fingerprint:
        return tr(
            "It was on another class of machine, or with another build of llama.cpp, than the profile's."
        )
    return ""


def kept_soak(result: SoakResult, made: datetime) -> KeptSoak:
    """What a profile carries of a soak; ``made`` has a time zone."""
    soaked = result.soaked
    return KeptSoak(
        made_utc=made.astimezone(UTC).isoformat(timespec="seconds"),
        seconds=soaked.seconds,
        samples=len(soaked.samples),
        parts=tuple(map(_kept_part, soaked.parts)),
        power_limit_watts=soaked.power_limit_watts,
    )


def _kept_part(part: SoakPart) -> KeptPart:
    values = {name: getattr(part, name) for name in KeptPart.model_fields}
    for name in ("burst_tokens_per_s", "sustained_tokens_per_s"):
        values[name] = _thinned(values[name])
    return KeptPart(**values)


def _thinned(quantity: Quantity) -> Quantity:
    """The same median and interval, with fewer of the raw samples where there are very many."""
    samples, count = quantity.samples, len(quantity.samples)
    if count <= MOST_KEPT:
        return quantity
    picked = tuple(samples[place * count // MOST_KEPT] for place in range(MOST_KEPT))
    return quantity.model_copy(update={"samples": picked})
