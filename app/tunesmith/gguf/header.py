"""Own the meaning of a GGUF header: from keys and tensors to a ModelHeader."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from tunesmith.domain.model import ModelHeader, Shard, TensorInfo, TensorTypeUse
from tunesmith.gguf import faults
from tunesmith.gguf.ggml_types import file_type_name
from tunesmith.gguf.parse import ArrayValue, ParsedFile
from tunesmith.gguf.shards import parse_model
from tunesmith.wording import tr

_MAX_U32 = (1 << 32) - 1


def read_header(path: Path) -> ModelHeader:
    """The facts that the header of a GGUF model states; any shard of it leads to all of them.

    Only the header is read, in milliseconds, and memory stays bounded whatever the file claims.
    A number of the wrong type or below 0 counts as not stated.

    Source of the keys: docs/gguf.md of ggml and llama-arch.cpp of llama.cpp.

    Raises:
        ModelNotFound: there is no file at the path, or a shard is missing.
        ModelUnreadable: a folder, a device, no permission, or the disk fails.
        ModelMalformed: not GGUF, cut short, or against the rules of the format.
    """
    return header_of(parse_model(path))


def read_tensors(path: Path) -> tuple[TensorInfo, ...]:
    """Every tensor of a model in the order of the file, shard after shard.

    Raises:
        ModelFileError: as ``read_header``.
    """
    return tuple(tensor for file in parse_model(path) for tensor in file.tensors)


def header_of(files: tuple[ParsedFile, ...]) -> ModelHeader:
    """The header of a model whose files are parsed; the first one holds its keys.

    Raises:
        ModelMalformed: the file does not say its architecture, or describes other layers than it has.
    """
    facts = Facts(files[0])
    tensors = [tensor for file in files for tensor in file.tensors]
    uses = _uses(tensors)
    parameters = sum(use.elements for use in uses)
    weights_bytes = sum(use.size_bytes for use in uses)
    heads = facts.per_layer("attention.head_count")
    experts_used = facts.per_layer("expert_used_count")
    embedding_length = facts.number("embedding_length")
    head_size = _head_size(embedding_length, heads)
    return ModelHeader(
        path=str(files[0].path),
        architecture=facts.architecture,
        general_type=facts.text("general.type"),
        name=facts.text("general.name"),
        gguf_version=files[0].version,
        file_type=facts.file_type(),
        parameters=parameters,
        layers=facts.layers,
        embedding_length=embedding_length,
        feed_forward_length=facts.per_layer("feed_forward_length"),
        heads=heads,
        kv_heads=facts.per_layer("attention.head_count_kv") or heads,
        key_length=facts.number("attention.key_length", default=head_size),
        value_length=facts.number("attention.value_length", default=head_size),
        sliding_window=facts.number("attention.sliding_window"),
        experts=facts.number("expert_count"),
        experts_used=max(experts_used, default=None),
        context_length=facts.number("context_length"),
        vocabulary_size=facts.vocabulary_size(),
        tensor_count=len(tensors),
        tensor_types=uses,
        weights_bytes=weights_bytes,
        file_bytes=sum(file.size_bytes for file in files),
        bits_per_weight=8 * weights_bytes / parameters if parameters else 0.0,
        shards=tuple(Shard(path=str(file.path), size_bytes=file.size_bytes) for file in files),
        has_chat_template=bool(facts.text("tokenizer.chat_template")),
        tokenizer=facts.text("tokenizer.ggml.model"),
        license=facts.text("general.license"),
    )


class Facts:
    """The keys of one file, by the part of their name that follows the architecture."""

    def __init__(self, file: ParsedFile) -> None:
        self._file = file
        architecture = self.text("general.architecture")
        if architecture is None:
            raise faults.malformed(
                tr("{path} does not say which architecture it is of.", path=file.path),
                todo=tr("It is no model, or an incomplete one: choose another file."),
            )
        self.architecture = architecture
        self.layers = self.number("block_count")

    def text(self, key: str) -> str | None:
        value = self._file.keys.get(key)
        return value if isinstance(value, str) and value else None

    def number(self, suffix: str, *, default: int | None = None) -> int | None:
        return _whole(self._file.keys.get(f"{self.architecture}.{suffix}"), default=default)

    def per_layer(self, suffix: str) -> tuple[int, ...]:
        key = f"{self.architecture}.{suffix}"
        values = self._file.per_layer.get(key)
        if values is None:
            number = self.number(suffix)
            return () if number is None else (number,)
        if self.layers is not None and len(values) != self.layers:
            raise faults.malformed(
                tr(
                    "{path} has {layers} layers but {values} values of {key}.",
                    path=self._file.path,
                    layers=self.layers,
                    values=len(values),
                    key=repr(key),
                )
            )
        if any(not 0 <= value <= _MAX_U32 for value in values):
            return ()
        return values[:1] if len(set(values)) == 1 else values

    def size(self, suffix: str) -> int:
        """A number, 0 where it is not stated."""
        return self.number(suffix) or 0

    def layer_values(self, suffix: str) -> tuple[int, ...]:
        """The numbers that are stated for each layer, as they stand; none where they are not."""
        return self._file.per_layer.get(f"{self.architecture}.{suffix}", ())

    def file_type(self) -> str | None:
        ftype = _whole(self._file.keys.get("general.file_type"))
        return None if ftype is None else file_type_name(ftype)

    def vocabulary_size(self) -> int | None:
        tokens = self._file.keys.get("tokenizer.ggml.tokens")
        return self.number("vocab_size", default=tokens.length if isinstance(tokens, ArrayValue) else None)


def _whole(value: object, *, default: int | None = None) -> int | None:
    """A number that llama.cpp could hold in its unsigned 32 bits."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_U32:
        return value
    return default


def _head_size(embedding_length: int | None, heads: tuple[int, ...]) -> int | None:
    """embedding_length / heads of the first layer that has any, as llama.cpp derives it."""
    first = next((count for count in heads if count), None)
    return None if embedding_length is None or first is None else embedding_length // first


def _uses(tensors: Iterable[TensorInfo]) -> tuple[TensorTypeUse, ...]:
    """Tensors, elements and bytes of each type, largest share of bytes first."""
    by_type: defaultdict[str, list[TensorInfo]] = defaultdict(list)
    for tensor in tensors:
        by_type[tensor.type].append(tensor)
    uses = (
        TensorTypeUse(
            type=name,
            tensors=len(group),
            elements=sum(tensor.elements for tensor in group),
            size_bytes=sum(tensor.size_bytes for tensor in group),
        )
        for name, group in by_type.items()
    )
    return tuple(sorted(uses, key=lambda use: (-use.size_bytes, use.type)))
