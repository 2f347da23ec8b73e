"""Own how a text is read by a source and by its candidates, and what is kept in between."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Self

import numpy as np

from tunesmith.domain.quality import ChunkScore
from tunesmith.domain.worker_events import ChunkKept, ChunkScored, ModelLoaded, TextSplit, WorkerEvent
from tunesmith.engine.context import InferenceContext, IntArray
from tunesmith.engine.divergence import (
    Comparison,
    FloatArray,
    PackedRows,
    compare_rows,
    empty_rows,
    pack_rows,
)
from tunesmith.engine.errors import EngineError, InputRefused
from tunesmith.engine.library import AbortFlag, LogBuffer
from tunesmith.engine.model import LoadedModel
from tunesmith.engine.scoring import ChunkReader, chunk_tokens, scored_rows
from tunesmith.engine.text import Vocabulary
from tunesmith.engine.timing import LiveTiming
from tunesmith.worker.base_files import BaseFiles, BaseShape
from tunesmith.worker.protocol import Score
from tunesmith.worker.texts import text_tokens

_VALUES_AT_ONCE = 2**18
"""Few enough to stay in a cache."""


class Scorer:
    """Carries out :class:`Score` commands, each with its model loaded and freed again."""

    def __init__(
        self, *, log: LogBuffer, abort: AbortFlag, live: LiveTiming, emit: Callable[[WorkerEvent], None]
    ) -> None:
        self._log = log
        self._abort = abort
        self._live = live
        self._emit = emit

    def score(self, command: Score) -> None:
        """Carry out one command, emitting events as it goes.

        Raises:
            EngineError: and its kinds, as llama.cpp, the text or the disk would have it.
        """
        base = BaseFiles(Path(command.base_folder), command.base_key, limit_bytes=command.base_limit_bytes)
        if command.role == "source":
            self._keep(command, base)
        else:
            self._compare(command, base)

    def _count(self) -> None:
        self._live.progress += 1

    def _load(self, command: Score, *, vocab_only: bool = False) -> LoadedModel:
        return LoadedModel(
            command.model_path, command.settings, log=self._log, abort=self._abort, vocab_only=vocab_only,
            on_progress=self._count,
        )  # fmt: skip

    def _context(self, model: LoadedModel, command: Score) -> InferenceContext:
        settings = command.settings
        context = InferenceContext(model, settings, log=self._log, abort=self._abort)
        context.set_threads(settings.threads, settings.threads_batch)
        return context

    # ------------------------------------------------------------- the source

    def _keep(self, command: Score, base: BaseFiles) -> None:
        n_ctx = command.settings.n_ctx
        with self._load(command, vocab_only=True) as model:
            tokens, shape = self._split(command, model)

        def is_kept(chunk: int) -> bool:
            return base.holds(chunk, shape, chunk_tokens(tokens, chunk, n_ctx))

        wanted = command.chunks
        if not wanted:
            chosen = self._choose(command, base, shape, tokens, is_kept)
            wanted = chosen[: command.first_chunks or len(chosen)]
        missing = [chunk for chunk in wanted if not is_kept(chunk)]
        if not missing:
            return
        with (
            self._load(command) as model,
            closing(self._context(model, command)) as context,
            _Crew(command.settings.threads_batch) as crew,
        ):
            self._emit(ModelLoaded(load_ns=model.load_ns))
            reader, rows = ChunkReader(context, self._count), empty_rows(shape.rows, shape.vocabulary_size)
            for chunk in missing:
                words = chunk_tokens(tokens, chunk, n_ctx)
                for at, logits in reader.read(words):
                    crew.pack(logits, rows.part(at, at + len(logits)))
                base.write(chunk, shape, words, _finite(rows))
                self._count()
                self._emit(ChunkKept(chunk=chunk))

    def _choose(
        self, command: Score, base: BaseFiles, shape: BaseShape, tokens: IntArray,
        is_kept: Callable[[int], bool],
    ) -> tuple[int, ...]:  # fmt: skip
        """As many of the text's first chunks as there is room for, in random order."""
        in_text = len(tokens) // shape.n_ctx
        chunks = list(range(min(in_text, command.max_chunks)))
        random.Random(command.seed).shuffle(chunks)  # noqa: S311 (an order, not a secret)
        kept = {chunk for chunk in chunks if is_kept(chunk)}
        room = base.room_for(shape, missing=len(chunks) - len(kept))
        fresh = set([chunk for chunk in chunks if chunk not in kept][:room])
        chosen = tuple(chunk for chunk in chunks if chunk in kept | fresh)
        if not chosen:
            raise InputRefused(
                f"what the source predicts takes {shape.file_bytes // 2**20 + 1} MiB for each chunk, "
                "for which there is no room within the limit or on the disk"
            )
        self._emit(
            TextSplit(
                tokens=len(tokens), chunks_in_text=in_text, chunks=chosen, vocabulary=shape.vocabulary,
                kept=len(kept),
            )
        )  # fmt: skip
        return chosen

    # ------------------------------------------------------------- a candidate

    def _compare(self, command: Score, base: BaseFiles) -> None:
        n_ctx = command.settings.n_ctx
        with (
            self._load(command) as model,
            _Crew(command.settings.threads_batch) as crew,
        ):
            self._emit(ModelLoaded(load_ns=model.load_ns))
            tokens, shape = self._split(command, model)
            if shape.vocabulary != command.vocabulary:
                raise InputRefused("the two models have different vocabularies and cannot be compared")
            with closing(self._context(model, command)) as context:
                reader = ChunkReader(context, self._count)
                for chunk in command.chunks:
                    words = chunk_tokens(tokens, chunk, n_ctx)
                    source = base.read(chunk, shape, words)
                    following = words[n_ctx - shape.rows :]
                    pieces = [
                        crew.compare(
                            logits, source.part(at, at + len(logits)), following[at : at + len(logits)]
                        )
                        for at, logits in reader.read(words)
                    ]
                    self._count()
                    found = [piece for some in pieces for piece in some]
                    self._emit(ChunkScored(score=_score(chunk, found)))

    def _split(self, command: Score, model: LoadedModel) -> tuple[IntArray, BaseShape]:
        """The text's tokens, and what its chunks have in common."""
        vocabulary, n_ctx = Vocabulary(model), command.settings.n_ctx
        tokens = text_tokens(vocabulary, command.text_path, command.text_sha256, n_ctx)
        shape = BaseShape(
            n_ctx=n_ctx, rows=scored_rows(n_ctx), vocabulary_size=model.vocabulary_size,
            vocabulary=vocabulary.fingerprint(),
        )  # fmt: skip
        return tokens, shape


class _Crew:
    """Computes rows on several threads; numpy lets them run side by side."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads)

    def pack(self, logits: FloatArray, into: PackedRows) -> None:
        list(
            self._pool.map(
                lambda part: pack_rows(logits[part], into.part(part.start, part.stop)), _parts(logits)
            )
        )

    def compare(self, logits: FloatArray, source: PackedRows, following: IntArray) -> list[Comparison]:
        def one(part: slice) -> Comparison:
            return compare_rows(logits[part], source.part(part.start, part.stop), following[part])

        return list(self._pool.map(one, _parts(logits)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()


def _parts(logits: FloatArray) -> list[slice]:
    count, columns = logits.shape
    size = max(1, _VALUES_AT_ONCE // columns)
    return [slice(at, min(at + size, count)) for at in range(0, count, size)]


def _finite(rows: PackedRows) -> PackedRows:
    if not (np.isfinite(rows.scale).all() and np.isfinite(rows.minimum).all()):
        raise EngineError("the source's predictions are no numbers; its weights may be damaged")
    return rows


def _score(chunk: int, pieces: list[Comparison]) -> ChunkScore:
    kld = np.concatenate([piece.kld for piece in pieces])
    nll = np.concatenate([piece.nll for piece in pieces])
    if not (np.isfinite(kld).all() and np.isfinite(nll).all()):
        raise EngineError("the candidate's predictions are no numbers; its weights may be damaged")
    return ChunkScore(
        chunk=chunk,
        kld=tuple(kld.tolist()),
        nll=tuple(nll.tolist()),
        source_nll=tuple(np.concatenate([piece.source_nll for piece in pieces]).tolist()),
        agreed=sum(int(piece.agreed.sum()) for piece in pieces),
    )
