"""Claims about tunesmith.cli.tune: what the options ask for."""

from __future__ import annotations

import pytest

from tunesmith.cli.parser import build_parser
from tunesmith.cli.tune import make_request
from tunesmith.domain.request import TuneRequest
from tunesmith.errors import UsageError


def asked(*options: str) -> TuneRequest:
    return make_request(build_parser().parse_args(["tune", "model.gguf", *options]))


def test_earlier_profiles_are_tried_first_unless_the_user_says_otherwise() -> None:
    assert asked().warm_start
    assert not asked("--from-scratch").warm_start


def test_a_margin_of_2_percent_at_95_percent_is_asked_for() -> None:
    request = asked("--budget", "quick")
    assert (request.margin, request.confidence) == (0.02, 0.95)


def test_prices_make_the_cost_of_tokens_an_objective() -> None:
    objective = asked("--objective", "cost", "--price", "electricity=0.30,currency=EUR").objective
    assert objective.prices is not None
    assert (str(objective.prices.electricity), objective.prices.currency) == ("0.30", "EUR")
    with pytest.raises(UsageError, match="say two things"):
        asked(
            "--objective", "cost", "--price", "electricity=0.30,load-watts=30", "--load-watts", "50",
            "--idle-watts", "10",
        )  # fmt: skip
    with pytest.raises(UsageError, match="--price is for --objective cost"):
        asked("--price", "electricity=0.30")
