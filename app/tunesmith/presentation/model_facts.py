"""Own the facts of a model's header as names and values to read."""

from __future__ import annotations

from tunesmith.domain.model import ModelHeader
from tunesmith.presentation.numbers import DASH, bytes_text, count_text, fixed
from tunesmith.wording import tr, trn


def plain(value: object) -> str:
    """A value as text; a dash for what is not known."""
    return DASH if value is None else str(value)


def _per_layer(values: tuple[int, ...]) -> str:
    if not values:
        return DASH
    if len(set(values)) == 1:
        return str(values[0])
    return tr("{low}–{high} by layer", low=min(values), high=max(values))


def header_rows(header: ModelHeader) -> list[tuple[str, str]]:
    """What the header says, in the order of interest."""
    shards = len(header.shards)
    file = header.path
    if shards > 1:
        file = trn(
            "{path} and {count} more shard", "{path} and {count} more shards", shards - 1, path=header.path
        )
    bits = fixed(header.bits_per_weight, 2)
    quantization = tr("{name}, {bits} bits per weight", name=header.quantization, bits=bits)
    experts = DASH
    if header.experts is not None:
        experts = tr("{experts}, {used} used", experts=header.experts, used=header.experts_used)
    return [
        (tr("File"), file),
        (tr("Name"), plain(header.name)),
        (tr("Architecture"), header.architecture),
        (tr("Parameters"), count_text(header.parameters)),
        (tr("Quantization"), quantization),
        (tr("Size"), bytes_text(header.file_bytes)),
        (tr("Layers"), plain(header.layers)),
        (tr("Embedding"), plain(header.embedding_length)),
        (tr("Heads"), f"{_per_layer(header.heads)}, KV {_per_layer(header.kv_heads)}"),
        (tr("Head size"), f"K {plain(header.key_length)}, V {plain(header.value_length)}"),
        (tr("Sliding window"), plain(header.sliding_window)),
        (tr("Experts"), experts),
        (tr("Trained context"), plain(header.context_length)),
        (tr("Vocabulary"), plain(header.vocabulary_size)),
        (tr("Chat template"), tr("yes") if header.has_chat_template else tr("no")),
        (tr("Licence"), plain(header.license)),
    ]


def tensor_type_rows(header: ModelHeader) -> list[tuple[str, str, str, str]]:
    """Type, tensors, elements and bytes of each tensor type."""
    return [
        (use.type, str(use.tensors), count_text(use.elements), bytes_text(use.size_bytes))
        for use in header.tensor_types
    ]
