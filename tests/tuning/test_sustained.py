"""Own the claims about a tune for sustained speed: the winner is who holds most, if that is proven."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.support.heat import HeatingMachine
from tests.tuning.machines import cores, machine
from tests.tuning.simulation import CHAT, SimulatedMachine, Speeds, request
from tunesmith.domain.request import SearchRules, TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import BUDGETS, Budget, Constraints
from tunesmith.tuning.finalists import Finalist, fewer_threads, finalists
from tunesmith.tuning.meter import TrialFailure
from tunesmith.tuning.result import SearchResult
from tunesmith.tuning.space import baseline_settings
from tunesmith.tuning.steady_confirm import SteadyConfirmation, SteadyConfirmer
from tunesmith.tuning.tuner import Tuner

EIGHT = machine(cores(8), default_threads=8)
DEFAULTS = baseline_settings(EIGHT, CHAT)


@dataclass
class Ended:
    search: SearchResult
    named: tuple[Finalist, ...]
    steady: SteadyConfirmation

    @property
    def settings(self) -> Settings:
        return self.steady.finalists[self.steady.chosen].settings


def tune(wanted: TuneRequest, simulated: SimulatedMachine) -> Ended:
    tuner = Tuner(wanted, baseline=DEFAULTS, machine=EIGHT, meter=simulated, emit=lambda _event: None)
    found = tuner.search(DEFAULTS)
    named = finalists(found, DEFAULTS, wanted.rules, baseline_label="defaults")
    confirmer = SteadyConfirmer(wanted, meter=simulated, forecast=tuner.forecast)
    return Ended(found, named, confirmer.compare(named))


def sustained(*, budget: Budget = BUDGETS["thorough"], rules: SearchRules | None = None) -> TuneRequest:
    return request(objective="sustained", budget=budget, rules=rules)


@pytest.mark.parametrize("seed", range(3))
def test_what_holds_most_is_kept_where_it_is_not_what_is_fastest_by_turns(seed: int) -> None:
    hot = HeatingMachine(seed=seed, noise=0.01)
    ended = tune(sustained(), hot)
    assert (ended.search.settings.threads, ended.search.settings.flash_attn) == (8, "off")
    assert ended.settings.threads == ended.settings.threads_batch == 6
    assert ended.settings.flash_attn == "off"
    assert ended.steady.speedup.median == pytest.approx(1.1 * 0.78 / 0.7, rel=0.03)
    assert (ended.steady.speedup.low or 0) > 1
    assert ended.steady.settled
    assert hot.now == pytest.approx(1200, rel=0.1)
    assert [change.setting for change in ended.steady.finalists[2].changes] == [
        "flash_attn", "threads", "threads_batch",
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_without_heat_the_same_wins_that_wins_by_turns(seed: int) -> None:
    ended = tune(sustained(), HeatingMachine(seed=seed, noise=0.01, heats=False))
    assert ended.settings == ended.search.settings
    assert ended.settings.threads == 8
    assert ended.steady.speedup.median == pytest.approx(1.1, rel=0.02)


def test_where_nothing_holds_more_the_defaults_are_kept_and_the_reason_is_told() -> None:
    ended = tune(sustained(), SimulatedMachine(noise=0.02))
    assert ended.settings == DEFAULTS
    assert ended.steady.chosen == 0
    assert ended.steady.why.startswith("at steady state none was shown to hold more")
    assert ended.steady.speedup.median == 1


def test_what_is_measured_is_the_whole_workload_at_the_end_of_each_block() -> None:
    ended = tune(sustained(), HeatingMachine(noise=0.01))
    tuned = ended.steady.measured[2]
    assert tuned.workload == CHAT
    assert tuned.response_ms is not None
    assert len(tuned.response_ms.samples) == ended.steady.findings.rounds == 4
    speed = Speeds().times(decode=0.78 * 1.1)
    assert tuned.itl_ms is not None
    assert tuned.itl_ms.median == pytest.approx(speed.step_ns / 1e6, rel=0.03)


def test_blocks_have_processes_of_their_own_where_loading_is_quick_and_one_where_it_is_slow() -> None:
    quick, slow = HeatingMachine(), HeatingMachine(load_seconds=60.0)
    for simulated in (quick, slow):
        tune(sustained(), simulated)
    groups = [
        {job.group for job in simulated.jobs if job.stage == "steady" and job.attempt >= 0}
        for simulated in (quick, slow)
    ]
    assert len(groups[0]) == 12
    assert len(groups[1]) == 1


def test_a_budget_too_short_for_any_steady_state_says_that_none_was_seen() -> None:
    ended = tune(sustained(budget=BUDGETS["quick"]), HeatingMachine())
    assert not ended.steady.settled
    assert ended.steady.findings.rounds == 3


def test_a_finalist_that_breaks_a_constraint_at_steady_state_is_not_kept() -> None:
    wanted = sustained().model_copy(update={"constraints": Constraints(max_itl_ms=7.5)})
    hot = HeatingMachine(noise=0.01)
    confirmer = SteadyConfirmer(wanted, meter=hot, forecast=tuner_for(wanted, hot).forecast)
    few = DEFAULTS.replace(threads=6, threads_batch=6)
    steady = confirmer.compare([Finalist("defaults", DEFAULTS), Finalist("fewer", few)])
    assert steady.chosen == 0
    assert "ITL" in steady.why


def test_a_finalist_that_fails_is_left_out_and_the_defaults_that_fail_end_it() -> None:
    few = DEFAULTS.replace(threads=6, threads_batch=6)
    broken = DEFAULTS.replace(flash_attn="off")
    hot = HeatingMachine(refuses=lambda settings: "worker_crashed" if settings == broken else None)
    wanted = sustained()
    confirmer = SteadyConfirmer(wanted, meter=hot, forecast=tuner_for(wanted, hot).forecast)
    named = [Finalist("defaults", DEFAULTS), Finalist("broken", broken), Finalist("fewer", few)]
    assert [one.label for one in confirmer.compare(named).finalists] == ["defaults", "fewer"]
    with pytest.raises(TrialFailure):
        confirmer.compare([Finalist("broken", broken), Finalist("fewer", few)])


def tuner_for(wanted: TuneRequest, simulated: SimulatedMachine) -> Tuner:
    tuner = Tuner(wanted, baseline=DEFAULTS, machine=EIGHT, meter=simulated, emit=lambda _event: None)
    tuner._pilot()
    return tuner


@pytest.mark.parametrize(
    ("rules", "threads"),
    [
        (SearchRules(), (6, 6)),
        (SearchRules(fix={"threads": "8"}), (8, 6)),
        (SearchRules(vary=("threads",)), (6, 8)),
        (SearchRules(vary=("n_ubatch",)), (8, 8)),
    ],
)
def test_threads_that_are_not_tuned_are_left_as_they_are(
    rules: SearchRules, threads: tuple[int, int]
) -> None:
    few = fewer_threads(SearchResult(DEFAULTS), rules)
    assert (few.threads, few.threads_batch) == threads


def test_one_thread_has_nobody_below_and_the_defaults_come_once() -> None:
    one = DEFAULTS.replace(threads=1, threads_batch=1)
    named = finalists(SearchResult(one), one, SearchRules(), baseline_label="defaults")
    assert [finalist.label for finalist in named] == ["defaults"]
    two = finalists(SearchResult(DEFAULTS), DEFAULTS, SearchRules(), baseline_label="defaults")
    assert [finalist.label for finalist in two] == ["defaults", "fewer threads"]
