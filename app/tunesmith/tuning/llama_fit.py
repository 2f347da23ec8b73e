"""Own what llama.cpp's own ``--fit`` would set here: its rules, on memory that is projected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tunesmith.domain.settings import Settings

FIT_MARGIN_BYTES = 2**30
"""What it leaves free on each device: ``fit_params_target`` of common.h."""

MemoryOf = Callable[[Settings], Sequence[int]]
"""What the model takes of each device under some settings, bytes, in llama.cpp's order of devices."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What one device gets: whole layers, and layers whose experts stay in main memory."""

    layers: int = 0
    """Both together; the output counts as one."""
    without_experts: int = 0


def fitted(
    settings: Settings, *, layers: int, experts: bool, free_bytes: Sequence[int], memory: MemoryOf
) -> Settings:
    """The settings as ``--fit`` would leave them; the same ones where all fits, or where it would give up.

    After ``common_params_fit_impl`` of common/fit.cpp of llama.cpp: nothing is changed where each device
    keeps a GiB free. Else layers are laid on the devices from the last to the first, as many as fit, of a
    mixture without its experts; then, from the front, layers get their experts back as far as there is
    room. Not done here: the context, which the workload gives; a part of one more layer of a mixture.

    Args:
        settings: the defaults, with the workload's context; where they place something already, ``--fit``
            changes nothing.
        layers: ``block_count``.
        experts: whether the model is a mixture of experts.
        free_bytes: of each device.
        memory: projects what settings take.
    """
    targets = [free - FIT_MARGIN_BYTES for free in free_bytes]
    placed = (settings.n_gpu_layers, settings.tensor_split, settings.split_mode, settings.override_tensor)
    if not targets or placed != (-1, (), "layer", ()) or settings.n_cpu_moe or settings.n_cpu_ffn:
        return settings
    if _fits(memory(settings), targets):
        return settings
    parts = [_Part()] * len(targets)
    for device in reversed(range(len(targets))):
        parts = _filled(parts, device, settings, layers=layers, experts=experts, targets=targets,
                        memory=memory)  # fmt: skip
    if experts and sum(part.layers for part in parts) == layers + 1:
        for device in range(len(targets)):
            parts = _with_experts(parts, device, settings, layers=layers, targets=targets, memory=memory)
    return _placed(settings, parts, layers)


def _fits(taken: Sequence[int], targets: Sequence[int]) -> bool:
    return all(one <= target for one, target in zip(taken, targets, strict=True))


def _filled(
    parts: list[_Part], device: int, settings: Settings, *, layers: int, experts: bool,
    targets: Sequence[int], memory: MemoryOf,
) -> list[_Part]:  # fmt: skip
    """As many of the layers left on this device as its memory holds; the last device has the output."""
    left = layers + 1 - sum(part.layers for part in parts[device + 1 :])
    last = device == len(parts) - 1

    def with_layers(count: int) -> list[_Part]:
        bare = (max(0, count - 1) if last else count) if experts else 0
        return [*parts[:device], _Part(count, bare), *parts[device + 1 :]]

    def holds(count: int) -> bool:
        return memory(_placed(settings, with_layers(count), layers))[device] <= targets[device]

    return with_layers(_most(left, holds))


def _with_experts(
    parts: list[_Part], device: int, settings: Settings, *, layers: int, targets: Sequence[int],
    memory: MemoryOf,
) -> list[_Part]:  # fmt: skip
    """As many layers as fit get their experts on this device, taken from the front of those without."""

    def converted(count: int) -> list[_Part]:
        changed, wanted = list(parts), count
        for donor, part in enumerate(parts):
            take = min(wanted, part.without_experts)
            if not take:
                continue
            wanted -= take
            changed[donor] = replace(
                changed[donor], layers=changed[donor].layers - take,
                without_experts=changed[donor].without_experts - take,
            )  # fmt: skip
            changed[device] = replace(changed[device], layers=changed[device].layers + take)
        return changed

    def holds(count: int) -> bool:
        return _fits(memory(_placed(settings, converted(count), layers)), targets)

    return converted(_most(sum(part.without_experts for part in parts), holds))


def _most(top: int, holds: Callable[[int], bool]) -> int:
    """The largest count up to ``top`` that holds; what is projected grows with the count."""
    low, high = 0, top
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _placed(settings: Settings, parts: Sequence[_Part], layers: int) -> Settings:
    """Settings with layers laid out as ``set_ngl_tensor_split_tbo`` of fit.cpp does."""
    number = sum(part.layers for part in parts)
    at, overrides = layers + 1 - number, list[str]()
    for part in parts:
        at += part.layers - part.without_experts
        overrides += [
            rf"blk\.{layer}\.ffn_(up|down|gate_up|gate)_(ch|)exps=CPU"
            for layer in range(at, at + part.without_experts)
            if layer < layers
        ]
        at += part.without_experts
    shares = tuple(float(part.layers) for part in parts) if len(parts) > 1 and number else ()
    return settings.replace(n_gpu_layers=number, tensor_split=shares, override_tensor=tuple(overrides))
