"""Own greedy decoding with drafts: what a context holds of a text, who drafts, and the loop that verifies."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from tunesmith.domain.speculation import Cycle, Lookup, draft_limit, finite_gap
from tunesmith.engine.context import Batch, InferenceContext, IntArray
from tunesmith.engine.errors import EngineError
from tunesmith.engine.library import L
from tunesmith.engine.model import LoadedModel

_MAX_SIZE_DIFFERENCE: Final = 128
_FIRST_COMPARED: Final = 5
"""Both as in common/speculative.cpp of llama.cpp: a few tokens at the end, and special ones at the
beginning, may differ."""
_ROWS: Final = 32
"""Logits are asked for so many positions at once: those of a large vocabulary take a MiB each."""
_KEPT_PROMPTS: Final = 16


def vocabulary_difference(target: LoadedModel, draft: LoadedModel) -> str:
    """How a draft model's vocabulary differs from its target's, in words; empty if it serves.

    By the rules of llama.cpp itself (common_speculative_are_compatible in common/speculative.cpp), which
    would refuse the pair as well.
    """
    one, other = (L.llama_model_get_vocab(model.handle) for model in (target, draft))
    if L.llama_vocab_type(one) != L.llama_vocab_type(other):
        return "their tokenizers are of different kinds"
    if target.first_token != draft.first_token:
        return f"texts begin with token {target.first_token} in the one and {draft.first_token} in the other"
    ends = [L.llama_vocab_eos(vocab) if L.llama_vocab_get_add_eos(vocab) else None for vocab in (one, other)]
    if ends[0] != ends[1]:
        return f"texts end with token {ends[0]} in the one and {ends[1]} in the other"
    sizes = target.vocabulary_size, draft.vocabulary_size
    if abs(sizes[0] - sizes[1]) > _MAX_SIZE_DIFFERENCE:
        return f"one has {sizes[0]} tokens and the other {sizes[1]}"
    text = L.llama_vocab_get_text
    for token in range(_FIRST_COMPARED, min(sizes)):
        mine, its = text(one, token), text(other, token)
        if mine != its:
            told = [(word or b"").decode("utf-8", "replace")[:40] for word in (mine, its)]
            return f"token {token} is {told[0]!r} in the one and {told[1]!r} in the other"
    return ""


class GreedyText:
    """One text in a context's sequence 0, and the likeliest tokens that it goes on with.

    Prompts that were read once are kept, so that going back to one costs milliseconds and leaves exactly
    what was there before.
    """

    def __init__(self, context: InferenceContext, on_progress: Callable[[], None] = lambda: None) -> None:
        self.context = context
        self._on_progress = on_progress
        self.held: list[int] = []
        self._prompts: dict[tuple[int, ...], tuple[bytearray, int, int]] = {}
        context.clear()

    def open(self, prompt: tuple[int, ...]) -> tuple[int, int]:
        """Hold a prompt and nothing else.

        Returns:
            The token that it goes on with, and how long reading it took when it was read, ns.

        Raises:
            EngineError: and its kinds, as llama.cpp ended.
        """
        kept = self._prompts.get(prompt)
        if kept is not None:
            state, first, elapsed_ns = kept
            self.clear()
            if self.context.restore_sequence(0, state):
                self.held = list(prompt)
                self._on_progress()
                return first, elapsed_ns
        self.clear()
        begun = time.perf_counter_ns()
        first = self.read(prompt)
        elapsed_ns = time.perf_counter_ns() - begun
        if len(self._prompts) >= _KEPT_PROMPTS:
            self._prompts.clear()
        self._prompts[prompt] = (self.context.save_sequence(0), first, elapsed_ns)
        return first, elapsed_ns

    def read(self, tokens: Sequence[int]) -> int:
        """Add tokens to the text; the likeliest one after them."""
        for at in range(0, len(tokens), self.context.n_batch):
            part = tokens[at : at + self.context.n_batch]
            outputs = np.zeros(len(part), dtype=np.int8)
            outputs[-1] = 1
            self._decode(part, outputs)
        return int(self._logits(-1, 1)[0].argmax())

    def verify(self, tokens: Sequence[int]) -> IntArray:
        """Add a few tokens to the text; the likeliest one after each of them."""
        self._decode(tokens, np.ones(len(tokens), dtype=np.int8))
        chosen: IntArray = self._logits(0, len(tokens)).argmax(axis=1).astype(np.int32)
        return chosen

    def verify_many(self, tokens: Sequence[int]) -> list[int]:
        """As :meth:`verify`, of any number of tokens."""
        rows = min(_ROWS, self.context.n_batch)
        found: list[int] = []
        for at in range(0, len(tokens), rows):
            found += self.verify(tokens[at : at + rows]).tolist()
        return found

    def gaps(self, count: int) -> list[float]:
        """By how much the likeliest token led the next, after each of the last batch's tokens."""
        best = np.partition(self._logits(0, count), -2, axis=1)[:, -2:]
        return [finite_gap(float(gap)) for gap in best[:, 1] - best[:, 0]]

    def rewind(self, count: int) -> None:
        """Forget all but the first ``count`` tokens.

        Raises:
            EngineError: a model of this kind can only forget everything.
        """
        if count == len(self.held):
            return
        if not self.context.keep_first(count):
            self.clear()
            raise EngineError(
                "a model of this kind cannot take tokens back, so nothing can be drafted with it"
            )
        del self.held[count:]

    def clear(self) -> None:
        """Forget the text."""
        self.context.clear()
        self.held.clear()

    def _decode(self, tokens: Sequence[int], outputs: npt.NDArray[np.int8]) -> None:
        start, count = len(self.held), len(tokens)
        batch = Batch(
            np.array(tokens, dtype=np.int32),
            np.arange(start, start + count, dtype=np.int32),
            np.zeros(count, dtype=np.int32),
            outputs,
        )
        try:
            self.context.decode(batch)
        except BaseException:  # part of the batch may be in the context
            self.clear()
            raise
        self.held += tokens
        self._on_progress()

    def _logits(self, first: int, count: int) -> npt.NDArray[np.float32]:
        """A view of the last batch's logits, which the next batch overwrites."""
        pointer = L.llama_get_logits_ith(self.context.handle, first)
        if not pointer:
            raise EngineError("llama.cpp gave no logits")
        return np.ctypeslib.as_array(pointer, (count, self.context.model.vocabulary_size))


# ---------------------------------------------------------------- who drafts


class Drafter(Protocol):
    """Proposes how a text goes on."""

    def begin(self, prompt: tuple[int, ...]) -> int:
        """Start with a prompt; how long reading it took, ns."""

    def draft(self, text: Sequence[int], limit: int) -> list[int]:
        """At most ``limit`` tokens that may follow; ``text`` begins with that of the last call."""


class NoDrafter:
    """Proposes nothing: plain decoding."""

    def begin(self, prompt: tuple[int, ...]) -> int:
        """Nothing is read."""
        del prompt
        return 0

    def draft(self, text: Sequence[int], limit: int) -> list[int]:
        """Nothing."""
        del text, limit
        return []


class LookupDrafter:
    """Proposes what followed the last words when they stood in the text before."""

    def __init__(self, *, ngram: int, length: int) -> None:
        """See :class:`~tunesmith.domain.speculation.Lookup`."""
        self._ngram = ngram
        self._length = length
        self._lookup = Lookup(ngram=ngram, length=length)
        self._fed = 0

    def begin(self, prompt: tuple[int, ...]) -> int:
        """Look at a new text."""
        self._lookup = Lookup(ngram=self._ngram, length=self._length)
        self._lookup.extend(prompt)
        self._fed = len(prompt)
        return 0

    def draft(self, text: Sequence[int], limit: int) -> list[int]:
        """What followed; empty if the last words are new."""
        self._lookup.extend(text[self._fed :])
        self._fed = len(text)
        return self._lookup.draft()[:limit]


class ModelDrafter:
    """Proposes what a smaller model would say."""

    def __init__(self, text: GreedyText, *, target_tokens: int) -> None:
        """Draft by ``text``'s model for one with a vocabulary of ``target_tokens``."""
        self._text = text
        self._target_tokens = target_tokens
        self._agreed = 0
        """So many tokens of what it holds are the text's for sure."""
        self._foreign = False

    def begin(self, prompt: tuple[int, ...]) -> int:
        """Read a prompt."""
        self._foreign = not self._knows(prompt)
        self._agreed = 0 if self._foreign else len(prompt)
        return 0 if self._foreign else self._text.open(prompt)[1]

    def _knows(self, tokens: Sequence[int]) -> bool:
        return all(token < self._text.context.model.vocabulary_size for token in tokens)

    def draft(self, text: Sequence[int], limit: int) -> list[int]:
        """Its likeliest tokens; empty once the text holds a token that it has not."""
        self._foreign = self._foreign or not self._knows(text[self._agreed :])
        if limit < 1 or self._foreign:
            return []
        held, last = self._text.held, len(text) - 1
        common = min(self._agreed, last)
        while common < min(len(held), last) and held[common] == text[common]:
            common += 1
        self._text.rewind(common)
        found = [self._text.read(text[common:])]
        self._agreed = len(text)
        while len(found) < limit and found[-1] < self._target_tokens:
            found.append(self._text.read(found[-1:]))
        return found if found[-1] < self._target_tokens else found[:-1]


# ---------------------------------------------------------------- the loop


@dataclass(slots=True)
class Told:
    """A prompt gone on with, and what it took, ns."""

    tokens: list[int]
    prompt_ns: int
    draft_prompt_ns: int
    elapsed_ns: int = 0
    draft_ns: int = 0
    cycles: list[Cycle] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)


def go_on(
    target: GreedyText, drafter: Drafter, prompt: tuple[int, ...], *, max_tokens: int, length: int,
    ends: Callable[[int], bool], gaps: bool = False, around: Callable[[], None] = lambda: None,
) -> Told:  # fmt: skip
    """Go on with a prompt, always with the target's likeliest token.

    In each cycle at most ``length`` tokens are drafted and computed in one batch behind the last one; those
    that the target would have chosen are accepted, and the target's own choice comes after them. Verifying
    is greedy (Leviathan, Kalman & Matias 2023, "Fast inference from transformers via speculative
    decoding", with temperature 0), so the text is the target's own, save that a batch of another size may
    round two nearly equal logits the other way.

    Args:
        max_tokens: ends it, unless a token does.
        length: most tokens drafted at once.
        ends: whether a token ends a text; it is kept.
        gaps: also note by how much each token led, which takes time.
        around: called just before the clock starts.

    Raises:
        EngineError: and its kinds, as llama.cpp ended.
    """
    first, prompt_ns = target.open(prompt)
    told = Told([first], prompt_ns, drafter.begin(prompt))
    text = [*prompt, first]
    clock = time.perf_counter_ns
    around()
    collected = gc.isenabled()
    gc.disable()
    try:
        begun = clock()
        while not ends(text[-1]) and len(told.tokens) < max_tokens:
            before = clock()
            drafted = drafter.draft(text, draft_limit(max_tokens, len(told.tokens), length))
            told.draft_ns += clock() - before
            chosen = target.verify([text[-1], *drafted])
            fresh = _accepted(drafted, chosen, ends)
            if gaps:
                told.gaps += target.gaps(len(chosen))[: len(fresh)]
            told.cycles.append(Cycle(drafted=len(drafted), accepted=_agreeing(drafted, fresh)))
            told.tokens += fresh
            text += fresh
            target.rewind(len(text) - 1)
        told.elapsed_ns = clock() - begun
    finally:
        if collected:
            gc.enable()
    return told


def _accepted(drafted: list[int], chosen: IntArray, ends: Callable[[int], bool]) -> list[int]:
    """The target's choices, up to the first that was not drafted or ends the text."""
    fresh: list[int] = []
    for at, token in enumerate(chosen.tolist()):
        fresh.append(token)
        if at == len(drafted) or token != drafted[at] or ends(token):
            break
    return fresh


def _agreeing(drafted: list[int], fresh: list[int]) -> int:
    return sum(1 for mine, its in zip(fresh, drafted, strict=False) if mine == its)
