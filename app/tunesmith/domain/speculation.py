"""Own speculative decoding as values and arithmetic: what was drafted, accepted and timed, and what follows.

Everything here is greedy: the target's text is one and the same however it is drafted, so what a drafter
would have had accepted can be counted on that text afterwards, for every draft length at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Literal

from pydantic import Field

from tunesmith.domain.base import Value
from tunesmith.domain.measurement import Conditions

DrafterKind = Literal["plain", "draft", "lookup"]
"""Nothing is drafted; a draft model drafts; what followed the same words before is drafted."""

MAX_LENGTH = 63
"""Most tokens drafted at once."""
_CURVE = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Batch sizes at which the cost of verifying is measured."""
NGRAMS = (2, 3, 4, 6, 8, 12)
"""Lengths of the words in a row that prompt lookup is tried with; 12 is llama-server's default."""
FEWEST_PROMPT_TOKENS = 8
"""A shorter beginning tells a model too little of what to go on with."""


class Plan(Value):
    """One way to generate: who drafts, and how much."""

    drafter: DrafterKind = "plain"
    length: int = Field(default=0, ge=0, le=MAX_LENGTH)
    """Most tokens drafted at once; 0 for plain decoding."""
    ngram: int = Field(default=0, ge=0, le=1024)
    """Tokens in a row that prompt lookup looks for; 0 for other drafters."""

    @property
    def label(self) -> str:
        """Such as ``plain``, ``draft-4`` or ``lookup-3-8``: a name for keys."""
        parts = [str(number) for number in (self.ngram, self.length) if number]
        return "-".join((self.drafter, *parts))


PLAIN = Plan()


class Cycle(Value):
    """One round of drafting and verifying."""

    drafted: int
    accepted: int


# ---------------------------------------------------------------- what a worker answers


class DraftersReady(Value):
    """The models are loaded."""

    kind: Literal["ready"] = "ready"
    difference: str = ""
    """How the draft model's vocabulary differs from the model's, in words; empty if it serves."""


class PromptsRead(Value):
    """Beginnings as tokens."""

    kind: Literal["prompts"] = "prompts"
    prompts: tuple[tuple[int, ...], ...]


class BatchRound(Value):
    """Batches of several sizes, each computed once on top of the same depth, in random order."""

    kind: Literal["batches"] = "batches"
    sizes: tuple[int, ...]
    """Tokens of each batch, all with logits."""
    elapsed_ns: tuple[int, ...]
    """Wall time of each: computing it and taking the likeliest token of every position."""
    depth: int
    noisy: bool
    """Others disturbed it, and did so when it was repeated."""


class Predictions(Value):
    """What a draft model would go on with after each true beginning of a continuation."""

    kind: Literal["predictions"] = "predictions"
    tokens: tuple[int, ...]
    """At position i what it puts there, given all before i; the first is that after the prompt."""


class Continuation(Value):
    """A prompt gone on with, raw."""

    kind: Literal["continuation"] = "continuation"
    tokens: tuple[int, ...]
    """Those chosen, the end-of-text token included if there was one."""
    elapsed_ns: int
    """From the end of the prompt, which gives the first token, until the last token was known."""
    prompt_ns: int
    """Reading the prompt, by the target alone."""
    draft_prompt_ns: int
    """Reading the prompt once more, by the draft model; 0 without one."""
    draft_ns: int
    """Of ``elapsed_ns``, the time that drafting took."""
    cycles: tuple[Cycle, ...]
    gaps: tuple[float, ...] = ()
    """If asked for: by how much the likeliest token's logit stood above the next, for each but the first."""
    conditions: Conditions
    noisy: bool


SpeculationResult = Annotated[
    DraftersReady | PromptsRead | BatchRound | Predictions | Continuation, Field(discriminator="kind")
]


# ---------------------------------------------------------------- drafting without a model


class Lookup:
    """Drafts what followed the last tokens when they stood in a row before.

    As llama-server's ``--spec-type ngram-simple`` does (common/ngram-map.cpp of llama.cpp), so that what
    is measured is what it will do: the latest earlier place counts; nothing is drafted where fewer than
    ``ngram`` tokens follow it, nor before there are more than ``ngram`` + ``length`` + 2 tokens in all.
    """

    def __init__(self, *, ngram: int, length: int) -> None:
        """Look for ``ngram`` tokens in a row, and draft at most ``length`` that followed them."""
        self._ngram = ngram
        self._length = length
        self._tokens: list[int] = []
        self._places: dict[tuple[int, ...], int] = {}
        self._next = 1
        """The first place not in there yet; that at the very beginning does not count."""

    def extend(self, tokens: Sequence[int]) -> None:
        """Know more of the text."""
        self._tokens += tokens

    def draft(self) -> list[int]:
        """What may come next; empty if there is nothing to go by."""
        tokens, ngram = self._tokens, self._ngram
        known = len(tokens) - 1
        while self._next < known - ngram:
            self._places[tuple(tokens[self._next : self._next + ngram])] = self._next
            self._next += 1
        if known <= ngram + self._length + 1:
            return []
        place = self._places.get(tuple(tokens[-ngram:]))
        if place is None:
            return []
        found = tokens[place + ngram : min(place + ngram + self._length, known)]
        return found if len(found) >= ngram else []


# ---------------------------------------------------------------- counting on a known text


def same_beginning(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def walk(total: int, wanted: int, length: int, draft: Callable[[int, int], tuple[int, int]]) -> list[Cycle]:
    """The cycles in which a text of ``total`` tokens comes about if at most ``length`` are drafted at once.

    Args:
        total: tokens that there are in the end; the first comes with the prompt.
        wanted: tokens that were asked for; more than ``total`` if the model ended its text earlier.
        length: most tokens drafted at once.
        draft: given a position and a limit, how many tokens are drafted for it and those after, and how
            many of these, from the first on, are the text's.
    """
    cycles: list[Cycle] = []
    at = 1
    while at < total:
        drafted, agreeing = draft(at, draft_limit(wanted, at, length))
        accepted = min(agreeing, drafted, total - at)
        cycles.append(Cycle(drafted=drafted, accepted=accepted))
        at += accepted + 1
    return cycles


def draft_limit(wanted: int, have: int, length: int) -> int:
    """How many tokens to draft: one less than are still wanted, since verifying them gives one more."""
    return max(0, min(length, wanted - have - 1))


def model_cycles(text: Sequence[int], predicted: Sequence[int], wanted: int, length: int) -> list[Cycle]:
    """The cycles with a draft model that predicts so, given the true text up to each position.

    As long as its tokens are accepted a draft model goes on from the true text; so its draft from a
    position agrees with the text exactly as far as these predictions do.
    """
    ahead = [0] * (len(text) + 1)
    for at in range(len(text) - 1, -1, -1):
        ahead[at] = ahead[at + 1] + 1 if predicted[at] == text[at] else 0
    return walk(len(text), wanted, length, lambda at, limit: (limit, ahead[at]))


def lookup_cycles(
    prompt: Sequence[int], text: Sequence[int], wanted: int, *, ngram: int, length: int
) -> list[Cycle]:
    """The cycles with prompt lookup."""

    lookup = Lookup(ngram=ngram, length=length)
    lookup.extend(prompt)
    fed = 0

    def draft(at: int, limit: int) -> tuple[int, int]:
        nonlocal fed
        lookup.extend(text[fed:at])
        fed = at
        found = lookup.draft()[:limit]
        return len(found), same_beginning(found, text[at:])

    return walk(len(text), wanted, length, draft)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What became of the drafts."""

    cycles: int
    drafted: int
    accepted: int
    tokens: int
    """That came of all cycles."""

    @property
    def rate(self) -> float | None:
        """Share of the drafted tokens that were accepted; None if none were drafted."""
        return self.accepted / self.drafted if self.drafted else None

    @property
    def mean_accepted(self) -> float:
        """Accepted tokens of a cycle."""
        return self.accepted / self.cycles if self.cycles else 0.0

    @property
    def tokens_per_cycle(self) -> float:
        """Tokens that one batch of the target gave; 1 for plain decoding."""
        return self.tokens / self.cycles if self.cycles else 1.0


def acceptance(cycles_by_text: Sequence[tuple[int, Sequence[Cycle]]]) -> Acceptance:
    """Over some texts, each with its number of tokens, the first one included."""
    cycles = [cycle for _, found in cycles_by_text for cycle in found]
    return Acceptance(
        cycles=len(cycles),
        drafted=sum(cycle.drafted for cycle in cycles),
        accepted=sum(cycle.accepted for cycle in cycles),
        tokens=sum(total - 1 for total, _ in cycles_by_text),
    )


# ---------------------------------------------------------------- what it costs


def curve_sizes(length: int) -> tuple[int, ...]:
    """Batch sizes to measure so that drafts of up to ``length`` tokens can be priced."""
    return (*(size for size in _CURVE if size <= length), length + 1)


def samples_by_size(rounds: Sequence[BatchRound]) -> dict[int, list[float]]:
    """Seconds of every batch, by its size, in ascending order."""
    found: dict[int, list[float]] = {}
    for taken in rounds:
        for size, elapsed_ns in zip(taken.sizes, taken.elapsed_ns, strict=True):
            found.setdefault(size, []).append(elapsed_ns / 1e9)
    return dict(sorted(found.items()))


class CostCurve:
    """Seconds of a batch by its number of tokens, straight between the sizes that were measured."""

    def __init__(self, samples: dict[int, list[float]]) -> None:
        """Take the median of each size.

        Raises:
            ValueError: there are no samples.
        """
        if not samples:
            msg = "a curve needs samples"
            raise ValueError(msg)
        self._points = [(size, median(values)) for size, values in sorted(samples.items())]

    def seconds(self, tokens: int) -> float:
        """An estimate; beyond the largest size, that size's time for each token."""
        size_before, before = self._points[0]
        for size, cost in self._points:
            if size >= tokens:
                share = (tokens - size_before) / (size - size_before) if size > size_before else 1.0
                return before + (cost - before) * share
            size_before, before = size, cost
        return before * tokens / size_before


def expected_seconds(cycles: Sequence[Cycle], target: CostCurve, draft: CostCurve | None) -> float:
    """An estimate of how long some cycles take, from the curves of target and draft model.

    A draft model computes one token after another: first the one that the target chose last, and the last
    of its own draft too where all of it was accepted; then its own, but for the last.
    """
    total, behind = 0.0, 1
    for cycle in cycles:
        total += target.seconds(1 + cycle.drafted)
        if draft is not None:
            if cycle.drafted:
                total += draft.seconds(behind) + (cycle.drafted - 1) * draft.seconds(1)
                behind = 2 if cycle.accepted == cycle.drafted else 1
            else:
                behind += 1
    return total


def expected_speedup(
    cycles_by_text: Sequence[tuple[int, Sequence[Cycle]]], target: CostCurve, draft: CostCurve | None
) -> float:
    """An estimate: how many times as fast as plain decoding the same texts come about."""
    plain = sum(total - 1 for total, _ in cycles_by_text) * target.seconds(1)
    told = sum(expected_seconds(cycles, target, draft) for _, cycles in cycles_by_text)
    return plain / told if told > 0 else 1.0


# ---------------------------------------------------------------- beginnings


def cut_prompts(text: str, count: int, characters: int) -> list[str]:
    """Beginnings at evenly spaced places of a text, each at the start of a line where one is near.

    Args:
        text: where they come from.
        count: how many; fewer if the text is too short for as many different ones.
        characters: the length of each.
    """
    text = text.strip()
    if not text:
        return []
    last = max(0, len(text) - characters)
    starts = []
    for index in range(count):
        at = last * index // max(1, count - 1) if count > 1 else 0
        line = text.rfind("\n", max(0, at - 200), at + 1) + 1
        starts.append(line if line or not at else at)
    return [text[at : at + characters] for at in dict.fromkeys(starts)]


def finite_gap(value: float) -> float:
    """A gap between logits that JSON can tell."""
    return value if math.isfinite(value) else 1e9
