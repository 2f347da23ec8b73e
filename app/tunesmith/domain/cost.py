"""Own what tokens cost on hardware of one's own: electricity, its price, and how much of its time is used."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from tunesmith.domain.base import Value
from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.workload import Workload

MILLION = 1_000_000
DAYS_PER_YEAR = Decimal("365.25")
_SECONDS_PER_HOUR = 3600
_WATTS_PER_KILOWATT = 1000


class Prices(Value):
    """What the user pays and assumes; None where nothing was said. Amounts are in one currency."""

    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    """ISO 4217."""
    electricity: Decimal | None = Field(default=None, ge=0, le=Decimal(10) ** 9)
    """A kilowatt-hour."""
    hardware: Decimal | None = Field(default=None, ge=0, le=Decimal(10) ** 12)
    """The machine, or what is added to it for this."""
    years: Decimal = Field(default=Decimal(4), gt=0, le=100)
    """How long the hardware is used until it is worth nothing."""
    hours_per_day: Decimal = Field(default=Decimal(24), gt=0, le=24)
    """How long it is on."""
    utilisation: Decimal = Field(default=Decimal(1), gt=0, le=1)
    """The share of the time it is on in which it makes tokens."""
    load_watts: Decimal | None = Field(default=None, ge=0, le=Decimal(10) ** 6)
    """What it draws from the wall while it makes tokens, as the user names it."""
    idle_watts: Decimal | None = Field(default=None, ge=0, le=Decimal(10) ** 6)
    """What it draws while it is on and waits, as the user names it."""
    api_input: Decimal | None = Field(default=None, ge=0, le=Decimal(10) ** 9)
    """What somebody else takes for a million input tokens."""
    api_output: Decimal | None = Field(default=None, ge=0, le=Decimal(10) ** 9)
    """What somebody else takes for a million output tokens."""

    @model_validator(mode="after")
    def _check(self) -> Prices:
        if self.load_watts is not None and self.idle_watts is not None and self.idle_watts > self.load_watts:
            msg = "idle_watts is above load_watts"
            raise ValueError(msg)
        return self

    @property
    def busy_hours(self) -> Decimal:
        """Hours in which it makes tokens, over all its years."""
        return self.years * DAYS_PER_YEAR * self.hours_per_day * self.utilisation

    @property
    def idle_per_busy(self) -> Decimal:
        """Seconds it waits for each second that it makes tokens."""
        return (1 - self.utilisation) / self.utilisation


PartName = Literal["electricity", "idle_electricity", "hardware"]


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


class ProfileCost(Value):
    """What tokens cost under one profile's settings."""

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


def cost_of_seconds(seconds: Decimal, prices: Prices) -> tuple[CostPart, ...]:
    """What some busy seconds cost, idle time and hardware that they have to bear included."""
    hours = seconds / _SECONDS_PER_HOUR

    def electricity(watts: Decimal | None, per_busy_hour: Decimal) -> tuple[Decimal | None, str]:
        if not per_busy_hour:
            return Decimal(0), ""
        if prices.electricity is None:
            return None, "no_price"
        if watts is None:
            return None, "no_watts"
        return watts / _WATTS_PER_KILOWATT * hours * per_busy_hour * prices.electricity, ""

    load, load_reason = electricity(prices.load_watts, Decimal(1))
    idle, idle_reason = electricity(prices.idle_watts, prices.idle_per_busy)
    hardware = None if prices.hardware is None else prices.hardware / prices.busy_hours * hours
    return (
        CostPart(name="electricity", amount=load, reason=load_reason),
        CostPart(name="idle_electricity", amount=idle, reason=idle_reason),
        CostPart(name="hardware", amount=hardware, reason="" if hardware is not None else "no_price"),
    )


def profile_cost(measured: Measurement, workload: Workload, prices: Prices) -> ProfileCost:
    """What tokens cost at the speeds that were measured."""
    prefill, decode = measured.prefill_tokens_per_s, measured.decode_tokens_per_s
    asked = tuple(
        (tokens, speed) for tokens, speed in ((workload.prompt, prefill), (workload.generate, decode))
        if tokens and speed is not None
    )  # fmt: skip
    api = _api_request(workload, prices)
    return ProfileCost(
        input_per_million=None if prefill is None else _cost(((MILLION, prefill),), prices),
        output_per_million=None if decode is None else _cost(((MILLION, decode),), prices),
        request=_cost(asked, prices),
        api_request=api,
        break_even_utilisation=_break_even(_seconds(asked, "median"), api, prices),
    )


Asked = tuple[tuple[int, Quantity], ...]
"""Tokens, and how many of them a second makes."""
End = Literal["low", "median", "high"]


def _seconds(asked: Asked, end: End) -> Decimal:
    """How long tokens take; 0 where the speeds have no such end, or it is none."""
    seconds = Decimal(0)
    for tokens, speed in asked:
        per_second = getattr(speed, end)
        if not per_second or per_second < 0:
            return Decimal(0)
        seconds += tokens / Decimal(str(per_second))
    return seconds


def _cost(asked: Asked, prices: Prices) -> Cost:
    ends = {end: _seconds(asked, end) for end in ("low", "high")}
    interval = all(ends.values())

    def total(seconds: Decimal) -> Decimal | None:
        parts = cost_of_seconds(seconds, prices)
        return Cost(parts=parts, low=None, high=None).total if interval else None

    return Cost(
        parts=cost_of_seconds(_seconds(asked, "median"), prices),
        low=total(ends["high"]),
        high=total(ends["low"]),
    )


def _api_request(workload: Workload, prices: Prices) -> Decimal | None:
    amount = Decimal(0)
    for tokens, price in ((workload.prompt, prices.api_input), (workload.generate, prices.api_output)):
        if tokens and price is None:
            return None
        if tokens and price is not None:
            amount += tokens * price / MILLION
    return amount


def _break_even(seconds: Decimal, api: Decimal | None, prices: Prices) -> Decimal | None:
    """The share u at which load + idle·(1−u)/u + hardware/u, for the same busy seconds, is what they take."""
    if api is None or None in (prices.load_watts, prices.idle_watts, prices.electricity, prices.hardware):
        return None
    always_busy = prices.model_copy(update={"utilisation": Decimal(1)})
    always_idle = always_busy.model_copy(update={"load_watts": prices.idle_watts})
    load, _, hardware = (part.amount or Decimal(0) for part in cost_of_seconds(seconds, always_busy))
    idle = cost_of_seconds(seconds, always_idle)[0].amount or Decimal(0)
    left = api - load + idle
    if left <= 0:
        return None
    share = (idle + hardware) / left
    return share if share <= 1 else None
