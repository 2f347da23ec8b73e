"""Claims about every search policy that is compared, and about the worlds they are compared on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

import pytest

from tests.benchmarks.policies import Choice, Policy, all_policies
from tests.benchmarks.policies.optuna_samplers import OptunaPolicy
from tests.benchmarks.search_policies import HEADINGS, Counts, Outcomes, replay, report
from tests.benchmarks.worlds import World, all_worlds, modelled_worlds
from tests.benchmarks.worlds.base import CountingMeter
from tests.benchmarks.worlds.modelled import ModelledWorld
from tests.tuning.worlds import contract_worlds, recorded, two_cores
from tunesmith.domain.measurement import Sample
from tunesmith.tuning.meter import Job, TrialFailure

WORLDS = tuple(contract_worlds().values())
POLICIES: tuple[Policy, ...] = tuple(
    OptunaPolicy("GP", trials=12) if policy.slow else policy for policy in all_policies()
)


@pytest.fixture(params=WORLDS, ids=lambda world: world.name)
def world(request: pytest.FixtureRequest) -> World:
    found: World = request.param
    return found


@pytest.fixture(params=POLICIES, ids=lambda policy: policy.name)
def policy(request: pytest.FixtureRequest) -> Policy:
    found: Policy = request.param
    if found.unavailable:
        pytest.skip(f"{found.name} is {found.unavailable}")
    return found


class Ledger:
    """A meter that writes down what each sample, failure and rest cost."""

    def __init__(self, meter: CountingMeter) -> None:
        self._meter = meter
        self.costs: list[float] = []
        self.jobs: list[Job] = []
        self.failures = 0

    @property
    def spent_seconds(self) -> float:
        return self._meter.spent_seconds

    @property
    def samples(self) -> int:
        return self._meter.samples

    @samples.setter
    def samples(self, count: int) -> None:
        raise AssertionError

    def rest(self, seconds: float, *, why: str) -> None:
        self._meter.rest(seconds, why=why)
        self.costs.append(seconds)

    def sample(self, job: Job) -> Sample:
        before = self._meter.spent_seconds
        self.jobs.append(job)
        try:
            return self._meter.sample(job)
        except TrialFailure:
            self.failures += 1
            raise
        finally:
            self.costs.append(self._meter.spent_seconds - before)


def search(
    world: World, policy: Policy, seed: int = 3, budget_seconds: float = math.inf
) -> tuple[Choice, Ledger]:
    ledger = Ledger(world.meter(seed))
    return policy.search(world, ledger, seed, budget_seconds), ledger


def test_a_policy_chooses_measurable_settings_of_the_grid(world: World, policy: Policy) -> None:
    choice, _ = search(world, policy)
    assert world.holds(choice.settings)
    assert world.speed_share(choice.settings) > 0


def test_the_same_seed_gives_the_same_choice(world: World, policy: Policy) -> None:
    assert search(world, policy)[0] == search(world, policy)[0]


def test_a_policy_pays_for_all_it_measures(world: World, policy: Policy) -> None:
    choice, ledger = search(world, policy)
    assert choice.seconds == pytest.approx(sum(ledger.costs))
    assert choice.samples == len(ledger.jobs) - ledger.failures
    assert all(cost > 0 for cost in ledger.costs)


@pytest.mark.parametrize("budget", [2.0, 12.0])
def test_no_sample_is_begun_after_the_budget(world: World, policy: Policy, budget: float) -> None:
    choice, ledger = search(world, policy, budget_seconds=budget)
    assert choice.seconds <= budget + max(ledger.costs)
    assert world.holds(choice.settings)


def test_a_policy_that_needs_more_than_it_may_spend_still_answers(world: World, policy: Policy) -> None:
    choice, _ = search(world, policy, budget_seconds=0.01)
    assert world.speed_share(choice.settings) > 0


def test_without_a_choice_the_defaults_are_chosen(policy: Policy) -> None:
    world = contract_worlds()["nothing-to-choose"]
    assert search(world, policy)[0].settings == world.baseline


def test_failures_are_met_and_survived(policy: Policy) -> None:
    _, ledger = search(contract_worlds()["refusing"], policy)
    assert ledger.failures


@pytest.mark.parametrize(
    "policy",
    [one for one in POLICIES if not one.name.startswith(("ours", "exhaustive"))],
    ids=lambda policy: policy.name,
)
def test_a_peer_starts_a_process_for_each_trial(policy: Policy) -> None:
    if policy.unavailable:
        pytest.skip(policy.unavailable)
    _, ledger = search(contract_worlds()["two-cores"], policy)
    by_group = {job.group: job.settings.digest for job in ledger.jobs}
    assert all(by_group[job.group] == job.settings.digest for job in ledger.jobs)
    assert len(by_group) > 1


def test_ours_states_a_bound_that_holds() -> None:
    world = contract_worlds()["two-cores"]
    ours = next(policy for policy in POLICIES if policy.name == "ours, standard")
    outcomes = [replay(world, ours, seed) for seed in range(5)]
    assert any(outcome.bound is not None for outcome in outcomes)
    assert all(outcome.true for outcome in outcomes if outcome.bound is not None)


def test_what_is_missing_for_a_policy_is_said() -> None:
    gp = OptunaPolicy("GP")
    if not gp.unavailable:
        pytest.skip("all there")
    assert gp.unavailable.startswith("not installed: ")
    with pytest.raises(RuntimeError, match="not installed"):
        search(contract_worlds()["two-cores"], gp)


def test_exhaustion_finds_the_best_where_nothing_blurs() -> None:
    from tests.benchmarks.policies.grids import Exhaustive
    from tests.benchmarks.worlds.weather import Weather

    calm = two_cores("calm", Weather(noise=0, drift=0, outliers=0, starts=0))
    choice, ledger = search(calm, Exhaustive())
    assert calm.speed_share(choice.settings) == pytest.approx(1)
    assert sum(ledger.costs) == pytest.approx(calm.by_part_seconds, rel=0.15)


# ------------------------------------------------------------- worlds


@pytest.mark.parametrize("world", all_worlds(), ids=lambda world: world.name)
def test_a_world_is_consistent(world: World) -> None:
    assert world.holds(world.baseline)
    assert 0 < world.speed_share(world.baseline) <= 1
    assert max(map(world.speed_share, world.settings())) == pytest.approx(1)
    assert 0 < world.by_part_seconds <= world.exhaustive_seconds
    assert world.source
    assert all(len(dimension.values) > 1 for dimension in world.dimensions)


@pytest.mark.parametrize("world", modelled_worlds(), ids=lambda world: world.name)
def test_samples_agree_with_the_truth(world: ModelledWorld) -> None:
    """Over many processes the middle is the truth, within what weather allows; hot where that counts."""
    workload, logs = world.request.workload, []
    for seed in range(60):
        meter = world.meter(seed)
        job = Job(
            stage="check", candidate="", round=0, attempt=0, position=0, settings=world.baseline,
            workload=workload,
        )  # fmt: skip
        sample = meter.sample(job)
        while meter.spent_seconds < min(120.0, world.weather.busy_onset - 2):
            sample = meter.sample(job)
        step = sample.step_ns_mean
        assert step
        logs.append(math.log(step / world.true_ns(world.baseline)["decode"]))
    assert abs(median(logs)) < 0.02


def test_a_surface_is_replayed_as_it_was_recorded() -> None:
    world, origin = recorded(), two_cores()
    assert set(world.settings()) == set(origin.settings())
    for settings in world.settings():
        assert world.speed_share(settings) == pytest.approx(origin.speed_share(settings), abs=0.06)


def test_the_report_has_a_row_for_each_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.benchmarks import search_policies

    def inline(
        worlds: list[World], policies: list[Policy], *, counts: Counts, outcomes: Outcomes
    ) -> Iterator[tuple[World, Policy, list[search_policies.Outcome]]]:
        for world in worlds:
            for policy in policies:
                yield world, policy, [replay(world, policy, seed) for seed in range(counts.of(policy))]

    monkeypatch.setattr(search_policies, "run", inline)
    policies = [policy for policy in POLICIES if not policy.slow][:3]
    text = "".join(
        report(
            [contract_worlds()["two-cores"]], policies, counts=Counts(ours=2, peers=2, slow=1),
            outcomes=Outcomes(None),
        )
    )  # fmt: skip
    text, short = text.split("## In short")
    assert short.count("| `two-cores` |") == 2 + 1  # ours by budget, and the others
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + len(policies)
    assert all(line.count("|") == len(HEADINGS) + 1 for line in rows)
