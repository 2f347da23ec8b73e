"""Claims about tunesmith.tuning.rounds and tunesmith.tuning.retake."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.tuning.samples import sample
from tunesmith.domain.events import Event, RoundDiscarded
from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Budget, Constraints, Objective, Workload
from tunesmith.tuning.forecast import Forecast
from tunesmith.tuning.meter import Job, TrialFailure
from tunesmith.tuning.objective import Scorer
from tunesmith.tuning.race import Arm, Race
from tunesmith.tuning.retake import REST_SECONDS, Retaker
from tunesmith.tuning.rounds import MAX_ATTEMPTS, Course, Rounds
from tunesmith.tuning.space import BOTH

BASE = Settings(threads=8, threads_batch=8, n_ctx=1024)
WORKLOAD = Workload(prompt=100, generate=10)


@dataclass
class ScriptedMeter:
    """Answers as a function of the job says, and remembers."""

    answer: Callable[[Job], Sample]
    jobs: list[Job] = field(default_factory=list)
    rests: list[float] = field(default_factory=list)
    spent_seconds: float = 0.0

    def sample(self, job: Job) -> Sample:
        self.jobs.append(job)
        self.spent_seconds += 1
        return self.answer(job)

    def rest(self, seconds: float, *, why: str) -> None:
        self.rests.append(seconds)


def rounds(meter: ScriptedMeter, *, events: list[Event] | None = None, seconds: float = 1e9) -> Rounds:
    return Rounds(
        scorer=Scorer(WORKLOAD, Objective(), Constraints()),
        meter=meter,
        emit=(events if events is not None else []).append,
        order=random.Random(1),
        forecast=forecast(meter, seconds),
    )


def forecast(meter: ScriptedMeter, seconds: float) -> Forecast:
    """All of these seconds are the search's."""
    budget = Budget(name="custom", seconds=seconds, max_rounds=16, passes=1)
    return Forecast(budget, meter=meter, emit=lambda _event: None)


def race(count: int = 3) -> Race:
    arms = [Arm(chr(ord("A") + n), BASE.replace(threads=n + 1)) for n in range(count)]
    return Race(arms, alpha=0.05, margin=0.02, max_rounds=16)


COURSE = Course(stage="threads", workload=WORKLOAD, parts=BOTH, memory={})


def quiet(_job: Job) -> Sample:
    return sample()


# ------------------------------------------------------------- a round


def test_a_round_measures_every_arm_once_between_two_anchors() -> None:
    meter = ScriptedMeter(quiet)
    rounds(meter).run(race(4), COURSE)
    order = [job.candidate for job in meter.jobs]
    assert (order[0], order[-1]) == ("A", "A")
    assert sorted(order[1:-1]) == ["B", "C", "D"]
    assert [job.position for job in meter.jobs] == [0, 1, 2, 3, 4]


def test_the_order_within_rounds_varies() -> None:
    meter = ScriptedMeter(quiet)
    now, held = rounds(meter), race(5)
    orders = set()
    for _ in range(3):
        before = len(meter.jobs)
        now.run(held, COURSE)
        orders.add(tuple(job.candidate for job in meter.jobs[before:]))
    assert len(orders) > 1


def test_no_two_samples_of_a_race_share_a_key() -> None:
    meter = ScriptedMeter(lambda job: sample(prefill_ms=200 + 40 * (job.position % 2), noisy=job.round == 1))
    now, held = rounds(meter), race(3)
    while not held.finished:
        now.run(held, COURSE)
    keys = [job.key for job in meter.jobs]
    assert len(set(keys)) == len(keys)


def test_an_arm_is_scored_against_the_mean_of_its_anchors() -> None:
    anchors = iter([200.0, 204.0])

    def answer(job: Job) -> Sample:
        return sample(prefill_ms=next(anchors) if job.candidate == "A" else 101.0, steps=0)

    held = race(2)
    rounds(ScriptedMeter(answer)).run(held, Course("x", WORKLOAD, frozenset({"prefill"}), {}))
    assert held.arms[0].scores == [pytest.approx(0.0, abs=1e-12)]
    assert held.arms[1].scores == [pytest.approx(0.693, abs=1e-3)]


class Wobbly:
    """Samples that differ by a few percent, so that no race of them is soon decided."""

    def __init__(self, noisy: Callable[[int], bool]) -> None:
        self._random, self._noisy, self.count = random.Random(5), noisy, 0

    def __call__(self, job: Job) -> Sample:
        self.count += 1
        return sample(prefill_ms=200 + self._random.gauss(0, 4), noisy=self._noisy(self.count))


def test_a_round_that_others_disturb_on_a_machine_that_was_quiet_counts_for_nothing() -> None:
    events: list[Event] = []
    now, held = rounds(ScriptedMeter(Wobbly(lambda count: count > 9)), events=events), race(2)
    for _ in range(3):
        assert now.run(held, COURSE) is not None
    assert now.run(held, COURSE) is None
    assert held.rounds == 3
    assert sum(isinstance(event, RoundDiscarded) for event in events) == MAX_ATTEMPTS


def test_where_others_use_the_machine_from_the_beginning_that_is_how_it_is_measured() -> None:
    now, held = rounds(ScriptedMeter(Wobbly(lambda _count: True))), race(2)
    for _ in range(4):
        assert now.run(held, COURSE) is not None
    assert held.rounds == 4


def test_once_the_others_are_gone_the_race_goes_on() -> None:
    now, held = rounds(ScriptedMeter(Wobbly(lambda count: 12 < count < 19))), race(2)
    while held.rounds < 5:
        assert now.run(held, COURSE) is not None


def test_without_time_a_round_ends_in_the_middle_and_counts_for_nothing() -> None:
    meter = ScriptedMeter(quiet)
    held = race(4)
    assert rounds(meter, seconds=3).run(held, COURSE) is None
    assert len(meter.jobs) == 3
    assert held.rounds == 0


# ------------------------------------------------------------- drift


def test_a_round_in_which_the_anchor_drifted_is_thrown_away_and_repeated() -> None:
    def answer(job: Job) -> Sample:
        return sample(step_ms=14.0 if job.attempt == 0 and job.position == 3 else 10.0)

    meter, events, held = ScriptedMeter(answer), list[Event](), race(3)
    rounds(meter, events=events).run(held, COURSE)
    (discarded,) = events
    assert isinstance(discarded, RoundDiscarded)
    assert (discarded.stage, discarded.round) == ("threads", 1)
    assert discarded.drift < -0.1
    assert held.rounds == 1
    assert held.arms[1].scores == [pytest.approx(0.0)]
    assert meter.rests == [1.0]


def test_a_round_that_always_drifts_is_kept_in_the_end() -> None:
    meter = ScriptedMeter(lambda job: sample(step_ms=14.0 if job.position == 3 else 10.0))
    events, held = list[Event](), race(3)
    rounds(meter, events=events).run(held, COURSE)
    assert len(events) == MAX_ATTEMPTS - 1
    assert held.rounds == 1


def test_on_a_machine_that_always_wavers_wavering_is_no_drift() -> None:
    rng = random.Random(2)
    meter = ScriptedMeter(lambda _job: sample(step_ms=10 * rng.uniform(0.85, 1.15), prompt=0))
    events, held = list[Event](), race(2)
    now = rounds(meter, events=events)
    course = Course("x", WORKLOAD, frozenset({"decode"}), {})
    for _ in range(4):
        now.run(held, course)
    early = len(events)
    for _ in range(8):
        now.run(held, course)
    assert len(events) - early <= 1


# ------------------------------------------------------------- failure


def test_a_candidate_that_fails_leaves_and_is_not_tried_again() -> None:
    def answer(job: Job) -> Sample:
        if job.candidate == "B":
            raise TrialFailure("worker_crashed", "it fell over")
        return sample()

    meter, held = ScriptedMeter(answer), race(3)
    now = rounds(meter)
    for _ in range(3):
        now.run(held, COURSE)
    assert [job.candidate for job in meter.jobs].count("B") == 1
    assert (held.arms[1].state, held.arms[1].why) == ("failed", "worker_crashed: it fell over")
    assert held.rounds == 3


def test_an_anchor_that_fails_ends_the_race() -> None:
    def answer(job: Job) -> Sample:
        raise TrialFailure("worker_hung", "no heartbeat")

    with pytest.raises(TrialFailure, match="no heartbeat"):
        rounds(ScriptedMeter(answer)).run(race(), COURSE)


def test_when_all_others_fail_there_is_no_round() -> None:
    def answer(job: Job) -> Sample:
        if job.candidate != "A":
            raise TrialFailure("model_refused", "no")
        return sample()

    held = race(3)
    assert rounds(ScriptedMeter(answer)).run(held, COURSE) is None
    assert held.rounds == 0


# ------------------------------------------------------------- disturbed samples


def job(position: int = 0) -> Job:
    return Job(
        stage="x", candidate="A", round=1, attempt=0, position=position, settings=BASE, workload=WORKLOAD
    )


def test_a_disturbed_sample_is_taken_again_after_a_rest() -> None:
    meter = ScriptedMeter(lambda job: sample(step_ms=50 if job.retake == 0 else 10, noisy=job.retake == 0))
    found = Retaker(meter, out_of_time=lambda: False).sample(job())
    assert found.step_ns_mean == 10e6
    assert [job.retake for job in meter.jobs] == [0, 1]
    assert meter.rests == [REST_SECONDS]


def test_a_sample_that_stays_disturbed_is_kept() -> None:
    meter = ScriptedMeter(lambda job: sample(noisy=True))
    found = Retaker(meter, out_of_time=lambda: False).sample(job())
    assert found.noisy
    assert [job.retake for job in meter.jobs] == [0, 1, 2]


def test_where_disturbance_is_the_normal_state_nothing_is_taken_again() -> None:
    meter = ScriptedMeter(lambda job: sample(noisy=True))
    retaker = Retaker(meter, out_of_time=lambda: False)
    for position in range(12):
        retaker.sample(job(position))
    assert retaker.disturbed
    assert [job.retake for job in meter.jobs] == [0, 1, 2, *[0] * 11]
    assert retaker.mostly_disturbed


def test_a_machine_that_calms_down_is_no_longer_called_disturbed() -> None:
    noisy = iter([True] * 12 + [False] * 20)
    meter = ScriptedMeter(lambda job: sample(noisy=next(noisy)))
    retaker = Retaker(meter, out_of_time=lambda: False)
    for position in range(20):
        retaker.sample(job(position))
    assert not retaker.disturbed


def test_samples_that_were_taken_again_count_as_disturbed() -> None:
    meter = ScriptedMeter(lambda job: sample(noisy=job.retake < 1 or job.position == 1))
    retaker = Retaker(meter, out_of_time=lambda: False)
    kept = [retaker.sample(job(position)).noisy for position in range(2)]
    assert kept == [False, True]
    assert retaker.mostly_disturbed


def test_without_time_nothing_is_taken_again() -> None:
    meter = ScriptedMeter(lambda job: sample(noisy=True))
    Retaker(meter, out_of_time=lambda: True).sample(job())
    assert len(meter.jobs) == 1
