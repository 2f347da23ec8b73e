"""Claims about what tokens cost; the figures are those worked by hand in docs/cost.md."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError

from tests.store.values import measurement, quantity
from tunesmith.domain.cost import Cost, ProfileCost, profile_cost
from tunesmith.domain.energy import Energy, PhaseEnergy
from tunesmith.domain.prices import Prices
from tunesmith.domain.workload import Workload

CENT = Decimal("0.01")
WORKLOAD = Workload(prompt=512, generate=128)
PRICES = Prices(
    currency="EUR", electricity=Decimal("0.30"), load_watts=Decimal(65), idle_watts=Decimal(20),
    hardware=Decimal(1200),
    years=Decimal(4), hours_per_day=Decimal(8), utilisation=Decimal("0.25"),
    api_input=Decimal("0.15"), api_output=Decimal("0.60"),
)  # fmt: skip


def cost_at(prices: Prices, *, prefill: float | None = 500, decode: float | None = 50) -> ProfileCost:
    """What tokens cost at exactly such speeds, tokens/s, 10% to either side."""
    speeds = {"prefill_tokens_per_s": prefill, "decode_tokens_per_s": decode}
    told = {name: None if speed is None else quantity(speed) for name, speed in speeds.items()}
    return profile_cost(measurement().model_copy(update=told), WORKLOAD, prices)


def parts(cost: Cost | None) -> list[Decimal]:
    assert cost is not None
    return [part.amount.quantize(CENT) for part in cost.parts if part.amount is not None]


def test_a_million_tokens_cost_what_was_worked_by_hand_to_the_cent() -> None:
    found = cost_at(PRICES)
    assert parts(found.output_per_million) == [Decimal("0.11"), Decimal("0.10"), Decimal("2.28")]
    assert found.output_per_million is not None
    assert found.output_per_million.total is not None
    assert found.output_per_million.total.quantize(CENT) == Decimal("2.49")
    assert found.input_per_million is not None
    assert found.input_per_million.total is not None
    assert found.input_per_million.total.quantize(CENT) == Decimal("0.25")


def test_a_request_and_the_share_of_use_that_pays_are_what_was_worked_by_hand() -> None:
    found = cost_at(PRICES)
    assert found.request.total is not None
    assert found.request.total.quantize(Decimal("1e-9")) == Decimal("0.000446186")
    assert found.api_request == Decimal("0.0001536")
    assert found.break_even_utilisation is not None
    assert found.break_even_utilisation.quantize(Decimal("0.001")) == Decimal("0.772")


def test_at_the_share_of_use_that_pays_both_cost_the_same() -> None:
    share = cost_at(PRICES).break_even_utilisation
    there = cost_at(PRICES.model_copy(update={"utilisation": share}))
    assert there.request.total is not None
    assert there.api_request is not None
    assert abs(there.request.total - there.api_request) < Decimal("1e-15")


def test_the_interval_is_the_speeds_turned_round() -> None:
    found = cost_at(PRICES).output_per_million
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.total is not None
    assert found.low < found.total < found.high
    assert abs(found.low * Decimal("1.1") - found.total) < Decimal("1e-9")


def test_what_is_not_known_is_no_figure_and_has_a_reason() -> None:
    found = cost_at(Prices(electricity=Decimal("0.3")))
    assert [part.reason for part in found.request.parts] == ["no_watts", "", "no_price"]
    assert found.request.parts[1].amount == 0, "a machine that is always at work never waits"
    assert not found.request.whole
    assert found.api_request is None
    assert found.break_even_utilisation is None
    assert cost_at(Prices()).request.parts[0].reason == "no_price"
    assert cost_at(Prices(), prefill=None).input_per_million is None


def energy(*, prefill: float, decode: float, idle: float | None) -> Energy:
    """What sensors told of a profile, watts."""
    return Energy(
        origin="measured", idle_watts=idle, idle_reason="", prefill=PhaseEnergy(watts=prefill),
        decode=PhaseEnergy(watts=decode), sensors=(), cost=None,
    )  # fmt: skip


def test_what_sensors_told_counts_where_the_user_names_no_watts() -> None:
    told = energy(prefill=100, decode=65, idle=20)
    unnamed = PRICES.model_copy(update={"load_watts": None, "idle_watts": None})
    speeds = {"prefill_tokens_per_s": quantity(500.0), "decode_tokens_per_s": quantity(50.0)}
    measured = measurement().model_copy(update=speeds)
    found = profile_cost(measured, WORKLOAD, unnamed, told)
    assert (found.power.load_source, found.power.idle_source) == ("measured", "measured")
    assert found.output_per_million == cost_at(PRICES).output_per_million
    assert parts(found.input_per_million)[0] == Decimal("0.02"), "2000 s at 100 W"
    named = profile_cost(measured, WORKLOAD, PRICES, told)
    assert named.power.load_source == "given"
    assert named.request == cost_at(PRICES).request


def test_an_api_cheaper_than_the_electricity_is_never_reached() -> None:
    cheap = PRICES.model_copy(update={"api_input": Decimal("0.001"), "api_output": Decimal("0.001")})
    assert cost_at(cheap).break_even_utilisation is None


def test_hardware_that_works_all_the_time_bears_a_quarter_of_what_one_does_that_works_a_quarter() -> None:
    busy = cost_at(PRICES.model_copy(update={"utilisation": Decimal(1)})).request.parts
    idle = cost_at(PRICES).request.parts
    assert busy[1].amount == 0
    assert busy[2].amount is not None
    assert idle[2].amount is not None
    assert abs(busy[2].amount * 4 - idle[2].amount) < Decimal("1e-18")


@pytest.mark.parametrize(
    "wrong",
    [
        {"currency": "Euro"}, {"electricity": Decimal(-1)}, {"utilisation": Decimal(0)},
        {"years": Decimal(0)},
        {"load_watts": Decimal(10), "idle_watts": Decimal(20)}, {"hours_per_day": Decimal(25)},
        {"hardware": Decimal("NaN")}, {"load_watts": Decimal("Infinity")},
    ],
)  # fmt: skip
def test_prices_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Prices.model_validate(wrong)


def test_an_amount_out_of_all_proportion_is_kept_too() -> None:
    most = Prices(
        hardware=Decimal(10) ** 12, years=Decimal("0.001"), hours_per_day=Decimal("0.001"),
        utilisation=Decimal("0.00001"), electricity=Decimal(10) ** 9, load_watts=Decimal(10) ** 6,
        idle_watts=Decimal(10) ** 6,
    )  # fmt: skip
    exact, kept = (found.output_per_million for found in (cost_at(most), cost_at(most).rounded()))
    assert exact is not None
    assert kept is not None
    assert exact.total is not None
    assert kept.total is not None
    assert abs(kept.total / exact.total - 1) < Decimal("1e-20")
