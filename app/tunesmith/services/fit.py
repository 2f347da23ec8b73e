"""Own the quick answer whether a model fits this machine, from its header alone."""

from __future__ import annotations

from typing import Literal

from tunesmith.domain.projection import Projection, project
from tunesmith.domain.settings import Settings
from tunesmith.domain.shape import ModelShape

Fit = Literal["yes", "tight", "no"]

CONTEXT_TOKENS = 4096
TIGHT_SHARE = 0.85
"""Share of free memory above which a model that fits leaves little room."""


def usual_settings(tokens: int) -> Settings:
    """llama.cpp's defaults with a context, as far as memory depends on them."""
    return Settings(threads=1, threads_batch=1, n_ctx=tokens)


def usual_projection(shape: ModelShape, tokens: int = CONTEXT_TOKENS) -> Projection:
    """What a model takes of main memory with llama.cpp's defaults, as long as no weights are copied."""
    return project(shape, usual_settings(tokens).replace(n_gpu_layers=0, use_extra_bufts=False), ())


def needed_bytes(shape: ModelShape) -> int:
    """The memory that a run takes: weights, F16 caches of 4096 tokens, and what computing writes to."""
    return usual_projection(shape).expected_bytes


def fit(needed: int, available: int) -> Fit:
    """Whether ``needed`` bytes fit into ``available`` ones."""
    if needed > available:
        return "no"
    return "tight" if needed > available * TIGHT_SHARE else "yes"
