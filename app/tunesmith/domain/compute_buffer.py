"""Own the estimate of the memory that computing takes: activations, scores and logits of one micro-batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunesmith.domain.shape import LayerShape, ModelShape


@dataclass(frozen=True, slots=True)
class ComputeBytes:
    """A compute buffer."""

    reserved: int
    """At most, bytes."""
    touched: int
    """What a long prompt with one answer writes to, bytes."""


def compute_bytes(
    shape: ModelShape,
    layers: Sequence[LayerShape],
    *,
    n_tokens: int,
    n_seqs: int,
    full_cells: int,
    window_cells: int,
    flash_attention: bool,
    with_output: bool,
    whole: bool,
) -> ComputeBytes:
    """An upper estimate."""
    return ComputeBytes(0, 0)
