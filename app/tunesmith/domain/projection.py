"""Own the projection of memory: what a model will take under some settings, device by device.

All of it is reckoned from the header. Source of the rules: ``load_tensors`` and ``create_memory`` of
llama-model.cpp, llama-kv-cache.cpp, llama-kv-cache-iswa.cpp, llama-memory-recurrent.cpp and how a
``llama_context`` is made, at the llama.cpp of llama-cpp-python 0.3.36.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from tunesmith.domain.cache_memory import Cells, cells_of, is_rotated, padded, ubatch_of
from tunesmith.domain.compute_buffer import Reserve, compute_bytes
from tunesmith.domain.graph_memory import BufferSize
from tunesmith.domain.machine import Device
from tunesmith.domain.overrides import MAIN_MEMORY, override_patterns
from tunesmith.domain.settings import Settings
from tunesmith.domain.shape import ModelShape
from tunesmith.domain.weight_memory import Tally, layer_place, repacked_types, weigh

_PIPELINE_COPIES = 4
"""GGML_SCHED_MAX_COPIES: of inputs, where several devices work on several batches at once."""
_LEAST_LENT = 32
"""Tokens from which on a device computes with weights that lie in main memory."""


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
    tallies = [Tally() for _ in range(len(used) + 1)]
    mapped = settings.load_mode in ("auto", "mmap", "mmap+mlock")
    moved = _moved(shape, settings, used)
    weigh(shape, settings, used, places, tallies, moved, mapped, repacked_types(settings, cpu_features))
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
            if tensor.layer is not None and moved.get(tensor.name, layer_place(tensor, places)) == 0
        ),
        default=0,
    )


def _reserve(shape: ModelShape, settings: Settings, cells: Cells, *, flash_attention: bool) -> Reserve:
    tokens = min(padded(settings.n_ctx), ubatch_of(settings))
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
        rotated_k=is_rotated(settings.type_k, keys),
        rotated_v=is_rotated(settings.type_v, values),
    )


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
