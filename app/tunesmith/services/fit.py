"""Own the quick guess whether a model fits this machine, from its header alone."""

from __future__ import annotations

from typing import Literal

from tunesmith.domain.model import ModelHeader

Fit = Literal["yes", "tight", "no"]

CONTEXT_TOKENS = 4096
TIGHT_SHARE = 0.85
"""Share of free memory above which a model that fits leaves little room."""
_F16_BYTES = 2
_OVERHEAD = 1.05


def kv_bytes(header: ModelHeader, tokens: int = CONTEXT_TOKENS) -> int | None:
    """Bytes of an F16 KV cache; None where the header does not say, as of a recurrent model.

    tokens * 2 bytes * (key_length + value_length) * the KV heads of all layers. A sliding window is
    not considered, so it may be less.
    """
    if header.layers is None or not header.kv_heads or header.key_length is None:
        return None
    heads = sum(header.kv_heads) if len(header.kv_heads) > 1 else header.kv_heads[0] * header.layers
    return tokens * _F16_BYTES * heads * (header.key_length + (header.value_length or header.key_length))


def needed_bytes(header: ModelHeader) -> int:
    """An estimate of the memory a run takes: weights, F16 KV cache at 4096 tokens, and 5%."""
    return round((header.weights_bytes + (kv_bytes(header) or 0)) * _OVERHEAD)


def fit(needed: int, available: int) -> Fit:
    """Whether ``needed`` bytes fit into ``available`` ones."""
    if needed > available:
        return "no"
    return "tight" if needed > available * TIGHT_SHARE else "yes"
