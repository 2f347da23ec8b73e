"""Own made-up machines that heat up with what their threads do, and slow down once they are hot."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from tests.tuning.simulation import SimulatedMachine, Speeds
from tunesmith.domain.measurement import Conditions, MemoryUse, Sample
from tunesmith.domain.power import SensorUse
from tunesmith.domain.settings import Settings
from tunesmith.domain.soak import Throttle
from tunesmith.domain.workload import Workload


class HotMachine:
    """A clock, and samples whose speed falls as far as the machine is too hot for them.

    Heat comes to rest where it is made and given off alike, within some tens of seconds. A core at
    full turbo makes more of it for its speed than one at base clock, so that more threads are faster while
    it is cool, and slower once it is hot.
    """

    def __init__(
        self, *, heats: bool = True, settle_seconds: float = 8.0, drift: float = 0.0, wobble: float = 0.002,
        fault: Callable[[float], None] = lambda _now: None, watts: float | None = None,
    ) -> None:  # fmt: skip
        self.now = 0.0
        self.heat = 0.0
        self.taken = 0
        self._heats = heats
        self._settle_seconds = settle_seconds
        self._drift = drift
        self._wobble = wobble
        self._fault = fault
        self._watts = watts

    def clock(self) -> float:
        return self.now

    def throttle(self) -> Throttle | None:
        return None

    def speed(self, threads: int) -> float:
        """Of decoding, tokens per second at the heat there is."""
        cool = {1: 60.0, 2: 100.0}.get(threads, 100.0 + 5 * (threads - 2))
        held = {1: 60.0, 2: 80.0}.get(threads, 70.0)
        share = self.heat if self._heats else 0.0
        return (cool + (held - cool) * share) * math.exp(-self._drift * self.now)

    def work(self, threads: int, seconds: float) -> None:
        """Let time pass; the heat goes towards what so many threads keep up."""
        target = 0.0 if threads <= 1 else 1.0
        self.heat += (target - self.heat) * (1 - math.exp(-seconds / self._settle_seconds))
        self.now += seconds

    def sample(self, settings: Settings, workload: Workload, *, group: str = "search") -> Sample:
        del group
        self._fault(self.now)
        self.taken += 1
        wobble = 1 + self._wobble * (self.taken * 7 % 5 - 2)
        speed = self.speed(settings.threads) * wobble
        prefill_s, step_s = workload.prompt / (10 * speed), 1 / speed
        begun, seconds = self.now, prefill_s + workload.generate * step_s
        self.work(settings.threads, seconds)
        return Sample(
            prefill_tokens=workload.prompt,
            prefill_ns=round(prefill_s * 1e9) if workload.prompt else None,
            step_ns=(round(step_s * 1e9),) * workload.generate,
            sequences=workload.parallel,
            conditions=Conditions(
                foreign_cores=0.0, wait_share=0.0, steal_cores=0.0,
                power=() if self._watts is None else (_told(self._watts * settings.threads),),
            ),
            memory=MemoryUse(peak_rss_bytes=None, rss_bytes=None, pss_bytes=None),
            noisy=False,
            started_mono_ns=round(begun * 1e9),
            cost_ns=round(seconds * 1e9),
        )  # fmt: skip


def _told(watts: float) -> SensorUse:
    return SensorUse(
        sensor="powercap:intel-rapl:0", name="package-0", source="powercap", covers="processors",
        idle_watts=1.0, idle_error_watts=0.0, idle_why="", prefill_joules=None, prefill_why="",
        decode_joules=None, decode_why="", mean_watts=watts, mean_why="",
    )  # fmt: skip


@dataclass
class HeatingMachine(SimulatedMachine):
    """A simulated machine that many threads heat, and whose heat slows many threads down.

    Eight threads are 28% faster than six while it is cool, and still 5% on a machine that they share with
    them by turns; alone they keep it hot, and lose 30%.
    """

    settle_seconds: float = 6.0
    heats: bool = True
    heat: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.truth = self._at_this_heat

    def measure(self, settings: Settings, workload: Workload, group: str) -> Sample:
        begun = self.now
        sample = super().measure(settings, workload, group)
        prefill_s, decode_s = (sample.prefill_ns or 0) / 1e9, sum(sample.step_ns) / 1e9
        for threads, seconds in (
            (0, self.now - begun - prefill_s - decode_s),
            (settings.threads_batch, prefill_s),
            (settings.threads, decode_s),
        ):
            target = 1.0 if self.heats and threads > 6 else 0.2 if self.heats and threads > 4 else 0.0
            self.heat += (target - self.heat) * (1 - math.exp(-seconds / self.settle_seconds))
        return sample

    def _at_this_heat(self, settings: Settings) -> Speeds:
        attention = 1.1 if settings.flash_attn == "off" else 1.0
        return Speeds().times(
            prefill=self._speed(settings.threads_batch) * attention,
            decode=self._speed(settings.threads) * attention,
        )

    def _speed(self, threads: int) -> float:
        if threads > 6:
            return 1 - 0.3 * self.heat
        return 0.78 if threads > 4 else 0.78 * threads / 6
