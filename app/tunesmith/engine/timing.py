"""Own the timed repetition of a workload, by llama-bench's protocol.

Memory is cleared before each repetition and the depth put back; tokens are random, with the
vocabulary's first token in front where it wants one; prefill is waited for once at its end, decoding
after every token. Unlike llama-bench, which times the two apart, decoding starts where the prompt
ended when both are asked for, as in real use.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.engine.context import Batch, InferenceContext, IntArray
from tunesmith.engine.errors import EngineError

_SEED = 20_240_229


@dataclass(slots=True)
class RunningRepetition:
    """What one repetition has timed so far; only ever appended to."""

    sequences: int = 1
    prefill_started_ns: int = 0
    prefill_chunks: list[tuple[int, int]] = field(default_factory=list)
    """(tokens, monotonic ns when they were done) of each chunk of the prompt."""
    step_ns: list[int] = field(default_factory=list)


@dataclass(slots=True)
class LiveTiming:
    """How far the work is; written here, read by another thread."""

    running: RunningRepetition = field(default_factory=RunningRepetition)
    """Replaced as a whole with each repetition, so that a reader never mixes two."""
    progress: int = 0
    """Grows with every piece of work done: a watchdog sees a hang in it."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """One timed repetition, raw."""

    started_mono_ns: int
    prefill_tokens: int
    prefill_ns: int | None
    step_ns: tuple[int, ...]


class DepthCache:
    """Saved caches of one sequence at the workload's depth, by what they are compatible with."""

    def __init__(self, before_saving: Callable[[], None] = lambda: None) -> None:
        """``before_saving`` is called before a state takes memory that the model itself would not need."""
        self.before_saving = before_saving
        self._states: dict[tuple[object, ...], bytearray] = {}

    @property
    def kept_bytes(self) -> int:
        """Memory that the saved states take."""
        return sum(map(len, self._states.values()))

    @staticmethod
    def key(settings: Settings, depth: int) -> tuple[object, ...]:
        """Contexts with equal keys can take each other's state (measured: not across the others)."""
        return (depth, settings.flash_attn, settings.type_k, settings.type_v, settings.swa_full)

    def get(self, settings: Settings, depth: int) -> bytearray | None:
        """A state to restore, if one was saved."""
        return self._states.get(self.key(settings, depth))

    def put(self, settings: Settings, depth: int, state: bytearray) -> None:
        """Keep a state."""
        self._states[self.key(settings, depth)] = state


class TimedWorkload:
    """One workload laid out in batches for one context, ready to be timed again and again."""

    def __init__(
        self,
        context: InferenceContext,
        workload: Workload,
        *,
        depths: DepthCache,
        live: LiveTiming,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        """Lay the batches out; nothing is computed yet.

        Raises:
            EngineError: the context is too small for the workload.
        """
        if workload.tokens_per_sequence > context.n_ctx_per_sequence:
            raise EngineError(
                f"the workload needs {workload.tokens_per_sequence} tokens of context per sequence and "
                f"there are {context.n_ctx_per_sequence}"
            )
        if workload.parallel > context.settings.n_seq_max:
            raise EngineError(
                f"the workload needs {workload.parallel} parallel sequences and the context has "
                f"{context.settings.n_seq_max}"
            )
        self._context = context
        self._workload = workload
        self._depths = depths
        self._live = live
        self._clock_ns = clock_ns
        self._rng = np.random.default_rng(_SEED)
        n_batch = context.n_batch
        first = context.model.first_token
        sequences = range(workload.parallel)
        self._depth_batches = self._lay_out(range(1), 0, workload.depth, n_batch, first)
        self._prompt_batches = self._lay_out(
            sequences, workload.depth, workload.prompt, n_batch, None if workload.depth else first
        )
        self._step_tokens = self._random(max(1, workload.generate) * workload.parallel)
        if first is not None and workload.prompt + workload.depth == 0:
            self._step_tokens[: workload.parallel] = first

    def _random(self, count: int) -> IntArray:
        return self._rng.integers(0, self._context.model.vocabulary_size, count, dtype=np.int32)

    def _lay_out(
        self, sequences: range, start: int, length: int, n_batch: int, first: int | None
    ) -> list[Batch]:
        """Batches of at most ``n_batch`` tokens, one sequence after another."""
        if length == 0:
            return []
        tokens = self._random(len(sequences) * length)
        positions = np.tile(np.arange(start, start + length, dtype=np.int32), len(sequences))
        owners = np.repeat(np.array(sequences, dtype=np.int32), length)
        outputs = np.zeros(len(tokens), dtype=np.int8)
        outputs[length - 1 :: length] = 1
        if first is not None:
            tokens[::length] = first
        return [
            Batch(tokens[at : at + n_batch], positions[at : at + n_batch], owners[at : at + n_batch],
                  outputs[at : at + n_batch])
            for at in range(0, len(tokens), n_batch)
        ]  # fmt: skip

    def _go_to_depth(self) -> None:
        """Put every sequence at the workload's depth, from a saved state where there is one."""
        context, workload = self._context, self._workload
        context.clear()
        if not workload.depth:
            return
        state = self._depths.get(context.settings, workload.depth)
        if state is None or not context.restore_sequence(0, state):
            for batch in self._depth_batches:
                context.decode(batch)
                self._live.progress += 1
            self._depths.before_saving()
            state = context.save_sequence(0)
            self._depths.put(context.settings, workload.depth, state)
        for sequence in range(1, workload.parallel):
            if not context.restore_sequence(sequence, state):
                raise EngineError("the context would not take a copy of the prompt's cache")
            self._live.progress += 1

    def warm_up(self) -> int:
        """Run the whole prompt once, or one token where there is none, untimed, as llama-bench does.

        Returns:
            How long reaching the depth for the first time took, ns.
        """
        begun = self._clock_ns()
        self._go_to_depth()
        depth_ns = self._clock_ns() - begun
        for batch in self._prompt_batches:
            self._context.decode(batch)
            self._live.progress += 1
        if self._workload.generate:
            self._context.decode(self._step_batch())
            self._live.progress += 1
        return depth_ns

    def _step_batch(self) -> Batch:
        workload = self._workload
        count = workload.parallel
        position = workload.depth + workload.prompt
        return Batch(
            self._step_tokens[:count].copy(),  # each step overwrites it
            np.full(count, position, dtype=np.int32),
            np.arange(count, dtype=np.int32),
            np.ones(count, dtype=np.int8),
        )

    def prepare(self) -> None:
        """Clear the memory and put the depth back, untimed."""
        self._go_to_depth()
        self._live.running = RunningRepetition(sequences=self._workload.parallel)

    def run(self) -> Repetition:
        """Time prefill and decoding once; :meth:`prepare` comes first.

        Raises:
            Cancelled, OutOfMemory, EngineError: as llama_decode ended.
        """
        context, live, clock_ns = self._context, self._live, self._clock_ns
        count = self._workload.parallel
        step = self._step_batch()
        running = live.running
        chunks, steps = running.prefill_chunks, running.step_ns
        prefill_ns: int | None = None
        collected = gc.isenabled()
        gc.disable()
        try:
            started_mono_ns = time.monotonic_ns()
            begun = clock_ns()
            running.prefill_started_ns = begun
            if self._prompt_batches:
                for batch in self._prompt_batches:
                    context.decode_async(batch)
                    chunks.append((len(batch), clock_ns()))
                    live.progress += 1
                context.synchronize()
                prefill_ns = clock_ns() - begun
            for index in range(self._workload.generate):
                if index:
                    step.tokens[:] = self._step_tokens[index * count : (index + 1) * count]
                    step.positions += 1
                before = clock_ns()
                context.decode(step)
                steps.append(clock_ns() - before)
                live.progress += 1
        finally:
            if collected:
                gc.enable()
        return Repetition(
            started_mono_ns=started_mono_ns,
            prefill_tokens=self._workload.prompt * count,
            prefill_ns=prefill_ns,
            step_ns=tuple(steps),
        )
