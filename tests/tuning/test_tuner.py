"""Claims about tunesmith.tuning.tuner, on simulated machines whose truth is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.tuning.machines import HYBRID, LAPTOP, SERVER
from tests.tuning.simulation import CHAT, SimulatedMachine, Speeds, Truth, Tuned, request, tune
from tunesmith.domain.events import CandidateStanding, Progress, RoundDiscarded, StageFinished, StageStarted
from tunesmith.domain.machine import Machine
from tunesmith.domain.request import SearchRules
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import BUDGETS, Budget, Constraints, Workload
from tunesmith.tuning.meter import TrialFailure
from tunesmith.tuning.race import Arm, Race
from tunesmith.tuning.tuner import ASSURANCE_SHARE

MIB = 2**20


def no_flash(ratio: float, *, decode: float | None = None) -> Truth:
    """Flash attention off changes the speed; nothing else does."""

    def truth(settings: Settings) -> Speeds:
        if settings.flash_attn == "off":
            return Speeds().times(prefill=ratio, decode=ratio if decode is None else decode)
        return Speeds()

    return truth


def seen_on_two_cores(settings: Settings) -> Speeds:
    """What SmolLM2 was seen to do on two cores at a depth of 2048."""
    now = Speeds()
    if settings.flash_attn == "off":
        now = now.times(decode=1.11, memory=1.02)
    if settings.threads == 1:
        now = now.times(decode=0.6)
    if settings.threads_batch == 1:
        now = now.times(prefill=0.52)
    if settings.type_k == "q8_0":
        now = now.times(prefill=0.39, decode=0.81, memory=0.9)
    if not settings.use_extra_bufts:
        now = now.times(prefill=0.85)
    return now


def peak(optimum: int, settings: Settings) -> float:
    """A speed that is highest at a number of threads and falls off on both sides."""
    return math.exp(-0.5 * math.log(settings.threads / optimum) ** 2)


def changes(tuned: Tuned) -> dict[str, str]:
    return {change.setting: change.after for change in tuned.search.changes}


def stages(tuned: Tuned) -> list[str]:
    return [event.stage for event in tuned.events if isinstance(event, StageStarted)]


# ------------------------------------------------------------- finding what there is to gain


def test_it_finds_the_gain_and_nothing_but_the_gain() -> None:
    for seed in range(20):
        found = tune(request(seed=seed), SimulatedMachine(seen_on_two_cores, seed=seed))
        assert changes(found) == {"flash_attn": "off"}
        assert found.confirmation is not None
        assert found.confirmation.verdict == "better"
        assert found.settings.flash_attn == "off"


@pytest.mark.parametrize(("budget", "least"), [("quick", 85), ("standard", 97)])
def test_a_gain_of_5_percent_is_found_and_confirmed_at_2_percent_noise(budget: str, least: int) -> None:
    kept = sum(
        tune(
            request(seed=seed, budget=BUDGETS[budget]), SimulatedMachine(no_flash(1.05), seed=seed)
        ).settings.flash_attn
        == "off"
        for seed in range(100)
    )
    assert kept >= least


def test_a_gain_of_5_percent_is_mostly_found_at_5_percent_noise() -> None:
    kept = sum(
        tune(request(seed=seed), SimulatedMachine(no_flash(1.05), seed=seed, noise=0.05)).settings.flash_attn
        == "off"
        for seed in range(60)
    )
    assert kept >= 40


@pytest.mark.parametrize(("where", "optimum"), [(SERVER, 32), (SERVER, 56), (HYBRID, 16), (LAPTOP, 2)])
def test_it_finds_the_number_of_threads(where: Machine, optimum: int) -> None:
    def truth(settings: Settings) -> Speeds:
        return Speeds().times(decode=peak(optimum, settings))

    for seed in range(5):
        found = tune(request(seed=seed, rules=SearchRules(vary=("threads",))),
                     SimulatedMachine(truth, seed=seed), machine=where)  # fmt: skip
        assert peak(optimum, found.settings) >= 0.98


def test_gains_of_several_settings_add_up() -> None:
    def truth(settings: Settings) -> Speeds:
        now = no_flash(1.1)(settings)
        now = now.times(decode=1.2) if settings.threads == 1 else now
        return now.times(prefill=1.15) if settings.n_ubatch == 128 else now

    found = tune(request(), SimulatedMachine(truth, seed=3))
    assert changes(found) == {"flash_attn": "off", "threads": "1", "n_ubatch": "128"}


def test_the_effect_of_each_change_is_told_with_its_interval() -> None:
    held = 0
    for seed in range(40):
        found = tune(request(seed=seed), SimulatedMachine(no_flash(1.12), seed=seed), confirm=False)
        (change,) = found.search.changes
        assert change.effect is not None
        assert change.effect.median == pytest.approx(1.12, abs=0.05)
        held += change.effect.holds(1.12)
    assert held >= 38


def test_a_loss_in_one_part_is_set_against_a_gain_in_the_other() -> None:
    """Prefill takes 0.64 s of the response and decode 0.9 s."""
    worth_it = tune(request(), SimulatedMachine(no_flash(0.95, decode=1.3)))
    assert changes(worth_it) == {"flash_attn": "off"}
    not_worth_it = tune(request(), SimulatedMachine(no_flash(0.6, decode=1.1)))
    assert changes(not_worth_it) == {}


# ------------------------------------------------------------- finding nothing where there is nothing


def harmful(settings: Settings) -> Speeds:
    """Everything else is a little slower than the defaults."""
    defaults = Settings(threads=2, threads_batch=2, n_ctx=1024)
    differing = sum(getattr(settings, name) != getattr(defaults, name) for name in Settings.model_fields)
    return Speeds().times(prefill=0.99**differing, decode=0.99**differing)


@pytest.mark.parametrize("noise", [0.02, 0.05])
def test_settings_that_are_alike_are_changed_in_at_most_1_of_20_runs(noise: float) -> None:
    searched = confirmed = 0
    for seed in range(200):
        found = tune(request(seed=seed, budget=BUDGETS["quick"]), SimulatedMachine(seed=seed, noise=noise))
        searched += bool(found.search.changes)
        confirmed += found.settings != found.baseline
    assert searched <= 10
    assert confirmed <= 2


def test_slower_settings_are_not_chosen() -> None:
    for seed in range(100):
        found = tune(
            request(seed=seed, budget=BUDGETS["quick"]), SimulatedMachine(harmful, seed=seed, noise=0.03)
        )
        assert found.settings == found.baseline


def test_heavy_tails_do_not_make_it_choose_slower_settings() -> None:
    class Heavy(SimulatedMachine):
        """Noise by Student's t with 3 degrees of freedom."""

        def __post_init__(self) -> None:
            super().__post_init__()
            rng = random.Random(self.seed)

            class Source(random.Random):
                def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
                    chi = math.sqrt(sum(rng.gauss(0, 1) ** 2 for _ in range(3)) / 3)
                    return mu + sigma * rng.gauss(0, 1) / chi

            self._rng = Source(self.seed)

    changed = sum(
        bool(tune(request(seed=seed, budget=BUDGETS["quick"]), Heavy(seed=seed)).search.changes)
        for seed in range(100)
    )
    assert changed <= 5


# ------------------------------------------------------------- an unquiet machine


def test_rounds_in_which_the_machine_drifts_are_discarded_and_the_answer_is_right() -> None:
    """5% of searches may err, by a setting that does no harm."""
    discarded = wrong = 0
    for seed in range(20):
        machine = SimulatedMachine(
            no_flash(1.1), seed=seed, drift=lambda now: 1.3 if (now // 7) % 3 == 1 else 1.0
        )
        found = tune(request(seed=seed), machine)
        discarded += sum(isinstance(event, RoundDiscarded) for event in found.events)
        assert changes(found)["flash_attn"] == "off"
        wrong += len(changes(found)) > 1
    assert discarded >= 40
    assert wrong <= 2


def test_a_machine_that_slows_down_for_good_changes_no_answer() -> None:
    """Throttling after a minute: everything becomes 30% slower; 5% of searches may err."""
    wrong = 0
    for seed in range(20):
        throttling = SimulatedMachine(no_flash(1.08), seed=seed, drift=lambda now: 1.0 if now < 60 else 1.3)
        wrong += changes(tune(request(seed=seed), throttling, confirm=False)) != {"flash_attn": "off"}
        level = SimulatedMachine(seed=seed, drift=lambda now: 1.0 if now < 60 else 1.3)
        wrong += changes(tune(request(seed=seed), level, confirm=False)) != {}
    assert wrong <= 2


def test_spikes_by_others_neither_hide_a_gain_nor_make_one_up() -> None:
    def spikes(_now: float, rng: random.Random) -> bool:
        return rng.random() < 0.05

    kept = sum(
        tune(request(seed=seed), SimulatedMachine(no_flash(1.1), seed=seed, busy=spikes)).settings.flash_attn
        == "off"
        for seed in range(40)
    )
    assert kept >= 38
    made_up = sum(
        bool(tune(request(seed=seed), SimulatedMachine(seed=seed, busy=spikes)).search.changes)
        for seed in range(40)
    )
    assert made_up <= 2


def test_a_machine_that_turns_noisy_halfway_gives_the_right_answer_or_says_it_cannot_tell() -> None:
    for seed in range(40):
        machine = SimulatedMachine(
            no_flash(1.1), seed=seed, busy=lambda now, rng: now > 8 and rng.random() < 0.7
        )
        found = tune(request(seed=seed), machine)
        right = found.settings.flash_attn == "off" and changes(found) == {"flash_attn": "off"}
        verdict = found.confirmation.verdict if found.confirmation else None
        could_not_tell = found.search.blind or found.search.budget_spent
        assert right or could_not_tell or verdict in ("too_noisy", "not_better")
        assert found.settings in (found.baseline, found.baseline.replace(flash_attn="off"))


def test_what_is_best_beside_others_who_came_halfway_is_not_taken_for_best() -> None:
    """A core is taken from 8 s on: one thread is then the faster, and two are without."""

    def speeds(settings: Settings) -> Speeds:
        crowded = 0.2 if machine.now > 8 and settings.threads > 1 else 1.0
        return Speeds().times(decode=crowded * (1.0 if settings.threads > 1 else 0.6))

    for seed in range(10):
        machine = SimulatedMachine(speeds, seed=seed)
        machine.busy = lambda now, _rng: now > 8
        found = tune(request(seed=seed), machine, confirm=False)
        assert found.search.settings.threads == 2
        assert found.search.blind or found.search.budget_spent


# ------------------------------------------------------------- candidates that fail


def test_a_candidate_that_fails_is_tried_once_and_the_others_go_on() -> None:
    machine = SimulatedMachine(
        no_flash(1.1), seed=1, refuses=lambda settings: "worker_crashed" if settings.n_ubatch == 64 else None
    )
    found = tune(request(budget=BUDGETS["thorough"]), machine)
    assert changes(found) == {"flash_attn": "off"}
    tried = [job.settings.digest for job in machine.refusals]
    assert len(tried) == len(set(tried))
    failed = [
        event for event in found.events if isinstance(event, CandidateStanding) and event.state == "failed"
    ]
    assert {event.candidate for event in failed} == {"ubatch 64"}
    assert failed[0].why == "worker_crashed: worker_crashed of ubatch 64"


def test_a_baseline_that_fails_ends_the_search() -> None:
    with pytest.raises(TrialFailure, match="model_refused"):
        tune(request(), SimulatedMachine(refuses=lambda _settings: "model_refused"))


def test_settings_that_stop_working_once_they_hold_give_way_to_those_before() -> None:
    class Fading(SimulatedMachine):
        """Flash attention off works for 60 samples."""

        def __post_init__(self) -> None:
            super().__post_init__()
            self.refuses = self._refuse

        def _refuse(self, settings: Settings) -> str | None:
            used = sum(job.settings.flash_attn == "off" for job in self.jobs)
            return "worker_out_of_memory" if settings.flash_attn == "off" and used >= 30 else None

    found = tune(request(), Fading(no_flash(1.3)))
    assert found.search.settings == found.baseline
    assert found.search.changes == ()
    assert "cache_types" in stages(found)


def test_settings_that_fail_in_the_confirmation_are_not_kept() -> None:
    class Late(SimulatedMachine):
        def __post_init__(self) -> None:
            super().__post_init__()
            self.refuses = lambda settings: (
                "worker_crashed"
                if settings.flash_attn == "off" and any(job.stage == "confirm" for job in self.jobs)
                else None
            )

    found = tune(request(), Late(no_flash(1.3)))
    assert found.confirmation is not None
    assert found.confirmation.verdict == "failed"
    assert found.settings == found.baseline


# ------------------------------------------------------------- what is measured


def test_what_affects_one_part_is_measured_on_that_part() -> None:
    found = tune(request(), SimulatedMachine())
    for job in found.machine.jobs:
        if job.stage == "threads":
            assert (job.workload.prompt, job.workload.generate > 0) == (0, True)
        if job.stage in ("threads_batch", "ubatch"):
            assert (job.workload.prompt > 0, job.workload.generate) == (True, 0)
        if job.stage in ("flash_attn", "repack"):
            assert min(job.workload.prompt, job.workload.generate) > 0


def test_an_objective_that_ignores_a_part_does_not_have_it_measured() -> None:
    found = tune(request(objective="decode"), SimulatedMachine())
    assert not {"threads_batch", "ubatch"} & set(stages(found))
    assert all(
        job.workload.prompt == 0 for job in found.machine.jobs if job.stage not in ("pilot", "confirm")
    )


def test_what_holds_is_the_anchor_and_the_baseline_comes_back_in_the_confirmation() -> None:
    found = tune(request(), SimulatedMachine(no_flash(1.2)))
    after = [job for job in found.machine.jobs if job.stage == "repack"]
    assert after
    assert all(job.settings != found.baseline for job in after)
    confirmed = [job for job in found.machine.jobs if job.stage == "confirm"]
    assert sum(job.settings == found.baseline for job in confirmed) == len(confirmed) / 2


def test_in_doubt_the_second_pass_asks_again_only_if_something_changed() -> None:
    thorough = BUDGETS["thorough"]
    once = tune(request(budget=thorough), SimulatedMachine(harmful))
    assert not any(stage.endswith("-2") for stage in stages(once))
    twice = tune(request(budget=thorough), SimulatedMachine(no_flash(1.2)))
    assert "flash_attn-2" in stages(twice)


def test_the_error_probability_is_divided_among_the_questions_planned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spent: list[float] = []

    class Watched(Race):
        def __init__(self, arms: list[Arm], *, alpha: float, **rest: Any) -> None:
            spent.append(alpha)
            super().__init__(arms, alpha=alpha, **rest)

    monkeypatch.setattr("tunesmith.tuning.heats.Race", Watched)
    tune(request(budget=BUDGETS["thorough"]), SimulatedMachine(no_flash(1.2)), confirm=False)
    assert len(spent) > 8
    assert sum(spent) <= 0.05 + 1e-12
    spent.clear()
    tune(request(), SimulatedMachine(noise=0.0), confirm=False)
    assert sum(spent) == pytest.approx(0.05 * (1 - ASSURANCE_SHARE))  # all is settled before the last race


# ------------------------------------------------------------- constraints and memory


def test_a_faster_setting_that_breaks_a_constraint_is_not_taken() -> None:
    wanted = request(constraints=Constraints(max_memory_bytes=215 * MIB))

    def truth(settings: Settings) -> Speeds:
        return (
            Speeds().times(prefill=1.5, decode=1.5, memory=1.1) if settings.flash_attn == "off" else Speeds()
        )

    found = tune(wanted, SimulatedMachine(truth))
    assert found.search.settings == found.baseline
    (last,) = [
        event
        for event in found.events
        if isinstance(event, CandidateStanding) and event.candidate == "flash attention off"
    ][-1:]
    assert last.state == "infeasible"
    assert last.why.endswith("MiB is above 215 MiB")


def test_a_slower_setting_that_keeps_a_constraint_is_taken() -> None:
    wanted = request(constraints=Constraints(max_memory_bytes=190 * MIB))
    found = tune(wanted, SimulatedMachine(seen_on_two_cores))
    assert changes(found) == {"type_k": "q8_0", "type_v": "q8_0"}
    assert found.confirmation is not None
    assert found.confirmation.verdict == "better"


def test_a_latency_limit_on_the_part_the_objective_ignores_is_kept() -> None:
    wanted = request(objective="decode", constraints=Constraints(max_ttft_ms=700))
    found = tune(wanted, SimulatedMachine(no_flash(0.8, decode=1.3)))
    assert found.search.settings == found.baseline


def test_memory_is_learnt_once_a_candidate_and_only_where_it_may_move() -> None:
    wanted = request(constraints=Constraints(max_memory_bytes=500 * MIB))
    found = tune(wanted, SimulatedMachine(seen_on_two_cores))
    learnt = [job for job in found.machine.jobs if job.stage.endswith("-memory")]
    digests = [job.settings.digest for job in learnt]
    assert len(set(digests)) == len(digests)
    assert not [job for job in learnt if job.stage.startswith("threads")]
    assert len({job.group for job in learnt}) == len(learnt)


def small(settings: Settings) -> Speeds:
    """Steps that save memory, each 4% slower."""
    now = Speeds()
    for saves in (settings.flash_attn == "off", settings.n_ubatch == 64, settings.load_mode == "none"):
        if saves:
            now = now.times(prefill=0.96, decode=0.96, memory=0.8)
    return now


def test_the_least_memory_within_the_slowdown_is_found() -> None:
    found = tune(request(objective="memory", max_slowdown=0.1), SimulatedMachine(small, noise=0.01))
    assert len(changes(found)) == 2
    assert found.confirmation is not None
    assert found.confirmation.verdict == "better"


def test_steps_that_each_cost_a_little_do_not_add_up_to_more_than_is_allowed() -> None:
    found = tune(request(objective="memory", max_slowdown=0.05), SimulatedMachine(small, noise=0.01))
    assert len(changes(found)) == 1


def test_memory_that_differs_by_less_than_the_margin_is_a_tie() -> None:
    def truth(settings: Settings) -> Speeds:
        return Speeds().times(memory=0.99 if settings.flash_attn == "off" else 1.0)

    for seed in range(10):
        assert not tune(
            request(objective="memory", seed=seed), SimulatedMachine(truth, seed=seed)
        ).search.changes


def test_throughput_is_measured_with_all_sequences() -> None:
    eight = Workload(prompt=64, generate=32, parallel=8)
    found = tune(request(workload=eight, objective="throughput"), SimulatedMachine(no_flash(1.15)))
    assert changes(found) == {"flash_attn": "off"}
    assert all(job.workload.parallel == 8 for job in found.machine.jobs)


# ------------------------------------------------------------- rules


def test_what_the_user_fixed_is_where_the_search_begins() -> None:
    found = tune(
        request(rules=SearchRules(fix={"flash_attn": "off"})), SimulatedMachine(), start={"flash_attn": "off"}
    )
    assert found.search.settings.flash_attn == "off"
    (change,) = found.search.changes
    assert (change.setting, change.effect) == ("flash_attn", None)
    assert "flash_attn" not in stages(found)


def test_with_nothing_to_vary_only_the_pilot_is_taken() -> None:
    found = tune(request(rules=SearchRules(vary=("affinity",))), SimulatedMachine(), confirm=False)
    assert [job.stage for job in found.machine.jobs] == ["pilot"]


# ------------------------------------------------------------- time


@pytest.mark.parametrize("seconds", [5, 10, 20, 40, 60, 90, 200])
@pytest.mark.parametrize("truth", [no_flash(1.0), no_flash(1.2)], ids=["nothing to gain", "a gain"])
def test_the_budget_is_kept_to_within_one_sample(seconds: float, truth: Truth) -> None:
    for seed in range(3):
        budget = Budget(name="custom", seconds=seconds, max_rounds=24, passes=2)
        machine = SimulatedMachine(truth, seed=seed)
        tune(request(budget=budget, seed=seed), machine)
        fresh_sample = 0.4 + 0.05 + CHAT.depth * 0.0025 + CHAT.prompt * 0.0025 + CHAT.generate * 0.007
        assert machine.now <= seconds + 1.2 * fresh_sample


def test_a_slow_machine_keeps_the_budget_too() -> None:
    def slow(_settings: Settings) -> Speeds:
        return Speeds(prefill_ns=100e6, step_ns=300e6)

    machine = SimulatedMachine(slow)
    tune(request(budget=BUDGETS["standard"]), machine)
    one = (CHAT.prompt + CHAT.depth) * 0.1 + CHAT.generate * 0.3
    assert machine.now <= 300 + 1.2 * one


def test_a_budget_that_does_not_reach_for_all_questions_is_said_to_be_spent() -> None:
    budget = Budget(name="custom", seconds=25, max_rounds=16, passes=1)
    found = tune(request(budget=budget), SimulatedMachine())
    assert found.search.budget_spent
    assert not tune(request(), SimulatedMachine()).search.budget_spent


def test_the_fraction_rises_and_the_time_left_is_about_right() -> None:
    machine = SimulatedMachine(seen_on_two_cores)
    told: list[tuple[float, Progress]] = []
    found = tune(
        request(),
        machine,
        listener=lambda event: told.append((machine.now, event)) if isinstance(event, Progress) else None,
    )
    end = machine.now
    fractions = [event.fraction for _, event in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] > 0.9
    for now, event in told:
        assert event.eta_seconds is not None
        if now > end / 3:
            assert event.eta_seconds == pytest.approx(end - now, abs=0.25 * end)
    assert found.confirmation is not None


# ------------------------------------------------------------- what is told


def test_each_question_ends_in_a_sentence_with_numbers() -> None:
    found = tune(request(), SimulatedMachine(seen_on_two_cores))
    said = {event.stage: event for event in found.events if isinstance(event, StageFinished)}
    assert said["flash_attn"].winner == "flash attention off"
    assert said["flash_attn"].sentence.startswith("flash attention off is ")
    assert "% faster (+" in said["flash_attn"].sentence
    assert said["threads"].sentence.startswith("2 threads kept: nothing better was proven in ")


def test_a_part_is_named_in_the_sentence_about_it() -> None:
    def truth(settings: Settings) -> Speeds:
        return Speeds().times(decode=1.4 if settings.threads == 1 else 1.0)

    found = tune(request(rules=SearchRules(vary=("threads",))), SimulatedMachine(truth))
    (said,) = [event.sentence for event in found.events if isinstance(event, StageFinished)]
    assert said.startswith("1 thread decodes ")


def test_a_saving_of_memory_is_named_in_the_sentence_about_it() -> None:
    found = tune(request(objective="memory", max_slowdown=0.1), SimulatedMachine(small, noise=0.01))
    said = [event.sentence for event in found.events if isinstance(event, StageFinished)]
    assert said[0].startswith("flash attention off needs 20% less memory and is ")
    assert "slower" in said[0]


def test_every_candidate_ends_with_a_state_and_every_loser_with_a_reason() -> None:
    found = tune(request(), SimulatedMachine(seen_on_two_cores))
    final: dict[tuple[str, str], CandidateStanding] = {}
    for event in found.events:
        if isinstance(event, CandidateStanding):
            final[event.stage, event.candidate] = event
    started = {
        (event.stage, label)
        for event in found.events
        if isinstance(event, StageStarted)
        for label in event.candidates
    }
    assert set(final) == started
    for event in final.values():
        assert event.state in ("won", "lost", "tied")
        assert bool(event.why) == (event.state != "won")


# ------------------------------------------------------------- determinism


@pytest.mark.parametrize("truth", [seen_on_two_cores, no_flash(1.0)])
def test_the_same_samples_and_seed_give_the_same_run(truth: Callable[[Settings], Speeds]) -> None:
    one, other = (tune(request(seed=7), SimulatedMachine(truth, seed=4)) for _ in range(2))
    assert [job.key for job in one.machine.jobs] == [job.key for job in other.machine.jobs]
    assert one.search == other.search
    assert one.events == other.events


def test_another_seed_gives_another_order() -> None:
    orders = {
        tuple(
            job.candidate
            for job in tune(request(seed=seed), SimulatedMachine(), machine=LAPTOP).machine.jobs[:200]
        )
        for seed in range(4)
    }
    assert len(orders) > 1


def test_no_two_samples_of_a_run_share_a_key() -> None:
    machine = SimulatedMachine(
        seen_on_two_cores, drift=lambda now: 1.3 if (now // 7) % 3 == 1 else 1.0,
        busy=lambda _now, rng: rng.random() < 0.05,
    )  # fmt: skip
    found = tune(request(budget=BUDGETS["thorough"]), machine)
    keys = [job.key for job in found.machine.jobs]
    assert len(set(keys)) == len(keys)
