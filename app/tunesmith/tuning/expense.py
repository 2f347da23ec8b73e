"""Own what one request takes of what is to be spared: seconds, joules or money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.domain.sample_energy import idle_watts, mean_watts

if TYPE_CHECKING:
    from tunesmith.domain.energy import GivenPower
    from tunesmith.domain.measurement import Sample
    from tunesmith.domain.workload import Objective


@dataclass(frozen=True, slots=True)
class Expense:
    """What a second of work takes, by an objective; a speed takes the second itself.

    Energy is all that the machine draws, idle power included: to hurry and rest is worth what it is worth.
    """

    objective: Objective
    given: GivenPower | None = None
    """Overrules what sensors told."""

    @property
    def by_sensors(self) -> bool:
        """Whether sensors have to tell the energy of each sample."""
        return self.objective.takes_energy and (self.load_watts is None or self._lacks_idle)

    @property
    def _lacks_idle(self) -> bool:
        """Whether what the idle machine draws counts, and the user does not say it."""
        prices = self.objective.prices
        if self.objective.name != "cost" or prices is None or not prices.takes_idle:
            return False
        return prices.idle_watts is None and self.given is None

    @property
    def load_watts(self) -> float | None:
        """What the user says the machine draws while it computes; None where sensors are asked."""
        prices = self.objective.prices
        if self.objective.name == "cost" and prices is not None and prices.load_watts is not None:
            return float(prices.load_watts)
        return None if self.given is None else self.given.load_watts

    def of_second(self, sample: Sample) -> float:
        """What a second of a sample took.

        Raises:
            NotTold: sensors are asked, and the sample does not tell its energy.
        """
        if self.objective.of_speed or self.objective.name == "memory":
            return 1.0
        watts = self._watts(sample) if self.objective.takes_energy else 0.0
        prices = self.objective.prices
        if self.objective.name == "efficiency" or prices is None:
            return watts
        return prices.busy_second(watts, self._idle_watts(sample) if prices.takes_idle else 0.0)

    def _watts(self, sample: Sample) -> float:
        watts = self.load_watts
        return mean_watts(sample) if watts is None else watts

    def _idle_watts(self, sample: Sample) -> float:
        prices = self.objective.prices
        if prices is not None and prices.idle_watts is not None:
            return float(prices.idle_watts)
        return idle_watts(sample) if self.given is None else self.given.idle_watts
