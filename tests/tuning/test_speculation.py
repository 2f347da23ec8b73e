"""Claims about choosing and judging draft lengths."""

from __future__ import annotations

import random

import pytest

from tunesmith.domain.speculation import Acceptance, CostCurve, Plan
from tunesmith.tuning.speculation import (
    Estimate,
    KnownText,
    draft_estimates,
    judge,
    lookup_estimates,
    shortlist,
    speedups,
)

CHEAP = CostCurve({1: [10.0], 16: [14.0]})
STEEP = CostCurve({1: [1.0], 16: [16.0]})
DRAFT = CostCurve({1: [0.5], 2: [0.6]})


def text_with(agreement: float, tokens: int = 200) -> KnownText:
    order = random.Random(5)
    told = tuple(order.randrange(100) for _ in range(tokens))
    predicted = tuple(token if order.random() < agreement else -1 for token in told)
    return KnownText(prompt=(1, 2, 3), tokens=told, predicted=predicted)


def test_a_good_and_cheap_draft_model_is_expected_to_pay_and_longer_where_it_is_better() -> None:
    best = []
    for agreement in (0.3, 0.7, 0.95):
        found = draft_estimates([text_with(agreement)], 200, max_length=15, target=CHEAP, draft=DRAFT)
        assert [e.plan.length for e in found] == list(range(1, 16))
        best.append(max(found, key=lambda e: e.speedup))
    assert [e.speedup > 1 for e in best] == [True, True, True]
    assert best[0].plan.length < best[1].plan.length < best[2].plan.length


def test_where_a_batch_costs_as_much_as_its_tokens_nothing_is_expected_of_drafts() -> None:
    found = draft_estimates([text_with(0.9)], 200, max_length=15, target=STEEP, draft=DRAFT)
    assert all(estimate.speedup < 1 for estimate in found)


def test_lookup_pays_where_the_text_repeats_itself() -> None:
    again = KnownText(prompt=tuple(range(40)), tokens=tuple(range(5, 35)))
    new = KnownText(prompt=tuple(range(40)), tokens=tuple(range(100, 130)))
    for text, pays in ((again, True), (new, False)):
        found = lookup_estimates([text], 30, max_length=8, target=CHEAP)
        assert {(e.plan.ngram, e.plan.length) for e in found} >= {(2, 8), (8, 8), (4, 6)}
        assert all(e.plan.ngram <= e.plan.length for e in found)
        assert (max(e.speedup for e in found) > 1) is pays


def estimate(length: int, speedup: float, *, ngram: int = 0, accepted: int = 5) -> Estimate:
    plan = Plan(drafter="lookup" if ngram else "draft", length=length, ngram=ngram)
    return Estimate(plan, Acceptance(cycles=9, drafted=9, accepted=accepted, tokens=14), speedup)


def test_what_would_hardly_differ_is_not_measured_twice() -> None:
    close = [estimate(n, 2 - abs(n - 6) / 10, accepted=n) for n in range(1, 16)]
    assert [e.plan.length for e in shortlist(close, 3)] == [6, 4, 9]
    same = [estimate(8, 1.5, ngram=3), estimate(8, 1.5, ngram=6), estimate(8, 1.2, ngram=2, accepted=4)]
    assert [e.plan.ngram for e in shortlist(same, 2)] == [6, 2]
    assert shortlist([], 3) == []


ROUNDS = 8
PLAIN = [100.0, 60.0, 110.0, 95.0, 90.0, 99.0, 101.0, 80.0]


def ratios(**factors: float) -> dict[str, list[float]]:
    noise = random.Random(3)
    return {
        name: [speed * factor * (1 + noise.uniform(-0.02, 0.02)) for speed in PLAIN]
        for name, factor in factors.items()
    }


def verdict(**factors: float) -> tuple[str, str]:
    found = speedups(PLAIN, dict(ratios(**factors)), dict.fromkeys(factors, False))
    return judge(found)


def test_the_fastest_that_is_proven_wins() -> None:
    assert verdict(a=1.2, b=1.4, c=0.7) == ("faster", "b")


def test_plain_decoding_wins_where_all_are_proven_slower() -> None:
    assert verdict(a=0.8, b=0.9) == ("plain_is_best", "b")


def test_no_proof_is_no_gain() -> None:
    assert verdict(a=1.0, b=0.5)[0] == "not_proven"


def test_what_the_rounds_share_does_not_blur_the_ratio() -> None:
    found = speedups(PLAIN, dict(ratios(a=1.1)), {"a": False})["a"]
    assert found.low is not None
    assert found.high is not None
    assert 1.08 < found.low < 1.1 < found.high < 1.12


def test_more_lengths_measured_make_each_interval_surer() -> None:
    one = speedups(PLAIN, dict(ratios(a=1.1)), {"a": False})["a"]
    three = speedups(PLAIN, dict(ratios(a=1.1, b=1.2, c=1.3)), dict.fromkeys("abc", False))["a"]
    assert one.confidence == pytest.approx(0.95)
    assert three.confidence == pytest.approx(1 - 0.05 / 3)
    assert one.low is not None
    assert three.low is not None
    assert three.low < one.low


def test_rounds_that_say_everything_say_nothing() -> None:
    wild = [speed * factor for speed, factor in zip(PLAIN, (0.5, 2, 0.4, 3, 1, 0.7, 1.5, 1), strict=True)]
    assert judge(speedups(PLAIN, {"a": wild}, {"a": True}))[0] == "too_noisy"
    assert judge(speedups([1.0], {"a": [2.0]}, {"a": False}))[0] == "too_noisy"
    with pytest.raises(ValueError, match="nothing was measured"):
        judge({})
