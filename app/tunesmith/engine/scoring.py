"""Own reading a text chunk by chunk: what a model predicts for the second half of each, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from tunesmith.engine.context import Batch, InferenceContext, IntArray
from tunesmith.engine.divergence import FloatArray
from tunesmith.engine.library import L


def first_scored(n_ctx: int) -> int:
    """The first position whose prediction counts: what comes before is there to be read only."""
    return n_ctx // 2


def scored_rows(n_ctx: int) -> int:
    """Predictions that count in a chunk; the last one's token is not in it."""
    return n_ctx - first_scored(n_ctx) - 1


def chunk_tokens(tokens: IntArray, chunk: int, n_ctx: int) -> IntArray:
    """The tokens of one chunk, as they are in the text."""
    return tokens[chunk * n_ctx : (chunk + 1) * n_ctx]


def read_whole(context: InferenceContext, tokens: IntArray) -> None:
    """Have a context compute a chunk with an output at every position, so that nothing of it is left out.

    Raises:
        Cancelled, OutOfMemory, EngineError: as llama_decode ended.
    """
    read = tokens.copy()
    if context.model.first_token is not None:
        read[0] = context.model.first_token
    context.clear()
    for start in range(0, len(tokens), context.n_batch):
        positions = np.arange(start, min(start + context.n_batch, len(tokens)), dtype=np.int32)
        piece = read[start : start + len(positions)]
        context.decode(Batch(piece, positions, np.zeros_like(positions), np.ones(len(piece), np.int8)))


class ChunkReader:
    """Reads chunks in a context that holds exactly one."""

    def __init__(self, context: InferenceContext, on_progress: Callable[[], None]) -> None:
        self._context = context
        self._on_progress = on_progress

    def read(self, tokens: IntArray) -> Iterator[tuple[int, FloatArray]]:
        """Logits of a chunk's scored positions, in one or more pieces.

        The vocabulary's first token takes the place of the chunk's where the vocabulary wants it in front.

        Yields:
            The first row's number among those scored, and rows by columns of the vocabulary: a view into
            llama.cpp's memory that holds until the next piece is asked for.

        Raises:
            Cancelled, OutOfMemory, EngineError: as llama_decode ended.
        """
        context = self._context
        count, first = len(tokens), first_scored(len(tokens))
        read = tokens.copy()
        if context.model.first_token is not None:
            read[0] = context.model.first_token
        context.clear()
        for start in range(0, count, context.n_batch):
            positions = np.arange(start, min(start + context.n_batch, count), dtype=np.int32)
            wanted = positions >= first
            batch = Batch(
                read[start : start + len(positions)],
                positions,
                np.zeros_like(positions),
                wanted.astype(np.int8),
            )
            context.decode(batch)
            self._on_progress()
            if wanted.any():
                place = int(wanted.argmax())
                rows = self._rows(place, int(wanted.sum()))
                skip = 1 if start + len(positions) == count else 0
                if len(rows) > skip:
                    yield int(positions[place]) - first, rows[: len(rows) - skip]

    def _rows(self, place: int, count: int) -> FloatArray:
        pointer = L.llama_get_logits_ith(self._context.handle, place)
        return np.ctypeslib.as_array(pointer, (count, self._context.model.vocabulary_size))
