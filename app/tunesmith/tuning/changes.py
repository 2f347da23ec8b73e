"""Own the list of changes: what differs from the baseline, and what each change did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from tunesmith.domain.measurement import Quantity
from tunesmith.domain.profile import Change
from tunesmith.domain.settings import Settings
from tunesmith.tuning.race import Arm, Race
from tunesmith.tuning.setting_text import format_setting

_COMPANIONS = {"n_batch": "n_ubatch", "threads": "cpu_affinity", "threads_batch": "cpu_affinity"}
"""Settings that a race changes only because another, the one it is about, asks for it."""


def differing(one: Settings, other: Settings) -> list[str]:
    """Names of the settings in which two differ."""
    return [name for name in Settings.model_fields if getattr(one, name) != getattr(other, name)]


def given_changes(baseline: Settings, start: Settings) -> tuple[Change, ...]:
    """What the user fixed: changes without an effect, since they were not raced."""
    return tuple(
        Change(
            setting=name, before=format_setting(getattr(baseline, name)),
            after=format_setting(getattr(start, name)), effect=None,
        )
        for name in differing(baseline, start)
    )  # fmt: skip


def effect(race: Race, winner: Arm, *, confidence: float, noisy: bool) -> Quantity | None:
    """Ratio of the winner's speed to that of what held before, on the parts the race looked at.

    The interval is the race's own, valid although the race stopped when it had seen enough and chose the
    best of several; None where the race was too short for one.
    """
    gains = [a - b for a, b in zip(winner.gains, race.arms[0].gains, strict=False)]
    low, high = race.gain_interval(winner)
    if not math.isfinite(high - low):
        return None
    return Quantity(
        median=math.exp(fmean(gains)), low=math.exp(low), high=math.exp(high), confidence=confidence,
        samples=tuple(math.exp(gain) for gain in gains), noisy=noisy, interval="mean",
    )  # fmt: skip


def changed(
    changes: Sequence[Change], before: Settings, after: Settings, found: Quantity | None
) -> tuple[Change, ...]:
    """The changes with those from ``before`` to ``after`` added.

    A setting changed twice keeps its first ``before`` and has no single effect; one that is back where it
    began is no change. The effect is that of the one setting the race was about; where several were
    raced together none has an effect of its own.
    """
    merged = {change.setting: change for change in changes}
    names = differing(before, after)
    about = [name for name in names if _COMPANIONS.get(name) not in names]
    for name in names:
        earlier = merged.get(name)
        merged[name] = Change(
            setting=name,
            before=earlier.before if earlier else format_setting(getattr(before, name)),
            after=format_setting(getattr(after, name)),
            effect=found if about == [name] and earlier is None else None,
        )
    return tuple(change for change in merged.values() if change.before != change.after)
