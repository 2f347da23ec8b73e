"""Own where the weights lie, and what they take there: layer by layer, by name, or divided by rows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from tunesmith.domain.machine import Device
from tunesmith.domain.model import TensorInfo
from tunesmith.domain.settings import Settings
from tunesmith.domain.shape import ModelShape

_HOST_ALIGNMENT, _DEVICE_ALIGNMENT = 32, 128
"""Bytes; a backend's own may be smaller."""
_EMBEDDING, _OUTPUT = "token_embd.weight", "output.weight"
_OUTPUT_NAMES = ("output", "altup_", "cls", "dense_", "dec.output", "enc.output", "hc_head")
"""How tensors begin that lie where the output layer does."""
_LFM2_OUTPUT_NORM = "token_embd_norm.weight"
"""What lfm2 calls it; other architectures have a norm of the input of this name."""
_EXPERTS = re.compile(r"\.ffn_(up|down|gate|gate_up)_(ch)?exps")
"""llama.cpp's own pattern of --cpu-moe."""
_AVX2_REPACKED = frozenset({"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"})
_AVX512_REPACKED = _AVX2_REPACKED | {"Q2_K"}
_ANY_REPACKED = _AVX512_REPACKED | {"Q5_K", "Q6_K", "Q8_0", "Q4_1", "Q5_0", "Q5_1", "Q1_0", "IQ4_XS"}
"""Types that some CPU has another layout for."""


@dataclass(slots=True)
class Tally:
    """What has been put on one device so far, bytes."""

    weights: int = 0
    touched: int = 0
    repacked: int = 0
    kv: int = 0
    recurrent: int = 0
    layers: list[int] = field(default_factory=list)


def weigh(
    shape: ModelShape, settings: Settings, used: Sequence[Device], places: Sequence[int],
    tallies: Sequence[Tally], moved: Mapping[str, int], mapped: bool, repacked: Collection[str],  # noqa: FBT001
) -> None:  # fmt: skip
    """Put each tensor's bytes where it will lie."""
    tied = all(tensor.name != _OUTPUT for tensor in shape.tensors)
    share = shape.experts_used / shape.experts if shape.experts else 1.0
    spread = _spread(settings, used) if settings.split_mode in ("row", "tensor") else None
    sizes: defaultdict[int, int] = defaultdict(int)
    for tensor in shape.tensors:
        named = tensor.name == _LFM2_OUTPUT_NORM and shape.architecture.startswith("lfm2")
        place = places[-1] if named else _place(tensor, places, moved)
        size = _aligned(tensor.size_bytes, place)
        experts = _EXPERTS.search(tensor.name) is not None
        if tensor.name == _EMBEDDING:
            _embed(tensor, size, places[-1], tallies, tied=tied, repacked=repacked)
            continue
        touched = int(tensor.size_bytes * share) if experts else tensor.size_bytes
        if spread is not None and place and len(tensor.dims) > 1:
            for index, part in spread.items():
                sizes[index] += int(size * part) + 1
                tallies[index].touched += int(touched * part)
            continue
        tallies[place].weights += size
        tallies[place].touched += touched
        if place == 0 and mapped and _is_repacked(tensor, repacked):
            tallies[0].repacked += size
    for index, size in sizes.items():
        tallies[index].weights += size


def _embed(
    tensor: TensorInfo, size: int, output: int, tallies: Sequence[Tally], *, tied: bool,
    repacked: Collection[str],
) -> None:  # fmt: skip
    """The token embeddings lie in main memory, and once more where they are the output's weights too."""
    tallies[0].weights += size
    if not tied:
        return
    if output:
        tallies[output].weights += _aligned(tensor.size_bytes, output)
        tallies[output].touched += tensor.size_bytes
    else:
        tallies[0].touched += tensor.size_bytes
        if _is_repacked(tensor, repacked):
            tallies[0].repacked += size


def _place(tensor: TensorInfo, places: Sequence[int], moved: Mapping[str, int]) -> int:
    if tensor.name in moved:
        return moved[tensor.name]
    if tensor.layer is None:
        return places[-1] if tensor.name.startswith(_OUTPUT_NAMES) else 0
    return layer_place(tensor, places)


def layer_place(tensor: TensorInfo, places: Sequence[int]) -> int:
    """The device of a tensor's layer; main memory for what belongs to none."""
    layer = tensor.layer
    return places[layer] if layer is not None and layer < len(places) - 1 else 0


def _spread(settings: Settings, used: Sequence[Device]) -> dict[int, float]:
    """The share of each matrix that lies on each device where rows are divided."""
    shares = dict(enumerate(settings.tensor_split[: len(used)], start=1))
    if not any(shares.values()):
        shares = {index: float(device.free_bytes or 1) for index, device in enumerate(used, start=1)}
    total = sum(shares.values()) or 1.0
    return {index: part / total for index, part in shares.items()}


def _aligned(size: int, place: int) -> int:
    alignment = _DEVICE_ALIGNMENT if place else _HOST_ALIGNMENT
    return -(-size // alignment) * alignment


def _is_repacked(tensor: TensorInfo, repacked: Collection[str]) -> bool:
    return tensor.type in repacked and len(tensor.dims) > 1 and tensor.dims[1] % 4 == 0


def repacked_types(settings: Settings, features: Collection[str] | None) -> Collection[str]:
    """The types whose weights are copied into another layout.

    Source: ``ggml_repack_get_optimal_repack_type`` of ggml-cpu/repack.cpp.
    """
    if not settings.use_extra_bufts:
        return ()
    if features is None or "amx_int8" in features or not {"avx2", "avx"} & set(features):
        return _ANY_REPACKED
    if "avx512f" in features or "avx512" in features:
        return _AVX512_REPACKED
    return _AVX2_REPACKED if "avx2" in features else ()
