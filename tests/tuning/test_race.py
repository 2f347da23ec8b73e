"""Claims about tunesmith.tuning.race."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.domain.settings import Settings
from tunesmith.tuning.race import Arm, Race

BASE = Settings(threads=8, threads_batch=8, n_ctx=1024)
ALPHA = 0.05 / 7
"""What one of seven questions gets."""


def arms(count: int) -> list[Arm]:
    """Arms called A, B, C …, with settings of their own."""
    return [Arm(chr(ord("A") + number), BASE.replace(threads=number + 1)) for number in range(count)]


def race(
    count: int = 2, *, alpha: float = ALPHA, margin: float = 0.02, max_rounds: int = 16, worse: str = "slower"
) -> Race:
    return Race(arms(count), alpha=alpha, margin=margin, max_rounds=max_rounds, worse=worse)


def run(race: Race, ratios: list[float], *, noise: float = 0.02, seed: int = 0) -> Arm:
    """Race arms whose true speeds stand in the given ratios to an anchor's; return the winner."""
    rng = random.Random(seed)
    while not race.finished:
        anchors = [rng.gauss(math.log(ratios[0]), noise) for _ in range(2)]
        anchor = sum(anchors) / 2
        scores = {
            arm.label: 0.0 if arm is race.arms[0] else rng.gauss(math.log(ratio), noise) - anchor
            for arm, ratio in zip(race.arms, ratios, strict=True)
        }
        race.add_round(scores)
    return race.winner()


def feed(race: Race, *rounds: tuple[float, ...]) -> None:
    for scores in rounds:
        race.add_round(dict(zip([arm.label for arm in race.arms], scores, strict=True)))


# ------------------------------------------------------------- deciding


def test_a_clearly_slower_arm_is_dropped_after_three_rounds() -> None:
    dropped = 0
    for seed in range(50):
        rng = random.Random(seed)
        now = race()
        feed(now, *((0.0, math.log(0.4) + rng.gauss(0, 0.02)) for _ in range(3)))
        dropped += now.arms[1].state in ("lost", "tied")
    assert dropped >= 45


def test_an_arm_that_lost_says_by_how_much_and_to_whom() -> None:
    now = race()
    feed(now, (0.0, -0.5), (0.0, -0.51), (0.0, -0.5))
    assert now.arms[1].state == "lost"
    assert now.arms[1].why.startswith("at least 3")
    assert now.arms[1].why.endswith("% slower than A")


def test_what_a_lower_score_means_is_said_in_the_reason() -> None:
    now = race(worse="worse")
    feed(now, (0.0, -0.5), (0.0, -0.51), (0.0, -0.5))
    assert "worse than A" in now.arms[1].why


def test_an_arm_that_breaks_a_constraint_leaves_as_infeasible() -> None:
    now = race()
    now.arms[1].broken = "TTFT 612 ms is above 500 ms"
    feed(now, (0.0, -5.5), (0.0, -5.51), (0.0, -5.5))
    assert (now.arms[1].state, now.arms[1].why) == ("infeasible", "TTFT 612 ms is above 500 ms")


def test_arms_that_are_proven_alike_leave_the_simpler_one() -> None:
    now = race(3)
    feed(now, *((0.0, 0.001 + 0.0001 * (n % 2), 0.002 + 0.0002 * (n % 3)) for n in range(4)))
    assert now.finished
    assert now.winner().label == "A"
    assert [arm.state for arm in now.arms] == ["won", "tied", "tied"]
    assert "no gain worth a change from A" in now.arms[1].why


def test_an_arm_proven_better_by_less_than_the_margin_is_a_tie() -> None:
    now = race(max_rounds=40)
    assert run(now, [1.0, 1.01], noise=0.001).label == "A"
    assert now.rounds < 10
    assert now.arms[1].why.startswith("no gain worth a change from A: +0.9%, at most +1.")


def test_of_two_better_arms_that_are_alike_the_simpler_one_wins() -> None:
    now = race(3, max_rounds=40)
    assert run(now, [1.0, 1.2, 1.2], noise=0.005).label == "B"
    assert now.arms[0].state == "lost"


def test_nothing_replaces_the_first_arm_without_proof() -> None:
    now = race(max_rounds=4)
    feed(now, (0.0, 0.3), (0.0, -0.2), (0.0, 0.4), (0.0, 0.1))
    assert now.finished
    assert now.winner() is now.arms[0]
    assert now.arms[1].why == "not proven better than A in 4 rounds"


def test_one_good_round_is_no_proof() -> None:
    now = race()
    feed(now, (0.0, 0.5))
    assert now.winner() is now.arms[0]


def test_a_better_arm_wins_at_the_end_although_others_are_undecided() -> None:
    now = race(3, max_rounds=5)
    feed(now, *((0.0, 0.2 + 0.001 * n, 0.1 * (-1) ** n) for n in range(5)))
    assert now.winner().label == "B"
    assert now.arms[0].state in ("lost", "tied")


def test_an_arm_in_which_no_gain_is_in_sight_leaves_early() -> None:
    now = race(max_rounds=40)
    run(now, [1.0, 0.99], noise=0.02)
    assert now.rounds < 20
    assert "in sight" in now.arms[1].why


def test_a_race_of_one_is_over() -> None:
    alone = race(1)
    assert alone.finished
    assert alone.winner() is alone.arms[0]


def test_a_race_needs_arms_with_labels_of_their_own() -> None:
    with pytest.raises(ValueError, match="label"):
        Race([], alpha=0.05, margin=0.02, max_rounds=8)
    with pytest.raises(ValueError, match="label"):
        Race([Arm("A", BASE), Arm("A", BASE)], alpha=0.05, margin=0.02, max_rounds=8)


def test_a_missing_score_is_refused() -> None:
    with pytest.raises(KeyError):
        race().add_round({"A": 0.0})


# ------------------------------------------------------------- failing


def test_a_failing_arm_leaves_the_race_and_the_others_go_on() -> None:
    now = race(3, max_rounds=40)
    now.fail(now.arms[1], "worker_crashed: it fell over")
    assert [arm.label for arm in now.racing] == ["A", "C"]
    assert run_without(now, "B", [1.0, 1.0, 1.3]).label == "C"
    assert (now.arms[1].state, now.arms[1].why) == ("failed", "worker_crashed: it fell over")


def run_without(now: Race, label: str, ratios: list[float]) -> Arm:
    rng = random.Random(3)
    while not now.finished:
        now.add_round(
            {
                arm.label: rng.gauss(math.log(ratio), 0.01)
                for arm, ratio in zip(now.arms, ratios, strict=True)
                if arm.label != label
            }
        )
    return now.winner()


def test_when_the_arm_that_beat_the_first_fails_the_first_holds() -> None:
    now = race(3)
    feed(now, (0.0, 0.5, 0.0), (0.0, 0.51, 0.1), (0.0, 0.5, -0.1))
    assert now.arms[0].state == "lost"
    now.fail(now.arms[1], "worker_crashed: gone")
    assert now.winner() is now.arms[0]


def test_when_all_others_fail_the_first_holds() -> None:
    now = race(3)
    for arm in now.arms[1:]:
        now.fail(arm, "refused")
    assert now.finished
    assert now.winner() is now.arms[0]


def test_the_anchor_is_scored_after_it_has_lost() -> None:
    now = race(3, max_rounds=40)
    run(now, [1.0, 1.5, 1.49], noise=0.004)
    assert len(now.arms[0].scores) == now.rounds


# ------------------------------------------------------------- how often it errs


def test_a_first_arm_as_good_as_the_others_is_replaced_no_more_often_than_stated() -> None:
    wrong = sum(run(race(alpha=0.05), [1.0, 1.0], seed=seed).label != "A" for seed in range(500))
    assert wrong / 500 <= 0.05


def test_many_equal_arms_do_not_make_it_err_more() -> None:
    wrong = sum(run(race(7, alpha=0.05), [1.0] * 7, seed=seed).label != "A" for seed in range(500))
    assert wrong / 500 <= 0.05


def test_a_slower_arm_does_not_win() -> None:
    assert all(run(race(), [1.0, 0.99], noise=0.03, seed=seed).label == "A" for seed in range(300))


@pytest.mark.parametrize("rounds", [16, 24])
def test_an_arm_5_percent_better_at_2_percent_noise_wins(rounds: int) -> None:
    won = sum(run(race(max_rounds=rounds), [1.0, 1.05], seed=seed).label == "B" for seed in range(300))
    assert won / 300 >= 0.95


def test_the_best_of_six_wins_although_another_is_better_than_the_first() -> None:
    ratios = [1.0, 0.7, 1.06, 1.15, 0.9, 1.0]
    won = sum(run(race(6, max_rounds=24), ratios, seed=seed).label == "D" for seed in range(200))
    assert won / 200 >= 0.95


def test_what_the_bound_says_of_the_others_holds() -> None:
    """Whatever wins: no other is better than it by more than the bound."""
    wrong = 0
    for seed in range(200):
        rng = random.Random(1000 + seed)
        ratios = [1.0, *(rng.uniform(0.9, 1.12) for _ in range(3))]
        now = race(4, alpha=0.05)
        winner = run(now, ratios, seed=seed)
        truth = max(ratios) / ratios[now.arms.index(winner)]
        wrong += math.log(truth) > now.bound() + 1e-12
    assert wrong / 200 <= 0.05


@given(
    st.integers(2, 5),
    st.lists(st.lists(st.floats(-50, 50), min_size=5, max_size=5), min_size=1, max_size=12),
    st.integers(3, 12),
)
def test_any_scores_end_in_exactly_one_winner(count: int, rounds: list[list[float]], most: int) -> None:
    now = race(count, max_rounds=most)
    for scores in rounds:
        if now.finished:
            break
        feed(now, tuple(scores[:count]))
    winner = now.winner()
    assert [arm for arm in now.arms if arm.state == "won"] == [winner]
    assert not [arm for arm in now.arms if arm.state == "racing"]
    assert now.bound() >= 0
