"""Own what an export says of the cost of tokens: comments, metadata, or a sentence that there is no place."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tunesmith.domain.prices import Prices
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.cost import Cost
    from tunesmith.domain.profile import TunedProfile

_FIGURES = 4


def cost_lines(profile: TunedProfile) -> list[str]:
    """What tokens cost and at which prices, a line each; nothing where nobody named prices."""
    if profile.cost is None:
        return []
    told = ", ".join(f"{amount} for {of}" for of, amount in _amounts(profile).items())
    return [f"Cost: {told}", f"Prices: {price_text(profile.cost.prices)}"]


def cost_metadata(profile: TunedProfile) -> dict[str, str]:
    """The same by key, for formats that hold metadata; amounts as decimal numbers with their currency."""
    if profile.cost is None:
        return {}
    amounts = {f"cost_of_{of.replace(' ', '_')}": amount for of, amount in _amounts(profile).items()}
    return {**amounts, "cost_at_prices": price_text(profile.cost.prices)}


def unnoted(profile: TunedProfile) -> tuple[str, ...]:
    """What is said where a format has no place for it."""
    if profile.cost is None:
        return ()
    return (tr("What tokens cost is not in the file: this format has no place for it."),)


def price_text(prices: Prices) -> str:
    """Prices as ``--price`` reads them, what was not named left out."""
    named = prices.model_dump(exclude_none=True)
    return ",".join(f"{name.replace('_', '-')}={_plain(value)}" for name, value in named.items())


def _amounts(profile: TunedProfile) -> dict[str, str]:
    assert profile.cost is not None  # noqa: S101 (whoever calls has looked)
    cost, code = profile.cost.cost, profile.cost.prices.currency
    kinds = {
        "a million input tokens": cost.input_per_million,
        "a million output tokens": cost.output_per_million,
        "a request": cost.request,
    }
    return {of: _amount(one, code) for of, one in kinds.items() if one is not None}


def _amount(cost: Cost, code: str) -> str:
    if cost.total is None:
        return "not known"
    told = f"{_plain(Decimal(f'{cost.total:.{_FIGURES}g}'))} {code}"
    return told if cost.whole else f"{told} (incomplete)"


def _plain(value: object) -> str:
    """Without an exponent, and without zeros that say nothing."""
    if not isinstance(value, Decimal):
        return str(value)
    return f"{value.normalize():f}"
