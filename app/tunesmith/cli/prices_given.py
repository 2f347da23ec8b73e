"""Own how ``--price`` is read from a command line."""

from __future__ import annotations

from collections.abc import Iterable
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
    for pair in (pair for text in given for pair in text.split(",")):
        name, _, value = pair.strip().partition("=")
        field = name.strip().replace("-", "_")
        if field not in Prices.model_fields:
            raise UsageError(f"{name!r} is no price.", todo=f"Known are {', '.join(NAMES)}.")
        values[field] = _value(field, value.strip())
    try:
        return Prices.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{str(part).replace('_', '-')}: " for part in first["loc"])
        raise UsageError(f"{where}{first['msg']}.", todo=_EXAMPLE) from None


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
