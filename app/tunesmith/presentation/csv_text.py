"""Own what a file of comma-separated values needs so that a spreadsheet takes no text for a formula."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def text_cell(text: str) -> str:
    """A text, with a quote before it where a spreadsheet would compute it."""
    return f"'{text}" if text.startswith(_FORMULA) else text
