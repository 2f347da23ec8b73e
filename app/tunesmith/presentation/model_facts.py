"""Own the facts of a model's header as names and values to read."""

from __future__ import annotations

from tunesmith.domain.model import ModelHeader
from tunesmith.presentation.numbers import DASH, bytes_text, count_text


def plain(value: object) -> str:
    """A value as text; a dash for what is not known."""
    return DASH if value is None else str(value)


def _per_layer(values: tuple[int, ...]) -> str:
    if not values:
        return DASH
    if len(set(values)) == 1:
        return str(values[0])
    return f"{min(values)}–{max(values)} by layer"


def header_rows(header: ModelHeader) -> list[tuple[str, str]]:
    """What the header says, in the order of interest."""
    shards = len(header.shards)
    more = "" if shards <= 1 else f" and {shards - 1} more {'shard' if shards == 2 else 'shards'}"
    return [
        ("File", header.path + more),
        ("Name", plain(header.name)),
        ("Architecture", header.architecture),
        ("Parameters", count_text(header.parameters)),
        ("Quantization", f"{header.quantization}, {header.bits_per_weight:.2f} bits per weight"),
        ("Size", bytes_text(header.file_bytes)),
        ("Layers", plain(header.layers)),
        ("Embedding", plain(header.embedding_length)),
        ("Heads", f"{_per_layer(header.heads)}, KV {_per_layer(header.kv_heads)}"),
        ("Head size", f"K {plain(header.key_length)}, V {plain(header.value_length)}"),
        ("Sliding window", plain(header.sliding_window)),
        ("Experts", DASH if header.experts is None else f"{header.experts}, {header.experts_used} used"),
        ("Trained context", plain(header.context_length)),
        ("Vocabulary", plain(header.vocabulary_size)),
        ("Chat template", "yes" if header.has_chat_template else "no"),
        ("Licence", plain(header.license)),
    ]


def tensor_type_rows(header: ModelHeader) -> list[tuple[str, str, str, str]]:
    """Type, tensors, elements and bytes of each tensor type."""
    return [
        (use.type, str(use.tensors), count_text(use.elements), bytes_text(use.size_bytes))
        for use in header.tensor_types
    ]
