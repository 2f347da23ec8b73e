"""Own runs for the tune page: a simulated tune's events as a worker would send them, and its result."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tests.store.values import identity
from tests.tuning.machines import BUILD, LAPTOP
from tests.tuning.simulation import SimulatedMachine, Speeds, request
from tunesmith import __version__
from tunesmith.domain.bandwidth import DecodeLimit
from tunesmith.domain.energy import Energy, ReadingCost, energy_of
from tunesmith.domain.event_base import Part
from tunesmith.domain.events import Event, PowerRead, RunFinished, RunStarted, TrialMeasured, TrialStarted
from tunesmith.domain.machine import machine_class
from tunesmith.domain.measurement import Measurement, Quantity, Sample
from tunesmith.domain.model import ModelIdentity
from tunesmith.domain.profile import Outcome, TunedProfile
from tunesmith.domain.settings import Settings
from tunesmith.domain.worker_events import TokensTimed
from tunesmith.domain.workload import ObjectiveName
from tunesmith.errors import Interrupted
from tunesmith.services.context import Surroundings
from tunesmith.services.session import Controls
from tunesmith.services.tradeoff import tradeoff_of_run
from tunesmith.services.tune_guarantee import guarantee
from tunesmith.services.tune_result import TuneResult, improvement_sentence
from tunesmith.store.records import MeasuredTrial
from tunesmith.tuning.confirm import Confirmer
from tunesmith.tuning.meter import Job
from tunesmith.tuning.space import baseline_settings
from tunesmith.tuning.tuner import Tuner

T = TypeVar("T")
FLUSH_SECONDS = 0.2
MIB = 2**20
NO_LIMIT = DecodeLimit(
    tokens_per_s=None, bandwidth_bytes_per_s=None, step_bytes=None, reason="memory bandwidth was not measured"
)
SAME = Quantity(median=1, low=1, high=1, confidence=0.95, samples=(), noisy=False, interval="mean")


def laptop_truth(settings: Settings) -> Speeds:
    """Decoding likes three threads, prefill eight; flash attention costs, small batches gain."""
    decode = {1: 0.52, 2: 0.86, 3: 1.31, 4: 1.0, 6: 0.72, 8: 0.55}.get(settings.threads, 0.9)
    prefill = {1: 0.3, 2: 0.55, 3: 0.8, 4: 1.0, 6: 1.14, 8: 1.22}.get(settings.threads_batch, 0.9)
    prefill *= {64: 0.86, 128: 1.09, 256: 1.04}.get(settings.n_ubatch, 1.0)
    memory = 1.0 if settings.type_k == "f16" else 0.82
    if settings.type_k != "f16":
        decode *= 0.94
    if settings.flash_attn == "off":
        prefill, decode, memory = prefill * 0.93, decode * 0.97, memory * 1.15
    if not settings.use_extra_bufts:
        prefill *= 0.61
    watts = {"watts": 9.0 + 2.4 * settings.threads_batch**1.3, "decode_watts": 9.0 + 3.1 * settings.threads}
    return Speeds(prefill_ns=1_450_000.0, step_ns=16_300_000.0, memory_mib=412, **watts).times(
        prefill=prefill, decode=decode, memory=memory
    )


def flat_truth(settings: Settings) -> Speeds:
    """The defaults are best: everything else is slower."""
    return laptop_truth(settings) if settings.threads < 4 and settings.threads != 3 else Speeds(
        1_450_000.0, 16_300_000.0, 412
    )  # fmt: skip


@dataclass
class TellingMachine(SimulatedMachine):
    """A simulated machine that tells of its samples as session and worker do."""

    events: list[Event] = field(default_factory=list)
    trials: list[MeasuredTrial] = field(default_factory=list)
    told_power: float = -1.0
    """When the made-up sensor was last told of, seconds."""

    def sample(self, job: Job) -> Sample:
        digest = job.settings.digest
        self.tell(
            TrialStarted(stage=job.stage, candidate=job.candidate, digest=digest, round=job.round)
        )  # fmt: skip
        begun = self.now
        sample = super().sample(job)
        conditions = sample.conditions.model_copy(update={"temperature_celsius": 58 + min(14, begun / 12)})
        sample = sample.model_copy(update={"conditions": conditions})
        blur, now = random.Random(len(self.events)), self.now
        resident = sample.memory.rss_bytes or 0
        at = now - ((sample.prefill_ns or 0) + sum(sample.step_ns)) / 1e9
        parts: list[tuple[Part, float, float]] = [
            ("prefill", (sample.prefill_ns or 0) / 1e9, sample.prefill_tokens_per_s or 0),
            ("decode", sum(sample.step_ns) / 1e9, sample.decode_tokens_per_s or 0),
        ]
        for part, seconds, speed in parts:
            left = seconds
            while left > 0:
                piece = min(FLUSH_SECONDS, left)
                left -= piece
                at += piece
                tokens = max(1, round(speed * piece))
                slowed = piece * tokens / max(1e-9, speed * piece) * blur.lognormvariate(0, 0.025)
                self.now = at
                if self.sensor and at - self.told_power >= 1.0:
                    self.told_power = at
                    truth = self.truth(job.settings)
                    watts = truth.watts if part == "prefill" else truth.decode_watts or truth.watts
                    watts *= blur.lognormvariate(0, 0.03)
                    self.tell(PowerRead(watts=watts, sensors=("package-0",), core_share=5e-4))
                self.tell(
                    TokensTimed(
                        part=part, tokens=tokens, elapsed_ns=round(slowed * 1e9),
                        rss_bytes=resident - round(left * MIB),
                    )
                )  # fmt: skip
        self.now = now
        self.trials.append(
            MeasuredTrial(
                key=str(len(self.trials)), stage=job.stage, candidate=job.candidate, round=job.round,
                settings=job.settings, sample=sample,
            )
        )  # fmt: skip
        self.tell(
            TrialMeasured(
                stage=job.stage, candidate=job.candidate, digest=digest, round=job.round, sample=sample
            )
        )
        return sample

    def tell(self, event: Event) -> None:
        """Stamp an event with the simulated time."""
        self.events.append(
            event.model_copy(
                update={"run_id": "20261123-174501-ab12", "seq": len(self.events) + 1,
                        "mono_ns": 5_000_000_000 + round(self.now * 1e9)}
            )
        )  # fmt: skip


@dataclass
class Simulated:
    """A whole simulated tune."""

    events: list[Event]
    result: TuneResult
    trials: list[MeasuredTrial]
    """As a store would keep them."""


def simulated(
    truth: Callable[[Settings], Speeds] = laptop_truth, *, model_path: str = "/models/s.gguf", seed: int = 3,
    sensor: bool = False, objective: ObjectiveName = "response",
) -> Simulated:  # fmt: skip
    """Search and confirm, and say what the service would say.

    Args:
        sensor: a made-up sensor tells the power.
    """
    wanted = request(seed=seed, objective=objective)
    wanted = wanted.model_copy(update={"model_path": model_path, "preset": "chat"})
    telling = TellingMachine(truth=truth, seed=seed, sensor=sensor)
    baseline = baseline_settings(LAPTOP, wanted.workload)
    telling.tell(RunStarted(kind="tune", model_name="SmolLM2 135M Instruct", baseline=baseline))
    tuner = Tuner(wanted, baseline=baseline, machine=LAPTOP, meter=telling, emit=telling.tell)
    found = tuner.search(baseline)
    confirmer = Confirmer(wanted, scorer=tuner.scorer, meter=telling, forecast=tuner.forecast)
    if found.settings == baseline:
        before = after = confirmer.baseline_alone(baseline)
        speedup, outcome = SAME, "defaults_are_best"
        sentence = (
            f"llama.cpp's defaults are best here: none of {found.candidates} candidates was proven better"
        )
    else:
        confirmed = confirmer.compare(baseline, found.settings)
        before, after, speedup = confirmed.baseline, confirmed.tuned, confirmed.speedup
        outcome, sentence = "improved", improvement_sentence(speedup, wanted)
    chosen = before.settings if outcome == "defaults_are_best" else after.settings
    energies = [confirmed_by(telling.trials, one) if sensor else None for one in (before, after)]
    result = TuneResult(
        request=wanted, run_id="20261123-174501-ab12", outcome=outcome,  # type: ignore[arg-type]
        profile=None, baseline=before, tuned=after, speedup=speedup, changes=found.changes,
        guarantee=guarantee(wanted, found, kept=True, speedup=None),
        trials=len(telling.jobs), seconds=telling.now, sentence=sentence, model=model(model_path),
        surroundings=Surroundings(LAPTOP, machine_class(LAPTOP)),
        baseline_limit=NO_LIMIT, tuned_limit=NO_LIMIT, baseline_energy=energies[0], tuned_energy=energies[1],
        tradeoff=tradeoff_of_run(
            telling.trials, wanted, baseline=baseline.digest, chosen=chosen.digest, energies=energies
        ),
    )  # fmt: skip
    profile = profile_of(result, outcome)  # type: ignore[arg-type]
    telling.tell(
        RunFinished(outcome=profile.outcome, profile_id=profile.id, sentence=sentence)
    )  # fmt: skip
    values = {name: getattr(result, name) for name in TuneResult.__slots__} | {"profile": profile}
    return Simulated(telling.events, TuneResult(**values), telling.trials)


def confirmed_by(trials: Sequence[MeasuredTrial], measured: Measurement) -> Energy:
    """The energy of what confirmed some settings; reading the made-up sensor cost something, too."""
    samples = [
        trial.sample for trial in trials if trial.stage == "confirm" and trial.settings == measured.settings
    ]
    return energy_of(samples, cost=ReadingCost(readings=880, seconds=220.0, cpu_seconds=0.11))


def profile_of(result: TuneResult, outcome: Outcome) -> TunedProfile:
    """The profile of a result."""
    wanted = result.request
    return TunedProfile(
        id="a1b2c3d4", name="SmolLM2 135M Instruct Q4_1 · chat", created_utc="2026-11-23T17:45:01+00:00",
        tunesmith_version=__version__, run_id=result.run_id, outcome=outcome, model=result.model,
        machine=result.surroundings.machine_class, build=BUILD, workload=wanted.workload,
        objective=wanted.objective, constraints=wanted.constraints, settings=result.tuned.settings,
        speedup=result.speedup, baseline=result.baseline, tuned=result.tuned, changes=result.changes,
        baseline_energy=result.baseline_energy, tuned_energy=result.tuned_energy,
    )  # fmt: skip


def model(path: str) -> ModelIdentity:
    """A model that looks like the small one of the tests."""
    header = identity("ab" * 32, "SmolLM2 135M Instruct").header
    return ModelIdentity(sha256="ab" * 32, header=header.model_copy(update={"path": path}))


class FakeSession(Generic[T]):
    """A session that says what it is told to, and nothing by itself."""

    def __init__(self, events: list[Event], end: T | BaseException | None) -> None:
        """A session.

        Args:
            events: handed out with the next drain.
            end: how it ends once they are out; None goes on until it is cancelled.
        """
        self.controls = Controls()
        self.waiting = list(events)
        self.end = end

    def drain(self) -> tuple[list[Event], bool]:
        """Everything at once, then the end."""
        found, self.waiting = self.waiting, []
        if self.controls.cancelled and self.end is None:
            self.end = Interrupted("The run was interrupted; what was measured is kept.")
        return found, self.end is not None

    def cancel(self) -> None:
        """Stop."""
        self.controls.cancel()

    def result(self, timeout: float | None = None) -> T:
        """The end."""
        del timeout
        if isinstance(self.end, BaseException):
            raise self.end
        assert self.end is not None
        return self.end
