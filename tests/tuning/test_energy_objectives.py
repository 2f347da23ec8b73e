"""Claims about a search for tokens per joule and for the cost of tokens, on simulated machines."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from tests.tuning.machines import LAPTOP
from tests.tuning.samples import sample
from tests.tuning.simulation import CHAT, SimulatedMachine, Speeds, request, tune
from tunesmith.domain.energy import GivenPower
from tunesmith.domain.measurement import Sample
from tunesmith.domain.power import SensorUse
from tunesmith.domain.prices import Prices
from tunesmith.domain.sample_energy import NotTold
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import BUDGETS, Constraints, Objective
from tunesmith.tuning.energy_meter import EnergyMeter
from tunesmith.tuning.expense import Expense
from tunesmith.tuning.meter import Job, TrialFailure
from tunesmith.tuning.objective import Scorer

GIVEN = GivenPower(load_watts=65.0, idle_watts=15.0)
PRICES = Prices(electricity=Decimal("0.30"), hardware=Decimal(1200))


def frugal(settings: Settings) -> Speeds:
    """Fewer threads draw less: half of them 40% less power at 5% less speed."""
    few = (settings.threads <= 2) + (settings.threads_batch <= 2)
    return Speeds(watts=50 - 10 * few).times(
        prefill=0.95 if settings.threads_batch <= 2 else 1.0, decode=0.95 if settings.threads <= 2 else 1.0
    )


def joules(settings: Settings) -> float:
    """Of a request, in truth."""
    truth = frugal(settings)
    seconds = (truth.prefill_ns * CHAT.prompt + truth.step_ns * CHAT.generate) / 1e9
    return seconds * truth.watts


def told(watts: float | None, why: str = "", idle_watts: float | None = 10.0) -> Sample:
    use = SensorUse(
        sensor="p0", name="package-0", source="powercap", covers="processors", idle_watts=idle_watts,
        idle_why="" if idle_watts is not None else "idle power was not measured",
        mean_watts=watts, mean_why=why,
    )  # fmt: skip
    one = sample()
    return one.model_copy(update={"conditions": one.conditions.model_copy(update={"power": (use,)})})


def scorer(
    name: str = "efficiency", *, prices: Prices | None = None, given: GivenPower | None = None
) -> Scorer:
    return Scorer(CHAT, Objective.model_validate({"name": name, "prices": prices}), Constraints(), given)


BOTH = scorer().parts


# ------------------------------------------------------------- what a sample is worth


def test_half_the_power_at_the_same_speed_makes_twice_the_tokens_of_a_joule() -> None:
    ratio = scorer().merit(told(20.0), BOTH) - scorer().merit(told(40.0), BOTH)
    assert ratio == pytest.approx(math.log(2))


def test_joules_of_a_request_are_its_time_times_the_power() -> None:
    seconds = scorer("response").spent(sample(), BOTH)
    assert scorer().spent(told(40.0), BOTH) == pytest.approx(40.0 * seconds)


def test_given_watts_make_energy_of_time_and_overrule_what_sensors_tell() -> None:
    now = scorer(given=GIVEN)
    assert not now.expense.by_sensors
    assert now.spent(told(40.0), BOTH) == pytest.approx(65.0 * scorer("response").spent(sample(), BOTH))


def test_a_sample_whose_sensor_fell_silent_is_not_scored() -> None:
    with pytest.raises(NotTold, match="package-0: it stopped telling"):
        scorer().merit(told(None, "it stopped telling"), BOTH)
    with pytest.raises(NotTold, match="no sensor"):
        scorer().merit(sample(), BOTH)


def test_cost_is_electricity_waiting_and_hardware_for_the_time_it_takes() -> None:
    prices = Prices(electricity=Decimal("0.30"), hardware=Decimal(1200), utilisation=Decimal("0.25"),
                    hours_per_day=Decimal(8))  # fmt: skip
    seconds = scorer("response").spent(sample(), BOTH)
    per_second = (65 + 20 * 3) / 3.6e6 * 0.30 + 1200 / (4 * 365.25 * 8 * 0.25 * 3600)
    assert scorer("cost", prices=prices).spent(told(65.0, idle_watts=20.0), BOTH) == pytest.approx(
        seconds * per_second
    )


def test_without_a_price_of_electricity_no_sensor_is_asked() -> None:
    now = scorer("cost", prices=Prices(hardware=Decimal(1200)))
    assert not now.expense.by_sensors
    assert now.merit(sample(), BOTH) > 0


def test_watts_among_the_prices_count_before_the_sensors() -> None:
    priced = PRICES.model_copy(update={"load_watts": Decimal(65)})
    assert Expense(Objective(name="cost", prices=priced)).load_watts == 65
    assert Expense(Objective(name="cost", prices=PRICES)).by_sensors


# ------------------------------------------------------------- the search


@pytest.mark.parametrize("seed", range(3))
def test_fewer_threads_that_cost_less_energy_at_slightly_less_speed_are_found(seed: int) -> None:
    machine = SimulatedMachine(frugal, seed=seed, sensor=True)
    found = tune(
        request(objective="efficiency", seed=seed, budget=BUDGETS["thorough"]), machine, machine=LAPTOP
    )
    assert found.settings.threads <= 2
    assert found.settings.threads_batch <= 2
    confirmed = found.confirmation
    assert confirmed is not None
    assert confirmed.verdict == "better"
    assert confirmed.why == "proven better at 95% confidence"
    true_ratio = joules(found.baseline) / joules(found.settings)
    assert confirmed.speedup.low is not None
    assert confirmed.speedup.high is not None
    assert confirmed.speedup.low * 0.98 <= true_ratio <= confirmed.speedup.high * 1.02
    bound = found.search.considered.bound
    best = min(map(joules, found.search.considered.settings))
    assert joules(found.settings) / best <= math.exp(bound) * 1.001


def test_the_same_machine_is_tuned_for_speed_with_all_its_threads() -> None:
    machine = SimulatedMachine(frugal, seed=1, sensor=True)
    assert tune(request(), machine, machine=LAPTOP).settings.threads > 2


def test_dear_hardware_pays_for_speed_and_dear_electricity_for_few_threads() -> None:
    def threads(prices: Prices) -> int:
        machine = SimulatedMachine(frugal, seed=1, sensor=True)
        wanted = request(objective="cost", prices=prices, budget=BUDGETS["thorough"])
        return tune(wanted, machine, machine=LAPTOP).settings.threads

    assert threads(Prices(electricity=Decimal("0.30"))) <= 2
    assert threads(Prices(electricity=Decimal("0.01"), hardware=Decimal(100_000))) > 2


@pytest.mark.parametrize("seed", range(5))
def test_where_nothing_differs_nothing_is_claimed(seed: int) -> None:
    machine = SimulatedMachine(seed=seed, sensor=True)
    found = tune(request(objective="efficiency", seed=seed), machine)
    assert found.settings == found.baseline


def test_given_watts_find_what_a_tune_for_speed_finds() -> None:
    def faster(settings: Settings) -> Speeds:
        return Speeds().times(decode=1.2, prefill=1.2) if settings.flash_attn == "off" else Speeds()

    given = tune(request(objective="efficiency", given=GIVEN), SimulatedMachine(faster, seed=2))
    plain = tune(request(), SimulatedMachine(faster, seed=2))
    assert given.settings == plain.settings
    assert given.confirmation is not None
    assert plain.confirmation is not None
    assert given.confirmation.speedup.samples == pytest.approx(plain.confirmation.speedup.samples)


# ------------------------------------------------------------- samples without energy


class _Silent(SimulatedMachine):
    """Its sensor tells nothing of the first samples."""

    silent = 1

    def sample(self, job: Job) -> Sample:
        found = super().sample(job)
        self.silent -= 1
        return told(None, "it was not read for 4.0 s") if self.silent >= 0 else found


def _job(stage: str = "threads") -> Job:
    return Job(stage=stage, candidate="x", round=1, attempt=0, position=0,
               settings=Settings(threads=2, threads_batch=2, n_ctx=1024),
               workload=CHAT)  # fmt: skip


def test_a_sample_without_energy_is_taken_again_under_a_name_of_its_own() -> None:
    machine = _Silent(sensor=True)
    found = EnergyMeter(machine, scorer().expense).sample(_job())
    assert found.conditions.power[0].mean_watts is not None
    assert len({job.key for job in machine.jobs}) == 2


def test_a_candidate_that_never_tells_its_energy_fails_with_the_reason() -> None:
    machine = _Silent(sensor=True)
    machine.silent = 99
    with pytest.raises(TrialFailure, match="package-0: it was not read for"):
        EnergyMeter(machine, scorer().expense).sample(_job())


def test_the_pilot_needs_no_energy() -> None:
    machine = _Silent(sensor=True)
    EnergyMeter(machine, scorer().expense).sample(_job("pilot"))
    assert len(machine.jobs) == 1
