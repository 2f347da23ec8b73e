"""Own the projection of memory: what a model will take under some settings, device by device.

All of it is reckoned from the header. Source of the rules: ``load_tensors`` and ``create_memory`` of
llama-model.cpp, llama-kv-cache.cpp, llama-kv-cache-iswa.cpp, llama-memory-recurrent.cpp and how a
``llama_context`` is made, at the llama.cpp of llama-cpp-python 0.3.36.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tunesmith.domain.compute_buffer import Reserve, compute_bytes
from tunesmith.domain.graph_memory import BufferSize
from tunesmith.domain.machine import Device
from tunesmith.domain.model import TensorInfo
from tunesmith.domain.overrides import MAIN_MEMORY, override_patterns
from tunesmith.domain.settings import CacheType, Settings
from tunesmith.domain.shape import LayerShape, ModelShape

_CACHE_BLOCKS: dict[CacheType, tuple[int, int]] = {
    "f32": (1, 4), "f16": (1, 2), "bf16": (1, 2), "q8_0": (32, 34), "q5_1": (32, 24), "q5_0": (32, 22),
    "q4_1": (32, 20), "q4_0": (32, 18), "iq4_nl": (32, 18),
}  # fmt: skip
"""Numbers in a block, and its bytes."""
_PIPELINE_COPIES = 4
"""GGML_SCHED_MAX_COPIES: of inputs, where several devices work on several batches at once."""
_LEAST_LENT = 32
"""Tokens from which on a device computes with weights that lie in main memory."""
_PAD_CELLS = 256
"""A context is made a multiple of so many tokens."""
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


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """What one device takes, bytes. The first of a projection is main memory."""

    name: str
    free_bytes: int | None
    """What is free there now; None where nobody tells."""
    weights_bytes: int = 0
    """In memory or, where the file is mapped, of pages of it that are read."""
    repacked_bytes: int = 0
    """Copies of weights in another layout, beside the mapped file."""
    kv_bytes: int = 0
    recurrent_bytes: int = 0
    compute_bytes: int = 0
    """At most."""
    output_bytes: int = 0
    touched_weights_bytes: int = 0
    """Of the weights what any token reads: rows of an embedding and experts count only as far as read."""
    touched_compute_bytes: int = 0
    """Of the compute buffer what a long prompt with one answer writes to."""

    @property
    def upper_bytes(self) -> int:
        """The most that is allocated or mapped."""
        return (
            self.weights_bytes + self.repacked_bytes + self.kv_bytes + self.recurrent_bytes
            + self.compute_bytes + self.output_bytes
        )  # fmt: skip

    @property
    def expected_bytes(self) -> int:
        """What will be resident: allocated pages that nothing is written to take no memory."""
        return self.upper_bytes - self.compute_bytes + self.touched_compute_bytes

    @property
    def certain_bytes(self) -> int:
        """The least that a run takes: weights that each token reads, caches and states."""
        return self.touched_weights_bytes + self.kv_bytes + self.recurrent_bytes


@dataclass(frozen=True, slots=True)
class Projection:
    """What a model takes under some settings."""

    devices: tuple[DeviceMemory, ...]
    """Main memory, then the devices in llama.cpp's order, those that nothing lies on too."""
    layer_devices: tuple[int, ...]
    """For each layer the index of its device, 0 for main memory; the output layer comes last."""
    mapped: bool
    """Whether weights in main memory are the file's own pages, which the system can drop and read again."""
    understood: bool
    """Whether the cache is of a kind that is known; else the bounds are estimates."""
    calibrated: bool = False
    """Whether llama.cpp itself told the compute buffers."""

    @property
    def host(self) -> DeviceMemory:
        """Main memory."""
        return self.devices[0]

    @property
    def upper_bytes(self) -> int:
        """Over all devices."""
        return sum(device.upper_bytes for device in self.devices)

    @property
    def expected_bytes(self) -> int:
        """Over all devices."""
        return sum(device.expected_bytes for device in self.devices)

    def too_small(self, margin_bytes: int = 0) -> tuple[DeviceMemory, ...]:
        """The devices that what lies on them does not fit into.

        Main memory counts by what must be there at once: pages of a mapped file can be read again.
        """
        return tuple(device for device in self.devices if not self._holds(device, margin_bytes))

    def needed_bytes(self, device: DeviceMemory) -> int:
        """What must be free on a device: of main memory what is expected to be written to."""
        if device is not self.devices[0]:
            return device.upper_bytes
        return device.expected_bytes - (device.weights_bytes if self.mapped else 0)

    def _holds(self, device: DeviceMemory, margin_bytes: int) -> bool:
        return device.free_bytes is None or self.needed_bytes(device) + margin_bytes <= device.free_bytes


@dataclass(slots=True)
class _Tally:
    weights: int = 0
    touched: int = 0
    repacked: int = 0
    kv: int = 0
    recurrent: int = 0
    layers: list[int] = field(default_factory=list)


def project(
    shape: ModelShape,
    settings: Settings,
    devices: Sequence[Device],
    *,
    free_bytes: int | None = None,
    cpu_features: Collection[str] | None = None,
) -> Projection:
    """What a model takes of each device's memory, in about a millisecond.

    Args:
        shape: from ``gguf.read_shape``.
        settings: those of the run.
        devices: as llama.cpp lists them, the CPU too; RPC servers' are named with ``RPC``.
        free_bytes: what is available of main memory.
        cpu_features: the CPU's instruction sets, lower case; unknown ones make the bound of copies higher.
    """
    used = used_devices(settings, devices)
    places = layer_places(len(shape.layers), settings, used)
    tallies = [_Tally() for _ in range(len(used) + 1)]
    mapped = settings.load_mode in ("auto", "mmap", "mmap+mlock")
    moved = _moved(shape, settings, used)
    _weigh(shape, settings, used, places, tallies, moved, mapped, _repacked_types(settings, cpu_features))
    cells = cells_of(shape, settings)
    for index, layer in enumerate(shape.layers):
        tally = tallies[places[index] if settings.offload_kqv else 0]
        tally.kv += cells.layer_bytes(layer, settings)
        tally.recurrent += 4 * layer.state_elements * settings.n_seq_max
        tallies[places[index]].layers.append(index)
    reserved = _reserved(shape, settings, cells, places, moved, used)
    found = []
    for index, tally in enumerate(tallies):
        device = used[index - 1] if index else None
        found.append(
            DeviceMemory(
                name=device.name if device else MAIN_MEMORY,
                free_bytes=device.free_bytes if device else free_bytes,
                weights_bytes=tally.weights,
                touched_weights_bytes=tally.touched,
                repacked_bytes=tally.repacked,
                kv_bytes=tally.kv,
                recurrent_bytes=tally.recurrent,
                compute_bytes=reserved[index].reserved,
                touched_compute_bytes=reserved[index].touched,
                output_bytes=0 if index else 4 * shape.vocabulary_size * settings.n_seq_max,
            )
        )
    return Projection(tuple(found), places, mapped, shape.understood)


def with_compute(projection: Projection, compute_bytes: Sequence[int]) -> Projection:
    """The projection with compute buffers that llama.cpp itself told, main memory's first."""
    corrected = tuple(
        replace(
            device,
            compute_bytes=told,
            touched_compute_bytes=min(told, device.touched_compute_bytes),
        )
        for device, told in zip(projection.devices, compute_bytes, strict=True)
    )
    return replace(projection, devices=corrected, calibrated=True)


def used_devices(settings: Settings, devices: Sequence[Device]) -> tuple[Device, ...]:
    """The devices that layers may lie on, in llama.cpp's order.

    Source: ``llama_model_load_from_file_impl``: RPC servers' first, then GPUs, integrated ones only where
    there is no other on this machine; ``split_mode none`` leaves the main one.
    """
    if settings.devices == ("none",):
        return ()
    if settings.devices:
        by_name = {device.name: device for device in devices}
        used = [by_name[name] for name in settings.devices if name in by_name]
    else:
        gpus = [device for device in devices if device.type == "gpu"]
        remote = [device for device in gpus if device.backend == "RPC"]
        local = [device for device in gpus if device.backend != "RPC"]
        used = remote + (local or [device for device in devices if device.type == "igpu"])
    if settings.split_mode == "none" and used:
        used = used[settings.main_gpu : settings.main_gpu + 1]
    return tuple(used)


def layer_places(layers: int, settings: Settings, used: Sequence[Device]) -> tuple[int, ...]:
    """For each layer, and for the output layer last, the index of its device; 0 is main memory.

    Source: ``get_layer_buft_list`` of ``load_tensors``, in single precision as there.
    """
    offloaded = layers + 1 if settings.n_gpu_layers < 0 else settings.n_gpu_layers
    first = max(layers + 1 - offloaded, 0)
    active = min(offloaded, layers + 1) if used else 0
    given = settings.tensor_split[: len(used)]
    shares = list(given) + [0.0] * (len(used) - len(given))
    if not any(shares):
        shares = [float(device.free_bytes) for device in used]
    if not any(shares):
        shares = [1.0] * len(used)
    points: list[float] = []
    total = 0.0
    for share in shares:
        total = _single(total + _single(share))
        points.append(total)
    points = [_single(point / total) for point in points] if total else points

    def place(layer: int) -> int:
        if layer < first or layer - first >= active:
            return 0
        return min(bisect_right(points, _single((layer - first) / active)), len(used) - 1) + 1

    return tuple(place(layer) for layer in range(layers + 1))


def _single(number: float) -> float:
    """The number in single precision."""
    rounded: float = struct.unpack("f", struct.pack("f", number))[0]
    return rounded


@dataclass(frozen=True, slots=True)
class Cells:
    """How many tokens the caches have room for, over all sequences."""

    full: int
    window: int
    """In layers with a sliding window."""
    streams: int
    """Caches beside each other."""
    per_stream: int

    def layer_bytes(self, layer: LayerShape, settings: Settings) -> int:
        """Bytes of one layer's K and V."""
        cells = self.window if layer.windowed else self.full
        return cells * (
            _row_bytes(layer.k_elements, settings.type_k) + _row_bytes(layer.v_elements, settings.type_v)
        )


def cells_of(shape: ModelShape, settings: Settings) -> Cells:
    """How llama.cpp rounds a context and divides it among sequences, each with a cache of its own.

    Source: the constructors of ``llama_context`` and ``llama_kv_cache_iswa``.
    """
    streams = settings.n_seq_max
    per_stream = _pad(_pad(settings.n_ctx) // streams)
    window = per_stream
    if shape.window is not None and not settings.swa_full:
        window = _pad(min(per_stream, shape.window + ubatch_of(settings)))
    return Cells(full=per_stream * streams, window=window * streams, streams=streams, per_stream=per_stream)


def ubatch_of(settings: Settings) -> int:
    """Tokens that are computed at once: no more than the context has room for."""
    return min(settings.n_ctx, settings.n_batch, settings.n_ubatch)


def _pad(tokens: int) -> int:
    return -(-tokens // _PAD_CELLS) * _PAD_CELLS


def _row_bytes(elements: int, cache_type: CacheType) -> int:
    block, size = _CACHE_BLOCKS[cache_type]
    return -(-elements // block) * size


def _reserved(
    shape: ModelShape, settings: Settings, cells: Cells, places: Sequence[int], moved: Mapping[str, int],
    used: Sequence[Device],
) -> tuple[BufferSize, ...]:  # fmt: skip
    """The compute buffers of main memory and of each device.

    Where recurrent layers are divided among devices, or a layer's parts lie on several, it is not known for
    sure which results are passed on: room is left for four more as wide as the model, and for one where
    devices work on several batches at once. With recurrent layers llama.cpp may turn flash attention off
    as well, unless it is told to use it.
    """
    count = len(used) + 1
    at_once = (
        count > 2 and all(places) and settings.split_mode == "layer" and settings.offload_kqv
        and not override_patterns(settings)
    )  # fmt: skip
    copies = _PIPELINE_COPIES if at_once else 1

    def sizes(where: Sequence[int], *, flash_attention: bool) -> tuple[BufferSize, ...]:
        to = _reserve(shape, settings, cells, flash_attention=flash_attention)
        return compute_bytes(shape, to, where, moved, count, copies=copies)

    flash_attention = settings.flash_attn != "off"
    found = sizes(places, flash_attention=flash_attention)
    lent = _lent_bytes(shape, settings, places, moved, used)
    if lent:
        whole = sizes([1] * len(places), flash_attention=flash_attention)[1]
        most = max(found[1].reserved, whole.reserved) + lent
        found = (found[0], BufferSize(most, most), *found[2:])
    holding = set(places[:-1])
    recurrent = len(holding) > 1 and any(layer.state_elements for layer in shape.layers)
    scattered = bool(used) and (not settings.offload_kqv or (bool(moved) and count > 2))
    passed_on = 4 if recurrent or scattered else int(at_once)
    if not passed_on:
        return found
    if (
        recurrent
        and 0 in holding
        and settings.flash_attn == "auto"
        and any(layer.cached for layer in shape.layers)
    ):
        found = tuple(map(max, found, sizes(places, flash_attention=False)))
    extra = passed_on * 4 * shape.embedding_length * ubatch_of(settings) * copies
    return tuple(
        BufferSize(size.reserved + extra, size.touched + extra) if index in holding or scattered else size
        for index, size in enumerate(found)
    )


def _lent_bytes(
    shape: ModelShape, settings: Settings, places: Sequence[int], moved: Mapping[str, int],
    used: Sequence[Device],
) -> int:  # fmt: skip
    """The largest weight in main memory, where the first device computes long prompts with those too.

    Remote devices are not asked to. Source: ``ggml_backend_sched_backend_id_from_cur`` of ggml-backend.cpp.
    """
    if not used or not settings.op_offload or used[0].backend == "RPC" or ubatch_of(settings) < _LEAST_LENT:
        return 0
    return max(
        (
            tensor.size_bytes
            for tensor in shape.tensors
            if tensor.layer is not None and moved.get(tensor.name, _layer_place(tensor, places)) == 0
        ),
        default=0,
    )


def _reserve(shape: ModelShape, settings: Settings, cells: Cells, *, flash_attention: bool) -> Reserve:
    tokens = min(_pad(settings.n_ctx), ubatch_of(settings))
    keys = {layer.key_length for layer in shape.layers if layer.cached}
    values = {layer.value_length for layer in shape.layers if layer.cached}
    return Reserve(
        n_tokens=tokens,
        n_seqs=settings.n_seq_max,
        n_outputs=min(tokens, settings.n_ctx, settings.n_batch),
        full_cells=cells.per_stream,
        window_cells=cells.window // cells.streams,
        streams=cells.streams,
        flash_attention=flash_attention,
        rotated_k=_is_rotated(settings.type_k, keys),
        rotated_v=_is_rotated(settings.type_v, values),
    )


def _is_rotated(cache_type: CacheType, sizes: Collection[int]) -> bool:
    """Whether what is cached is rotated first: quantized, and heads of one size that 64 divides."""
    return (
        _CACHE_BLOCKS[cache_type][0] > 1
        and len(sizes) == 1
        and all(size and size % 64 == 0 for size in sizes)
    )


def _weigh(
    shape: ModelShape, settings: Settings, used: Sequence[Device], places: Sequence[int],
    tallies: Sequence[_Tally], moved: Mapping[str, int], mapped: bool, repacked: Collection[str],  # noqa: FBT001
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
    tensor: TensorInfo, size: int, output: int, tallies: Sequence[_Tally], *, tied: bool,
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


def _moved(shape: ModelShape, settings: Settings, used: Sequence[Device]) -> dict[str, int]:
    """The tensors that are put somewhere by name, and the index of the device."""
    names = {device.name: index for index, device in enumerate(used, start=1)} | {MAIN_MEMORY: 0}
    found: dict[str, int] = {}
    patterns = [
        (re.compile(pattern), names.get(device, 0)) for pattern, device in override_patterns(settings)
    ]
    for tensor in shape.tensors if patterns else ():
        place = next((place for pattern, place in patterns if pattern.search(tensor.name)), None)
        if place is not None:
            found[tensor.name] = place
    return found


def _place(tensor: TensorInfo, places: Sequence[int], moved: Mapping[str, int]) -> int:
    if tensor.name in moved:
        return moved[tensor.name]
    if tensor.layer is None:
        return places[-1] if tensor.name.startswith(_OUTPUT_NAMES) else 0
    return _layer_place(tensor, places)


def _layer_place(tensor: TensorInfo, places: Sequence[int]) -> int:
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


def _repacked_types(settings: Settings, features: Collection[str] | None) -> Collection[str]:
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
