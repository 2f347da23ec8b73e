"""Claims about tunesmith.services.choose_speed, on files of given speeds."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from tests.tuning.machines import TWO_CORE_VM
from tests.tuning.samples import sample
from tests.tuning.simulation import CHAT, request
from tunesmith.domain.bandwidth import DecodeLimit
from tunesmith.domain.choice import Contender
from tunesmith.domain.measurement import Sample
from tunesmith.domain.request import TuneRequest
from tunesmith.domain.workload import Constraints, Objective
from tunesmith.services.choose_speed import Screening
from tunesmith.tuning.meter import Job, TrialFailure
from tunesmith.tuning.space import baseline_settings

SETTINGS = baseline_settings(TWO_CORE_VM, CHAT)
MIB = 2**20


@dataclass
class Files:
    """A meter of files whose speeds differ by a factor, with 1% of noise."""

    speeds: dict[str, float]
    sizes: dict[str, int] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    jobs: list[str] = field(default_factory=list)
    told: dict[str, dict[str, object]] = field(default_factory=dict)
    spent_seconds: float = 0.0
    rng: random.Random = field(default_factory=lambda: random.Random(1))

    def sample(self, job: Job) -> Sample:
        label = job.group.partition("|")[0]
        self.jobs.append(f"{job.stage} {label}")
        if label in self.broken:
            raise TrialFailure("worker_crashed", "It crashed.")
        factor = self.speeds[label] * self.rng.gauss(1, 0.01)
        self.spent_seconds += 1.0
        return sample(
            prompt=job.workload.prompt, prefill_ms=2.0 * job.workload.prompt / factor,
            steps=job.workload.generate, step_ms=10.0 / factor, memory=self.sizes.get(label, 1) * MIB,
        )  # fmt: skip

    def rest(self, seconds: float, *, why: str) -> None:
        self.spent_seconds += seconds

    def tell(self, label: str, **changes: object) -> None:
        self.told.setdefault(label, {}).update(changes)


def _screening(files: Files, wanted: TuneRequest | None = None, *, seconds: float = 2000.0) -> Screening:
    contenders = [
        Contender(
            label=label, quantization=label, is_source=number == 0, path=f"/{label}",
            size_bytes=(100 - number) * MIB,
        )
        for number, label in enumerate(files.speeds)
    ]  # fmt: skip
    return Screening(
        request=wanted or request(), settings=SETTINGS, contenders=contenders, meter=files,
        emit=lambda _event: None, tell=files.tell, budget_seconds=seconds,
    )  # fmt: skip


def test_the_fastest_wins_and_every_file_is_told_its_speed_against_the_source() -> None:
    files = Files({"source": 1.0, "fine": 1.6, "coarse": 2.5})
    screening = _screening(files)
    assert screening.run() == "coarse"
    assert files.told["fine"]["state"] == "slower"
    for label, truth in files.speeds.items():
        speedup = screening.speedup(label)
        assert speedup is not None
        assert speedup.low is not None
        assert speedup.high is not None
        assert speedup.low <= truth <= speedup.high, label
    assert screening.not_slower("coarse", "fine")
    assert not screening.not_slower("fine", "coarse")
    assert screening.unsettled == []


def test_a_tie_goes_to_the_file_that_is_truer_to_the_source() -> None:
    files = Files({"source": 1.0, "fine": 2.0, "coarse": 2.0})
    assert _screening(files).run() == "fine"


def test_the_source_stays_where_nothing_is_faster() -> None:
    files = Files({"source": 1.0, "fine": 0.7, "coarse": 1.0})
    assert _screening(files).run() == "source"


def test_a_file_that_cannot_be_measured_fails_alone() -> None:
    files = Files({"source": 1.0, "fine": 2.0, "coarse": 3.0}, broken=frozenset({"coarse"}))
    assert _screening(files).run() == "fine"
    assert files.told["coarse"] == {"state": "failed", "why": "It crashed."}


def test_a_source_that_cannot_be_measured_ends_the_choice() -> None:
    files = Files({"source": 1.0, "fine": 2.0}, broken=frozenset({"source"}))
    with pytest.raises(TrialFailure):
        _screening(files).run()


def test_files_that_take_too_much_memory_are_not_raced() -> None:
    wanted = request().model_copy(update={"constraints": Constraints(max_memory_bytes=60 * MIB)})
    files = Files({"source": 1.0, "fine": 2.0, "coarse": 1.5}, {"source": 100, "fine": 70, "coarse": 50})
    screening = _screening(files, wanted)
    assert screening.run() == "coarse"
    assert files.told["source"]["state"] == files.told["fine"]["state"] == "infeasible"
    assert "screen fine" not in files.jobs


def test_what_memory_bandwidth_rules_out_is_not_even_loaded() -> None:
    wanted = request().model_copy(update={"objective": Objective(name="decode")})
    files = Files({"source": 1.0, "fine": 1.2, "coarse": 3.0})
    screening = _screening(files, wanted)
    screening.decode_limit = lambda one: DecodeLimit(
        tokens_per_s=150.0 if one.label == "fine" else 900.0, bandwidth_bytes_per_s=1.0, step_bytes=1
    )
    assert screening.run() == "coarse"
    assert "memory bandwidth allows it at most 150 tokens/s" in str(files.told["fine"]["why"])
    assert not [job for job in files.jobs if job.endswith("fine")]


def test_a_budget_that_is_too_small_proves_nothing_and_ends() -> None:
    files = Files({"source": 1.0, "fine": 2.0, "coarse": 3.0})
    screening = _screening(files, seconds=4.0)
    assert screening.run() == "source"
    assert len(files.jobs) < 12
    assert "coarse" in screening.unsettled


def test_files_whose_turn_comes_after_the_time_are_not_even_loaded() -> None:
    files = Files({"source": 1.0, "fine": 2.0, "middle": 2.5, "coarse": 3.0})
    screening = _screening(files, seconds=2.0)
    screening.run()
    assert not [job for job in files.jobs if job.endswith(("fine", "middle"))]
    assert files.told["fine"] == {"state": "waiting", "why": "the time ran out before its turn"}
