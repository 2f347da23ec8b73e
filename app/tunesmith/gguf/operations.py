"""Own how many operations a token takes at least, from a model's header."""

from __future__ import annotations

import re
from collections import defaultdict

from tunesmith.domain.model import TensorInfo
from tunesmith.domain.shape import ModelShape
from tunesmith.domain.throughput import PrefillWork
from tunesmith.domain.workload import Workload

_PER_MULTIPLICATION = 2
"""A weight is multiplied and added: two operations."""
_ATTENTION = re.compile(r"attn_(?:q|k|v|qkv|q_a|q_b|kv_a_mqa)\.weight")
"""What a layer computes for every token of a prompt, the last layer too."""
_REST = re.compile(
    r"(?:attn_output|ffn_(?:gate|up|down)(?:_exps|_shexp)?|ssm_in|ssm_out)\.weight|ffn_(?:gate|up|down)\.\d+\.weight"
)
"""What the last layer computes only for tokens whose result is asked for."""
_EXPERTS = re.compile(r"_exps\.|\.ffn_\w+\.\d+\.")
_SHARING = ("gemma3n", "gemma4")
"""Architectures in which later layers use the cache of earlier ones, and not their own K and V."""
_OUTPUT, _EMBEDDING = "output.weight", "token_embd.weight"


def prefill_work(shape: ModelShape, workload: Workload) -> PrefillWork:
    """What a token of a workload's prompt takes at least, the mean over the prompt.

    It is a lower bound, so that a limit made of it is an upper one:

    * each weight of the projections of attention and of the feed-forward layers counts two operations, a
      multiplication and an addition; of experts ``experts_used`` of ``experts``, none where the header does
      not say. Norms, rotations, convolutions, recurrent scans and what has a name unknown here do not count;
    * the output counts once for each sequence, since only the last token's is asked for, and for the same
      reason the last layer counts without what comes after its attention;
    * attention counts two operations for each number of K and V that a token looks back at, the tokens
      before it and itself, over all query heads; no further back than the window in layers that have one.
      Layers without a cache of their own count none.

    Source: ``build_graph`` of llama.cpp's architectures (src/models: ``inp_out_ids`` picks rows after the
    last layer's attention), ``build_attn_mha`` and ``build_moe_ffn`` of src/llama-graph.cpp.
    """
    if not workload.prompt:
        return PrefillWork(operations=(), attention_operations=0.0, weight_bytes=0)
    by_type, size_bytes = _weights(shape)
    output = _output(shape)
    if output is not None:
        by_type[output.type] += _PER_MULTIPLICATION * output.elements / workload.prompt
    return PrefillWork(
        operations=tuple(sorted(by_type.items())),
        attention_operations=_attention(shape, workload.depth, workload.prompt),
        weight_bytes=size_bytes,
    )


def fewest_prefill_work(shape: ModelShape, workload: Workload) -> PrefillWork:
    """What any stretch of a workload's prompt takes of a token at least: its first, without output."""
    if not workload.prompt:
        return prefill_work(shape, workload)
    by_type, size_bytes = _weights(shape)
    return PrefillWork(
        operations=tuple(sorted(by_type.items())),
        attention_operations=_attention(shape, workload.depth, 1),
        weight_bytes=size_bytes,
    )


def decode_operations(shape: ModelShape, workload: Workload) -> float:
    """What a decoded token takes at least, at the mean depth; counted as :func:`prefill_work` does."""
    by_type, _size = _weights(shape, whole=True)
    output = _output(shape)
    own = _PER_MULTIPLICATION * output.elements if output is not None else 0
    attention = _attention(shape, workload.depth + workload.prompt, max(1, workload.generate))
    return sum(by_type.values()) + own + attention


def _weights(shape: ModelShape, *, whole: bool = False) -> tuple[defaultdict[str, float], int]:
    """Operations of a token with the weights of layers by their type, and the bytes of these weights.

    Args:
        shape: the model.
        whole: count all of the last layer too.
    """
    share = shape.experts_used / shape.experts if shape.experts and shape.experts_used else 0.0
    further = {tensor.layer for tensor in shape.tensors if ".nextn." in tensor.name}
    run = [tensor for tensor in shape.tensors if tensor.layer is not None and tensor.layer not in further]
    last = max((tensor.layer for tensor in run if tensor.layer is not None), default=-1)
    by_type: defaultdict[str, float] = defaultdict(float)
    size_bytes = 0
    for tensor in run:
        if not _takes_part(shape, tensor, last=tensor.layer == last and not whole):
            continue
        part = min(1.0, share) if _EXPERTS.search(tensor.name) else 1.0
        by_type[tensor.type] += _PER_MULTIPLICATION * tensor.elements * part
        size_bytes += int(tensor.size_bytes * part)
    return by_type, size_bytes


def _takes_part(shape: ModelShape, tensor: TensorInfo, *, last: bool) -> bool:
    name = tensor.name.split(".", 2)[2]
    if shape.architecture in _SHARING and name in ("attn_k.weight", "attn_v.weight"):
        return False
    return bool(_ATTENTION.fullmatch(name)) or (not last and bool(_REST.fullmatch(name)))


def _output(shape: ModelShape) -> TensorInfo | None:
    by_name = {tensor.name: tensor for tensor in shape.tensors}
    return by_name.get(_OUTPUT) or by_name.get(_EMBEDDING)


def _attention(shape: ModelShape, before: int, tokens: int) -> float:
    """Operations of a token with the K and V of all layers, the mean of so many after so many others."""
    if not shape.understood:
        return 0.0
    return sum(
        _PER_MULTIPLICATION
        * layer.heads
        * (layer.key_length + layer.value_length)
        * _seen(before, tokens, shape.window if layer.windowed else None)
        for layer in shape.layers
        if layer.cached
    )


def _seen(before: int, tokens: int, window: int | None) -> float:
    """How many tokens each of ``tokens`` looks back at, itself included, in the mean."""
    first, last = before + 1, before + tokens
    if window is None or last <= window:
        return (first + last) / 2
    if first >= window:
        return window
    growing = window - first + 1
    return (growing * (first + window) / 2 + (tokens - growing) * window) / tokens
