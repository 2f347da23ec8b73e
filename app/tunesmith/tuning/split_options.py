"""Own the ways to divide a model over several devices that are worth trying."""

from __future__ import annotations

from collections.abc import Iterable

from tunesmith.domain.machine import Machine
from tunesmith.domain.settings import Settings
from tunesmith.tuning.options import Option
from tunesmith.wording import tr

UNEVEN = ((3.0, 1.0), (1.0, 3.0))
"""Between two devices, beside one alone and both alike."""


def split_label(shares: tuple[float, ...]) -> str:
    """``divided 3:1``, ``divided by free memory``."""
    if not shares:
        return tr("divided by free memory")
    return tr("divided {shares}", shares=":".join(f"{share:g}" for share in shares))


def split_options(machine: Machine, settings: Settings) -> Iterable[Option]:
    """One device alone, all alike, and between two also three quarters on either.

    llama.cpp divides by free memory, which says nothing of speed: a slow device with much memory, or one
    behind a network, gets the most. What fits on none is for the trial to find.
    """
    used = settings.devices or tuple(d.name for d in machine.devices if d.type in ("gpu", "igpu"))
    count = len(used)
    if count < 2 or settings.n_gpu_layers == 0 or settings.split_mode == "none":
        return
    alone = [tuple(float(place == taken) for place in range(count)) for taken in range(count)]
    for shares in (*alone, (1.0,) * count, *(UNEVEN if count == 2 else ())):
        if shares != settings.tensor_split:
            yield Option(split_label(shares), (("tensor_split", shares),))
