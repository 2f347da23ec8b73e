"""Own how the figures of a soak read that a profile carries: burst, sustained, drop, and if it was steady."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.domain.digits import percent
from tunesmith.domain.event_base import Part
from tunesmith.domain.soak import KeptPart, KeptSoak
from tunesmith.presentation.numbers import DASH, duration_text, quantity_text
from tunesmith.presentation.power_limit_text import given_limit_text
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile


def part_name(part: Part) -> str:
    """In words."""
    return tr("Prefill") if part == "prefill" else tr("Decode")


def range_text(drop: float, low: float, high: float) -> str:
    """Such as ``18.2% (16.9%–19.4%)``; with a plus where it became faster."""
    if drop < 0:
        ends = {"low": percent(-high, 1), "high": percent(-low, 1)}
        return tr("none: {change} faster ({low}–{high})", change=percent(-drop, 1), **ends)
    return f"{percent(drop, 1)} ({percent(low, 1)}–{percent(high, 1)})"


def kept_rows(soak: KeptSoak) -> list[tuple[str, str, str]]:
    """Name, burst and sustained speed of each part, with intervals."""
    return [
        (
            tr("{part}, {unit}", part=part_name(part.part), unit="tok/s"),
            quantity_text(part.burst_tokens_per_s, ""),
            quantity_text(part.sustained_tokens_per_s, ""),
        )
        for part in soak.parts
    ]


def kept_sentences(soak: KeptSoak) -> list[str]:
    """For how long it was soaked, and what became of each part's speed."""
    return [
        tr("Soaked for {time}.", time=duration_text(soak.seconds)),
        *_limit(soak),
        *(_sentence(part) for part in soak.parts),
    ]


def _limit(soak: KeptSoak) -> list[str]:
    if soak.power_limit_watts is None:
        return []
    return [tr("Power limit: {limit}.", limit=given_limit_text(soak.power_limit_watts))]


def _sentence(part: KeptPart) -> str:
    name = part_name(part.part)
    if part.time_to_throttle_s is not None:
        told = tr(
            "{part} fell by {drop}, first after {time}.", part=name,
            drop=range_text(part.drop, part.drop_low, part.drop_high),
            time=duration_text(part.time_to_throttle_s),
        )  # fmt: skip
    elif part.drop < 0:
        low, high = percent(-part.drop_high, 1), percent(-part.drop_low, 1)
        change = percent(-part.drop, 1)
        told = tr(
            "{part} became {change} faster ({low}–{high}).", part=name, change=change, low=low, high=high
        )
    else:
        told = tr("{part} held its speed.", part=name)
    if part.settled:
        return told
    return f"{told} {tr('It may not have been steady yet.')}"


def sustained_text(profile: TunedProfile, part: Part) -> str:
    """A profile's sustained speed, by its soak or else its tune; a dash where neither tells of this part."""
    found = _part(profile, part)
    if found is not None:
        speed, settled = found.sustained_tokens_per_s, found.settled
    elif profile.held is not None and (told := [s for s in profile.held.speeds if s.measure == part]):
        speed, settled = told[0].sustained_tokens_per_s, profile.held.settled
    else:
        return DASH
    text = quantity_text(speed, "tok/s")
    return text if settled else tr("{speed}, not yet steady", speed=text)


def sustained_drop_text(profile: TunedProfile, part: Part) -> str:
    """By how much it fell; a dash where it was not soaked, or not with this part."""
    found = _part(profile, part)
    if found is None:
        return DASH
    return range_text(found.drop, found.drop_low, found.drop_high) if found.drop else tr("none found")


def kept_limit_text(profile: TunedProfile) -> str:
    """The power limit that the user named for a profile's soak; a dash where none was."""
    return DASH if profile.soak is None else given_limit_text(profile.soak.power_limit_watts)


def _part(profile: TunedProfile, part: Part) -> KeptPart | None:
    parts = profile.soak.parts if profile.soak is not None else ()
    return next((one for one in parts if one.part == part), None)
