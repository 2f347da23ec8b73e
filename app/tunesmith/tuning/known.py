"""Own what earlier profiles say of where to look first."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.domain.event_base import Part
from tunesmith.domain.request import KnownSettings, SearchRules
from tunesmith.domain.settings import Settings, setting_spec
from tunesmith.tuning.options import Option
from tunesmith.tuning.space import VARIED, Question
from tunesmith.wording import tr

STAGE = "known"
_CACHES = ("type_k", "type_v")
_PLACES = ("override_tensor",)
"""Taken over too, although no question is about it."""


def known_question(
    known: Sequence[KnownSettings], start: Settings, rules: SearchRules, parts: frozenset[Part]
) -> Question | None:
    """Whether settings that won before, here or nearby, are better than where the search starts.

    Only what the rules leave open is taken over; None where nothing is left to ask.

    Args:
        known: settings of earlier profiles.
        start: where the search starts.
        rules: what the user allows.
        parts: the parts of the workload that the objective depends on.
    """
    options: dict[str, Option] = {}
    for candidate in known:
        changes = tuple(
            (name, getattr(candidate.settings, name))
            for name in (*VARIED, *_PLACES)
            if _open(name, candidate.settings, rules)
            and getattr(candidate.settings, name) != getattr(start, name)
        )
        option = Option(candidate.label, changes)
        try:
            settings = option.apply(start)
        except ValueError:
            continue
        if settings != start and all(option.label != other.label for other in options.values()):
            options.setdefault(settings.digest, option)
    if not options:
        return None
    return Question(
        STAGE, tr("Settings known from before"), VARIED, parts, tr("where the search starts"),
        tuple(options.values()),
    )  # fmt: skip


def _open(name: str, settings: Settings, rules: SearchRules) -> bool:
    """Whether the rules let a setting be taken over."""
    if name in {setting_spec(fixed).name for fixed in rules.fix}:
        return False
    if rules.vary is not None and name not in {setting_spec(varied).name for varied in rules.vary}:
        return False
    return name not in _CACHES or getattr(settings, name) in rules.cache_types
