"""Own how ``--price`` is read from a command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

from pydantic import ValidationError

from tunesmith.domain.prices import Prices
from tunesmith.errors import UsageError

NAMES = tuple(name.replace("_", "-") for name in Prices.model_fields)
_EXAMPLE = "Write it as --price electricity=0.30,currency=EUR,load-watts=65."


def parse_prices(given: Iterable[str]) -> Prices:
    """Read ``electricity=0.30,currency=EUR`` and the like; what is named twice counts as it was named last.

    Raises:
        UsageError: a name is not known, or a value makes no sense.
    """
    values: dict[str, object] = {}
    said: dict[str, str] = {}
    for pair in (pair for text in given for pair in text.split(",")):
        name, _, value = pair.strip().partition("=")
        field = name.strip().replace("-", "_")
        if values and pair.strip().isdecimal():
            raise UsageError(
                "A number of --price has a point, not a comma: a comma divides prices.", todo=_EXAMPLE
            )
        if field not in Prices.model_fields:
            raise UsageError(f"{name!r} is no price.", todo=f"Known are {', '.join(NAMES)}.")
        values[field], said[field] = _value(field, value.strip()), pair.strip()
    try:
        return Prices.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{_problem(error, said)}.", todo=_EXAMPLE) from None


def _problem(error: ValidationError, said: Mapping[str, str]) -> str:
    """The first thing that is wrong, in plain words."""
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    if not field:  # what two of them say does not go together
        return "idle-watts is above load-watts"
    if field == "currency":
        return f"{said[field]} names no currency by its three letters, such as EUR"
    bounds = Prices.model_fields[field].metadata
    least, most = (
        next(f"{Decimal(str(getattr(bound, end))):f}" for bound in bounds if hasattr(bound, end))
        for end in ("ge", "le")
    )
    return f"{said[field]} cannot be: {field.replace('_', '-')} is {least} to {most}"


def _value(field: str, text: str) -> object:
    if field == "currency":
        return text.upper()
    try:
        number = Decimal(text.removesuffix("%"))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise UsageError(f"{field.replace('_', '-')}={text} is no number.", todo=_EXAMPLE)
    return number / 100 if text.endswith("%") else number
