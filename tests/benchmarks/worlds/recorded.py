"""Own worlds that were measured: a surface, replayed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.benchmarks.worlds.base import World, wanted
from tunesmith.domain.event_base import Part
from tunesmith.domain.settings import Settings
from tunesmith.domain.surface import Surface, part_settings
from tunesmith.services.surface_files import read_surface
from tunesmith.tuning.replay import ReplayMeter

FOLDER = Path(__file__).parent.parent / "surfaces"
SUFFIX = ".surface.json.gz"


class RecordedWorld(World):
    """A grid that was measured exhaustively on one of this project's machines."""

    def __init__(self, name: str, surface: Surface) -> None:
        self.name, self.surface = name, surface
        self.source = f"recorded {surface.recorded_utc}: {surface.title}"
        self.machine, self.baseline = surface.machine, surface.baseline
        self.request = wanted(surface.workload, surface.axes)
        self._cells = surface.by_part()
        self._parts: tuple[Part, ...] = tuple(sorted({cell.part for cell in surface.cells}))

    def meter(self, seed: int) -> ReplayMeter:
        """See :meth:`~tests.benchmarks.worlds.base.World.meter`."""
        return ReplayMeter(self.surface, seed=seed)

    def grid(self) -> Iterable[Settings]:
        """What was measured."""
        return self.surface.grid()

    def true_ns(self, settings: Settings) -> Mapping[Part, float]:
        """See :meth:`~tests.benchmarks.worlds.base.World.true_ns`."""
        found: dict[Part, float] = {}
        for part in self._parts:
            key = part_settings(settings, part, parallel=self.surface.workload.parallel).digest
            if self._cells[part, key].failure:
                raise KeyError(self._cells[part, key].failure)
            found[part] = self._cells[part, key].true_ns
        return found

    def start_seconds(self, settings: Settings) -> tuple[float, float]:
        """See :meth:`~tests.benchmarks.worlds.base.World.start_seconds`."""
        del settings
        costs = self.surface.costs
        return costs.process + costs.load, costs.context


def recorded_worlds(folder: Path = FOLDER) -> tuple[RecordedWorld, ...]:
    """A world for each surface in a folder, by name; none if there is no such folder."""
    paths = sorted(folder.glob(f"*{SUFFIX}"))
    return tuple(RecordedWorld(path.name.removesuffix(SUFFIX), read_surface(path)) for path in paths)
