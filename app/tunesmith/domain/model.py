"""Own what is known of a model from its header."""

from __future__ import annotations

import math
import re

from tunesmith.domain.base import Value

_LAYER = re.compile(r"blk\.([0-9]{1,6})\.")


class TensorTypeUse(Value):
    """How much of a model is stored as one tensor type."""

    type: str
    """ggml's name, such as ``Q4_K`` or ``F32``."""
    tensors: int
    elements: int
    size_bytes: int


class TensorInfo(Value):
    """One tensor of a model, as its header describes it."""

    name: str
    """Such as ``blk.3.attn_q.weight``."""
    type: str
    """ggml's name, such as ``Q4_K`` or ``F32``."""
    dims: tuple[int, ...]
    """Elements along each dimension, the one contiguous in memory first; at most 4."""
    size_bytes: int
    """Bytes of the tensor's data, without padding."""

    @property
    def elements(self) -> int:
        """The product of the dimensions."""
        return math.prod(self.dims)

    @property
    def layer(self) -> int | None:
        """The N of a name ``blk.N.``; None for what belongs to no layer (token_embd, output)."""
        match = _LAYER.match(self.name)
        return int(match[1]) if match else None


class Shard(Value):
    """One file of a model."""

    path: str
    size_bytes: int


class ModelHeader(Value):
    """The facts that a GGUF header states, and no more.

    Per-layer quantities (heads, KV heads, feed-forward length) may differ between layers; they are
    given as the tuple of all layers only where they do, else as one number in a tuple of length 1,
    and as an empty tuple where the header does not state them.
    None stands for what the header does not state. Texts come from the file: they are at most 4 KiB
    and hold no control characters, but nothing else is sure of them.
    """

    path: str
    """Path of the first shard, as given."""
    architecture: str
    general_type: str | None = None
    """``general.type``: ``model``, or what is no model to run: ``adapter``, ``mmproj``, ``imatrix``."""
    name: str | None
    gguf_version: int
    file_type: str | None
    """The name of ``general.file_type``, such as ``Q4_K_M``: what the file calls itself."""
    parameters: int
    """Elements of all tensors, shards included."""
    layers: int | None
    embedding_length: int | None
    feed_forward_length: tuple[int, ...]
    heads: tuple[int, ...]
    kv_heads: tuple[int, ...]
    """As many as ``heads`` when the header leaves it out, as in llama.cpp."""
    key_length: int | None
    """Head size of K; derived from embedding_length / heads when the header leaves it out."""
    value_length: int | None
    """Head size of V; derived in the same way."""
    sliding_window: int | None
    experts: int | None
    experts_used: int | None
    """Experts used per token; of the layer that uses most where layers differ."""
    context_length: int | None
    """The context the model was trained for, tokens."""
    vocabulary_size: int | None
    tensor_count: int
    tensor_types: tuple[TensorTypeUse, ...]
    """Largest share of bytes first."""
    weights_bytes: int
    """Bytes of all tensors, without padding."""
    file_bytes: int
    """Size of all shards together."""
    bits_per_weight: float
    """8 * weights_bytes / parameters; 0 for a file without tensors."""
    shards: tuple[Shard, ...]
    has_chat_template: bool
    tokenizer: str | None
    """``tokenizer.ggml.model``, such as ``gpt2`` or ``llama``."""
    license: str | None

    @property
    def quantization(self) -> str:
        """What the file calls its quantization, else the type that holds most bytes."""
        if self.file_type is not None:
            return self.file_type
        return self.tensor_types[0].type if self.tensor_types else "unknown"


class ModelIdentity(Value):
    """A model, known by its content."""

    sha256: str
    """Of the file's bytes; of the shards' bytes one after another when there are several."""
    header: ModelHeader
