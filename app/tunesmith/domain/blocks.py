"""Own what a model's header says of its layers: how many may lie on a device, and about how many fit."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tunesmith.domain.base import Value
from tunesmith.domain.machine import Machine
from tunesmith.domain.model import ModelHeader, TensorInfo

EXPERTS = re.compile(r"\.ffn_(up|down|gate|gate_up)_(ch|)exps")
DENSE = re.compile(r"\.ffn_(up|down|gate)\.")
"""Names of tensors that --n-cpu-moe and --n-cpu-ffn are about: LLM_FFN_EXPS_REGEX and LLM_FFN_DENSE_REGEX
of common.h of llama.cpp."""
ROOM = 0.9
"""Share of a device's memory that weights may fill; the rest is for the cache and for computing."""


class Blocks(Value):
    """A model's layers, alike in size."""

    count: int
    """``block_count`` of the header."""
    weights_bytes: int
    """Of all tensors."""
    experts_bytes: int = 0
    """Of these the experts' weights."""
    ffn_bytes: int = 0
    """Of these the dense feed-forward weights."""

    def fitting(self, machine: Machine) -> int:
        """About how many layers the devices hold beside what else they need: an estimate.

        It goes by the memory there is, not by what is free now: a resumed run has to come to the same.
        """
        return self._in(int(ROOM * _device_bytes(machine)))

    def at_most(self, machine: Machine) -> int:
        """How many layers' weights are no larger than the devices' memory."""
        return self._in(_device_bytes(machine))

    def experts_kept(self, machine: Machine) -> int | None:
        """Of about how many layers the experts must stay in main memory, so that the devices hold the rest.

        None where the devices do not hold the rest of all layers.
        """
        return self._kept(self.experts_bytes, machine)

    def ffn_kept(self, machine: Machine) -> int | None:
        """As :meth:`experts_kept`, of the dense feed-forward weights."""
        return self._kept(self.ffn_bytes, machine)

    def fits_on(self, device_bytes: int) -> bool:
        """Whether a single device of this size holds all of it beside what else it needs: an estimate."""
        return self.weights_bytes <= int(ROOM * device_bytes)

    def _kept(self, movable_bytes: int, machine: Machine) -> int | None:
        over = self.weights_bytes - int(ROOM * _device_bytes(machine))
        if over <= 0:
            return 0
        return -(-over * self.count // movable_bytes) if over <= movable_bytes else None

    def _in(self, room_bytes: int) -> int:
        return min(self.count, room_bytes * self.count // max(1, self.weights_bytes))


def _device_bytes(machine: Machine) -> int:
    return sum(device.total_bytes for device in machine.devices if device.type in ("gpu", "igpu"))


def blocks_of(header: ModelHeader, tensors: Iterable[TensorInfo] = ()) -> Blocks | None:
    """What the header says of the layers; None where it does not say how many there are.

    Args:
        header: of the model.
        tensors: what it holds, for the parts of its layers; without them nothing is known of the parts.
    """
    if not header.layers:
        return None
    held = list(tensors)
    return Blocks(
        count=header.layers,
        weights_bytes=header.weights_bytes,
        experts_bytes=sum(tensor.size_bytes for tensor in held if EXPERTS.search(tensor.name)),
        ffn_bytes=sum(tensor.size_bytes for tensor in held if DENSE.search(tensor.name)),
    )
