"""Own one inference context: its batches, its depth and its threads."""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tunesmith.domain.settings import CacheType, FlashAttention, Settings
from tunesmith.engine.errors import Cancelled, EngineError, looks_out_of_memory, out_of_memory
from tunesmith.engine.library import AbortFlag, L, LogBuffer, symbol
from tunesmith.engine.model import LoadedModel, c_pointer

_FLASH: Final[dict[FlashAttention, int]] = {
    "auto": L.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "off": L.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    "on": L.LLAMA_FLASH_ATTN_TYPE_ENABLED,
}
_CACHE_TYPES: Final[dict[CacheType, int]] = {
    "f32": L.GGML_TYPE_F32,
    "f16": L.GGML_TYPE_F16,
    "bf16": 30,  # GGML_TYPE_BF16 of ggml.h; the binding does not name it
    "q8_0": L.GGML_TYPE_Q8_0,
    "q5_1": L.GGML_TYPE_Q5_1,
    "q5_0": L.GGML_TYPE_Q5_0,
    "q4_1": L.GGML_TYPE_Q4_1,
    "q4_0": L.GGML_TYPE_Q4_0,
    "iq4_nl": L.GGML_TYPE_IQ4_NL,
}
_THREADPOOL_PARAMS_BYTES: Final = 1024
"""struct ggml_threadpool_params takes 528; room is left for it to grow."""

IntArray = npt.NDArray[np.int32]


class Batch:
    """Tokens laid out in memory as llama_decode wants them, made outside any timed region."""

    def __init__(
        self, tokens: IntArray, positions: IntArray, sequences: IntArray, outputs: npt.NDArray[np.int8]
    ) -> None:
        """All four arrays have the same length; ``sequences`` names the sequence of each token."""
        self.tokens = np.ascontiguousarray(tokens, dtype=np.int32)
        self.positions = np.ascontiguousarray(positions, dtype=np.int32)
        self._sequences = np.ascontiguousarray(sequences, dtype=np.int32)
        self._outputs = np.ascontiguousarray(outputs, dtype=np.int8)
        count = len(self.tokens)
        self._counts = np.ones(count, dtype=np.int32)
        self._pointers = self._sequences.ctypes.data + 4 * np.arange(count, dtype=np.uintp)
        self.struct = L.llama_batch(
            n_tokens=count,
            token=c_pointer(self.tokens, ctypes.c_int32),
            embd=None,
            pos=c_pointer(self.positions, ctypes.c_int32),
            n_seq_id=c_pointer(self._counts, ctypes.c_int32),
            seq_id=c_pointer(self._pointers, ctypes.POINTER(ctypes.c_int32)),
            logits=c_pointer(self._outputs, ctypes.c_int8),
        )

    def __len__(self) -> int:
        return len(self.tokens)


class InferenceContext:
    """A llama.cpp context on a loaded model."""

    def __init__(
        self, model: LoadedModel, settings: Settings, *, log: LogBuffer, abort: AbortFlag, watch: Any = None
    ) -> None:
        """Make the context.

        Args:
            watch: a ``ggml_backend_sched_eval_callback`` that is asked of each tensor computed; slows
                computing down.

        Raises:
            OutOfMemory: the cache or the compute buffers did not fit.
            EngineError: llama.cpp refused for another reason, or would abort on these settings.
        """
        if min(settings.n_batch, settings.n_ctx) < settings.n_seq_max:  # an assertion in llama.cpp
            raise EngineError(
                f"a batch of {min(settings.n_batch, settings.n_ctx)} tokens has no room for one token of "
                f"each of {settings.n_seq_max} sequences"
            )
        params = L.llama_context_default_params()
        params.n_ctx = settings.n_ctx
        params.n_batch = settings.n_batch
        params.n_ubatch = settings.n_ubatch
        params.n_seq_max = settings.n_seq_max
        params.n_threads = settings.threads
        params.n_threads_batch = settings.threads_batch
        params.flash_attn_type = _FLASH[settings.flash_attn]
        params.type_k = _CACHE_TYPES[settings.type_k]
        params.type_v = _CACHE_TYPES[settings.type_v]
        params.op_offload = settings.op_offload
        params.offload_kqv = settings.offload_kqv
        params.swa_full = settings.swa_full
        params.no_perf = False
        if watch is not None:
            params.cb_eval = watch
        self._watch = watch  # kept, since llama.cpp does not
        self.model = model
        self.settings = settings
        self._log = log
        self._abort = abort
        self._pools: list[Any] = []
        self._threads: tuple[int, int] | None = None
        log.lines.clear()
        begun = time.perf_counter_ns()
        self._handle: Any = L.llama_init_from_model(model.handle, params)
        self.create_ns = time.perf_counter_ns() - begun
        if not self._handle:
            said = log.tail()
            if looks_out_of_memory(said):
                raise out_of_memory("for the context", said)
            raise EngineError(log.complaint() or "llama.cpp would not make a context", said)
        L.llama_set_abort_callback(self._handle, abort.callback, abort.data)
        self._memory = L.llama_get_memory(self._handle)
        self.n_batch: int = L.llama_n_batch(self._handle)
        """Most tokens per call; llama.cpp makes it no larger than the context."""
        self.n_ctx_per_sequence: int = L.llama_n_ctx_seq(self._handle)

    def set_threads(self, threads: int, threads_batch: int) -> None:
        """Use ``threads`` to decode and ``threads_batch`` to prefill from now on.

        A thread pool is attached as llama.cpp's own tools do; it takes microseconds.
        """
        if self._threads == (threads, threads_batch):
            return
        L.llama_set_n_threads(self._handle, threads, threads_batch)
        symbol("llama_detach_threadpool", None, [ctypes.c_void_p])(self._handle)
        self._free_pools()
        decode_pool = self._new_pool(threads)
        prefill_pool = decode_pool if threads == threads_batch else self._new_pool(threads_batch)
        attach = symbol("llama_attach_threadpool", None, [ctypes.c_void_p] * 3)
        attach(self._handle, decode_pool, prefill_pool)
        self._threads = (threads, threads_batch)

    def _new_pool(self, threads: int) -> Any:
        params = ctypes.create_string_buffer(_THREADPOOL_PARAMS_BYTES)
        symbol("ggml_threadpool_params_init", None, [ctypes.c_void_p, ctypes.c_int])(params, threads)
        pool = ctypes.c_void_p(symbol("ggml_threadpool_new", ctypes.c_void_p, [ctypes.c_void_p])(params))
        self._pools.append(pool)
        return pool

    def _free_pools(self) -> None:
        free = symbol("ggml_threadpool_free", None, [ctypes.c_void_p])
        for pool in self._pools:
            free(pool)
        self._pools.clear()

    def decode(self, batch: Batch) -> None:
        """Compute one batch and wait until its results are there.

        Raises:
            Cancelled: the abort flag was set.
            EngineError: llama.cpp failed.
        """
        code = L.llama_decode(self._handle, batch.struct)
        L.llama_synchronize(self._handle)
        if code:
            self._raise(code)

    def decode_async(self, batch: Batch) -> None:
        """Compute one batch without waiting; end a series with :meth:`synchronize`."""
        code = L.llama_decode(self._handle, batch.struct)
        if code:
            self._raise(code)

    def synchronize(self) -> None:
        """Wait until all that was submitted is computed."""
        L.llama_synchronize(self._handle)

    def _raise(self, code: int) -> None:
        said = self._log.tail()
        if code == 2:
            raise Cancelled("the computation was cancelled", said)
        if code == 1:
            raise EngineError("the context has no room for more tokens", said)
        if looks_out_of_memory(said):
            raise out_of_memory("to compute", said)
        raise EngineError(f"llama_decode failed with code {code}", said)

    @property
    def handle(self) -> Any:
        """llama.cpp's pointer."""
        return self._handle

    def keep_first(self, tokens: int) -> bool:
        """Forget all but the first tokens of sequence 0; False if this model can only forget everything.

        With a sliding window, what has left the window is gone and cannot be gone back to, unless the whole
        context is kept.
        """
        if L.llama_model_n_swa(self.model.handle) and not self.settings.swa_full:
            return False
        return bool(L.llama_memory_seq_rm(self._memory, 0, tokens, -1))

    def clear(self) -> None:
        """Forget all tokens, keeping the memory."""
        L.llama_memory_clear(self._memory, False)  # noqa: FBT003 (a C function)

    def save_sequence(self, sequence: int) -> bytearray:
        """The cache of one sequence, to restore it later here or in a compatible context."""
        size = L.llama_state_seq_get_size(self._handle, sequence)
        buffer = bytearray(size)
        view = (ctypes.c_uint8 * size).from_buffer(buffer)
        L.llama_state_seq_get_data(self._handle, view, size, sequence)
        return buffer

    def restore_sequence(self, sequence: int, state: bytearray) -> bool:
        """Put a saved cache back; False if this context cannot take it."""
        view = (ctypes.c_uint8 * len(state)).from_buffer(state)
        return bool(L.llama_state_seq_set_data(self._handle, view, len(state), sequence) > 0)

    def perf(self) -> tuple[float, int, float, int]:
        """llama.cpp's own clock: prefill ms, prefill tokens, decode ms, decode calls."""
        data = L.llama_perf_context(self._handle)
        return data.t_p_eval_ms, data.n_p_eval, data.t_eval_ms, data.n_eval

    def perf_reset(self) -> None:
        """Set llama.cpp's own clock to zero."""
        L.llama_perf_context_reset(self._handle)

    def close(self) -> None:
        """Free the context and its thread pools; harmless when done already."""
        if self._handle:
            L.llama_free(self._handle)
            self._handle = None
            self._free_pools()


class AffinityControl:
    """Bind this process's threads, the ones OpenMP made included, to some CPUs."""

    def __init__(self, tasks: Path = Path("/proc/self/task")) -> None:
        self._tasks = tasks
        self._supported = hasattr(os, "sched_setaffinity")
        self._all = frozenset(os.sched_getaffinity(0)) if self._supported else frozenset()
        self._now = self._all

    def apply(self, cpus: tuple[int, ...] | None) -> None:
        """Bind to ``cpus``; None gives back what the process started with.

        Raises:
            EngineError: the system knows no affinity, or none of the CPUs may be used.
        """
        wanted = self._all if cpus is None else frozenset(cpus)
        if wanted == self._now:
            return
        if not self._supported:
            raise EngineError("this system cannot bind threads to CPUs")
        try:
            self._now = frozenset()  # unknown, should it fail half way
            for task in self._tasks.iterdir():
                with contextlib.suppress(ProcessLookupError):  # a thread that has ended meanwhile
                    os.sched_setaffinity(int(task.name), wanted)
        except OSError as error:
            raise EngineError(
                f"the threads cannot be bound to CPUs {sorted(wanted)}: {error.strerror}"
            ) from error
        self._now = wanted
