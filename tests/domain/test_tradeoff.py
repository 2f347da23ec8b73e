"""Claims about what candidates are worth by several measures, reckoned by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tunesmith.domain.energy import GivenPower
from tunesmith.domain.event_base import Part
from tunesmith.domain.measurement import Conditions, MemoryUse, Quantity, Sample
from tunesmith.domain.power import SensorUse
from tunesmith.domain.settings import Settings
from tunesmith.domain.tradeoff import Measured, TradedCandidate, Tradeoff, front, tradeoff_of
from tunesmith.domain.workload import Workload

DEFAULTS = Settings(threads=4, threads_batch=4, n_ctx=512)
FEWER = DEFAULTS.replace(threads=2)
CHAT = Workload(prompt=100, generate=20)
BOTH: tuple[Part, ...] = ("prefill", "decode")
MIB = 2**20


def sample(
    *, prefill_ms: int = 0, steps_ms: tuple[int, ...] = (), watts: float | None = None, noisy: bool = False,
    parallel: int = 1, why: str = "",
) -> Sample:  # fmt: skip
    """Ten tokens of a prompt, and so many steps, at a power that only its whole tells."""
    use = SensorUse(
        sensor="p0", name="package-0", source="powercap", covers="processors", idle_watts=5.0,
        mean_watts=watts, mean_why=why,
    )  # fmt: skip
    return Sample(
        prefill_tokens=10 if prefill_ms else 0, prefill_ns=prefill_ms * 10**6 or None,
        step_ns=tuple(ms * 10**6 for ms in steps_ms), sequences=parallel,
        conditions=Conditions(
            foreign_cores=0.0, wait_share=0.0, steal_cores=0.0, power=(use,) if watts or why else ()
        ),
        memory=MemoryUse(peak_rss_bytes=None, rss_bytes=100 * MIB, pss_bytes=None), noisy=noisy,
        started_mono_ns=0, cost_ns=1,
    )  # fmt: skip


def of(*measured: tuple[Settings, Sample], **more: Any) -> Tradeoff:
    wanted: dict[str, Any] = {
        "workload": CHAT, "parts": BOTH, "baseline": DEFAULTS.digest, "chosen": FEWER.digest,
    }  # fmt: skip
    return tradeoff_of(
        [Measured(f"{settings.threads} threads", settings, one) for settings, one in measured],
        **(wanted | more),
    )


def by_standing(found: Tradeoff) -> dict[str, TradedCandidate]:
    return {one.standing: one for one in found.candidates}


def test_a_request_is_its_parts_at_the_speed_and_power_of_each() -> None:
    found = of((DEFAULTS, sample(prefill_ms=20, steps_ms=(10, 10), watts=50.0)))
    (one,) = found.candidates
    seconds = 100 * 0.002 + 20 * 0.010
    assert one.tokens_per_s.median == pytest.approx(120 / seconds)
    assert one.joules_per_token is not None
    assert one.joules_per_token.median == pytest.approx(50 * seconds / 120)
    assert one.mean_watts == pytest.approx(50)
    assert one.tokens_per_s.low is None, "one sample has no interval"
    assert (one.standing, one.memory_bytes) == ("baseline", 100 * MIB)
    assert (found.origin, found.reason, found.left_out) == ("measured", "", 0)


def test_what_a_question_left_out_is_taken_from_settings_that_are_alike_for_it() -> None:
    found = of(
        (DEFAULTS, sample(prefill_ms=20, steps_ms=(10,), watts=50.0)),
        (FEWER, sample(steps_ms=(8,), watts=30.0)),
    )
    fewer = by_standing(found)["chosen"]
    seconds = 100 * 0.002 + 20 * 0.008
    assert fewer.tokens_per_s.median == pytest.approx(120 / seconds)
    assert fewer.joules_per_token is not None
    assert fewer.joules_per_token.median == pytest.approx((50 * 100 * 0.002 + 30 * 20 * 0.008) / 120)


def test_a_candidate_of_which_too_little_was_measured_is_left_out_and_counted() -> None:
    whole, decode = sample(prefill_ms=20, steps_ms=(10,), watts=50.0), sample(steps_ms=(8,), watts=30.0)
    found = of((DEFAULTS, whole), (FEWER.replace(flash_attn="off"), decode))
    assert [one.standing for one in found.candidates] == ["baseline"]
    assert found.left_out == 1


def test_only_the_parts_that_the_objective_is_about_count() -> None:
    found = of((FEWER, sample(steps_ms=(8,), watts=30.0)), parts=("decode",))
    (one,) = found.candidates
    assert found.parts == ("decode",)
    assert one.tokens_per_s.median == pytest.approx(125)
    assert one.joules_per_token is not None
    assert one.joules_per_token.median == pytest.approx(0.24)
    assert one.tokens_per_s.samples == pytest.approx((125,))


def test_with_several_sequences_threads_of_both_kinds_count_for_all() -> None:
    workload = CHAT.model_copy(update={"parallel": 2})
    whole = sample(prefill_ms=20, steps_ms=(10,), parallel=2)
    found = of((DEFAULTS, whole), (FEWER, sample(steps_ms=(8,), parallel=2)), workload=workload)
    assert found.left_out == 1
    assert found.candidates[0].tokens_per_s.median == pytest.approx(120 / (100 * 0.002 + 20 * 0.005))


def test_disturbed_samples_count_only_where_there_are_no_others() -> None:
    quiet, noisy = (sample(steps_ms=(ms,), noisy=ms > 10) for ms in (10, 40))
    one = of((FEWER, quiet), (FEWER, noisy), parts=("decode",)).candidates[0]
    assert one.tokens_per_s.median == pytest.approx(100)
    one = of((FEWER, noisy), parts=("decode",)).candidates[0]
    assert one.tokens_per_s.median == pytest.approx(25)


def test_intervals_are_those_of_the_mean_and_hold_the_median() -> None:
    steps = (10, 11, 10, 12)
    measured = [(FEWER, sample(prefill_ms=20, steps_ms=(ms,), watts=30.0 + ms)) for ms in steps]
    one = of(*measured).candidates[0]
    for found in (one.tokens_per_s, one.joules_per_token):
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.median < found.high
        assert found.interval == "mean"


def test_without_a_sensor_there_is_speed_and_a_reason() -> None:
    measured = (DEFAULTS, sample(prefill_ms=20, steps_ms=(10,)))
    found = of(measured)
    assert (found.origin, found.reason) == ("none", "no sensor tells it")
    assert found.candidates[0].joules_per_token is None
    assert found.candidates[0].mean_watts is None
    assert of(measured, silent="package-0: only root may read it").reason.endswith("only root may read it")


def test_a_sample_too_short_for_the_sensor_counts_for_speed_alone() -> None:
    short, long = sample(steps_ms=(10,), why="too short"), sample(steps_ms=(10,), watts=40.0)
    one = of((FEWER, short), (FEWER, short), (FEWER, long), parts=("decode",)).candidates[0]
    assert len(one.tokens_per_s.samples) == 3
    assert one.joules_per_token is not None
    assert one.joules_per_token.samples == pytest.approx((0.4,))
    none = of((FEWER, short), parts=("decode",))
    assert (none.origin, none.reason) == ("none", "package-0: too short")


def test_a_sensor_that_the_run_did_not_believe_tells_nothing_here() -> None:
    measured = (FEWER, sample(steps_ms=(10,), watts=40.0))
    found = of(measured, parts=("decode",), lies={"package-0": "it tells 40 W all along"})
    assert found.origin == "none"
    assert found.reason == "package-0: it tells 40 W all along"


def test_given_watts_overrule_sensors_and_are_called_given() -> None:
    given = GivenPower(load_watts=65.0, idle_watts=15.0)
    found = of((FEWER, sample(steps_ms=(10,), watts=40.0)), parts=("decode",), given=given)
    assert found.origin == "given"
    assert found.candidates[0].joules_per_token is not None
    assert found.candidates[0].joules_per_token.median == pytest.approx(0.65)


def about(middle: float, spread: float = 0.0) -> Quantity:
    low, high = (middle - spread, middle + spread) if spread else (None, None)
    return Quantity(median=middle, low=low, high=high, confidence=0.95, samples=(), noisy=False)


@pytest.mark.parametrize(
    ("spots", "best"),
    [
        ([(about(60, 1), about(0.3, 0.01)), (about(50, 1), about(0.4, 0.01))], {0}),
        ([(about(60, 1), about(0.4, 0.01)), (about(50, 1), about(0.3, 0.01))], {0, 1}),
        ([(about(60, 5), about(0.30, 0.02)), (about(58, 5), about(0.31, 0.02))], {0, 1}),
        ([(about(60), about(0.3)), (about(50), about(0.3))], {0}),
        ([(about(60), about(0.3)), (about(60), about(0.3))], {0, 1}),
    ],
    ids=["worse in both", "a trade", "noise alone takes nobody out", "worse in one", "alike"],
)
def test_the_front_holds_those_that_none_makes_superfluous(
    spots: list[tuple[Quantity, Quantity]], best: set[int]
) -> None:
    assert front(spots) == best


def test_what_differs_by_less_than_a_tie_is_alike() -> None:
    spots = [(about(60, 1), about(412.6)), (about(50, 1), about(412.4))]
    assert front(spots) == {0, 1}
    assert front(spots, tie=0.01) == {0}
