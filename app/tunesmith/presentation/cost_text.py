"""Own how the cost of tokens reads: on a terminal, as a document, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field
from rich.text import Text

from tunesmith.domain.cost import (
    Cost,
    CostPart,
    PartName,
    Power,
    PowerOrigin,
    PricedCost,
    ProfileCost,
    kept_amount,
)
from tunesmith.domain.currency import money
from tunesmith.domain.digits import figures, percent
from tunesmith.domain.prices import Prices
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.workload import Workload
from tunesmith.presentation.csv_text import text_cell
from tunesmith.presentation.document import Document
from tunesmith.presentation.numbers import DASH
from tunesmith.presentation.tables import grid
from tunesmith.wording import tr

if TYPE_CHECKING:
    from rich.console import RenderableType

Costed = tuple[TunedProfile, ProfileCost]
CSV_HEAD: Final = (
    "profile_id", "profile", "of", "currency", "electricity", "idle_electricity", "hardware", "total", "low",
    "high", "api",
)  # fmt: skip


class CostFacts(Document):
    """An amount of tokens: what it costs, rounded to nine decimals; null where that is not known."""

    electricity: float | None
    idle_electricity: float | None
    hardware: float | None
    total: float | None
    """Of what is known."""
    low: float | None
    high: float | None
    complete: bool
    """Whether no part is lacking in the total."""


class PowerFacts(Document):
    """What the machine draws, and who says so; null where nobody does."""

    prefill_watts: float | None
    decode_watts: float | None
    load_source: PowerOrigin | None
    idle_watts: float | None
    idle_source: PowerOrigin | None


class ProfileCostFacts(Document):
    """What tokens cost under a profile's settings."""

    profile_id: str
    profile_name: str
    workload: Workload
    power: PowerFacts
    input_per_million: CostFacts | None
    output_per_million: CostFacts | None
    request: CostFacts
    """One request of the workload."""
    api_request: float | None
    break_even_utilisation: float | None


class PriceFacts(Document):
    """What was assumed."""

    currency: str
    electricity_per_kwh: float | None
    hardware: float | None
    years: float
    hours_per_day: float
    utilisation: float
    load_watts: float | None
    idle_watts: float | None
    api_input_per_million: float | None
    api_output_per_million: float | None


class CostDocument(Document):
    """``tunesmith cost``."""

    schema_name: Literal["tunesmith.cost/1"] = Field(default="tunesmith.cost/1", alias="schema")
    prices: PriceFacts
    profiles: tuple[ProfileCostFacts, ...]


def cost_document(costed: Sequence[Costed], prices: Prices) -> CostDocument:
    """What ``tunesmith cost`` prints for programs."""
    return CostDocument(
        prices=PriceFacts(
            currency=prices.currency,
            electricity_per_kwh=_amount(prices.electricity),
            hardware=_amount(prices.hardware),
            years=float(prices.years),
            hours_per_day=float(prices.hours_per_day),
            utilisation=float(prices.utilisation),
            load_watts=_amount(prices.load_watts),
            idle_watts=_amount(prices.idle_watts),
            api_input_per_million=_amount(prices.api_input),
            api_output_per_million=_amount(prices.api_output),
        ),
        profiles=tuple(
            ProfileCostFacts(
                profile_id=profile.id,
                profile_name=profile.name,
                workload=profile.workload,
                power=PowerFacts(
                    prefill_watts=_amount(cost.power.prefill_watts),
                    decode_watts=_amount(cost.power.decode_watts),
                    load_source=cost.power.load_source,
                    idle_watts=_amount(cost.power.idle_watts),
                    idle_source=cost.power.idle_source,
                ),
                input_per_million=None if cost.input_per_million is None else _facts(cost.input_per_million),
                output_per_million=None
                if cost.output_per_million is None
                else _facts(cost.output_per_million),
                request=_facts(cost.request),
                api_request=_amount(cost.api_request),
                break_even_utilisation=_amount(cost.break_even_utilisation),
            )
            for profile, cost in costed
        ),
    )


def _facts(cost: Cost) -> CostFacts:
    parts: dict[PartName, float | None] = {part.name: _amount(part.amount) for part in cost.parts}
    return CostFacts(
        electricity=parts["electricity"],
        idle_electricity=parts["idle_electricity"],
        hardware=parts["hardware"],
        total=_amount(cost.total),
        low=_amount(cost.low),
        high=_amount(cost.high),
        complete=cost.whole,
    )


def _amount(value: Decimal | None) -> float | None:
    return None if value is None else float(kept_amount(value))


def assumptions_text(prices: Prices) -> str:
    """All that a cost rests on, in one line."""
    code, parts = prices.currency, []
    if prices.electricity is not None:
        parts.append(tr("{price} a kWh", price=money(prices.electricity, code)))
    if prices.hardware is not None:
        parts.append(
            tr(
                "hardware of {price} over {years} years",
                price=money(prices.hardware, code),
                years=figures(float(prices.years), 3),
            )
        )
    parts.append(
        tr(
            "on {hours} hours a day, {share} of them at work",
            hours=figures(float(prices.hours_per_day), 3),
            share=percent(float(prices.utilisation)),
        )
    )
    return " · ".join(parts)


def power_text(power: Power) -> str:
    """What the machine draws, in one line, with who says so; empty where nobody does."""
    given, measured = tr("given"), tr("measured")
    parts = []
    for watts, words, source in (
        (power.prefill_watts, tr("in prefill"), power.load_source),
        (power.decode_watts, tr("in decode"), power.load_source),
        (power.idle_watts, tr("while it waits"), power.idle_source),
    ):
        if watts is not None:
            who = measured if source == "measured" else given
            parts.append(tr("{watts} W {when} ({who})", watts=figures(float(watts), 4), when=words, who=who))
    return " · ".join(parts)


def part_text(part: CostPart, code: str) -> str:
    """An amount, or a dash with what is lacking."""
    if part.amount is not None:
        return money(part.amount, code)
    lacking = tr("no watts") if part.reason == "no_watts" else tr("no price")
    return f"{DASH} ({lacking})"


def total_text(cost: Cost | None, code: str) -> str:
    """The total with the interval that the speed's gives it; a dash where nothing is known."""
    if cost is None or cost.total is None:
        return DASH
    told = money(cost.total, code)
    if cost.low is not None and cost.high is not None:
        low, high = (money(end, code).removesuffix(f" {code}") for end in (cost.low, cost.high))
        told = f"{told} ({low}–{high})"
    return told if cost.whole else tr("{amount}, incomplete", amount=told)


def against_text(cost: ProfileCost) -> str:
    """A request here against the same tokens from somebody else; a dash where one of the two is not known."""
    total = cost.request.total
    if total is None or not cost.request.whole or not cost.api_request:
        return DASH
    return percent(float(total / cost.api_request - 1), sign=True)


def priced_text(priced: PricedCost) -> str:
    """What tokens cost at prices that came with a profile, and these prices."""
    cost, code = priced.cost, priced.prices.currency
    parts = [
        tr("{amount} for a million input tokens", amount=total_text(cost.input_per_million, code))
        if cost.input_per_million is not None
        else "",
        tr("{amount} for a million output tokens", amount=total_text(cost.output_per_million, code))
        if cost.output_per_million is not None
        else "",
        assumptions_text(priced.prices),
        power_text(cost.power),
    ]
    return " · ".join(part for part in parts if part)


def request_words(workload: Workload) -> str:
    """What one request is."""
    return tr(
        "One request: {prompt} tokens in, {generate} out", prompt=workload.prompt, generate=workload.generate
    )


def part_name(name: PartName) -> str:
    """In words."""
    match name:
        case "electricity":
            return tr("Electricity at work")
        case "idle_electricity":
            return tr("Electricity while it waits")
        case _:
            return tr("Hardware")


def cost_report(costed: Sequence[Costed], prices: Prices) -> list[RenderableType]:
    """What ``tunesmith cost`` prints for people."""
    code = prices.currency
    head = ("", tr("Million input tokens"), tr("Million output tokens"), tr("One request"))
    shown: list[RenderableType] = [Text(assumptions_text(prices), style="dim")]
    for profile, cost in costed:
        shown.append(Text(f"\n{profile.name}  {profile.id}", style="bold"))
        if drawn := power_text(cost.power):
            shown.append(Text(drawn, style="dim"))
        columns = (cost.input_per_million, cost.output_per_million, cost.request)
        names = tuple(part.name for part in cost.request.parts)
        rows = [
            (part_name(name), *(DASH if one is None else part_text(one.parts[n], code) for one in columns))
            for n, name in enumerate(names)
        ]
        rows.append((tr("Total"), *(total_text(one, code) for one in columns)))
        if prices.api_input is not None or prices.api_output is not None:
            theirs = (prices.api_input, prices.api_output, cost.api_request)
            rows.append((tr("From the API"), *(DASH if one is None else money(one, code) for one in theirs)))
        shown.append(grid(head, rows, right=(1, 2, 3)))
        shown += [Text(line) for line in api_lines(cost)]
    if len(costed) > 1:
        shown.append(_compared(costed, code))
    return shown


def api_lines(cost: ProfileCost) -> list[str]:
    """How a request compares with the API's price, and at which use they are equal; nothing without one."""
    against = against_text(cost)
    if against == DASH:
        return []
    lines = [tr("A request costs {change} against the API.", change=against)]
    if cost.break_even_utilisation is not None:
        share = percent(float(cost.break_even_utilisation), 1)
        lines.append(tr("It costs the same where the machine is at work {share} of its hours.", share=share))
    return lines


def _compared(costed: Iterable[Costed], code: str) -> RenderableType:
    head = (
        tr("Profile"), tr("Million input tokens"), tr("Million output tokens"), tr("One request"),
        tr("Against the API"),
    )  # fmt: skip
    rows = [
        (
            profile.name, total_text(cost.input_per_million, code), total_text(cost.output_per_million, code),
            total_text(cost.request, code), against_text(cost),
        )
        for profile, cost in costed
    ]  # fmt: skip
    return grid(head, rows, right=(1, 2, 3, 4))


def cost_csv(costed: Iterable[Costed], prices: Prices) -> str:
    """A line for each amount of each profile, RFC 4180; empty where something is not known."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_HEAD)
    for profile, cost in costed:
        kinds = (
            ("input_per_million", cost.input_per_million, prices.api_input),
            ("output_per_million", cost.output_per_million, prices.api_output),
            ("request", cost.request, cost.api_request),
        )
        for kind, one, api in kinds:
            if one is None:
                continue
            amounts = (*(part.amount for part in one.parts), one.total, one.low, one.high, api)
            told = ("" if amount is None else f"{kept_amount(amount):f}" for amount in amounts)
            writer.writerow([profile.id, text_cell(profile.name), kind, prices.currency, *told])
    return out.getvalue()
