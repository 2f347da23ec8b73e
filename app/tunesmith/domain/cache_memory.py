"""Own the size of the cache: its cells by sequence and window, and what a row of them takes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tunesmith.domain.settings import CacheType, Settings
from tunesmith.domain.shape import LayerShape, ModelShape

_CACHE_BLOCKS: dict[CacheType, tuple[int, int]] = {
    "f32": (1, 4), "f16": (1, 2), "bf16": (1, 2), "q8_0": (32, 34), "q5_1": (32, 24), "q5_0": (32, 22),
    "q4_1": (32, 20), "q4_0": (32, 18), "iq4_nl": (32, 18),
}  # fmt: skip
"""Numbers in a block, and its bytes."""
_PAD_CELLS = 256
"""A context is made a multiple of so many tokens."""


@dataclass(frozen=True, slots=True)
class Cells:
    """How many tokens the caches have room for, over all sequences."""

    full: int
    window: int
    """In layers with a sliding window."""
    streams: int
    """Caches beside each other."""
    per_stream: int

    def layer_bytes(self, layer: LayerShape, settings: Settings) -> int:
        """Bytes of one layer's K and V."""
        cells = self.window if layer.windowed else self.full
        return cells * (
            _row_bytes(layer.k_elements, settings.type_k) + _row_bytes(layer.v_elements, settings.type_v)
        )


def cells_of(shape: ModelShape, settings: Settings) -> Cells:
    """How llama.cpp rounds a context and divides it among sequences, each with a cache of its own.

    Source: the constructors of ``llama_context`` and ``llama_kv_cache_iswa``.
    """
    streams = settings.n_seq_max
    per_stream = padded(padded(settings.n_ctx) // streams)
    window = per_stream
    if shape.window is not None and not settings.swa_full:
        window = padded(min(per_stream, shape.window + ubatch_of(settings)))
    return Cells(full=per_stream * streams, window=window * streams, streams=streams, per_stream=per_stream)


def ubatch_of(settings: Settings) -> int:
    """Tokens that are computed at once: no more than the context has room for."""
    return min(settings.n_ctx, settings.n_batch, settings.n_ubatch)


def padded(tokens: int) -> int:
    """A number of tokens rounded up to what llama.cpp makes contexts of."""
    return -(-tokens // _PAD_CELLS) * _PAD_CELLS


def _row_bytes(elements: int, cache_type: CacheType) -> int:
    block, size = _CACHE_BLOCKS[cache_type]
    return -(-elements // block) * size


def is_rotated(cache_type: CacheType, sizes: Collection[int]) -> bool:
    """Whether what is cached is rotated first: quantized, and heads of one size that 64 divides."""
    return (
        _CACHE_BLOCKS[cache_type][0] > 1
        and len(sizes) == 1
        and all(size and size % 64 == 0 for size in sizes)
    )
