"""Claims about tunesmith.tuning.changes."""

from __future__ import annotations

import math

import pytest

from tunesmith.domain.measurement import Quantity
from tunesmith.domain.settings import Settings
from tunesmith.tuning.changes import changed, differing, effect, given_changes
from tunesmith.tuning.race import Arm, Race

BASE = Settings(threads=8, threads_batch=8, n_ctx=1024)
FASTER = Quantity(median=1.1, low=1.05, high=1.15, confidence=0.95, samples=(1.1,), noisy=False)


def test_what_the_user_fixed_is_a_change_without_an_effect() -> None:
    (change,) = given_changes(BASE, BASE.replace(flash_attn="off"))
    assert (change.setting, change.before, change.after) == ("flash_attn", "auto", "off")
    assert change.effect is None


def test_a_setting_raced_alone_has_the_effect_of_its_race() -> None:
    (change,) = changed((), BASE, BASE.replace(threads=4), FASTER)
    assert (change.setting, change.before, change.after) == ("threads", "8", "4")
    assert change.effect == FASTER


def test_settings_raced_together_have_no_effect_of_their_own() -> None:
    found = changed((), BASE, BASE.replace(type_k="q8_0", type_v="q8_0"), FASTER)
    assert [(change.setting, change.effect) for change in found] == [("type_k", None), ("type_v", None)]


def test_a_companion_does_not_take_the_effect_away() -> None:
    found = changed((), BASE, BASE.replace(n_ubatch=4096, n_batch=4096), FASTER)
    assert {change.setting: change.effect for change in found} == {"n_ubatch": FASTER, "n_batch": None}
    bound = changed((), BASE, BASE.replace(cpu_affinity=(0, 1), threads=2, threads_batch=2), FASTER)
    assert {change.setting: change.effect for change in bound} == {
        "cpu_affinity": FASTER,
        "threads": None,
        "threads_batch": None,
    }


def test_a_setting_changed_twice_keeps_where_it_began_and_has_no_single_effect() -> None:
    middle, end = BASE.replace(threads=4), BASE.replace(threads=6)
    (change,) = changed(changed((), BASE, middle, FASTER), middle, end, FASTER)
    assert (change.before, change.after, change.effect) == ("8", "6", None)


def test_a_setting_that_is_back_where_it_began_is_no_change() -> None:
    middle = BASE.replace(threads=4)
    assert changed(changed((), BASE, middle, FASTER), middle, BASE, FASTER) == ()


def test_all_that_differs_is_named() -> None:
    assert differing(BASE, BASE) == []
    assert differing(BASE, BASE.replace(n_ubatch=64, load_mode="none")) == ["n_ubatch", "load_mode"]


def test_an_effect_is_the_mean_ratio_with_the_interval_of_its_race() -> None:
    first, second = Arm("A", BASE), Arm("B", BASE.replace(threads=4))
    race = Race([first, second], alpha=0.05, margin=0.02, max_rounds=8)
    for gain in (0.10, 0.11, 0.09, 0.10, 0.10, 0.11, 0.09, 0.10):
        race.add_round({"A": 0.0, "B": gain}, {"A": 0.0, "B": gain})
    found = effect(race, second, confidence=0.95, noisy=True)
    assert found is not None
    assert found.median == pytest.approx(math.exp(0.1), rel=1e-3)
    assert found.low is not None
    assert found.high is not None
    assert (math.log(found.low), math.log(found.high)) == pytest.approx(race.gain_interval(second))
    assert found.noisy
    assert found.interval == "mean"
    assert len(found.samples) == 8


def test_an_arm_that_was_never_measured_has_no_effect() -> None:
    first, second = Arm("A", BASE), Arm("B", BASE.replace(threads=4))
    race = Race([first, second], alpha=0.05, margin=0.02, max_rounds=8)
    assert effect(race, second, confidence=0.95, noisy=False) is None
