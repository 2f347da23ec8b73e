"""Claims about what a measured matrix throughput allows of prefill."""

from __future__ import annotations

import pytest

from tunesmith.domain.throughput import MatrixReading, MatrixThroughput, PrefillLimit, PrefillWork


def throughput(kind: str, *figures: float, noisy: bool = False) -> MatrixThroughput:
    readings = tuple(
        MatrixReading(threads=2 - number, place="CPU", operations_per_s=(one,))
        for number, one in enumerate(figures)
    )
    return MatrixThroughput(
        type=kind, readings=readings, foreign_cores=0.0, noisy=noisy, measured_utc="2026-11-27T05:00:00+00:00"
    )


WORK = PrefillWork(
    operations=(("F32", 1e5), ("Q4_K", 8e7), ("Q6_K", 2e7)), attention_operations=1e7, weight_bytes=10**8
)


def test_the_highest_reading_counts_whatever_its_threads() -> None:
    assert throughput("Q4_K", 1e11, 2e11).fastest.threads == 1


def test_types_that_hardly_take_part_are_not_asked_for_and_cost_nothing() -> None:
    assert WORK.types == ("Q4_K", "Q6_K")


def test_a_token_takes_each_types_time_and_attention_none_while_it_is_little() -> None:
    seconds = WORK.seconds_per_token([throughput("Q4_K", 2e11), throughput("Q6_K", 1e11)])
    assert seconds == pytest.approx(8e7 / 2e11 + 2e7 / 1e11)


def test_attention_that_takes_a_tenth_is_measured_and_goes_by_the_fastest_type() -> None:
    deep = WORK.model_copy(update={"attention_operations": 1e8})
    assert deep.types == ("Q4_K", "Q6_K", "F16")
    rates = [throughput(kind, rate) for kind, rate in (("Q4_K", 2e11), ("Q6_K", 1e11), ("F16", 1e12))]
    assert deep.seconds_per_token(rates[:2]) is None
    assert deep.seconds_per_token(rates) == pytest.approx(8e7 / 2e11 + 2e7 / 1e11 + 1e8 / 1e12)


def test_without_a_figure_for_every_type_that_counts_nothing_is_known() -> None:
    assert WORK.seconds_per_token([throughput("Q4_K", 2e11)]) is None


def test_the_share_reached_is_unknown_without_a_limit() -> None:
    known = PrefillLimit(tokens_per_s=1000.0, operations_per_token=1e8, operations_per_s=1e11)
    assert known.reached(250.0) == 0.25
    unknown = PrefillLimit(tokens_per_s=None, operations_per_token=None, operations_per_s=None, reason="why")
    assert unknown.reached(250.0) is None
