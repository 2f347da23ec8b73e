"""Own the claims about settings compared at steady state: by turns in long blocks, told by pairs."""

from __future__ import annotations

import random

import pytest

from tests.support.heat import HotMachine
from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.steady import ComparedSetting, SteadyFindings
from tunesmith.domain.workload import Workload
from tunesmith.tuning.steady import BLOCK_SECONDS, SteadyCourse, Turn, plan_blocks
from tunesmith.tuning.steady_findings import WARM_UP_SHARE, steady_blocks, steady_findings

WORKLOAD = Workload(prompt=512, generate=128)
DECODE = Workload(prompt=0, generate=128)


def threads(*counts: int) -> tuple[ComparedSetting, ...]:
    return tuple(
        ComparedSetting(
            label=f"threads={count}", settings=Settings(threads=count, threads_batch=count, n_ctx=1024)
        )
        for count in counts
    )


def course(
    machine: HotMachine, *counts: int, seconds: float = 480, workload: Workload = WORKLOAD
) -> SteadyCourse:
    compared = threads(*counts)

    def take(_turn: Turn, settings: Settings, piece: Workload) -> Sample:
        return machine.sample(settings, piece)

    plan = plan_blocks(seconds, len(compared))
    return SteadyCourse(workload, compared, plan, take, machine.clock)


def found(machine: HotMachine, *counts: int, seconds: float = 480, doubt: str = "") -> SteadyFindings:
    running = course(machine, *counts, seconds=seconds)
    running.run()
    told = steady_findings(
        running.samples, running.compared, rounds=running.rounds, workload=WORKLOAD, doubt=doubt
    )
    assert told is not None
    return told


@pytest.mark.parametrize(
    ("seconds", "settings", "rounds"), [(180, 2, 4), (600, 2, 4), (1200, 3, 6), (7200, 2, 8), (8, 2, 4)]
)
def test_time_goes_into_four_to_eight_blocks_of_each_first_and_then_into_longer_ones(
    seconds: float, settings: int, rounds: int
) -> None:
    plan = plan_blocks(seconds, settings)
    assert plan.rounds == rounds
    assert plan.block_seconds * rounds * settings == pytest.approx(seconds)
    assert rounds == 4 or plan.block_seconds >= BLOCK_SECONDS


def test_settings_take_turns_in_blocks_whose_order_is_turned_round() -> None:
    running = course(HotMachine(), 1, 2, 3, seconds=240)
    running.run()
    turns = list(dict.fromkeys((sample.block, sample.setting) for sample in running.samples))
    assert [setting for _, setting in turns] == [0, 1, 2, 2, 1, 0] * 2
    assert running.rounds == 4
    assert {sample.part for sample in running.samples} == {"prefill", "decode"}


def test_all_settings_run_the_same_sizes_so_that_nothing_but_they_differ() -> None:
    running = course(HotMachine(), 1, 2)
    running.run()
    by_setting = [{(s.part, s.tokens) for s in running.samples if s.setting == number} for number in range(2)]
    assert by_setting[0] == by_setting[1]


def test_what_is_fast_while_cool_and_slow_once_hot_is_told_by_both_speeds() -> None:
    told = found(HotMachine(), 2, 3)
    assert [one.label for one in told.settings] == ["threads=2", "threads=3"]
    (request,) = (one for one in told.settings[1].speeds if one.measure == "request")
    assert told.measure == "request"
    assert told.holds_most == 0
    decode = {one.label: one.speeds[1].sustained_tokens_per_s.median for one in told.settings}
    assert decode["threads=2"] == pytest.approx(80, rel=0.02)
    assert decode["threads=3"] == pytest.approx(70, rel=0.02)
    (ratio,) = (one.ratio for one in told.ratios if one.measure == "request")
    assert ratio.low is not None
    assert ratio.high is not None
    assert ratio.low <= 70 / 80 <= ratio.high + 0.01
    assert request.sustained_tokens_per_s.interval == "mean"


def test_the_beginning_of_a_block_is_not_counted_and_a_later_change_moves_that_on() -> None:
    running = course(HotMachine(settle_seconds=12.0), 1, 2, workload=DECODE)
    running.run()
    blocks = steady_blocks(running.samples, rounds=running.rounds, workload=DECODE)
    for block in blocks:
        assert block.warm_up_seconds["decode"] >= WARM_UP_SHARE * block.seconds
        assert set(block.sustained_tokens_per_s) == {"decode"}
    # every other block of the hot setting follows one of its own, and is hot from the first
    cool = [block for block in blocks if block.setting == 1 and block.round % 2 == 0]
    assert len(cool) == 2
    assert all(block.burst_tokens_per_s["decode"] > block.sustained_tokens_per_s["decode"] for block in cool)


def test_alike_settings_are_not_told_apart() -> None:
    told = found(HotMachine(heats=False), 2, 2)
    assert (told.holds_most, told.holds_more, told.holds_less) == (None, (), ())


def test_a_machine_that_slows_down_all_the_time_does_so_under_all_settings() -> None:
    told = found(HotMachine(heats=False, drift=0.0001), 2, 3)
    assert told.holds_most == 1
    (ratio,) = (one.ratio for one in told.ratios if one.measure == "decode")
    assert ratio.median == pytest.approx(1.05, abs=0.005)


def test_alike_settings_on_a_machine_that_wanders_are_told_apart_in_few_runs() -> None:
    wrong = 0
    for seed in range(60):
        chance = random.Random(seed)
        machine, level = HotMachine(heats=False), 0.0
        compared = threads(2, 3)

        def take(
            turn: Turn, settings: Settings, piece: Workload, machine: HotMachine = machine,
            chance: random.Random = chance,
        ) -> Sample:  # fmt: skip
            nonlocal level
            level += chance.gauss(0, 0.004)
            alike = settings.replace(threads=2)
            sample = machine.sample(alike, piece)
            factor = 1 + level + chance.gauss(0, 0.02)
            return sample.model_copy(update={"step_ns": tuple(round(ns * factor) for ns in sample.step_ns)})

        running = SteadyCourse(DECODE, compared, plan_blocks(160, 2), take, machine.clock)
        running.run()
        told = steady_findings(running.samples, compared, rounds=running.rounds, workload=DECODE)
        assert told is not None
        wrong += told.holds_most is not None
        level = 0.0
    assert wrong <= 7  # 5% of 60 are 3; more than 7 would come about once in 50


def test_of_three_the_one_that_holds_most_is_named_only_where_it_beats_each() -> None:
    told = found(HotMachine(), 1, 2, 3, seconds=720)
    assert told.holds_most == 1
    assert told.holds_more == (1, 2)
    assert len(told.ratios) == 3 * 3
    assert all(one.ratio.confidence == pytest.approx(1 - 0.05 / 3) for one in told.ratios)


def test_rounds_that_are_not_complete_do_not_count() -> None:
    def stop(now: float) -> None:
        if now > 300:
            raise KeyboardInterrupt

    running = course(HotMachine(fault=stop), 1, 2)
    with pytest.raises(KeyboardInterrupt):
        running.run()
    assert running.rounds == 2
    told = steady_findings(running.samples, running.compared, rounds=2, workload=WORKLOAD)
    assert told is not None
    assert told.rounds == 2
    assert steady_findings(running.samples, running.compared, rounds=0, workload=WORKLOAD) is None


def test_joules_per_token_are_told_of_what_is_counted_where_sensors_tell() -> None:
    told = found(HotMachine(watts=10.0), 1, 2)
    by_label = {one.label: {s.measure: s.joules_per_token for s in one.speeds} for one in told.settings}
    assert told.joules_reason == ""
    one, two = by_label["threads=1"]["decode"], by_label["threads=2"]["decode"]
    assert one is not None
    assert two is not None
    assert one.median == pytest.approx(10 / 60, rel=0.01)
    assert two.median == pytest.approx(20 / 80, rel=0.03)
    request = by_label["threads=1"]["request"]
    assert request is not None
    assert request.median == pytest.approx((512 * 10 / 600 + 128 * 10 / 60) / 640, rel=0.01)


@pytest.mark.parametrize("doubt", ["", "it never changed"])
def test_no_joules_are_told_without_a_sensor_or_by_one_that_is_not_believed(doubt: str) -> None:
    told = found(HotMachine(watts=10.0 if doubt else None), 1, 2, doubt=doubt)
    assert told.joules_reason == (doubt or "no sensor tells it")
    assert all(speed.joules_per_token is None for one in told.settings for speed in one.speeds)


@pytest.mark.parametrize("seconds", [4, 200])
def test_a_block_of_few_samples_or_seconds_is_not_called_settled(seconds: float) -> None:
    told = found(HotMachine(), 1, 2, seconds=seconds)
    assert not any(one.settled for one in told.settings)
