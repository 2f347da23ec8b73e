"""Own one model in memory."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from tunesmith.domain.overrides import override_patterns
from tunesmith.domain.settings import LoadMode, Settings, SplitMode
from tunesmith.engine.errors import Cancelled, LoadRefused, looks_out_of_memory, out_of_memory
from tunesmith.engine.library import AbortFlag, L, LogBuffer, symbol

_LOAD_MODES: Final[dict[LoadMode, int]] = {
    "auto": L.LLAMA_LOAD_MODE_AUTO,
    "none": L.LLAMA_LOAD_MODE_NONE,
    "mmap": L.LLAMA_LOAD_MODE_MMAP,
    "mlock": L.LLAMA_LOAD_MODE_MLOCK,
    "mmap+mlock": L.LLAMA_LOAD_MODE_MMAP_MLOCK,
    "dio": L.LLAMA_LOAD_MODE_DIRECT_IO,
}
_SPLIT_MODES: Final[dict[SplitMode, int]] = {"none": 0, "layer": 1, "row": 2, "tensor": 3}
"""enum llama_split_mode of llama.h."""


class LoadedModel:
    """A model loaded by llama.cpp; close it after every context made from it."""

    def __init__(
        self,
        path: str,
        settings: Settings,
        *,
        log: LogBuffer,
        abort: AbortFlag,
        check_tensors: bool = False,
        vocab_only: bool = False,
        no_alloc: bool = False,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Load ``path`` as the model-level settings say.

        Args:
            check_tensors: also look for values that are no numbers, which llama.cpp loads silently.
            vocab_only: leave the weights out; no context can be made from it.
            no_alloc: reckon what memory would be taken, and take none; nothing can be computed with it.
            on_progress: called some 250 times while loading.

        Raises:
            LoadRefused: llama.cpp would not load the file.
            OutOfMemory: there was no memory for it.
            Cancelled: the abort flag was set meanwhile.
        """

        def on_load(_fraction: float, _user: object) -> bool:
            on_progress()
            return not abort.is_set

        params = L.llama_model_default_params()
        params.n_gpu_layers = settings.n_gpu_layers
        params.load_mode = _LOAD_MODES["none" if no_alloc else settings.load_mode]  # a map is no allocation
        params.no_alloc = no_alloc
        params.use_extra_bufts = settings.use_extra_bufts
        params.split_mode = _SPLIT_MODES[settings.split_mode]
        params.main_gpu = settings.main_gpu
        named = _named_devices(settings.devices)  # both are read while the model is loaded
        shares = _shares(settings.tensor_split)
        if named is not None:
            params.devices = ctypes.cast(named, ctypes.c_void_p)
        if shares is not None:
            params.tensor_split = ctypes.cast(shares, ctypes.POINTER(ctypes.c_float))
        overrides = _overrides(settings)
        if overrides is not None:
            params.tensor_buft_overrides = ctypes.cast(overrides, ctypes.c_void_p)
        params.no_host = settings.no_host
        params.check_tensors = check_tensors
        params.vocab_only = vocab_only
        c_on_load = L.llama_progress_callback(on_load)
        params.progress_callback = c_on_load
        log.lines.clear()
        begun = time.perf_counter_ns()
        self._handle: Any = L.llama_model_load_from_file(os.fsencode(path), params)
        self.load_ns = time.perf_counter_ns() - begun
        if not self._handle:
            said = log.tail()
            if abort.is_set:
                raise Cancelled("loading was cancelled", said)
            if looks_out_of_memory(said):
                raise out_of_memory("to load the model", said)
            raise LoadRefused(_with("llama.cpp would not load the model", log.complaint()), said)
        vocab = L.llama_model_get_vocab(self._handle)
        self.vocabulary_size: int = L.llama_vocab_n_tokens(vocab)
        if self.vocabulary_size < 1:
            self.close()
            raise LoadRefused("llama.cpp found no vocabulary in the model")
        bos: int = L.llama_vocab_bos(vocab)
        self.first_token = bos if L.llama_vocab_get_add_bos(vocab) and bos >= 0 else None

    @property
    def handle(self) -> Any:
        """llama.cpp's pointer.

        Raises:
            RuntimeError: the model was closed.
        """
        if not self._handle:
            msg = "the model is closed"
            raise RuntimeError(msg)
        return self._handle

    def close(self) -> None:
        """Free the weights; harmless when done already."""
        if self._handle:
            L.llama_model_free(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _named_devices(names: tuple[str, ...]) -> Any:
    """llama.cpp's handles of these devices with a null at the end; None where all may be used.

    Raises:
        LoadRefused: there is no such device.
    """
    if not names:
        return None
    by_name = symbol("ggml_backend_dev_by_name", ctypes.c_void_p, [ctypes.c_char_p])
    handles = [] if names == ("none",) else [by_name(name.encode()) for name in names]
    if None in handles:
        raise LoadRefused(f"there is no device {names[handles.index(None)]}")
    return (ctypes.c_void_p * (len(handles) + 1))(*handles, None)


class _Override(ctypes.Structure):
    """struct llama_model_tensor_buft_override of llama.h."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


def _overrides(settings: Settings) -> Any:
    """llama.cpp's list of where tensors lie, with an empty entry at the end; None where there is none.

    Raises:
        LoadRefused: there is no such device.
    """
    patterns = override_patterns(settings)
    if not patterns:
        return None
    by_name = symbol("ggml_backend_dev_by_name", ctypes.c_void_p, [ctypes.c_char_p])
    type_of = symbol("ggml_backend_dev_buffer_type", ctypes.c_void_p, [ctypes.c_void_p])
    entries = []
    for pattern, name in patterns:
        device = by_name(name.encode())
        if device is None:
            raise LoadRefused(f"there is no device {name}")
        entries.append(_Override(pattern.encode(), type_of(device)))
    return (_Override * (len(entries) + 1))(*entries, _Override(None, None))


def _shares(split: tuple[float, ...]) -> Any:
    return (ctypes.c_float * L.llama_max_devices())(*split) if split else None


def _with(message: str, reason: str) -> str:
    return f"{message}: {reason}" if reason else message


def c_pointer(array: Any, kind: Any) -> Any:
    """The address of a numpy array's first element as a ctypes pointer to ``kind``."""
    return array.ctypes.data_as(ctypes.POINTER(kind))
