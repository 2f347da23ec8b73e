"""Claims about tunesmith.services.verify, on a simulated machine: no false alarm, and no missed one."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services.simulated_source import SimulatedSource
from tests.store.values import BUILD, MACHINE, MACHINE_CLASS, identity, profile
from tests.tuning.simulation import CHAT, SimulatedMachine, Speeds
from tunesmith.domain.machine import Machine, machine_class
from tunesmith.domain.measurement import Sample
from tunesmith.domain.model import ModelIdentity
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.settings import Settings
from tunesmith.domain.statistics import quantity
from tunesmith.domain.summary import summarize
from tunesmith.domain.verification import Verification
from tunesmith.domain.workload import Constraints, Objective, Workload
from tunesmith.errors import Interrupted, ModelNotFound, UsageError
from tunesmith.services.context import Surroundings
from tunesmith.services.verify import VerifyRequest, find_model, start_verify

SETTINGS = Settings(threads=2, threads_batch=2, n_ctx=1024)
FOUND = Surroundings(machine=MACHINE, machine_class=MACHINE_CLASS)


def tuned(machine: SimulatedMachine, *, starts: int = 12, claim: float = 1.0) -> TunedProfile:
    """A profile that is its own baseline, claiming so many times the speed that was measured."""
    samples = [machine.measure(SETTINGS, CHAT, f"confirm-{number}") for number in range(starts)]
    measured = summarize(samples, SETTINGS, CHAT)
    response = measured.response_ms
    assert response is not None
    claimed = response.model_copy(update={"samples": tuple(ms / claim for ms in response.samples)})
    return profile().model_copy(
        update={
            "settings": SETTINGS, "workload": CHAT, "constraints": Constraints(), "objective": Objective(),
            "tuned": measured.model_copy(update={"response_ms": claimed}), "baseline": measured,
        }
    )  # fmt: skip


def verify(
    wanted: TunedProfile, machine: SimulatedMachine, *, budget: float = 120.0, found: Surroundings = FOUND,
    model: ModelIdentity | None = None, source: SimulatedSource | None = None,
) -> Verification:  # fmt: skip
    """Verify in simulated time."""
    source = source or SimulatedSource(machine)
    request = VerifyRequest(profile=wanted, model_path="/models/s.gguf", budget_seconds=budget)

    def make(
        _request: VerifyRequest, _stream: object, controls: object, _interrupted: object
    ) -> SimulatedSource:
        def sleep(seconds: float) -> None:
            machine.now += seconds

        setattr(controls, "sleep", sleep)  # noqa: B010 (in simulated time)
        return source

    session = start_verify(
        request, make_source=make, found=found, model=model or identity(), clock=lambda: machine.now
    )
    return session.result(30)


def machine(seed: int, *, start: float = 0.02, slower: float = 1.0, **how: object) -> SimulatedMachine:
    """A machine whose starts differ by 2% and whose samples by 1%; its day is 1% off another's."""
    day = math.exp(random.Random(seed).gauss(0, 0.01)) * slower
    made = SimulatedMachine(seed=seed, noise=0.01, process_noise=start, drift=lambda _now: day)
    for name, value in how.items():
        setattr(made, name, value)
    return made


# ------------------------------------------------------------- alarms


@pytest.mark.parametrize("start", [0.01, 0.025])
def test_of_200_verifications_on_an_idle_machine_none_is_a_false_alarm(start: float) -> None:
    answers = [
        verify(tuned(machine(seed, start=start)), machine(seed + 5000, start=start)).answer
        for seed in range(200)
    ]
    assert answers.count("drifted") == 0
    assert answers.count("holds") >= 170


def test_no_false_alarm_either_with_what_a_minute_allows() -> None:
    answers = [verify(tuned(machine(seed)), machine(seed + 5000), budget=15).answer for seed in range(150)]
    assert answers.count("drifted") == 0
    assert answers.count("holds") >= 75


def test_a_profile_that_claims_1_3_times_its_speed_is_found_out() -> None:
    answers = [verify(tuned(machine(seed), claim=1.3), machine(seed + 5000)).answer for seed in range(200)]
    assert answers.count("drifted") == 200


def test_a_machine_that_became_a_tenth_slower_is_said_to_have_drifted_more_often_than_not() -> None:
    answers = [verify(tuned(machine(seed)), machine(seed + 5000, slower=1.12)).answer for seed in range(200)]
    assert answers.count("holds") == 0
    assert answers.count("drifted") >= 120


def test_a_machine_that_is_slower_by_more_than_the_margin_seldom_holds() -> None:
    answers = [verify(tuned(machine(seed)), machine(seed + 5000, slower=1.06)).answer for seed in range(150)]
    assert answers.count("holds") <= 8


# ------------------------------------------------------------- how it measures


@pytest.mark.parametrize("done", [0, 4])
def test_a_sample_that_takes_longer_than_there_is_time_is_stopped(done: int) -> None:
    """As beside a process that burns a core, where a sample takes a hundred times as long."""
    idle = machine(1)
    wanted, here = tuned(idle), machine(2)
    told: list[Callable[[], bool]] = []

    class Stuck(SimulatedSource):
        def sample(self, settings: Settings, workload: Workload, *, group: str = "search") -> Sample:
            if len(self.calls) < done:
                return super().sample(settings, workload, group=group)
            here.now += 1000
            assert told[0]()
            raise Interrupted("stopped")

    def make(
        _request: VerifyRequest, _stream: object, _controls: object, interrupted: Callable[[], bool]
    ) -> SimulatedSource:
        told.append(interrupted)
        return Stuck(here)

    request = VerifyRequest(profile=wanted, model_path="/models/s.gguf", budget_seconds=60)
    session = start_verify(request, make_source=make, found=FOUND, model=identity(), clock=lambda: here.now)
    found = session.result(30)
    assert (found.answer, found.starts) == ("cannot_tell", done)
    assert ("Not one sample was done within 60 s" in found.sentence) is (done == 0)


def test_each_sample_has_a_process_of_its_own_and_holding_is_found_at_the_first_look() -> None:
    here = machine(7)
    source = SimulatedSource(here)
    found = verify(tuned(machine(6, start=0.001), starts=12), here, source=source)
    assert found.answer == "holds"
    assert found.starts == 8
    assert len({group for _, _, group in source.calls}) == 8
    assert {workload for _, workload, _ in source.calls} == {CHAT}
    assert source.closed == 1


def test_the_budget_is_kept() -> None:
    here = machine(7)
    found = verify(tuned(machine(6), claim=1.02), here, budget=20)
    assert found.seconds <= 20
    assert 3 <= found.starts < 16


def test_too_small_a_budget_says_what_would_do() -> None:
    found = verify(tuned(machine(6)), machine(7), budget=2)
    assert (found.answer, found.cause) == ("cannot_tell", "budget")
    assert "--budget" in found.sentence


# ------------------------------------------------------------- beside its baseline


def fast_with_four(settings: Settings) -> Speeds:
    """Settings with other threads than the profile's are slower."""
    return Speeds() if settings == SETTINGS else Speeds().times(prefill=0.7, decode=0.7)


BASELINE = SETTINGS.replace(threads=4)


def beside(machine: SimulatedMachine, *, starts: int = 12, claim: float = 1.0) -> TunedProfile:
    """A profile confirmed in pairs with its baseline, claiming so many times the speedup measured."""
    wanted = tuned(machine, starts=2)
    first, second = [], []
    for number in range(starts):
        first.append(machine.measure(BASELINE, CHAT, f"confirm-{number}/b"))
        second.append(machine.measure(SETTINGS, CHAT, f"confirm-{number}/t"))
    before, after = summarize(first, BASELINE, CHAT), summarize(second, SETTINGS, CHAT)
    assert before.response_ms is not None
    assert after.response_ms is not None
    claimed = tuple(ms / claim for ms in after.response_ms.samples)
    pairs = zip(before.response_ms.samples, claimed, strict=True)
    return wanted.model_copy(
        update={
            "baseline": before,
            "tuned": after.model_copy(
                update={"response_ms": after.response_ms.model_copy(update={"samples": claimed})}
            ),
            "speedup": quantity([slow / fast for slow, fast in pairs], interval="mean"),
        }
    )


def restless(seed: int, *, slower: float = 1.0) -> SimulatedMachine:
    """A machine whose speed swings by a fifth within minutes, and both sides of a pair with it."""
    phase = random.Random(seed).random() * 7
    return machine(
        seed, start=0.01, truth=fast_with_four,
        drift=lambda now: slower * (1 + 0.1 * math.sin(now / 40 + phase)),
    )  # fmt: skip


def test_beside_its_baseline_a_restless_machine_gives_no_false_alarm_and_most_hold() -> None:
    found = [verify(beside(restless(seed)), restless(seed + 5000)) for seed in range(150)]
    assert sum(each.answer == "drifted" and each.cause != "machine" for each in found) == 0
    assert sum(each.answer == "holds" for each in found) >= 100


def test_a_slower_machine_is_blamed_and_not_the_settings() -> None:
    found = [verify(beside(restless(seed)), restless(seed + 5000, slower=1.5)) for seed in range(100)]
    assert sum(each.cause == "machine" for each in found) >= 80
    assert sum(each.cause == "speed" for each in found) == 0
    assert all(each.baseline_ratio is not None for each in found)


def test_a_speedup_that_is_claimed_and_not_there_is_found_out_beside_its_baseline() -> None:
    found = [verify(beside(restless(seed), claim=1.3), restless(seed + 5000)) for seed in range(100)]
    assert {each.answer for each in found} == {"drifted"}
    assert sum(each.cause == "speed" for each in found) >= 95


def test_the_baseline_is_measured_in_turn_each_in_a_process_of_its_own() -> None:
    here = restless(7)
    source = SimulatedSource(here)
    found = verify(beside(restless(6)), here, source=source)
    settings = [each for each, _, _ in source.calls]
    assert settings[:8] == [SETTINGS, BASELINE, BASELINE, SETTINGS] * 2
    assert len({group for _, _, group in source.calls}) == len(source.calls) == 2 * found.starts
    assert found.speedup_ratio is not None


def test_where_there_is_no_time_for_both_only_the_profile_is_measured() -> None:
    here = restless(7)
    source = SimulatedSource(here)
    found = verify(beside(restless(6)), here, source=source, budget=30)
    assert found.starts >= 8
    assert sum(settings == BASELINE for settings, _, _ in source.calls) <= 1
    assert (found.baseline_ratio, found.speedup_ratio) == (None, None)


def test_a_baseline_that_does_not_run_here_is_left_out() -> None:
    here = restless(7)
    here.refuses = lambda settings: "worker_out_of_memory" if settings == BASELINE else None
    source = SimulatedSource(here)
    found = verify(beside(restless(6)), here, source=source)
    assert found.starts >= 8
    assert sum(settings == BASELINE for settings, _, _ in source.calls) == 1
    assert found.speedup_ratio is None


# ------------------------------------------------------------- others on the machine


def test_beside_a_burning_core_it_cannot_tell_and_says_so_soon() -> None:
    here = machine(7, busy=lambda _now, _rng: True)
    found = verify(tuned(machine(6)), here)
    assert (found.answer, found.cause) == ("cannot_tell", "load")
    assert "1.0 cores" in found.sentence
    assert found.starts == found.disturbed == 3
    assert found.speed_ratio is None


def test_beside_a_burning_core_a_false_claim_is_not_found_out_but_never_confirmed() -> None:
    answers = {
        verify(tuned(machine(seed), claim=1.3), machine(seed + 50, busy=lambda _n, _r: True)).answer
        for seed in range(20)
    }
    assert answers == {"cannot_tell"}


def test_disturbed_samples_count_for_nothing() -> None:
    here = machine(8, busy=lambda _now, rng: rng.random() < 0.35)
    found = verify(tuned(machine(6)), here, budget=300)
    assert found.answer == "holds"
    assert found.disturbed > 0
    assert found.measured is not None
    assert found.measured.noisy_samples == 0


def test_now_and_then_disturbed_is_no_false_alarm() -> None:
    answers = [
        verify(tuned(machine(seed)), machine(seed + 5000, busy=lambda _n, rng: rng.random() < 0.3)).answer
        for seed in range(200)
    ]
    assert answers.count("drifted") == 0


# ------------------------------------------------------------- model, build, class


def test_another_model_is_told_and_not_measured() -> None:
    source = SimulatedSource(machine(7))
    found = verify(tuned(machine(6)), source.machine, model=identity("7b" * 32), source=source)
    assert (found.answer, found.cause) == ("drifted", "model")
    assert not found.model_matches
    assert found.starts == 0
    assert not source.calls
    assert "7b7b7b7b7b7b7b7b…" in found.sentence


def test_another_build_and_class_are_told_and_measured_all_the_same() -> None:
    build = BUILD.model_copy(update={"llama_cpp_version": "0.6.0"})
    cpu = MACHINE.cpu.model_copy(update={"usable_cpus": 2})
    other: Machine = MACHINE.model_copy(update={"build": build, "cpu": cpu})
    found = verify(
        tuned(machine(6)), machine(7), found=Surroundings(machine=other, machine_class=machine_class(other))
    )
    assert found.answer == "holds"
    assert not found.build_matches
    assert not found.class_matches
    assert {each.what for each in found.differences} == {"usable_cpus", "build"}


def test_a_profile_that_names_a_server_connects_nowhere_by_itself() -> None:
    wanted = tuned(machine(6))
    wanted = wanted.model_copy(update={"settings": wanted.settings.replace(rpc=("10.0.0.1:50052",))})
    with pytest.raises(UsageError, match="did not name"):
        verify(wanted, machine(7))


def test_the_model_is_looked_for_as_the_profile_says_then_beside_its_file(tmp_path: Path) -> None:
    wanted = profile().model_copy(update={"model": identity(path="/nowhere/model.gguf")})
    with pytest.raises(ModelNotFound, match="--model"):
        find_model(wanted, None, tmp_path / "profile.json")
    (tmp_path / "model.gguf").touch()
    assert find_model(wanted, None, tmp_path / "profile.json") == str(tmp_path / "model.gguf")
    assert find_model(wanted, "given.gguf", None) == "given.gguf"


def test_a_document_reads_back_the_same_and_a_later_one_too() -> None:
    found = verify(tuned(machine(6)), machine(7))
    text = found.model_dump_json(by_alias=True)
    assert Verification.model_validate_json(text) == found
    later = text.replace('"answer"', '"more_to_say": 1, "answer"', 1)
    assert Verification.model_validate_json(later) == found
