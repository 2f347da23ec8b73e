"""Own what a model's header says of its layers: how many may lie on a device, and about how many fit."""

from __future__ import annotations

from tunesmith.domain.base import Value
from tunesmith.domain.machine import Machine
from tunesmith.domain.model import ModelHeader

ROOM = 0.9
"""Share of a device's memory that weights may fill; the rest is for the cache and for computing."""


class Blocks(Value):
    """A model's layers, alike in size."""

    count: int
    """``block_count`` of the header."""
    weights_bytes: int
    """Of all tensors."""

    def fitting(self, machine: Machine) -> int:
        """About how many layers the devices hold beside what else they need: an estimate.

        It goes by the memory there is, not by what is free now: a resumed run has to come to the same.
        """
        return self._in(int(ROOM * _device_bytes(machine)))

    def at_most(self, machine: Machine) -> int:
        """How many layers' weights are no larger than the devices' memory."""
        return self._in(_device_bytes(machine))

    def _in(self, room_bytes: int) -> int:
        return min(self.count, room_bytes * self.count // max(1, self.weights_bytes))


def _device_bytes(machine: Machine) -> int:
    return sum(device.total_bytes for device in machine.devices if device.type in ("gpu", "igpu"))


def blocks_of(header: ModelHeader) -> Blocks | None:
    """What the header says of the layers; None where it does not say how many there are."""
    if not header.layers:
        return None
    return Blocks(count=header.layers, weights_bytes=header.weights_bytes)
