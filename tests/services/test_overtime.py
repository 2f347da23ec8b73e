"""Claims about tunesmith.services.overtime: what is waited for, and what is not."""

from __future__ import annotations

import pytest

from tests.store.values import sample
from tunesmith.domain.measurement import Sample
from tunesmith.services.overtime import Overtime


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def took(seconds: float, *, noisy: bool = False) -> Sample:
    return sample().model_copy(update={"cost_ns": int(seconds * 1e9), "noisy": noisy})


def test_within_the_budget_a_sample_may_take_its_time() -> None:
    clock = Clock()
    watch = Overtime(60, clock=clock)
    watch.begin(0)
    watch.end(took(1))
    watch.begin(1)
    clock.now = 58
    assert not watch.hopeless()
    clock.now = 60
    assert watch.hopeless()


@pytest.mark.parametrize(
    ("before", "longest_seconds"),
    [(took(10), 80), (took(1, noisy=True), 180)],
    ids=["as long as others", "a large model, of which nothing undisturbed is known"],
)
def test_beyond_the_budget_what_may_end_is_waited_for(before: Sample, longest_seconds: float) -> None:
    clock = Clock()
    watch = Overtime(60, clock=clock)
    watch.begin(0)
    watch.end(before)
    watch.begin(70)
    clock.now = longest_seconds - 1
    assert not watch.hopeless()
    clock.now = longest_seconds + 1
    assert watch.hopeless()
    watch.end()
    watch.begin(80)
    assert not watch.given_up


def test_between_samples_nothing_is_hopeless() -> None:
    clock = Clock()
    watch = Overtime(60, clock=clock)
    clock.now = 1e6
    assert not watch.hopeless()
