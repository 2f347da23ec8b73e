"""Own the course of a comparison at steady state: settings take turns in long blocks.

Heat outlives a sample, so that settings which take turns sample by sample share one temperature and no speed
of theirs is the one they would hold alone. In a block of a minute or more each comes to a state of its own;
that they take turns lets a machine that drifts do so under all of them. The order is turned round from round
to round (A B, B A, …), so that a drift at one rate leaves no trace in the mean of the pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tunesmith.domain.event_base import Part
from tunesmith.domain.soak import SoakSample, Throttle
from tunesmith.domain.steady import LEAST_BLOCKS, ComparedSetting
from tunesmith.tuning.soak_samples import (
    LONGEST_SAMPLE_SECONDS,
    SHORTEST_SAMPLE_SECONDS,
    held_since,
    part_speed,
    sized,
    soak_sample,
)

if TYPE_CHECKING:
    from tunesmith.domain.measurement import Sample
    from tunesmith.domain.settings import Settings
    from tunesmith.domain.workload import Workload

BLOCK_SECONDS = 60.0
"""What a block takes where there is time: turbo ends after half a minute, heat comes to rest in minutes."""
FEWEST_ROUNDS, MOST_ROUNDS = 4, 8
"""Four pairs make an interval that tells; with more time the blocks become longer, not more."""
SAMPLES_PER_BLOCK = 60
"""So many of all parts together are aimed at, within the bounds of a sample."""


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """How the time is divided."""

    rounds: int
    block_seconds: float

    def sample_seconds(self, least: float = SHORTEST_SAMPLE_SECONDS) -> float:
        """What a sample is meant to take."""
        return min(max(self.block_seconds / SAMPLES_PER_BLOCK, least), LONGEST_SAMPLE_SECONDS)


def plan_blocks(seconds: float, settings: int, rounds: int | None = None) -> BlockPlan:
    """Divide the time among settings; in an even number of rounds, so that a drift at one rate cancels.

    Args:
        seconds: for all of them together.
        settings: how many take turns.
        rounds: as the user wants it; None goes by the time.
    """
    if rounds is None:
        fitting = int(seconds / settings / BLOCK_SECONDS)
        rounds = min(max(fitting - fitting % 2, FEWEST_ROUNDS), MOST_ROUNDS)
    rounds = max(LEAST_BLOCKS, rounds)
    return BlockPlan(rounds, seconds / settings / rounds)


@dataclass(frozen=True, slots=True)
class Turn:
    """Where in the comparison a sample is."""

    setting: int
    round: int
    number: int
    """Samples of all settings before it; pilots count below 0."""
    passed_seconds: float
    """Since the comparison began."""


@dataclass(slots=True)
class SteadyCourse:
    """One comparison as it runs."""

    workload: Workload
    compared: Sequence[ComparedSetting]
    plan: BlockPlan
    take: Callable[[Turn, Settings, Workload], Sample]
    clock: Callable[[], float]
    """Seconds that went by, loading included."""
    least_sample_seconds: float = SHORTEST_SAMPLE_SECONDS
    throttle: Callable[[], Throttle | None] = lambda: None
    keep: Callable[[SoakSample], None] = lambda _sample: None
    samples: list[SoakSample] = field(default_factory=list)
    sampled: dict[Part, Workload] = field(default_factory=dict)
    end: Callable[[Turn, Settings], None] = lambda _turn, _settings: None
    """Called at the end of each block, which it may take a part of."""
    end_seconds: float = 0.0
    """What that takes of a block."""
    rounds: int = 0
    """Those that are complete."""
    _begun: float = 0.0
    _begun_ns: int = 0
    _held: Throttle | None = None

    def run(self) -> None:
        """Run all blocks; what ends it early leaves what was measured in :attr:`samples`.

        Raises:
            Exception: whatever taking a sample raises.
        """
        self._begun = self.clock()
        self.sampled = self._sized()
        self._begun = self.clock()
        self._held = self.throttle()
        order = list(range(len(self.compared)))
        for number in range(self.plan.rounds):
            for setting in order if number % 2 == 0 else order[::-1]:
                self._block(setting, number)
            self.rounds = number + 1

    def _sized(self) -> dict[Part, Workload]:
        """The same sizes for all, so that nothing but the settings differs: the slowest's."""
        seconds = self.plan.sample_seconds(self.least_sample_seconds)
        found: list[dict[Part, Workload]] = []
        pilots = 0
        for number, one in enumerate(self.compared):

            def speed(part: Part, pilot: Workload, number: int = number, one: ComparedSetting = one) -> float:
                nonlocal pilots
                pilots += 1
                return part_speed(self.take(Turn(number, 0, -pilots, 0.0), one.settings, pilot), part)

            found.append(sized(self.workload, seconds, speed))
        return {
            part: min((sizes[part] for sizes in found), key=lambda size: size.prompt + size.generate)
            for part in found[0]
        }

    def _block(self, setting: int, number: int) -> None:
        """One turn; every part is measured at least once, however slow it is."""
        begun, settings = self.clock(), self.compared[setting].settings
        seconds = max(0.0, self.plan.block_seconds - self.end_seconds)
        first = True
        while first or self.clock() - begun < seconds:
            first = False
            for part, workload in self.sampled.items():
                turn = Turn(setting, number, len(self.samples), self.clock() - self._begun)
                sample = self.take(turn, settings, workload)
                self._begun_ns = self._begun_ns or sample.started_mono_ns
                held, before = self.throttle(), self._held
                self._held = held
                told = soak_sample(
                    sample, part, begun_ns=self._begun_ns, held=held_since(before, held), setting=setting,
                    block=number,
                )  # fmt: skip
                self.samples.append(told)
                self.keep(told)
        self.end(Turn(setting, number, len(self.samples), self.clock() - self._begun), settings)
