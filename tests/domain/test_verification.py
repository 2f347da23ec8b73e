"""Claims about tunesmith.domain.verification: what it takes to say that a profile holds, or has drifted."""

from __future__ import annotations

import math
import random

import pytest

from tests.store.values import BUILD, MACHINE_CLASS, measurement, profile, quantity
from tunesmith.domain.measurement import Measurement
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.ruling import Ruling, in_turn, mean_ratio, rule
from tunesmith.domain.verification import differences, speeds
from tunesmith.domain.workload import Constraints, Objective

MIB = 2**20


def drawn(rng: random.Random, count: int, *, mean: float = 0.0, deviation: float = 0.02) -> list[float]:
    """Speeds around 10 requests per second."""
    return [10 * math.exp(rng.gauss(mean, deviation)) for _ in range(count)]


def measured(new: list[float], **changes: object) -> Measurement:
    """A measurement whose answers came at these speeds."""
    response = quantity(1.0).model_copy(update={"samples": tuple(1e3 / speed for speed in new)})
    return measurement().model_copy(update={"response_ms": response, **changes})


def ruling(stated: list[float], new: list[float], *, margin: float = 0.05, **changes: object) -> Ruling:
    wanted = profile().model_copy(update={"constraints": Constraints(), **changes})
    return rule(wanted, stated, measured(new), new, margin=margin)


# ------------------------------------------------------------- the ratio and its interval


def test_the_interval_holds_the_true_ratio_as_often_as_it_says() -> None:
    """Both means vary by what their samples vary, the stated one by its day's deviation besides."""
    held = 0
    for seed in range(1000):
        rng = random.Random(seed)
        day = rng.gauss(0, 0.01)
        found = mean_ratio(drawn(rng, 12, mean=day), drawn(rng, 8, mean=-0.1), stated_deviation=0.01)
        assert found is not None
        held += found.holds(math.exp(-0.1))
    assert held / 1000 == pytest.approx(0.95, abs=0.02)


def test_one_sample_has_no_interval() -> None:
    assert mean_ratio([10.0], [10.0, 11.0]) is None
    assert mean_ratio([10.0, 11.0], [10.0]) is None


def test_equal_samples_leave_the_doubt_of_the_day() -> None:
    found = mean_ratio([10.0] * 4, [10.0] * 4, stated_deviation=0.01)
    assert found is not None
    assert found.low == pytest.approx(math.exp(-0.0196), rel=1e-3)
    exact = mean_ratio([10.0] * 4, [5.0] * 4, stated_deviation=0.0)
    assert exact is not None
    assert (exact.low, exact.median, exact.high) == (0.5, 0.5, 0.5) or exact.median == pytest.approx(0.5)


# ------------------------------------------------------------- the answer


def test_the_same_speed_holds() -> None:
    rng = random.Random(1)
    found = ruling(drawn(rng, 12), drawn(rng, 8))
    assert found.answer == "holds"
    assert "margin 5%" in found.sentence


def test_faster_holds_and_is_said() -> None:
    rng = random.Random(1)
    found = ruling(drawn(rng, 12), drawn(rng, 8, mean=0.2))
    assert found.answer == "holds"
    assert "and more" in found.sentence
    assert "faster" in found.sentence


def test_a_claim_of_1_3_times_the_speed_has_drifted_by_how_much() -> None:
    rng = random.Random(1)
    found = ruling([1.3 * speed for speed in drawn(rng, 12)], drawn(rng, 8))
    assert (found.answer, found.cause) == ("drifted", "speed")
    assert "22." in found.sentence or "23." in found.sentence


def test_what_the_margin_cuts_in_two_cannot_be_told() -> None:
    rng = random.Random(1)
    found = ruling(drawn(rng, 12), drawn(rng, 8, mean=math.log(0.95)))
    assert (found.answer, found.cause) == ("cannot_tell", "spread")


def test_a_drift_that_only_one_half_of_the_samples_shows_is_no_alarm() -> None:
    rng = random.Random(1)
    stated = drawn(rng, 12, deviation=0.005)
    slow, fast = drawn(rng, 8, mean=-0.3, deviation=0.005), drawn(rng, 8, deviation=0.005)
    assert ruling(stated, [*slow, *fast]).answer == "cannot_tell"


def test_a_speed_inside_the_stated_interval_is_no_alarm() -> None:
    """A profile that was measured on a restless machine states a wide interval, and is held to it."""
    stated = [10 * math.exp(0.1 * step) for step in (-1, 1) * 30]
    assert ruling(stated, [9.05] * 8).answer == "cannot_tell"
    assert ruling(stated, [7.9] * 8).answer == "drifted"


def test_three_samples_are_too_few_for_an_alarm_and_enough_to_hold() -> None:
    stated = [10.0, 10.1, 9.9, 10.05]
    assert ruling(stated, [10.0, 10.1, 9.95]).answer == "holds"
    assert ruling(stated, [5.0, 5.1, 4.95]).answer == "cannot_tell"
    assert ruling(stated, [10.0, 10.1]).cause == "budget"


def test_a_profile_with_one_sample_is_no_evidence() -> None:
    assert ruling([10.0], [10.0] * 8).cause == "evidence"


def test_a_constraint_that_is_broken_for_sure_is_a_drift() -> None:
    tight = Constraints(max_memory_bytes=100 * MIB)
    new = [10.0] * 8
    heavy = quantity(120.0 * MIB).model_copy(update={"samples": (119.0 * MIB, 120.0 * MIB, 121.0 * MIB)})
    wanted = profile().model_copy(update={"constraints": tight})
    found = rule(wanted, [10.0] * 4, measured(new, peak_memory_bytes=heavy), new, margin=0.05)
    assert (found.answer, found.cause) == ("drifted", "constraint")
    assert "120 MiB is above 100 MiB" in found.sentence


def test_where_memory_was_the_objective_more_memory_is_a_drift() -> None:
    wanted = profile().model_copy(
        update={"constraints": Constraints(), "objective": Objective(name="memory")}
    )
    before = wanted.tuned.peak_memory_bytes
    assert before is not None
    grown = before.model_copy(update={"samples": tuple(1.3 * value for value in before.samples)})
    new = [10.0] * 8
    found = rule(wanted, [10.0] * 4, measured(new, peak_memory_bytes=grown), new, margin=0.05)
    assert found.cause in ("memory", None)  # three samples that differ by a tenth may leave it open
    same = tuple([before.median] * 8)
    wanted = with_memory(wanted, same)
    grown = before.model_copy(update={"samples": tuple(1.3 * value for value in same)})
    found = rule(wanted, [10.0] * 4, measured(new, peak_memory_bytes=grown), new, margin=0.05)
    assert (found.answer, found.cause) == ("drifted", "memory")


def with_memory(wanted: TunedProfile, samples: tuple[float, ...]) -> TunedProfile:
    peak = quantity(1.0).model_copy(update={"samples": samples})
    return wanted.model_copy(update={"tuned": wanted.tuned.model_copy(update={"peak_memory_bytes": peak})})


# ------------------------------------------------------------- against the baseline, measured in turn


def against(rng: random.Random, *, stated: float, now: float, slower: float, spread: float = 0.01) -> Ruling:
    """A profile with one speedup, found to have another on a machine that has become so much slower."""
    shared = [rng.gauss(0, spread) for _ in range(8)]
    quick = [10 * now / slower * math.exp(each + rng.gauss(0, 0.005)) for each in shared]
    slow = [10 / slower * math.exp(each + rng.gauss(0, 0.005)) for each in shared]
    before = drawn(rng, 12, deviation=spread)
    speedup = quantity(stated).model_copy(
        update={"samples": tuple(stated * math.exp(rng.gauss(0, 0.005)) for _ in range(12)), "low": stated}
    )
    wanted = profile().model_copy(
        update={"constraints": Constraints(), "speedup": speedup, "baseline": measured(before)}
    )
    states = [stated * speed for speed in drawn(rng, 12, deviation=spread)]
    found = in_turn(wanted, list(zip(slow, quick, strict=True)))
    assert found is not None
    return rule(wanted, states, measured(quick), quick, margin=0.05, compared=found)


def test_a_machine_that_became_slower_is_told_from_settings_that_did() -> None:
    rng = random.Random(1)
    found = against(rng, stated=1.5, now=1.5, slower=1.3)
    assert (found.answer, found.cause) == ("drifted", "machine")
    assert "not the settings" in found.sentence
    assert "1.50 stated" in found.sentence
    found = against(rng, stated=1.5, now=1.2, slower=1.0)
    assert (found.answer, found.cause) == ("drifted", "speed")
    found = against(rng, stated=1.5, now=1.2, slower=1.3)
    assert (found.answer, found.cause) == ("drifted", "speed")


def test_a_restless_machine_holds_where_the_speedup_does() -> None:
    rng = random.Random(1)
    found = against(rng, stated=1.5, now=1.5, slower=1.0, spread=0.15)
    assert (found.answer, found.cause) == ("holds", None)
    assert "against its baseline" in found.sentence
    found = against(rng, stated=1.5, now=1.2, slower=0.9, spread=0.2)
    assert (found.answer, found.cause) == ("drifted", "speed")
    assert "against its baseline" in found.sentence


def test_a_baseline_as_fast_as_stated_blames_the_machine_for_nothing() -> None:
    """A profile whose speed was doctored and whose speedup was not."""
    rng = random.Random(1)
    wanted = profile().model_copy(update={"constraints": Constraints()})
    speedup = quantity(1.5).model_copy(update={"samples": (1.49, 1.5, 1.51, 1.5)})
    slow, quick = drawn(rng, 8, deviation=0.005), [1.5 * each for each in drawn(rng, 8, deviation=0.005)]
    wanted = wanted.model_copy(update={"speedup": speedup, "baseline": measured(drawn(rng, 8))})
    found = rule(
        wanted, [1.3 * each for each in quick], measured(quick), quick, margin=0.05,
        compared=in_turn(wanted, list(zip(slow, quick, strict=True))),
    )  # fmt: skip
    assert (found.answer, found.cause) == ("drifted", "speed")


def test_two_pairs_are_too_few_to_compare() -> None:
    assert in_turn(profile(), [(10.0, 15.0)] * 2) is None


# ------------------------------------------------------------- what is compared


@pytest.mark.parametrize(
    ("objective", "first"),
    [("response", 1e3 / 0.9), ("throughput", 1e3 / 0.9), ("decode", 0.9), ("prefill", 0.9)],
)
def test_the_objective_says_which_speed_counts(objective: str, first: float) -> None:
    alike = measurement().model_copy(
        update=dict.fromkeys(("response_ms", "decode_tokens_per_s", "prefill_tokens_per_s"), quantity(1.0))
    )
    found = speeds(alike, Objective.model_validate({"name": objective}))
    assert found[0] == pytest.approx(first)


def test_what_is_different_here_is_told_fact_by_fact() -> None:
    here = MACHINE_CLASS.facts | {"memory_gib": 8}
    found = {each.what: (each.profile, each.here) for each in differences(profile(), here, "another build")}
    assert found == {"memory_gib": ("16", "8"), "build": (BUILD.label, "another build")}
    assert differences(profile(), MACHINE_CLASS.facts, BUILD.label) == []
