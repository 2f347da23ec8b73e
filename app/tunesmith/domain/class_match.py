"""Own which profile fits a machine class that has none of its own, and how far away that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tunesmith.domain.base import Value
from tunesmith.domain.machine import Machine, MachineClass
from tunesmith.domain.profile import TunedProfile
from tunesmith.wording import tr

Fit = Literal["exact", "compatible"]
Facts = dict[str, str | int | list[str]]

MAX_DISTANCE = 3.0
"""Farther than this nothing is taken for compatible unless the user says so."""

_MUST = ("architecture", "accelerators")
"""Where these differ, what was measured there says nothing of here."""
_PER_OCTAVE = {
    "usable_cores": 4.0,
    "usable_cpus": 2.0,
    "memory_gib": 0.5,
    "physical_cores": 0.5,
    "sockets": 1.0,
}
"""Distance for each factor of two. Cores weigh most: they decide thread counts and what batches pay."""
_IF_OTHER = {
    "cpu_model": 1.5, "cpu_features": 1.0, "performance_cores": 1.0, "efficiency_cores": 1.0, "build": 0.5,
    "build_cpu_features": 1.0,
}  # fmt: skip
"""Distance where they differ at all."""
_ROOM = 1.1
"""Free memory must be so many times what the profile was measured to need."""


class Reason(Value):
    """One fact in which a machine is not as the profile's, and what it adds to the distance."""

    fact: str
    profile: str
    here: str
    distance: float


class Match(Value):
    """A profile for a machine class."""

    fit: Fit
    distance: float
    """0 is the very class; comparable within one version of Tunesmith only."""
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a profile is none for this machine."""

    profile: TunedProfile
    why: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The nearest profile, if one is near enough, and why the others are not."""

    profile: TunedProfile | None
    match: Match | None
    rejected: tuple[Rejected, ...]


def choose_profile(
    profiles: Sequence[TunedProfile], machine: Machine, here: MachineClass, *,
    max_distance: float = MAX_DISTANCE,
) -> Choice:  # fmt: skip
    """The profile of this very machine class, else the nearest that can run here; ties go to the first."""
    found: list[tuple[float, int, Match]] = []
    rejected: list[Rejected] = []
    for place, profile in enumerate(profiles):
        match = match_class(profile.machine, here)
        why = tr("its architecture or accelerators are others") if match is None else ""
        why = why or cannot_run(profile, machine)
        if match is not None and not why and match.distance > max_distance:
            why = tr("it is {distance} away", distance=f"{match.distance:.1f}")
        if why or match is None:
            rejected.append(Rejected(profile, why))
        else:
            found.append((match.distance, place, match))
    if not found:
        return Choice(None, None, tuple(rejected))
    _, place, best = min(found, key=lambda each: each[:2])
    return Choice(profiles[place], best, tuple(rejected))


def match_class(theirs: MachineClass, here: MachineClass) -> Match | None:
    """How far a machine class is from another; None where nothing carries over."""
    if theirs.fingerprint == here.fingerprint:
        return Match(fit="exact", distance=0.0, reasons=())
    if any(theirs.facts.get(name) != here.facts.get(name) for name in _MUST):
        return None
    reasons = []
    for name in dict.fromkeys((*theirs.facts, *here.facts)):
        before, after = theirs.facts.get(name), here.facts.get(name)
        if before != after:
            distance = _distance(name, before, after)
            reasons.append(Reason(fact=name, profile=_text(before), here=_text(after), distance=distance))
    total = round(math.fsum(reason.distance for reason in reasons), 3)
    return Match(fit="compatible", distance=total, reasons=tuple(reasons))


def _distance(name: str, before: object, after: object) -> float:
    if name in _PER_OCTAVE and isinstance(before, int) and isinstance(after, int) and before > 0 < after:
        return round(_PER_OCTAVE[name] * abs(math.log2(after / before)), 3)
    return _IF_OTHER.get(name, _PER_OCTAVE.get(name, 1.0))


def _text(fact: object) -> str:
    if isinstance(fact, list):
        return " ".join(str(each) for each in fact)
    return "" if fact is None else str(fact)


def cannot_run(profile: TunedProfile, machine: Machine) -> str:
    """Why a profile's settings make no sense on this machine, in words; empty if they do."""
    settings, cpu = profile.settings, machine.cpu
    if settings.rpc:
        return tr("it uses RPC servers")
    threads = max(settings.threads, settings.threads_batch)
    if threads > cpu.usable_cpus:
        return tr(
            "it uses {threads} threads, and there are {cpus} CPUs", threads=threads, cpus=cpu.usable_cpus
        )
    if set(settings.cpu_affinity or ()) - set(cpu.allowed_cpus):
        return tr("it binds threads to CPUs that are not there")
    peak = profile.tuned.peak_memory_bytes
    if peak is not None and peak.median * _ROOM > machine.memory.total_bytes:
        return tr("it needs more memory than there is")
    return ""
