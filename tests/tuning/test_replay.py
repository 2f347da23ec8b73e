"""Claims about tunesmith.tuning.replay: what is drawn, what it costs, and what counts as true."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from statistics import fmean

import pytest

from tests.tuning.surfaces import COSTS, WORKLOAD, surface
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.tuning.meter import Job, TrialFailure
from tunesmith.tuning.replay import ReplayMeter, best_settings, true_speed

SURFACE = surface()
BASELINE = SURFACE.baseline
OFF = BASELINE.replace(flash_attn="off")


def job(settings: Settings = BASELINE, *, number: int = 0, workload: Workload = WORKLOAD) -> Job:
    return Job(
        stage="s", candidate="c", round=number, attempt=0, position=0, settings=settings, workload=workload
    )  # fmt: skip


def test_the_same_seed_gives_the_same_samples() -> None:
    def drawn(seed: int) -> list[object]:
        meter = ReplayMeter(SURFACE, seed=seed)
        return [meter.sample(job(one, number=n)) for n in range(20) for one in (BASELINE, OFF)]

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_who_asks_in_the_same_round_is_answered_from_the_same_recorded_round() -> None:
    """What slowed all of a recorded round down is gone from the ratio of two candidates."""
    stormy = surface(noise=0.001, round_noise=0.5)
    meter = ReplayMeter(stormy, seed=1)
    ratios, speeds = [], []
    for number in range(60):
        first, second = (meter.sample(job(one, number=number)) for one in (BASELINE, OFF))
        assert first.prefill_ns is not None
        assert second.prefill_ns is not None
        ratios.append(math.log(first.prefill_ns / second.prefill_ns))
        speeds.append(math.log(first.prefill_ns))
    assert max(speeds) - min(speeds) > 0.5
    assert max(abs(ratio - math.log(1.1)) for ratio in ratios) < 0.01


def test_a_pair_in_processes_of_its_own_is_one_round_too() -> None:
    stormy = surface(noise=0.001, round_noise=0.5)
    meter = ReplayMeter(stormy, seed=1)
    for number in range(30):
        first = meter.sample(replace(job(number=number), group=f"confirm-{number}/baseline"))
        second = meter.sample(replace(job(OFF, number=number), group=f"confirm-{number}/tuned"))
        assert first.prefill_ns is not None
        assert second.prefill_ns is not None
        assert math.log(first.prefill_ns / second.prefill_ns) == pytest.approx(math.log(1.1), abs=0.01)


def test_a_cell_asked_for_again_in_a_round_is_answered_from_another_recorded_one() -> None:
    """Candidates that share a cell are not free of noise against each other, nor is an anchor."""
    meter = ReplayMeter(SURFACE, seed=1)
    other_prefill = BASELINE.replace(threads_batch=1)  # decodes as the baseline does
    samples = [meter.sample(job(one)) for one in (BASELINE, other_prefill, BASELINE)]
    assert len({fmean(sorted(sample.step_ns)[:8]) for sample in samples}) == 3
    assert samples[0].prefill_ns != samples[2].prefill_ns


def test_blocks_of_rounds_are_replayed_in_the_order_of_the_record() -> None:
    meter = ReplayMeter(SURFACE, seed=1)
    (cell,) = [c for c in SURFACE.cells if c.part == "prefill" and c.settings == BASELINE]
    per_token = [round(sample.prefill_ns_per_token or 0) for sample in cell.samples]
    workload = Workload(prompt=100, generate=0, depth=512)
    places = [
        per_token.index(round(meter.sample(job(number=n, workload=workload)).prefill_ns_per_token or 0))
        for n in range(600)
    ]
    follows = fmean((b - a) % 6 == 1 for a, b in pairwise(places))
    assert follows == pytest.approx(2 / 3 + 1 / 18, abs=0.06)  # one in six leaps goes to the next, too


@pytest.mark.parametrize("generate", [1, 7, 10, 23, 128])
def test_the_truth_is_what_is_measured_in_the_long_run(generate: int) -> None:
    """However many steps are asked for: of ten recorded steps the first takes twice as long."""
    meter = ReplayMeter(SURFACE, seed=5)
    workload = Workload(prompt=40, generate=generate, depth=512)
    samples = [meter.sample(job(OFF, number=number, workload=workload)) for number in range(3000)]
    truth = true_speed(SURFACE, OFF)
    assert all(len(sample.step_ns) == generate for sample in samples)
    prefill = fmean(math.log(sample.prefill_ns_per_token or 0) for sample in samples)
    assert prefill == pytest.approx(math.log(truth["prefill"]), abs=0.002)
    assert fmean(sample.step_ns_mean or 0 for sample in samples) == pytest.approx(truth["decode"], rel=0.02)


def test_time_is_charged_once_for_a_process_and_once_for_a_context() -> None:
    meter = ReplayMeter(SURFACE, seed=1)

    def cost(settings: Settings, group: str = "search") -> float:
        before = meter.spent_seconds
        sample = meter.sample(replace(job(settings), group=group))
        timed = ((sample.prefill_ns or 0) + sum(sample.step_ns)) / 1e9
        assert sample.cost_ns == pytest.approx((meter.spent_seconds - before) * 1e9, abs=1)
        return meter.spent_seconds - before - timed - COSTS.sample

    start, context = COSTS.process + COSTS.load + COSTS.context, COSTS.context
    assert cost(BASELINE) == pytest.approx(start)
    assert cost(BASELINE) == pytest.approx(0)
    assert cost(BASELINE.replace(threads=1)) == pytest.approx(0)
    assert cost(OFF) == pytest.approx(context)
    assert cost(OFF) == pytest.approx(0)
    assert cost(BASELINE, "another") == pytest.approx(start)
    assert cost(BASELINE) == pytest.approx(0)
    assert cost(BASELINE, "a third") == pytest.approx(start)
    assert cost(BASELINE, "another") == pytest.approx(start)  # two live at once: it had to make room


def test_resting_takes_time() -> None:
    meter = ReplayMeter(SURFACE, seed=1)
    meter.rest(2.5, why="others")
    assert meter.spent_seconds == 2.5


def test_what_was_not_recorded_or_failed_cannot_be_measured() -> None:
    failing = surface(failure=lambda settings: "it crashed" if settings.flash_attn == "off" else "")
    meter = ReplayMeter(failing, seed=1)
    with pytest.raises(TrialFailure, match="it crashed"):
        meter.sample(job(OFF))
    with pytest.raises(TrialFailure) as caught:
        meter.sample(job(BASELINE.replace(n_ubatch=64)))
    assert caught.value.cause == "not_recorded"


@pytest.mark.parametrize(
    ("objective", "threads", "threads_batch"), [("response", 2, 2), ("decode", 2, 2), ("prefill", 2, 2)]
)
def test_the_best_settings_are_the_fastest_in_truth(objective: str, threads: int, threads_batch: int) -> None:
    found = best_settings(SURFACE, objective)  # type: ignore[arg-type]
    assert found is not None
    settings, speedup = found
    assert (settings.threads, settings.threads_batch, settings.flash_attn) == (threads, threads_batch, "off")
    assert speedup == pytest.approx(1.1, abs=0.03)


def test_an_objective_that_the_workload_has_not_has_no_best_settings() -> None:
    assert best_settings(surface(workload=Workload(prompt=64, generate=0)), "decode") is None
