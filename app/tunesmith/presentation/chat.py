"""Own how a chat's progress and end read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tunesmith.domain.gain import times_words
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.worker_events import PromptRead, TextEnded
from tunesmith.presentation.numbers import number
from tunesmith.presentation.profiles import OBJECTIVE_WORDS
from tunesmith.wording import tr, trn

ALTERNATION = tr("The two answer one after the other, never at once: neither slows the other down.")
NOT_STORED = tr("Nothing that is said here is stored.")
PLAIN_TEXT = tr("llama.cpp does not know this model's chat format; it is given plain text.")
LOADING = tr("Loading the model…")
READING = tr("Reading…")
SWITCHING = tr("Changing the settings…")
LATER = tr("Answers after the other.")


def opening_words(path: str) -> str:
    """What is waited for while a model is opened."""
    return tr("Opening {name}", name=Path(path).name)


def profile_words(profile: TunedProfile) -> str:
    """What tells two profiles of one name apart: when it was made, for what, and what it came to."""
    made = datetime.fromisoformat(profile.created_utc).astimezone()
    return tr(
        "{name}, tuned on {date} for {objective}: {times} as the defaults",
        name=profile.name,
        date=f"{made:%Y-%m-%d %H:%M}",
        objective=OBJECTIVE_WORDS[profile.objective.name],
        times=times_words(profile.objective.name, number(profile.speedup.median, spread=0.01)),
    )


def speed_words(tokens: int, elapsed_ns: int) -> str:
    """Such as ``61.3 tok/s``; empty before there is anything to divide."""
    if tokens < 2 or elapsed_ns <= 0:
        return ""
    return f"{number(tokens * 1e9 / elapsed_ns)} tok/s"


def reading_words(read: PromptRead) -> str:
    """What was read before the answer began."""
    fresh, seconds = read.tokens - read.reused, _seconds(read.elapsed_ns)
    if read.reused:
        words = trn(
            "Read {count} token in {seconds} s, {reused} were there already.",
            "Read {count} tokens in {seconds} s, {reused} were there already.",
            fresh,
            seconds=seconds,
            reused=read.reused,
        )
    else:
        words = trn(
            "Read {count} token in {seconds} s.",
            "Read {count} tokens in {seconds} s.",
            fresh,
            seconds=seconds,
        )
    return words if read.templated else f"{words} {PLAIN_TEXT}"


def ending_words(ended: TextEnded, read: PromptRead | None, *, room: int) -> str:
    """How an answer ended.

    Args:
        room: of the context, tokens.
    """
    if ended.reason == "context_full":
        return tr("The context of {room} tokens is full. Clear the conversation to go on.", room=room)
    limited = ended.reason == "limit"
    if read is None:
        return _wrote_limited(ended.tokens) if limited else _wrote(ended.tokens)
    first = _seconds(read.elapsed_ns)
    words = _wrote_first_limited(ended.tokens, first) if limited else _wrote_first(ended.tokens, first)
    return words if read.templated else f"{words} {PLAIN_TEXT}"


def _wrote(count: int) -> str:
    return trn("Wrote {count} token.", "Wrote {count} tokens.", count)


def _wrote_limited(count: int) -> str:
    return trn(
        "Wrote {count} token, as many as one answer may have.",
        "Wrote {count} tokens, as many as one answer may have.",
        count,
    )


def _wrote_first(count: int, seconds: str) -> str:
    return trn(
        "Wrote {count} token, the first after {seconds} s.",
        "Wrote {count} tokens, the first after {seconds} s.",
        count,
        seconds=seconds,
    )


def _wrote_first_limited(count: int, seconds: str) -> str:
    return trn(
        "Wrote {count} token, the first after {seconds} s, as many as one answer may have.",
        "Wrote {count} tokens, the first after {seconds} s, as many as one answer may have.",
        count,
        seconds=seconds,
    )


def _seconds(elapsed_ns: int) -> str:
    return number(elapsed_ns / 1e9, spread=0.01)
