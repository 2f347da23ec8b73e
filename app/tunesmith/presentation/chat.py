"""Own how a chat's progress and end read."""

from __future__ import annotations

from tunesmith.domain.events import PromptRead, TextEnded
from tunesmith.presentation.numbers import number

ALTERNATION = "The two answer one after the other, never at once: neither slows the other down."
NOT_STORED = "Nothing that is said here is stored."
PLAIN_TEXT = "llama.cpp does not know this model's chat format; it is given plain text."


def speed_words(tokens: int, elapsed_ns: int) -> str:
    """Such as ``61.3 tok/s``; empty before there is anything to divide."""
    if tokens < 2 or elapsed_ns <= 0:
        return ""
    return f"{number(tokens * 1e9 / elapsed_ns)} tok/s"


def reading_words(read: PromptRead) -> str:
    """What was read before the answer began."""
    fresh = read.tokens - read.reused
    words = f"Read {_tokens(fresh)} in {read.elapsed_ns / 1e9:.2f} s"
    if read.reused:
        words += f", {read.reused} were there already"
    return f"{words}." if read.templated else f"{words}. {PLAIN_TEXT}"


def ending_words(ended: TextEnded, read: PromptRead | None, *, room: int) -> str:
    """How an answer ended.

    Args:
        room: of the context, tokens.
    """
    if ended.reason == "context_full":
        return f"The context of {room} tokens is full. Clear the conversation to go on."
    words = f"Wrote {_tokens(ended.tokens)}"
    if read is not None:
        words += f", the first after {read.elapsed_ns / 1e9:.2f} s"
    if ended.reason == "limit":
        words += ", as many as one answer may have"
    words += "."
    return f"{words} {PLAIN_TEXT}" if read is not None and not read.templated else words


def _tokens(count: int) -> str:
    return "1 token" if count == 1 else f"{count} tokens"
