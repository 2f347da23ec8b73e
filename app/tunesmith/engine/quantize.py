"""Own llama.cpp's quantizer: one file made from another, or the size that it would have."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tunesmith.engine.divergence import FloatArray
from tunesmith.engine.errors import DiskFault, EngineError, InputRefused, OutOfMemory, looks_out_of_memory
from tunesmith.engine.library import L, LogBuffer
from tunesmith.engine.model import c_pointer

_STEP: Final = re.compile(r"^\[ *(\d+)/ *(\d+)\] *(\S+)")
_SIZE: Final = re.compile(r"quant size *= *([\d.]+) MiB \(([\d.]+) BPW\)")
_FALLBACK: Final = re.compile(r"WARNING: (\d+) of (\d+) tensor\(s\) required fallback")
_FAILED: Final = re.compile(r"failed to quantize: (.*)")
_NEEDS_IMATRIX: Final = "will require an imatrix"
_INT_OVERRIDE, _STRING_OVERRIDE = 0, 3
"""LLAMA_KV_OVERRIDE_TYPE_INT and _STR of llama.h."""
_LONGEST_VALUE: Final = 127


@dataclass(frozen=True, slots=True)
class Quantized:
    """What llama.cpp said of a file that it made, or would make."""

    weights_bytes: int
    """To 10 KiB, as it says it."""
    bits_per_weight: float
    fallbacks: int
    """Tensors whose shape does not allow the type and that got a larger one."""
    tensors: int
    needs_imatrix: bool


@dataclass(frozen=True, slots=True)
class QuantizeOptions:
    """How a file is made."""

    file_type: int
    """enum llama_ftype."""
    threads: int
    allow_requantize: bool = False
    dry_run: bool = False
    tensor_types: Sequence[tuple[str, int]] = ()
    """Regular expression for a tensor's name, and its enum ggml_type; the first that fits counts."""
    labels: Mapping[str, str | int] | None = None
    """Keys that are put into the file's header."""
    importance: Mapping[str, FloatArray] | None = None
    """How strongly each column of a weight is used, by the weight's name."""


def quantize(
    source: str, target: str, options: QuantizeOptions, *, log: LogBuffer,
    on_step: Callable[[int, int, str], None],
) -> Quantized:  # fmt: skip
    """Make a file; what is left of it after an error is of no use.

    llama.cpp cannot be stopped in this: end the process instead.

    Args:
        on_step: told after each tensor how many are done, how many there are, and its name.

    Raises:
        InputRefused: it cannot be made from this source in this way.
        DiskFault: it could not be written.
        OutOfMemory: there was no memory for it.
        EngineError: llama.cpp refused for another reason.
    """
    said: list[str] = []

    def on_line(line: str) -> None:
        found = _STEP.match(line)
        if found is None or _FAILED.search(line):  # a failure ends the line of the tensor it happened at
            said.append(line)
        else:
            on_step(int(found[1]), int(found[2]), found[3])

    params, kept = _params(options)
    log.lines.clear()
    log.on_line = on_line
    try:
        code = L.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(params))
    finally:
        log.on_line = None
    del kept  # what the parameters point to lived until here
    if code:
        raise _failure(said, log.tail())
    return _quantized(said)


def _params(options: QuantizeOptions) -> tuple[Any, list[object]]:
    """llama.cpp's parameters, and what they point to."""
    params = L.llama_model_quantize_default_params()
    params.nthread = options.threads
    params.ftype = options.file_type
    params.allow_requantize = options.allow_requantize
    params.dry_run = options.dry_run
    kept: list[object] = []
    if options.tensor_types:
        overrides = (L.llama_model_tensor_override * (len(options.tensor_types) + 1))()
        for place, (pattern, kind) in zip(overrides, options.tensor_types, strict=False):
            place.pattern, place.type = pattern.encode(), kind
        params.tt_overrides = overrides
        kept.append(overrides)
    if options.labels:
        labels = (L.llama_model_kv_override * (len(options.labels) + 1))()
        for place, (key, value) in zip(labels, options.labels.items(), strict=False):
            place.key = key.encode()
            if isinstance(value, int):
                place.tag, place.value.val_i64 = _INT_OVERRIDE, value
            else:
                place.tag = _STRING_OVERRIDE
                place.value.val_str = value.encode()[:_LONGEST_VALUE].decode("utf-8", "ignore").encode()
        params.kv_overrides = labels
        kept.append(labels)
    if options.importance:
        entries = (L.llama_model_imatrix_data * (len(options.importance) + 1))()
        for place, (name, weights) in zip(entries, options.importance.items(), strict=False):
            place.name, place.data, place.size = (
                name.encode(),
                c_pointer(weights, ctypes.c_float),
                weights.size,
            )
        params.imatrix = entries
        kept += [entries, options.importance]
    return params, kept


def _quantized(said: Sequence[str]) -> Quantized:
    size = next((found for line in said if (found := _SIZE.search(line))), None)
    if size is None:
        raise EngineError("llama.cpp did not say how large the file is", "\n".join(said[-5:]))
    fallback = next((found for line in said if (found := _FALLBACK.search(line))), None)
    return Quantized(
        weights_bytes=round(float(size[1]) * 2**20),
        bits_per_weight=float(size[2]),
        fallbacks=int(fallback[1]) if fallback else 0,
        tensors=int(fallback[2]) if fallback else 0,
        needs_imatrix=any(_NEEDS_IMATRIX in line for line in said),
    )


def _failure(said: Sequence[str], log: str) -> EngineError:
    reason = next((found[1].strip() for line in reversed(said) if (found := _FAILED.search(line))), "")
    lower = reason.lower()
    if (
        "requantizing" in lower
        or "imatrix" in lower
        or "importance matrix" in lower
        or "no tensor type" in lower
    ):
        return InputRefused(reason, log)
    if "ios" in lower:  # basic_ios::clear: iostream error
        return DiskFault("the file could not be written, most likely for want of room on the disk", log)
    if looks_out_of_memory(f"{reason}\n{log}"):
        return OutOfMemory("there is not enough memory to quantize", log)
    return EngineError(reason or "llama.cpp would not quantize the model", log)
