"""Own how much memory one decoding step reads at least, from a model's header."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from tunesmith.domain.model import ModelHeader, TensorInfo
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.gguf.ggml_types import TENSOR_TYPES_BY_NAME

_EMBEDDING, _OUTPUT = "token_embd.weight", "output.weight"
_BLOCK = re.compile(r"(?:dec\.)?blk\.")
_EXPERTS = re.compile(r"_exps\.|\.ffn_\w+\.[0-9]+\.")
"""All experts in one tensor, or, in old files, a tensor for each."""
_CHUNK_EXPERTS = "_chexps."
"""Experts that several others share: how many are used is not stated."""
_SHARING = ("gemma3n", "gemma4")
"""Architectures in which later layers use the cache of earlier ones, and not their own K and V."""
_WINDOWS = {"exaone-moe": 128, "exaone4": 4096, "gemma2": 4096, "llama4": 8192, "smallthinker": 4096}
"""Sliding windows and attention chunks that llama.cpp knows without a header's key, tokens."""
_PLAIN_CACHE = ("attn_k.weight", "attn_v.weight")
_FUSED = "attn_qkv.weight"


def decode_bytes(
    header: ModelHeader, tensors: Sequence[TensorInfo], workload: Workload, settings: Settings
) -> int:
    """Bytes that a decoding step over all sequences reads at least: weights once, caches of each sequence.

    It is a lower bound, so that a limit made of it is an upper one. What may be read or not counts as not
    read:

    * of the weights, those of the blocks and of the output count; of embeddings single rows are read, so
      they count only where the output is tied to them. A layer for predicting further tokens is not run;
    * of experts, ``experts_used`` of ``experts``, as if all sequences chose the same; none where the header
      does not say;
    * K and V count in layers that project to both apart or in one tensor with Q; not in recurrent ones, nor
      where they are compressed (MLA) or shared by layers. They hold ``depth + prompt + generate / 2``
      tokens, the mean over the workload, and no more than the sliding window where there is one, though
      some layers may look further;
    * activations, norms of K, padding and what is read twice do not count.

    Source: what ``build_graph`` of llama.cpp's architectures reads in a step (src/llama-graph.cpp:
    ``build_inp_embd`` takes rows, ``build_moe_ffn`` chosen experts, ``build_attn`` the cache), and
    ``llama_kv_cache`` for the cache's shape: n_embd_k_gqa = key_length * kv_heads, likewise for V.
    """
    return weight_bytes(header, tensors) + workload.parallel * _cache_bytes(
        header, tensors, workload, settings
    )


def weight_bytes(header: ModelHeader, tensors: Iterable[TensorInfo]) -> int:
    """Bytes of weights that a decoding step reads at least; see :func:`decode_bytes`."""
    tensors = list(tensors)
    names = {tensor.name for tensor in tensors}
    further = {tensor.layer for tensor in tensors if ".nextn." in tensor.name}
    output = _OUTPUT if _OUTPUT in names else _EMBEDDING
    share = header.experts_used / header.experts if header.experts and header.experts_used else 0.0
    total = 0
    for tensor in tensors:
        if tensor.name == output:
            total += tensor.size_bytes
        elif _BLOCK.match(tensor.name) and tensor.layer not in further and not _spared(header, tensor):
            of_experts = _EXPERTS.search(tensor.name)
            total += int(tensor.size_bytes * min(1.0, share)) if of_experts else tensor.size_bytes
    return total


def _spared(header: ModelHeader, tensor: TensorInfo) -> bool:
    """Whether a weight of a block may not be read in a step."""
    shared = header.architecture in _SHARING and tensor.name.endswith(_PLAIN_CACHE)
    return shared or _CHUNK_EXPERTS in tensor.name


def _cache_bytes(
    header: ModelHeader, tensors: Iterable[TensorInfo], workload: Workload, settings: Settings
) -> int:
    """Bytes of K and V of one sequence."""
    held = workload.depth + workload.prompt + workload.generate // 2
    if header.key_length is None or not header.kv_heads or header.architecture in _SHARING:
        return 0
    window = header.sliding_window or _WINDOWS.get(header.architecture)
    held = min(held, window) if window else held
    per_head = header.key_length * _element_bytes(settings.type_k)
    per_head += (header.value_length or 0) * _element_bytes(settings.type_v)
    every = header.kv_heads * ((header.layers or 0) if len(header.kv_heads) == 1 else 1)
    heads = sum(every[layer] for layer in _caching_layers(tensors) if layer < len(every))
    return int(held * heads * per_head)


def _caching_layers(tensors: Iterable[TensorInfo]) -> list[int]:
    """Layers with a plain cache of K and V."""
    parts: defaultdict[int, set[str]] = defaultdict(set)
    for tensor in tensors:
        if tensor.layer is not None:
            parts[tensor.layer].add(tensor.name.split(".", 2)[2])
    return [
        layer
        for layer, names in parts.items()
        if (_FUSED in names or names.issuperset(_PLAIN_CACHE))
        and not any(name.startswith(("ssm_", "nextn.", "time_mix", "shortconv")) for name in names)
    ]


def _element_bytes(cache_type: str) -> float:
    return TENSOR_TYPES_BY_NAME[cache_type.upper()].bytes_per_element
