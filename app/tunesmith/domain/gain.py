"""Own the words of a gain: the sentence that says how much faster than the defaults."""

from __future__ import annotations

from tunesmith.domain.workload import ObjectiveName
from tunesmith.wording import tr


def faster_sentence(objective: ObjectiveName, ratio: str) -> str:
    """How much faster than the defaults, in words that fit what was to be made best."""
    match objective:
        case "response":
            return tr("Answers come {ratio} times as fast as with llama.cpp's defaults", ratio=ratio)
        case "decode":
            return tr("Tokens come {ratio} times as fast as with llama.cpp's defaults", ratio=ratio)
        case "prefill":
            return tr("Prompts are read {ratio} times as fast as with llama.cpp's defaults", ratio=ratio)
        case "throughput":
            return tr("Requests are served {ratio} times as fast as with llama.cpp's defaults", ratio=ratio)
        case "memory":
            return tr(
                "It needs less memory; answers come {ratio} times as fast as with llama.cpp's defaults",
                ratio=ratio,
            )
        case "sustained":
            return tr(
                "At steady state answers come {ratio} times as fast as with llama.cpp's defaults", ratio=ratio
            )
        case "efficiency":
            return tr("A joule makes {ratio} times as many tokens as with llama.cpp's defaults", ratio=ratio)
        case "cost":
            return tr(
                "The same money makes {ratio} times as many tokens as with llama.cpp's defaults", ratio=ratio
            )


def times_words(objective: ObjectiveName, ratio: str) -> str:
    """How much better, of what was made best, such as ``1.40 times as fast``; for ``memory`` a speed too."""
    match objective:
        case "efficiency":
            return tr("{ratio} times as many tokens of a joule", ratio=ratio)
        case "cost":
            return tr("{ratio} times as many tokens for the same money", ratio=ratio)
        case _:
            return tr("{ratio} times as fast", ratio=ratio)


def gained(objective: ObjectiveName) -> str:
    """What a ratio to the defaults is one of."""
    match objective:
        case "efficiency":
            return tr("tokens per joule")
        case "cost":
            return tr("tokens for the money")
        case _:
            return tr("speed")
