"""Own the tokens of a text that a worker is told to read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from tunesmith.engine.context import IntArray
from tunesmith.engine.errors import InputRefused
from tunesmith.engine.text import Vocabulary

MIN_CHUNKS_IN_TEXT = 2
"""A shorter text says nothing; llama.cpp's tools refuse it as well."""


def text_tokens(vocabulary: Vocabulary, path: str, sha256: str, n_ctx: int) -> IntArray:
    """The tokens of a text.

    Args:
        sha256: of its bytes, so that it is the text that was meant.
        n_ctx: length of a chunk, of which it must have two.

    Raises:
        InputRefused: it cannot be read, was changed, or is too short.
    """
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise InputRefused(f"the text {path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(text).hexdigest() != sha256:
        raise InputRefused(f"the text {path} was changed meanwhile")
    tokens = np.array(vocabulary.text(text), dtype=np.int32)
    if len(tokens) < MIN_CHUNKS_IN_TEXT * n_ctx:
        raise InputRefused(
            f"the text is too short: it has {len(tokens)} tokens, and at least "
            f"{MIN_CHUNKS_IN_TEXT * n_ctx} are needed"
        )
    return tokens
