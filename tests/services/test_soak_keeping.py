"""Claims about which soaks a profile carries, and what of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.store.values import identity, profile
from tests.support.soaks import kept, samples_of, soak_of
from tunesmith.domain.machine import MachineClass
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.soak import MOST_KEPT
from tunesmith.domain.workload import Workload
from tunesmith.services.soak_keeping import keep_soak, why_not_kept
from tunesmith.store import Store
from tunesmith.tuning.soak_findings import findings


def on_another_machine(tuned: TunedProfile) -> TunedProfile:
    other: MachineClass = tuned.machine.model_copy(update={"fingerprint": "0" * 16})
    return tuned.model_copy(update={"machine": other})


def test_a_finished_soak_of_the_profiles_own_settings_is_carried_by_it(tmp_path: Path) -> None:
    tuned = profile("p-1")
    with Store.open(tmp_path / "store.sqlite3") as store:
        store.save_profile(tuned)
        keep_soak(store, tuned, soak_of(tuned, falls_to=0.8))
        carried = store.profile("p-1").soak
    assert carried is not None
    prefill, decode = carried.parts
    assert (prefill.part, prefill.drop) == ("prefill", 0)
    assert decode.burst_tokens_per_s.median == pytest.approx(100, rel=0.01)
    assert decode.sustained_tokens_per_s.median == pytest.approx(80, rel=0.01)
    assert decode.drop_low <= 0.2 <= decode.drop_high
    assert decode.time_to_throttle_s == pytest.approx(60, abs=1)
    assert decode.settled
    assert (carried.samples, round(carried.seconds)) == (240, 120)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"end": "interrupted"}, "to its end"),
        ({"end": "failed", "fault": "It crashed."}, "to its end"),
        ({"paused_seconds": 40.0}, "was paused"),
        ({"parts": ()}, "too few samples"),
        ({"settings": profile().settings.replace(threads=1)}, "other settings"),
        ({"workload": Workload(prompt=1, generate=1)}, "another workload"),
    ],
)
def test_what_is_not_the_profiles_figure_is_not_carried_by_it(changed: dict[str, Any], said: str) -> None:
    assert said in why_not_kept(profile(), soak_of(profile(), **changed))


def test_another_model_or_machine_class_is_not_the_profiles() -> None:
    result = soak_of(profile())
    assert "another model" in why_not_kept(profile(model=identity("7b" * 32)), result)
    assert "class of machine" in why_not_kept(on_another_machine(profile()), result)
    assert why_not_kept(profile(), result) == ""


def test_of_a_long_soak_a_profile_carries_some_samples_and_the_same_speed() -> None:
    samples = samples_of("decode", 100, count=5000)
    (whole,) = findings(samples)
    (part,) = kept(parts=(whole,), samples=tuple(samples)).parts
    assert len(part.sustained_tokens_per_s.samples) == MOST_KEPT
    assert set(part.sustained_tokens_per_s.samples) <= set(whole.sustained_tokens_per_s.samples)
    assert part.sustained_tokens_per_s.median == whole.sustained_tokens_per_s.median
