"""Own what is known of a model from its header."""

from __future__ import annotations

from tunesmith.domain.base import Value


class TensorTypeUse(Value):
    """How much of a model is stored as one tensor type."""

    type: str
    """ggml's name, such as ``Q4_K`` or ``F32``."""
    tensors: int
    elements: int
    size_bytes: int


class Shard(Value):
    """One file of a model."""

    path: str
    size_bytes: int


class ModelHeader(Value):
    """The facts that a GGUF header states, and no more.

    Per-layer quantities (heads, KV heads, feed-forward length) may differ between layers; they are
    given as the tuple of all layers only where they do, else as one number in a tuple of length 1.
    None stands for what the header does not state.
    """

    path: str
    """Path of the first shard, as given."""
    architecture: str
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
    key_length: int | None
    """Head size of K; derived from embedding_length / heads when the header leaves it out."""
    value_length: int | None
    sliding_window: int | None
    experts: int | None
    experts_used: int | None
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
    """8 * weights_bytes / parameters."""
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
