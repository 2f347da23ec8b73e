"""Own what llama.cpp says it would take of memory for a model under some settings, buffer by buffer."""

from __future__ import annotations

from typing import Literal

from tunesmith.domain.base import Value


class BufferBytes(Value):
    """The bytes of one kind of buffer, such as ``CPU``, ``CPU_REPACK`` or ``RPC0[127.0.0.1:50052]``."""

    buffer: str
    """ggml's name of the buffer type."""
    device: str | None
    """ggml's name of the device it belongs to; None for main memory."""
    weights_bytes: int | None
    """None where llama.cpp did not tell."""
    context_bytes: int | None
    """The KV cache and recurrent states; None where llama.cpp did not tell."""
    compute_bytes: int


class Reserve(Value):
    """What a load without allocation came to."""

    source: Literal["breakdown", "log"]
    """``breakdown``: exact, to the byte. ``log``: compute buffers alone, rounded up to 0.01 MiB."""
    buffers: tuple[BufferBytes, ...]
    output_bytes: int
    """The buffer that results are copied to, in main memory."""
