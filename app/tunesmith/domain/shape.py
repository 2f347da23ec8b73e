"""Own what of a model decides its memory: its tensors, and what each layer keeps of past tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tunesmith.domain.model import TensorInfo

Parts = Mapping[str, TensorInfo]
"""The tensors of a layer by what follows ``blk.N.``."""


@dataclass(frozen=True, slots=True)
class LayerShape:
    """One layer's attention and state."""

    heads: int = 0
    kv_heads: int = 0
    key_length: int = 0
    """Head size of K."""
    value_length: int = 0
    """Head size of V; 0 where V is made of K and not kept (MLA)."""
    windowed: bool = False
    """Whether it looks no further back than the sliding window."""
    cached: bool = True
    """Whether it keeps K and V: recurrent layers do not, nor do those that use another layer's."""
    state_elements: int = 0
    """F32 numbers of recurrent state, of convolutions too, per sequence."""
    feed_forward_length: int = 0

    @property
    def k_elements(self) -> int:
        """Numbers of K per token in the cache."""
        return self.kv_heads * self.key_length if self.cached else 0

    @property
    def v_elements(self) -> int:
        """Numbers of V per token in the cache."""
        return self.kv_heads * self.value_length if self.cached else 0


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What a projection of memory is made of; all of it stands in the GGUF header."""

    architecture: str
    layers: tuple[LayerShape, ...]
    tensors: tuple[TensorInfo, ...]
    embedding_length: int
    vocabulary_size: int
    window: int | None
    """Tokens that windowed layers look back; None where there are none."""
    experts: int
    experts_used: int
    feed_forward_expert_length: int
    inner_size: int
    """Width inside recurrent layers (``ssm.inner_size``); 0 without them."""
    state_size: int
    group_count: int
    understood: bool
    """Whether the cache of this architecture is one that the projection knows; else it may be too low."""
