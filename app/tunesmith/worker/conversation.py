"""Own one conversation in a context: what is in the context already, and the answer under way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

import numpy as np

from tunesmith.domain.worker_events import PromptRead, TextEnded, TextGenerated, WorkerEvent
from tunesmith.engine.context import Batch, InferenceContext
from tunesmith.engine.text import Sampler, Vocabulary
from tunesmith.worker.protocol import Generate

_EMIT_NS = 60_000_000
"""Text is handed over at most this often: an eye sees no finer, and each frame costs both sides."""


class Conversation:
    """Reads only what the context does not hold yet, then writes until the end."""

    def __init__(
        self,
        context: InferenceContext,
        *,
        emit: Callable[[WorkerEvent], None],
        on_progress: Callable[[], None],
    ) -> None:
        self.context = context
        self._emit = emit
        self._on_progress = on_progress
        self._held: list[int] = []
        """The tokens that the context holds."""
        context.clear()

    def answer(self, command: Generate) -> None:
        """Read the conversation and write the answer to it.

        Raises:
            Cancelled: it was stopped; what was written is told already.
            EngineError: llama.cpp failed.
        """
        vocabulary = Vocabulary(self.context.model)
        tokens, templated = vocabulary.prompt([(turn.role, turn.text) for turn in command.turns])
        if len(tokens) >= self.context.n_ctx_per_sequence:
            self._emit(TextEnded(reason="context_full", tokens=0, elapsed_ns=0))
            return
        begun = time.perf_counter_ns()
        reused = self._go_back_to(tokens)
        self._read(tokens[reused:])
        self._emit(
            PromptRead(
                tokens=len(tokens), reused=reused, elapsed_ns=time.perf_counter_ns() - begun,
                templated=templated,
            )
        )  # fmt: skip
        choice = command.sampling
        with Sampler(
            temperature=choice.temperature, top_k=choice.top_k, top_p=choice.top_p, seed=choice.seed
        ) as sampler:
            self._write(vocabulary, sampler, command.max_tokens)

    def _go_back_to(self, tokens: list[int]) -> int:
        """Drop from the context what is not the beginning of these tokens; how many are left."""
        common = 0
        for held, wanted in zip(self._held, tokens[:-1], strict=False):  # the last gives the logits
            if held != wanted:
                break
            common += 1
        if common < len(self._held) and not self.context.keep_first(common):
            self.context.clear()
            common = 0
        del self._held[common:]
        return common

    def _read(self, tokens: list[int]) -> None:
        for at in range(0, len(tokens), self.context.n_batch):
            self._decode(tokens[at : at + self.context.n_batch])

    def _decode(self, tokens: list[int]) -> None:
        start = len(self._held)
        outputs = np.zeros(len(tokens), dtype=np.int8)
        outputs[-1] = 1
        batch = Batch(
            np.array(tokens, dtype=np.int32),
            np.arange(start, start + len(tokens), dtype=np.int32),
            np.zeros(len(tokens), dtype=np.int32),
            outputs,
        )
        try:
            self.context.decode(batch)
        except BaseException:  # part of the batch may be in the context: begin anew next time
            self.context.clear()
            self._held.clear()
            raise
        self._held += tokens
        self._on_progress()

    def _write(self, vocabulary: Vocabulary, sampler: Sampler, max_tokens: int) -> None:
        begun = told = time.perf_counter_ns()
        count, pending = 0, ""
        reason: Literal["end", "limit", "context_full"] = "limit"
        try:
            while count < max_tokens:
                token = sampler.choose(self.context)
                if vocabulary.ends(token):
                    reason = "end"
                    break
                count += 1
                pending += vocabulary.piece(token)
                now = time.perf_counter_ns()
                if pending and now - told >= _EMIT_NS:
                    self._emit(TextGenerated(text=pending, tokens=count, elapsed_ns=now - begun))
                    pending, told = "", now
                if len(self._held) >= self.context.n_ctx_per_sequence:
                    reason = "context_full"
                    break
                self._decode([token])
        finally:
            pending += vocabulary.rest()
            elapsed = time.perf_counter_ns() - begun
            if pending:
                self._emit(TextGenerated(text=pending, tokens=count, elapsed_ns=elapsed))
        self._emit(TextEnded(reason=reason, tokens=count, elapsed_ns=elapsed))
