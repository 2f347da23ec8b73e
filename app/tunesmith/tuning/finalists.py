"""Own who is compared at steady state in the end of a tune: the defaults, what won, and fewer threads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from tunesmith.domain.event_base import Part
from tunesmith.domain.profile import Change
from tunesmith.domain.request import SearchRules
from tunesmith.domain.settings import Settings
from tunesmith.tuning.changes import changed
from tunesmith.tuning.setting_text import parse_setting
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.tuning.result import SearchResult

_THREADS: tuple[tuple[str, Part], ...] = (("threads", "decode"), ("threads_batch", "prefill"))
FEWER_SHARE = 4
"""A quarter of the threads fewer at least, and one: 1 / 4. With one of eight less a machine is as hot."""


@dataclass(frozen=True, slots=True)
class Finalist:
    """Settings that may hold most."""

    label: str
    settings: Settings
    changes: tuple[Change, ...] = ()
    """Against the baseline."""


def finalists(
    result: SearchResult, baseline: Settings, rules: SearchRules, *, baseline_label: str
) -> tuple[Finalist, ...]:
    """The baseline first, each only once."""
    fewer = fewer_threads(result, rules)
    found = (
        Finalist(baseline_label, baseline),
        Finalist(tr("fastest while cool"), result.settings, result.changes),
        Finalist(tr("fewer threads"), fewer, changed(result.changes, result.settings, fewer, None)),
    )
    kept: dict[str, Finalist] = {}
    for one in found:
        kept.setdefault(one.settings.digest, one)
    return tuple(kept.values())


def fewer_threads(result: SearchResult, rules: SearchRules) -> Settings:
    """What won, with the best of clearly fewer threads raced; the same where threads are not tuned."""
    held = {parse_setting(name, value)[0] for name, value in rules.fix.items()}
    changes: dict[str, object] = {}
    for name, part in _THREADS:
        now: int = getattr(result.settings, name)
        if now == 1 or name in held or (rules.vary is not None and name not in rules.vary):
            continue
        most = now - max(1, now // FEWER_SHARE)
        raced = [
            (fmean(candidate.leads) if candidate.leads else -math.inf, getattr(candidate.settings, name))
            for candidate in result.considered.candidates
            if getattr(candidate.settings, name) <= most and part in candidate.parts
        ]
        changes[name] = max(raced)[1] if raced else most
    return result.settings.replace(**changes)
