"""Own what tokens cost on hardware of one's own: electricity, its price, and how much of its time is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, Literal

from tunesmith.domain.base import Value
from tunesmith.domain.energy import Energy
from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.prices import JOULES_PER_KWH, Prices
from tunesmith.domain.workload import Workload

MILLION = 1_000_000
PLACES = Decimal("1e-9")
"""To what amounts are rounded where they are kept."""
_EXACT = Context(prec=1000)
"""Room for the digits of any amount: at speeds near zero it is a large one."""


PartName = Literal["electricity", "idle_electricity", "hardware"]
PowerOrigin = Literal["measured", "given"]


class CostPart(Value):
    """A part of a cost; an amount that is not known is None, with the reason."""

    name: PartName
    amount: Decimal | None
    reason: str = ""
    """A word for why it is not known: ``no_price`` or ``no_watts``."""


class Cost(Value):
    """What an amount of tokens costs, with its parts."""

    parts: tuple[CostPart, ...]
    low: Decimal | None
    high: Decimal | None
    """The total where the speed is at the ends of its interval; None where it has none."""

    @property
    def total(self) -> Decimal | None:
        """All parts that are known; None where they are nothing and others are lacking."""
        known = sum((part.amount for part in self.parts if part.amount is not None), Decimal(0))
        return known if known or self.whole else None

    @property
    def whole(self) -> bool:
        """Whether no part is missing."""
        return all(part.amount is not None for part in self.parts)


class Power(Value):
    """What a machine draws, in watts; None where nobody tells."""

    prefill_watts: Decimal | None = None
    decode_watts: Decimal | None = None
    idle_watts: Decimal | None = None
    load_source: PowerOrigin | None = None
    """Who tells of it at work: sensors, while the profile was confirmed, or the user."""
    idle_source: PowerOrigin | None = None


class ProfileCost(Value):
    """What tokens cost under one profile's settings."""

    power: Power
    """What was reckoned with."""
    input_per_million: Cost | None
    """None where nothing was prefilled."""
    output_per_million: Cost | None
    """None where nothing was decoded."""
    request: Cost
    """One request of the workload: its prompt and what it generates. What stood in the context before is not
    counted: it was paid for when it was read."""
    api_request: Decimal | None
    """The same tokens from somebody else; None where a price of theirs is lacking."""
    break_even_utilisation: Decimal | None
    """From this share of the time on a request costs no more here than there; None where that is never so, or
    a part or their price is not known."""

    def rounded(self) -> ProfileCost:
        """The same with amounts to nine decimals, as they are kept."""
        return ProfileCost.model_validate(_rounded(self.model_dump()))


class PricedCost(Value):
    """What tokens cost at prices that somebody named, to travel with a profile."""

    prices: Prices
    cost: ProfileCost


def power_of(prices: Prices, energy: Energy | None) -> Power:
    """What the user names, and for what he does not, what was told while the profile was confirmed."""
    told = energy if energy is not None and energy.origin != "none" else None
    found: dict[str, Any] = {}
    if prices.load_watts is not None:
        found |= {
            "prefill_watts": prices.load_watts,
            "decode_watts": prices.load_watts,
            "load_source": "given",
        }
    elif told is not None:
        watts = {"prefill_watts": told.prefill.watts, "decode_watts": told.decode.watts}
        found |= {name: Decimal(str(value)) for name, value in watts.items() if value is not None}
        found["load_source"] = told.origin
    if prices.idle_watts is not None:
        found |= {"idle_watts": prices.idle_watts, "idle_source": "given"}
    elif told is not None and told.idle_watts is not None:
        found |= {"idle_watts": Decimal(str(told.idle_watts)), "idle_source": told.origin}
    return Power(**found)


def profile_cost(
    measured: Measurement, workload: Workload, prices: Prices, energy: Energy | None = None
) -> ProfileCost:
    """What tokens cost at the speeds that were measured.

    Args:
        energy: what sensors told, or the user, while the speeds were measured.
    """
    power = power_of(prices, energy)
    prefill, decode = measured.prefill_tokens_per_s, measured.decode_tokens_per_s
    legs = [(workload.prompt, prefill, power.prefill_watts), (workload.generate, decode, power.decode_watts)]
    request = [_Leg(tokens, speed, watts) for tokens, speed, watts in legs if tokens and speed is not None]
    api = _api_request(workload, prices)
    return ProfileCost(
        power=power,
        input_per_million=_per_million(prefill, power.prefill_watts, prices, power),
        output_per_million=_per_million(decode, power.decode_watts, prices, power),
        request=_cost(request, prices, power),
        api_request=api,
        break_even_utilisation=_break_even(request, api, prices, power),
    )


End = Literal["low", "median", "high"]


@dataclass(frozen=True, slots=True)
class _Leg:
    """Tokens that are made at one speed."""

    tokens: int
    speed: Quantity
    watts: Decimal | None

    def seconds(self, end: End) -> Decimal:
        """How long they take; 0 where the speed has no such end, or it is none."""
        per_second = getattr(self.speed, end)
        if not per_second or per_second < 0:
            return Decimal(0)
        return self.tokens / Decimal(str(per_second))


def _per_million(speed: Quantity | None, watts: Decimal | None, prices: Prices, power: Power) -> Cost | None:
    return None if speed is None else _cost([_Leg(MILLION, speed, watts)], prices, power)


def _cost(legs: Sequence[_Leg], prices: Prices, power: Power) -> Cost:
    interval = all(leg.seconds(end) for leg in legs for end in ("low", "high"))

    def total(end: End) -> Decimal | None:
        return Cost(parts=_parts(legs, end, prices, power), low=None, high=None).total if interval else None

    return Cost(parts=_parts(legs, "median", prices, power), low=total("high"), high=total("low"))


def kept_amount(value: Decimal) -> Decimal:
    """An amount to nine decimals, however large it is."""
    return value.quantize(PLACES, context=_EXACT)


def _rounded(value: Any) -> Any:
    match value:
        case Decimal():
            return kept_amount(value)
        case dict():
            return {key: _rounded(item) for key, item in value.items()}
        case tuple() | list():
            return tuple(_rounded(item) for item in value)
        case _:
            return value


def _parts(legs: Sequence[_Leg], end: End, prices: Prices, power: Power) -> tuple[CostPart, ...]:
    """What busy seconds cost, idle time and hardware that they have to bear included."""
    seconds = sum((leg.seconds(end) for leg in legs), Decimal(0))
    at_work: Decimal | None = Decimal(0)
    for leg in legs:
        at_work = None if at_work is None or leg.watts is None else at_work + leg.watts * leg.seconds(end)
    waiting = None if power.idle_watts is None else power.idle_watts * seconds * prices.idle_per_busy
    if not prices.idle_per_busy:
        waiting = Decimal(0)
    hardware = None if prices.hardware is None else prices.hardware / prices.busy_hours * seconds / 3600
    return (
        _electricity("electricity", at_work, prices),
        _electricity("idle_electricity", waiting, prices),
        CostPart(name="hardware", amount=hardware, reason="" if hardware is not None else "no_price"),
    )


def _electricity(name: PartName, joules: Decimal | None, prices: Prices) -> CostPart:
    if joules == 0:
        return CostPart(name=name, amount=Decimal(0))
    if prices.electricity is None:
        return CostPart(name=name, amount=None, reason="no_price")
    if joules is None:
        return CostPart(name=name, amount=None, reason="no_watts")
    return CostPart(name=name, amount=joules / JOULES_PER_KWH * prices.electricity)


def _api_request(workload: Workload, prices: Prices) -> Decimal | None:
    amount = Decimal(0)
    for tokens, price in ((workload.prompt, prices.api_input), (workload.generate, prices.api_output)):
        if tokens and price is None:
            return None
        if tokens and price is not None:
            amount += tokens * price / MILLION
    return amount


def _break_even(legs: Sequence[_Leg], api: Decimal | None, prices: Prices, power: Power) -> Decimal | None:
    """The share u at which load + idle·(1−u)/u + hardware/u, for the same busy seconds, is what they take."""
    half = _parts(legs, "median", prices.model_copy(update={"utilisation": Decimal("0.5")}), power)
    load, idle, twice = (part.amount for part in half)  # at a half each busy second bears one that waits
    if api is None or load is None or idle is None or twice is None:
        return None
    left = api - load + idle
    if left <= 0:
        return None
    share = (idle + twice / 2) / left
    return share if share <= 1 else None
