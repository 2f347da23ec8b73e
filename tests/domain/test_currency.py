"""Claims about how amounts of money are written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from babel.core import get_global
from babel.numbers import get_currency_precision, list_currencies

from tunesmith.domain.currency import decimals, money


def current_currencies() -> list[str]:
    """Those that some territory uses today."""
    used = get_global("territory_currencies")
    return sorted(
        {code for spans in used.values() for code, _start, end, tender in spans if not end and tender}
    )


def test_a_currency_has_the_decimals_that_babel_knows_of_or_iso_says() -> None:
    """CLDR shows fewer decimals than ISO 4217 of some that inflation has emptied: these are told with two."""
    iso_says_more = {
        "AFN", "ALL", "IQD", "IRR", "KPW", "LAK", "LBP", "MGA", "MMK", "RSD", "SOS", "SYP", "YER",
    }  # fmt: skip
    known = set(list_currencies())
    for code in current_currencies():
        assert code in known
        assert (decimals(code) != get_currency_precision(code)) == (code in iso_says_more), code


@pytest.mark.parametrize(
    ("amount", "code", "told"),
    [
        ("2.48987", "EUR", "2.49 EUR"),
        ("97.4", "JPY", "97 JPY"),
        ("0.7071", "KWD", "0.707 KWD"),
        ("0", "EUR", "0.00 EUR"),
        ("0.0123", "EUR", "0.012 EUR"),
        ("0.000446186", "EUR", "0.00045 EUR"),
        ("1.4", "JPY", "1.4 JPY"),
        ("-0.25", "USD", "−0.25 USD"),
        ("1234567.891", "USD", "1234567.89 USD"),
    ],
)
def test_an_amount_is_told_to_the_smallest_unit_and_finer_where_that_would_be_nothing(
    amount: str, code: str, told: str
) -> None:
    assert money(Decimal(amount), code) == told
