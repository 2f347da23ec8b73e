"""Own how amounts of money are written: the ISO 4217 code, its usual decimals, more where they vanish."""

from __future__ import annotations

import math
from decimal import Decimal

from tunesmith.domain.digits import fixed

USUAL_DECIMALS = 2
NO_DECIMALS = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
     "XOF", "XPF")
)  # fmt: skip
THREE_DECIMALS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))
"""Currencies whose smallest unit is not a hundredth. Source: ISO 4217, list one, column "minor unit"."""
_MOST_DECIMALS = 9


def decimals(code: str) -> int:
    """How many decimals amounts in a currency usually have."""
    if code in NO_DECIMALS:
        return 0
    return 3 if code in THREE_DECIMALS else USUAL_DECIMALS


def money(amount: Decimal | float, code: str) -> str:
    """An amount with its currency's code behind it, such as ``0.71 EUR`` or ``97 JPY``.

    An amount below ten of the smallest units gets the decimals that show two figures of it: a token's
    electricity is often less than a cent.
    """
    places = decimals(code)
    value = abs(float(amount))
    if 0 < value < 10 * 10.0**-places:
        places = min(_MOST_DECIMALS, 1 - math.floor(math.log10(value)))
    return f"{fixed(float(amount), places)} {code}"
