"""Own what blurs the samples of a modelled machine: noise, drift, outliers, heat."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weather:
    """How a machine's speed varies; deviations are of its logarithm."""

    noise: float = 0.015
    """From sample to sample: Student's t with 3 degrees of freedom, scaled to this standard deviation."""
    drift: float = 0.02
    """Slow changes that all candidates share: an Ornstein-Uhlenbeck process (AR(1) in discrete time)."""
    drift_seconds: float = 20.0
    """After so long the drift's correlation has fallen to 1/e."""
    outliers: float = 0.02
    """Share of samples that something slows down by another 5 to 60%; half of them are seen to be noisy."""
    starts: float = 0.004
    """From process to process: where the pages came to lie."""
    heat_onset: float = math.inf
    """Seconds of work after which the machine begins to throttle."""
    heat_ramp: float = 15.0
    """Seconds from there to the full effect."""
    cooling: float = 1.5
    """Seconds of work that a second of rest undoes."""
    busy_onset: float = math.inf
    """Seconds after which another process computes on one of the cores, for good."""
    busy_seen: float = 0.95
    """Share of the samples beside it that are seen to be noisy."""


class Sky:
    """The weather as it goes."""

    def __init__(self, weather: Weather, rng: random.Random) -> None:
        self._weather = weather
        self._rng = rng
        self._drift = rng.gauss(0, weather.drift)
        self._heat = 0.0
        self._seconds = 0.0

    def work(self, seconds: float) -> None:
        """Let the machine work."""
        weather = self._weather
        self._seconds += seconds
        kept = math.exp(-seconds / weather.drift_seconds)
        self._drift = self._drift * kept + self._rng.gauss(0, weather.drift) * math.sqrt(1 - kept * kept)
        if weather.heat_onset < math.inf:
            self._heat = min(self._heat + seconds, weather.heat_onset + weather.heat_ramp)

    def rest(self, seconds: float) -> None:
        """Let it cool."""
        self._seconds += seconds
        self._heat = max(0.0, self._heat - seconds * self._weather.cooling)

    @property
    def hotness(self) -> float:
        """0 while cold, 1 when throttled as far as it goes."""
        if self._weather.heat_onset == math.inf:
            return 0.0
        return max(0.0, min(1.0, (self._heat - self._weather.heat_onset) / self._weather.heat_ramp))

    def start(self) -> float:
        """What a process has for itself: the logarithm of its slowdown."""
        return self._rng.gauss(0, self._weather.starts)

    def blur(self) -> float:
        """One sample's own noise: the logarithm of its slowdown."""
        rng = self._rng
        chi = math.sqrt((rng.gauss(0, 1) ** 2 + rng.gauss(0, 1) ** 2 + rng.gauss(0, 1) ** 2) / 3)
        return self._weather.noise * rng.gauss(0, 1) / max(chi, 1e-3) / math.sqrt(3)

    def outlier(self) -> tuple[float, bool]:
        """The logarithm of a slowdown by something else, and whether it shows; mostly nothing."""
        if self._rng.random() >= self._weather.outliers:
            return 0.0, False
        return math.log(self._rng.uniform(1.05, 1.6)), self._rng.random() < 0.5

    @property
    def drift(self) -> float:
        """The logarithm of the slowdown that all share now."""
        return self._drift

    def crowd(self, *, all_cores: bool) -> float:
        """The logarithm of a slowdown by a process that computes on one of the cores; 0 before it does.

        Threads on all cores wait at each barrier for the one that shares its core: 150 tokens/s were seen to
        fall to between 1 and 40 on two cores. Fewer threads keep out of its way.

        Args:
            all_cores: whether there are as many threads as cores.
        """
        if self._seconds < self._weather.busy_onset:
            return 0.0
        return math.log(self._rng.uniform(2, 6) if all_cores else self._rng.uniform(1, 1.2))

    def notices_crowd(self) -> bool:
        """Whether a sample that is taken now is seen to be noisy for that process."""
        return self._seconds >= self._weather.busy_onset and self._rng.random() < self._weather.busy_seen
