"""Own a simulated machine: true speeds by setting, and all that blurs them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.tuning.machines import TWO_CORE_VM
from tunesmith.domain.blocks import Blocks
from tunesmith.domain.energy import GivenPower
from tunesmith.domain.events import Event
from tunesmith.domain.machine import Machine
from tunesmith.domain.measurement import Conditions, MemoryUse, Sample
from tunesmith.domain.power import SensorUse
from tunesmith.domain.prices import Prices
from tunesmith.domain.request import SearchRules, TuneRequest
from tunesmith.domain.settings import ChangeCost, Settings
from tunesmith.domain.workload import BUDGETS, Budget, Constraints, Objective, ObjectiveName, Workload
from tunesmith.tuning.confirm import Confirmation, Confirmer
from tunesmith.tuning.meter import Job, Meter, TrialFailure
from tunesmith.tuning.result import SearchResult
from tunesmith.tuning.space import baseline_settings
from tunesmith.tuning.tuner import Tuner

MIB = 2**20
CHAT = Workload(prompt=256, generate=128, depth=512)


@dataclass(frozen=True)
class Speeds:
    """The truth of one set of settings."""

    prefill_ns: float = 2_500_000.0
    """Per token."""
    step_ns: float = 7_000_000.0
    memory_mib: float = 200.0
    watts: float = 50.0
    decode_watts: float | None = None
    """While it decodes, where that is another power."""

    def times(
        self, *, prefill: float = 1.0, decode: float = 1.0, memory: float = 1.0, watts: float = 1.0
    ) -> Speeds:
        """These speeds, faster by the given ratios, with so much more memory and power."""
        return Speeds(
            self.prefill_ns / prefill,
            self.step_ns / decode,
            self.memory_mib * memory,
            self.watts * watts,
            None if self.decode_watts is None else self.decode_watts * watts,
        )


Truth = Callable[[Settings], Speeds]


def flat(_settings: Settings) -> Speeds:
    """All settings alike."""
    return Speeds()


@dataclass
class SimulatedMachine:
    """Takes samples in simulated time; a sample source and a meter at once."""

    truth: Truth = flat
    seed: int = 0
    noise: float = 0.02
    """Standard deviation of the logarithm of a part's speed, from sample to sample."""
    process_noise: float = 0.0
    """The same, from process to process."""
    drift: Callable[[float], float] = lambda _seconds: 1.0
    """Slowdown at a time."""
    busy: Callable[[float, random.Random], bool] = lambda _seconds, _rng: False
    """Whether others use the machine at a time: a slowdown of 2 to 5, and the sample says so."""
    refuses: Callable[[Settings], str | None] = lambda _settings: None
    """The name of the error that some settings end in."""
    context_seconds: float = 0.05
    load_seconds: float = 0.4
    sensor: bool = False
    """Whether a sensor tells the power, 10 W of which are the idle machine's."""
    watts_noise: float = 0.02
    """As :attr:`noise`, of the power that it tells."""
    now: float = 0.0
    jobs: list[Job] = field(default_factory=list)
    rests: list[str] = field(default_factory=list)
    refusals: list[Job] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        self._processes: dict[tuple[object, ...], float] = {}
        self._contexts: set[tuple[object, ...]] = set()

    @property
    def spent_seconds(self) -> float:
        return self.now

    def rest(self, seconds: float, *, why: str) -> None:
        self.now += seconds
        self.rests.append(why)

    def sample(self, job: Job) -> Sample:
        if (error := self.refuses(job.settings)) is not None:
            self.now += self.load_seconds
            self.refusals.append(job)
            raise TrialFailure(error, f"{error} of {job.candidate}")
        self.jobs.append(job)
        return self.measure(job.settings, job.workload, job.group)

    def measure(self, settings: Settings, workload: Workload, group: str) -> Sample:
        """One sample, and what it costs."""
        begun, rng = self.now, self._rng
        process = (group, *settings.key(ChangeCost.MODEL))
        if process not in self._processes:
            self._processes[process] = rng.gauss(0, self.process_noise)
            self.now += self.load_seconds
        context = (process, settings.key(ChangeCost.CONTEXT))
        truth = self.truth(settings)
        if context not in self._contexts:
            self._contexts.add(context)
            self.now += self.context_seconds + workload.depth * truth.prefill_ns / 1e9
        slow = self.drift(self.now) * math.exp(self._processes[process])
        noisy = self.busy(self.now, rng)
        if noisy:
            slow *= rng.uniform(2, 5)
        parallel = workload.parallel
        prefill_ns = round(
            truth.prefill_ns * workload.prompt * parallel * slow * math.exp(rng.gauss(0, self.noise))
        )
        step_ns = round(truth.step_ns * slow * math.exp(rng.gauss(0, self.noise)))
        self.now += (prefill_ns + step_ns * workload.generate) / 1e9
        memory = round(truth.memory_mib * MIB * (1 + rng.gauss(0, 0.001)))
        return Sample(
            prefill_tokens=workload.prompt * parallel,
            prefill_ns=prefill_ns if workload.prompt else None,
            step_ns=(step_ns,) * workload.generate,
            sequences=parallel,
            conditions=Conditions(
                foreign_cores=1.0 if noisy else 0.0,
                wait_share=0.0,
                steal_cores=0.0,
                power=self._power(truth, prefill_ns, step_ns * workload.generate),
            ),
            memory=MemoryUse(peak_rss_bytes=memory, rss_bytes=memory, pss_bytes=None),
            noisy=noisy,
            started_mono_ns=round(begun * 1e9),
            cost_ns=round((self.now - begun) * 1e9),
        )

    def _power(self, truth: Speeds, prefill_ns: int, decode_ns: int) -> tuple[SensorUse, ...]:
        if not self.sensor:
            return ()
        blur = math.exp(self._rng.gauss(0, self.watts_noise))
        prefill = truth.watts * blur * prefill_ns / 1e9
        decode = (truth.decode_watts or truth.watts) * blur * decode_ns / 1e9
        return (
            SensorUse(
                sensor="p0", name="package-0", source="powercap", covers="processors", idle_watts=10.0,
                prefill_joules=prefill or None, decode_joules=decode or None,
                mean_watts=(prefill + decode) / ((prefill_ns + decode_ns) / 1e9),
            ),
        )  # fmt: skip


def request(
    *,
    workload: Workload = CHAT,
    objective: ObjectiveName = "response",
    constraints: Constraints | None = None,
    budget: Budget = BUDGETS["standard"],
    rules: SearchRules | None = None,
    seed: int = 1,
    max_slowdown: float = 0.05,
    prices: Prices | None = None,
    given: GivenPower | None = None,
) -> TuneRequest:
    """What a user asks for, who asks for nothing special."""
    return TuneRequest(
        model_path="/models/s.gguf",
        workload=workload,
        objective=Objective(name=objective, max_slowdown=max_slowdown, prices=prices),
        constraints=constraints or Constraints(),
        budget=budget,
        rules=rules or SearchRules(),
        preset=None,
        seed=seed,
        given_power=given,
    )


@dataclass
class Tuned:
    """How a simulated tune went."""

    search: SearchResult
    confirmation: Confirmation | None
    events: list[Event]
    machine: SimulatedMachine
    baseline: Settings

    @property
    def settings(self) -> Settings:
        """What is kept in the end."""
        if self.confirmation is not None and self.confirmation.verdict == "better":
            return self.search.settings
        return self.baseline


def tune(
    wanted: TuneRequest, simulated: SimulatedMachine, *, machine: Machine = TWO_CORE_VM, confirm: bool = True,
    start: dict[str, object] | None = None, listener: Callable[[Event], None] = lambda _event: None,
    blocks: Blocks | None = None, meter: Meter | None = None, baseline: dict[str, object] | None = None,
) -> Tuned:  # fmt: skip
    """Search and confirm on a simulated machine, or through a meter over it."""
    events: list[Event] = []

    def emit(event: Event) -> None:
        events.append(event)
        listener(event)

    taken = meter or simulated
    defaults = baseline_settings(machine, wanted.workload).replace(**(baseline or {}))
    tuner = Tuner(wanted, baseline=defaults, machine=machine, meter=taken, emit=emit, blocks=blocks)
    found = tuner.search(defaults.replace(**(start or {})))
    confirmation = None
    if confirm:
        confirmer = Confirmer(wanted, scorer=tuner.scorer, meter=taken, forecast=tuner.forecast)
        if found.settings == defaults:
            confirmer.baseline_alone(defaults)
        else:
            confirmation = confirmer.compare(defaults, found.settings)
    return Tuned(found, confirmation, events, simulated, defaults)
