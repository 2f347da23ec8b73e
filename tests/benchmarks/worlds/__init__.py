"""Own the worlds that search policies are compared on."""

from __future__ import annotations

from functools import cache

from tests.benchmarks.worlds.base import World
from tests.benchmarks.worlds.catalogue import modelled_worlds
from tests.benchmarks.worlds.recorded import recorded_worlds

__all__ = ["World", "all_worlds", "modelled_worlds", "recorded_worlds", "world_named"]


@cache
def all_worlds() -> tuple[World, ...]:
    """The recorded ones first."""
    return (*recorded_worlds(), *modelled_worlds())


def world_named(name: str) -> World:
    """The world of that name.

    Raises:
        KeyError: there is none.
    """
    return {world.name: world for world in all_worlds()}[name]
