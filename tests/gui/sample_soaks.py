"""Own soaks for the window: made-up samples of a machine that gets hot, and a session that tells them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from tests.gui.simulated_run import FakeSession
from tests.support.soaks import soak_of
from tunesmith.domain.event_base import Part
from tunesmith.domain.events import Event, Progress, StageStarted
from tunesmith.domain.measurement import Conditions
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.soak import SoakSample
from tunesmith.gui.soak_run import SoakPlan, Start
from tunesmith.services.soak import SoakResult
from tunesmith.tuning.soak_findings import findings
from tunesmith.wording import tr

EACH_SECONDS = 2.5
"""From one sample to the next."""


def hot_samples(
    seconds: float = 600.0, *, falls_at: float = 220.0, until: float | None = None, told: bool = True
) -> list[SoakSample]:
    """Decode and prefill in turns, slower from a time on.

    Args:
        until: when the samples end, if not with the soak.
        told: whether the system tells temperature and clock.
    """
    blur, made = random.Random(7), []
    for number in range(round((seconds if until is None else until) / EACH_SECONDS)):
        begun = number * EACH_SECONDS
        hot = begun >= falls_at
        parts: tuple[Part, Part] = ("prefill", "decode")
        part = parts[number % 2]
        speed = {"decode": 61.3, "prefill": 688.0}[part] * blur.lognormvariate(0, 0.012)
        read: dict[str, Any] = {
            "cpu_mhz": (3410 if hot else 4580) + blur.uniform(-30, 30),
            "temperature_celsius": min(97.0, 52 + begun / 4.6) + blur.uniform(-0.5, 0.5),
        }
        made.append(
            SoakSample(
                part=part, begun_s=begun, seconds=2.1, tokens=128, tokens_per_s=speed * (0.79 if hot else 1),
                conditions=Conditions(
                    foreign_cores=0.02 + 0.02 * blur.random(), wait_share=0.0, steal_cores=0.0,
                    **(read if told else {}),
                ),
                throttled_periods=None, throttled_seconds=None,
            )
        )  # fmt: skip
    return made


def result_of(tuned: TunedProfile, samples: Sequence[SoakSample], **changed: Any) -> SoakResult:
    """What a soak of a profile came to."""
    last = samples[-1]
    values: dict[str, Any] = {
        "samples": tuple(samples), "parts": findings(samples), "seconds": last.begun_s + last.seconds,
        "planned_seconds": 600.0,
    }  # fmt: skip
    return soak_of(tuned, **(values | changed))


def telling(
    samples: Sequence[SoakSample], end: SoakResult | BaseException | None, *, seconds: float = 600.0
) -> Start:
    """What starts a session that has measured these, and ends so; None goes on until it is stopped."""
    passed = samples[-1].begun_s if samples else 0.0
    events: list[Event] = [
        StageStarted(stage="soak", title=tr("Soaking {name}", name="SmolLM2 135M"), candidates=()),
        Progress(step="soaking", fraction=passed / seconds, eta_seconds=seconds - passed),
    ]

    def start(_plan: SoakPlan, keep: Callable[[SoakSample], None]) -> FakeSession[SoakResult]:
        for sample in samples:
            keep(sample)
        return FakeSession(list(events), end)

    return start  # type: ignore[return-value]
