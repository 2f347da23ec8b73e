"""Own how power limits read: what the user says, and what the machine tells."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.domain.digits import figures
from tunesmith.domain.power_limit import PowerLimit
from tunesmith.presentation.numbers import DASH
from tunesmith.wording import tr


def given_limit_text(watts: float | None) -> str:
    """Such as ``25 W (given)``; a dash where nothing was said."""
    return DASH if watts is None else tr("{watts} W (given)", watts=figures(watts, 4))


def power_limit_rows(given: float | None, read: Sequence[PowerLimit]) -> list[tuple[str, str]]:
    """What was given and what was read, where a limit was given; what is read alone is left to documents."""
    if given is None:
        return []
    told = " · ".join(map(limit_text, read)) or tr("{dash} this machine tells of no power limit", dash=DASH)
    return [(tr("Power limit"), given_limit_text(given)), (tr("In force"), told)]


def limit_text(limit: PowerLimit) -> str:
    """Such as ``package-0, long_term: 28 W``; a dash and the reason where it is not told."""
    name = f"{limit.name}, {limit.kind}" if limit.kind else limit.name
    if limit.watts is None:
        return f"{name}: {DASH} {limit.reason}"
    return f"{name}: {figures(limit.watts, 4)} W"
