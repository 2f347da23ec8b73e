"""Own the ways to place parts of a model that are worth trying where a device does not hold all of it."""

from __future__ import annotations

from collections.abc import Iterable

from tunesmith.domain.blocks import Blocks
from tunesmith.domain.machine import Device, Machine
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.tuning.options import ALL_LAYERS, Option
from tunesmith.wording import tr, trn

OFFLOADED_FROM = 32
"""Tokens at once from which llama.cpp brings weights over to a device, as its backends have it by default."""
ROW_BACKENDS = frozenset({"CUDA", "ROCm", "MUSA", "SYCL"})
"""Those with a buffer that is divided by rows (ggml_backend_split_buffer_type)."""


def used_devices(machine: Machine, settings: Settings) -> tuple[Device, ...]:
    """The devices that layers may be put on under these settings, in llama.cpp's order."""
    there = [device for device in machine.devices if device.type in ("gpu", "igpu")]
    if not settings.devices:
        return tuple(there)
    by_name = {device.name: device for device in there}
    return tuple(by_name[name] for name in settings.devices if name in by_name)


def computes_on_device(machine: Machine, settings: Settings) -> bool:
    """Whether any layer lies on a device."""
    return bool(used_devices(machine, settings)) and settings.n_gpu_layers != 0


def keeps_weights(settings: Settings, blocks: Blocks | None) -> bool:
    """Whether weights of layers stay in main memory although there is a device."""
    count = blocks.count if blocks is not None else None
    some = settings.n_gpu_layers >= 0 and (count is None or settings.n_gpu_layers <= count)
    return bool(some or settings.n_cpu_moe or settings.n_cpu_ffn or settings.override_tensor)


def experts_label(number: int) -> str:
    """``experts of 12 layers in main memory``; 0 is none of them."""
    if not number:
        return tr("all experts on the GPU")
    return trn(
        "experts of {count} layer in main memory", "experts of {count} layers in main memory", number
    )  # fmt: skip


def ffn_label(number: int) -> str:
    """``feed-forward weights of 12 layers in main memory``; 0 is none of them."""
    if not number:
        return tr("all feed-forward weights on the GPU")
    return trn(
        "feed-forward weights of {count} layer in main memory",
        "feed-forward weights of {count} layers in main memory", number,
    )  # fmt: skip


def experts_option(number: int, settings: Settings) -> Option:
    """All layers on the GPU but for the experts of so many."""
    return Option(experts_label(number), (("n_cpu_moe", number), *_all_layers(settings)))


def ffn_option(number: int, settings: Settings) -> Option:
    """All layers on the GPU but for the dense feed-forward weights of so many."""
    return Option(ffn_label(number), (("n_cpu_ffn", number), *_all_layers(settings)))


def _all_layers(settings: Settings) -> tuple[tuple[str, object], ...]:
    return () if settings.n_gpu_layers == ALL_LAYERS else (("n_gpu_layers", ALL_LAYERS),)


def experts_options(machine: Machine, settings: Settings, blocks: Blocks | None) -> Iterable[Option]:
    """Experts of a mixture are large and few are used for a token: a ladder of how many stay behind.

    Attention and what all tokens use stays on the GPU. Nearest to what fits comes first.
    """
    if blocks is None or not blocks.experts_bytes or not used_devices(machine, settings):
        return
    least = blocks.experts_kept(machine)
    for number in _ladder(least, blocks.count, settings.n_cpu_moe, all_layers=_has_all(settings)):
        yield experts_option(number, settings)


def ffn_options(machine: Machine, settings: Settings, blocks: Blocks | None) -> Iterable[Option]:
    """Only for a dense model that the devices do not hold: attention and caches on the GPU all the same."""
    if blocks is None or blocks.experts_bytes or not blocks.ffn_bytes or not used_devices(machine, settings):
        return
    least = blocks.ffn_kept(machine)
    if least:
        for number in _ladder(least, blocks.count, settings.n_cpu_ffn, all_layers=_has_all(settings)):
            yield ffn_option(number, settings)


def _has_all(settings: Settings) -> bool:
    return settings.n_gpu_layers == ALL_LAYERS


def _ladder(least: int | None, count: int, held: int, *, all_layers: bool) -> list[int]:
    """From the least that must stay behind up to all layers, nearest to the least first."""
    if least is None:
        return []
    rungs = {least, count, *(least + (count - least) * quarter // 4 for quarter in (1, 2, 3))}
    return [rung for rung in sorted(rungs) if rung != held or not all_layers]


def op_offload_options(
    machine: Machine, settings: Settings, workload: Workload, blocks: Blocks | None
) -> Iterable[Option]:
    """The other way, where weights stay in main memory and a prompt is long enough to bring them over."""
    if not used_devices(machine, settings) or not keeps_weights(settings, blocks):
        return
    if min(workload.prompt * workload.parallel, settings.n_ubatch) >= OFFLOADED_FROM:
        on = not settings.op_offload
        yield Option(op_offload_label(on=on), (("op_offload", on),))


def op_offload_label(*, on: bool) -> str:
    """``prompts on weights in main memory by the GPU``."""
    if on:
        return tr("the GPU reads prompts with weights in main memory")
    return tr("the CPU reads prompts with weights in main memory")


def kv_options(machine: Machine, settings: Settings, blocks: Blocks | None) -> Iterable[Option]:
    """The cache in main memory makes room for layers: only where the devices do not hold the model."""
    if blocks is None or not computes_on_device(machine, settings):
        return
    if settings.offload_kqv and blocks.fitting(machine) >= blocks.count:
        return
    on = not settings.offload_kqv
    more = -(-blocks.count // 8)
    layers = settings.n_gpu_layers
    room: tuple[tuple[str, object], ...] = ()
    if not on and 0 < layers < blocks.count:
        room = (("n_gpu_layers", min(blocks.count, layers + more)),)
    yield Option(kv_label(on=on, more=bool(room)), (("offload_kqv", on), *room))


def kv_label(*, on: bool, more: bool = False) -> str:
    """``cache on the GPU``, ``cache in main memory``."""
    if on:
        return tr("cache on the GPU")
    return tr("cache in main memory, more layers on the GPU") if more else tr("cache in main memory")


def host_options(machine: Machine, settings: Settings, blocks: Blocks | None) -> Iterable[Option]:
    """Pinned memory cannot be repacked: which of the two is faster shows where weights stay behind."""
    if computes_on_device(machine, settings) and keeps_weights(settings, blocks):
        on = not settings.no_host
        yield Option(host_label(on=on), (("no_host", on),))


def host_label(*, on: bool) -> str:
    """``without pinned memory``."""
    return tr("without pinned memory") if on else tr("with pinned memory")


def split_mode_label(mode: str, device: str = "") -> str:
    """``divided by layers``, ``divided by rows``, ``CUDA1 alone``."""
    return {
        "layer": tr("divided by layers"), "row": tr("divided by rows"), "tensor": tr("divided by tensors"),
    }.get(mode) or tr("{device} alone", device=device)  # fmt: skip


def split_mode_options(machine: Machine, settings: Settings, blocks: Blocks | None) -> Iterable[Option]:
    """Rows where all devices can, and each device alone that holds the model."""
    used = used_devices(machine, settings)
    if len(used) < 2 or settings.n_gpu_layers == 0:
        return
    backends = {device.backend for device in used}
    if settings.split_mode != "layer":
        yield Option(split_mode_label("layer"), (("split_mode", "layer"),))
    if settings.split_mode != "row" and len(backends) == 1 and backends <= ROW_BACKENDS:
        yield Option(split_mode_label("row"), (("split_mode", "row"),))
    for number, device in enumerate(used):
        held = settings.split_mode == "none" and settings.main_gpu == number
        if not held and (blocks is None or blocks.fits_on(device.total_bytes)):
            changes: list[tuple[str, object]] = [("split_mode", "none"), ("main_gpu", number)]
            if settings.tensor_split:
                changes.append(("tensor_split", ()))
            yield Option(split_mode_label("none", device.name), tuple(changes))


def lowered_offloads(settings: Settings, machine: Machine, blocks: Blocks | None) -> Iterable[int]:
    """Ever fewer layers on the devices, for defaults that no device holds: about what fits, quarters, none.

    By the memory there is, not by what is free: a resumed run has to come to the same.
    """
    if not computes_on_device(machine, settings) or settings.n_gpu_layers != ALL_LAYERS:
        return
    if blocks is not None:
        count, fits = blocks.count, blocks.fitting(machine)
        rungs = {fits, *(count * quarter // 4 for quarter in (1, 2, 3))}
        yield from sorted((rung for rung in rungs if 0 < rung < count and rung <= max(fits, 1)), reverse=True)
    yield 0


def nearer_placements(
    name: str, blocks: Blocks, machine: Machine, best: Settings, tried: Iterable[Settings]
) -> list[Option]:
    """Half-way between the best number of layers whose parts stay behind and the tried ones next to it."""
    least = (blocks.experts_kept(machine) if name == "n_cpu_moe" else blocks.ffn_kept(machine)) or 0
    options = experts_option if name == "n_cpu_moe" else ffn_option
    place, places = getattr(best, name), {getattr(one, name) for one in tried}
    below = max((other for other in places if other < place), default=place)
    above = min((other for other in places if other > place), default=place)
    found = dict.fromkeys((place + (above - place) // 2, below + (place - below) // 2))
    return [options(number, best) for number in found if number not in places and number >= least]
