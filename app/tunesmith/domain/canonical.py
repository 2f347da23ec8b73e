"""Own the canonical form of a JSON value: the one sequence of bytes that is signed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

_LARGEST = 2**53 - 1
"""Beyond it not every whole number is a double."""


def canonical_bytes(document: Any) -> bytes:
    """A JSON value as UTF-8, written in the only way that RFC 8785 allows.

    Two documents that mean the same have the same bytes, however they were laid out: keys are sorted by
    their UTF-16 code units, numbers are written as ECMAScript does (so 1 and 1.0 are alike), nothing stands
    between the tokens.

    Args:
        document: dicts with text keys, lists, tuples, texts, numbers, booleans and None.

    Raises:
        ValueError: it has no canonical form: a number that is not finite, a whole number that no double
            stands for, half of a surrogate pair, a key that is no text, or what JSON does not know at all.
    """
    pieces: list[str] = []
    _write(document, pieces.append)
    return "".join(pieces).encode()


def _write(value: Any, put: Any) -> None:
    match value:
        case None:
            put("null")
        case bool():
            put("true" if value else "false")
        case str():
            put(_text(value))
        case int():
            if abs(value) > _LARGEST and (abs(value) >= 10**21 or _number(float(value)) != str(value)):
                raise ValueError(f"{value} is too large for every reader to see the same number")
            put(str(value))
        case float():
            put(_number(value))
        case Mapping():
            for place, key in enumerate(sorted(value, key=_order)):
                put("," if place else "{")
                put(_text(key) + ":")
                _write(value[key], put)
            put("}" if value else "{}")
        case Sequence() if not isinstance(value, bytes | bytearray):
            for place, item in enumerate(value):
                put("," if place else "[")
                _write(item, put)
            put("]" if value else "[]")
        case _:
            raise ValueError(f"JSON knows no {type(value).__name__}")


def _order(key: Any) -> bytes:
    if not isinstance(key, str):
        raise ValueError(f"a key is a text, not {key!r}")
    return key.encode("utf-16-be", "surrogatepass")


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("a text holds half of a surrogate pair") from None
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    """As ECMAScript's Number.prototype.toString writes a double (ECMA-262, 6.1.6.1.20)."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number in JSON")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, power = f"{abs(value)!r}".partition("e")
    whole, _, part = mantissa.partition(".")
    digits = (whole + part).lstrip("0")
    point = len(whole) + int(power or 0) - (len(whole + part) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        text = digits + "0" * (point - count)
    elif 0 < point <= 21:
        text = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = f"0.{'0' * -point}{digits}"
    else:
        dot = "." if count > 1 else ""
        text = f"{digits[0]}{dot}{digits[1:]}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return sign + text
