"""Own Markdown that is taken away from the window: tables whose cells mean nothing but themselves."""

from __future__ import annotations

from collections.abc import Sequence


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """A table, its first row the headings; ends without a line break."""
    head, *body = rows
    lines = [head, ("---",) * len(head), *body]
    return "\n".join(f"| {' | '.join(markdown_cell(cell) for cell in row)} |" for row in lines)


def markdown_cell(text: str) -> str:
    """A text on one line, in which no character is markup."""
    plain = " ".join(text.split())
    if set(plain) == {"-"}:
        return plain
    for mark in "\\|`*_<>[]":
        plain = plain.replace(mark, f"\\{mark}")
    return plain
