"""Claims about a tune for tokens per joule: what it needs before it starts, and what it ends with."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from tests.services.simulated_source import SimulatedSource
from tests.services.test_power_gauge import DENIED, PACKAGE, Sensors, Stuck
from tests.support.gguf_writer import tiny_llama
from tests.tuning.simulation import SimulatedMachine, Speeds, request
from tunesmith.domain.energy import GivenPower
from tunesmith.domain.power import PowerSensor
from tunesmith.domain.prices import Prices
from tunesmith.domain.request import SearchRules, TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Budget, ObjectiveName, Workload
from tunesmith.errors import NoisyMachineError, UsageError
from tunesmith.machine.power_watch import PowerWatch
from tunesmith.presentation.documents import tune_document
from tunesmith.services import tune as service
from tunesmith.services import tune_energy
from tunesmith.services.power_gauge import PowerGauge
from tunesmith.services.rig import Rig
from tunesmith.services.session import Controls, Stream
from tunesmith.services.tradeoff import read_tradeoff
from tunesmith.services.tune_energy import check_objective
from tunesmith.store import Store
from tunesmith.worker.protocol import NoisePolicy

GIVEN = GivenPower(load_watts=65.0, idle_watts=15.0)
BATTERY = PowerSensor(id="b", name="BAT0", source="battery", covers="machine", counts=False)
PRICES = Prices(electricity=Decimal("0.30"))


def wanted(name: ObjectiveName = "efficiency", **changes: object) -> TuneRequest:
    return request(objective=name).model_copy(update=changes)


def sensors(monkeypatch: pytest.MonkeyPatch, *found: PowerSensor) -> None:
    monkeypatch.setattr(tune_energy, "energy_sensors", lambda: found)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ((), "this machine shows no sensor"),
        ((DENIED,), "package-1: only root may read it"),
        ((BATTERY,), "a battery tells too seldom"),
    ],
)
def test_where_energy_cannot_be_read_the_tune_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Sequence[PowerSensor], words: str
) -> None:
    sensors(monkeypatch, *found)
    model = tiny_llama(layers=1).write(tmp_path / "tiny.gguf")
    with Store.open(tmp_path / "store.db") as store:
        session = service.start_tune(wanted(model_path=str(model)), store)
        list(session.events())
        with pytest.raises(UsageError, match=words) as caught:
            session.result()
        assert store.runs() == []
    assert caught.value.exit_code == 2
    assert "--load-watts and --idle-watts" in caught.value.todo
    if DENIED in found:
        assert "sudo chmod" in caught.value.todo


def test_what_tells_suffices_and_so_do_given_watts(monkeypatch: pytest.MonkeyPatch) -> None:
    sensors(monkeypatch)
    check_objective(wanted(given_power=GIVEN), live=True)
    check_objective(wanted("response"), live=True)
    sensors(monkeypatch, PACKAGE)
    check_objective(wanted(), live=True)


def test_sensors_that_are_not_to_be_read_and_servers_elsewhere_tell_no_energy() -> None:
    with pytest.raises(UsageError, match="not to be read"):
        check_objective(wanted(energy=False), live=False)
    with pytest.raises(UsageError, match="RPC servers"):
        check_objective(wanted(rpc=("host:50052",)), live=False)


def test_cost_without_a_price_is_refused() -> None:
    for prices in (None, Prices(), Prices(electricity=Decimal(0))):
        objective = wanted("cost").objective.model_copy(update={"prices": prices})
        with pytest.raises(UsageError, match="nothing has a price"):
            check_objective(wanted("cost", objective=objective), live=False)


def test_a_sensor_found_to_lie_while_idle_ends_the_tune_before_a_model_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = PowerGauge(
        watch=lambda: PowerWatch(open_all=lambda: (Stuck(PACKAGE),), period_s=0.01), idle_seconds=0.2
    )
    monkeypatch.setattr(tune_energy, "PowerGauge", lambda: made)
    with pytest.raises(UsageError, match="package-0: its counter stands still"):
        tune_energy.begin_gauge(wanted(), Stream(lambda _event: None), Controls())


def frugal(settings: Settings) -> Speeds:
    return Speeds(watts=30 if settings.flash_attn == "off" else 50)


def test_a_tune_for_tokens_per_joule_ends_in_a_profile_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNESMITH_CACHE_DIR", str(tmp_path / "cache"))
    model = tiny_llama(layers=1).write(tmp_path / "tiny.gguf")
    source = SimulatedSource(SimulatedMachine(frugal, sensor=True))
    with Store.open(tmp_path / "store.db") as store:
        session = service.start_tune(
            wanted(model_path=str(model), warm_start=False), store, make_source=lambda *_: source
        )
        list(session.events())
        result = session.result()
        assert result.profile is not None
        stored = store.profile(result.profile.id)
        assert read_tradeoff(store, result.run_id) == result.tradeoff
    assert stored.objective.name == "efficiency"
    assert stored.settings.flash_attn == "off"
    assert stored.speedup.median == pytest.approx(50 / 30, rel=0.05)
    assert result.sentence.startswith("A joule makes 1.6")
    assert result.tradeoff is not None
    chosen = next(one for one in result.tradeoff.candidates if one.standing == "chosen")
    assert chosen.mean_watts == pytest.approx(30, rel=0.05)
    assert "energy_origin" in tune_document(result).model_dump_json()


def test_a_short_sample_is_repeated_until_the_sensors_tell_its_power(tmp_path: Path) -> None:
    model = tiny_llama().write(tmp_path / "tiny.gguf")
    gauge = PowerGauge(watch=lambda: PowerWatch(open_all=lambda: (Sensors(PACKAGE),), period_s=0.02))
    with Rig(
        str(model), noise=NoisePolicy(max_foreign_cores=1e6, max_wait_share=1e6), gauge=gauge,
        steady_seconds=0.3,
    ) as rig:  # fmt: skip
        found = rig.sample(Settings(threads=1, threads_batch=1, n_ctx=64), Workload(prompt=8, generate=4))
    (use,) = found.conditions.power
    assert use.mean_watts == pytest.approx(20, rel=0.1)
    assert "ask for more tokens" in use.decode_why
    assert len(found.step_ns) == 4


@pytest.mark.model
def test_a_real_model_is_tuned_for_tokens_per_joule_with_given_watts(
    tmp_path: Path, smollm2_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNESMITH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(service, "with_ceilings", lambda found, *_, **__: found)
    asked = wanted(
        model_path=str(smollm2_path), workload=Workload(prompt=32, generate=16), given_power=GIVEN,
        budget=Budget(name="custom", seconds=2, max_rounds=3, passes=1),
        rules=SearchRules(vary=("flash_attn",)), warm_start=False, energy=False,
    )  # fmt: skip
    with Store.open(tmp_path / "store.db") as store:
        session = service.start_tune(asked, store)
        list(session.events())
        try:
            result = session.result()
        except NoisyMachineError:  # others had the machine
            assert store.runs(1)[0].state == "failed"
            assert store.profiles() == []
            return
    assert result.profile is not None
    assert result.profile.objective.name == "efficiency"
    assert result.baseline_energy is not None
    assert result.baseline_energy.origin == "given"
    assert result.baseline_energy.decode.watts == pytest.approx(65)


def test_idle_watts_that_nobody_tells_are_asked_for_before_the_tune_if_idle_time_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sensors(monkeypatch)
    named = PRICES.model_copy(update={"load_watts": Decimal(30), "utilisation": Decimal("0.5")})
    with pytest.raises(UsageError, match="What tokens cost is to be made best, but the energy they take"):
        check_objective(priced_at(named), live=True)
    check_objective(priced_at(named.model_copy(update={"idle_watts": Decimal(10)})), live=True)
    check_objective(priced_at(named.model_copy(update={"utilisation": Decimal(1)})), live=True)


def priced_at(prices: Prices) -> TuneRequest:
    asked = wanted("cost")
    return asked.model_copy(update={"objective": asked.objective.model_copy(update={"prices": prices})})
