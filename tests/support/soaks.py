"""Own made-up soaks: steady ones, and ones that slow down."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.store.values import MACHINE, profile
from tests.tuning.test_soak_findings import sample, wobble
from tunesmith.domain.event_base import Part
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.soak import KeptSoak, Soaked, SoakSample
from tunesmith.services.context import Surroundings
from tunesmith.services.soak import SoakResult
from tunesmith.services.soak_keeping import kept_soak
from tunesmith.tuning.soak_findings import findings


def samples_of(
    part: Part, speed: float, *, count: int = 120, falls_to: float = 1.0, falls_at: float = 0.5, **read: Any
) -> list[SoakSample]:
    """A sample each second, whose speed falls at a share of them; ``read`` is what was read from then on."""
    edge = round(count * falls_at)
    return [
        sample(
            n, speed * wobble(n) * (falls_to if n >= edge else 1), part=part, **(read if n >= edge else {})
        )
        for n in range(count)
    ]


def soak_of(tuned: TunedProfile, *, falls_to: float = 1.0, **changed: Any) -> SoakResult:
    """A finished soak of a profile, on its machine; ``changed`` is what is otherwise of what was soaked."""
    samples = samples_of("decode", 100, falls_to=falls_to) + samples_of("prefill", 900)
    samples.sort(key=lambda one: one.begun_s)
    values: dict[str, Any] = {
        "settings": tuned.settings, "workload": tuned.workload, "sampled": {}, "planned_seconds": 120.0,
        "seconds": 119.9, "end": "finished", "fault": "", "alpha": 0.05, "least_ratio": 0.03,
        "parts": findings(samples), "samples": tuple(samples),
    }  # fmt: skip
    soaked = Soaked(**(values | changed))
    found = Surroundings(machine=MACHINE, machine_class=tuned.machine)
    code = {"finished": 0, "interrupted": 130}.get(soaked.end, 1)
    return SoakResult(soaked, tuned.model, found, code)


def kept(*, falls_to: float = 1.0, tuned: TunedProfile | None = None, **changed: Any) -> KeptSoak:
    """What a profile carries of one."""
    result = soak_of(tuned or profile(), falls_to=falls_to, **changed)
    return kept_soak(result, datetime(2026, 11, 27, 9, 30, tzinfo=UTC))
