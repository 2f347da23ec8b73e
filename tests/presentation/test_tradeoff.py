"""Claims about how candidates' speed against what they take is shown: axes, dots, words, JSON."""

from __future__ import annotations

import pytest

from tests.domain.test_tradeoff import DEFAULTS, FEWER, of, sample
from tests.gui.simulated_run import Simulated, simulated
from tunesmith.domain.energy import GivenPower
from tunesmith.domain.tradeoff import Tradeoff
from tunesmith.presentation.axis import axis_of
from tunesmith.presentation.documents import tune_document
from tunesmith.presentation.tradeoff import Measure, candidate_facts, to_text, trade_choices, trade_view


@pytest.fixture(scope="module")
def run() -> Simulated:
    return simulated(sensor=True)


@pytest.fixture(scope="module")
def told(run: Simulated) -> Tradeoff:
    assert run.result.tradeoff is not None
    return run.result.tradeoff


@pytest.mark.parametrize("measure", ["energy", "memory"])
def test_all_that_is_drawn_lies_within_the_axes(told: Tradeoff, measure: Measure) -> None:
    view = trade_view(told, measure)
    assert len(view.dots) == len(told.candidates)
    for dot in view.dots:
        for axis, value, ends in ((view.x, dot.at[0], dot.x_ends), (view.y, dot.at[1], dot.y_ends)):
            assert all(axis.start <= one <= axis.end for one in (value, *(ends or ())))
    assert {"the defaults", "tuned"} <= {dot.name for dot in view.dots}


def test_the_line_rises_through_those_of_the_front(told: Tradeoff) -> None:
    view = trade_view(told, "energy")
    assert len(view.line) > 1
    assert list(view.line) == sorted(view.line)
    assert [y for _x, y in view.line] == sorted(y for _x, y in view.line)
    assert set(view.line) <= {dot.at for dot in view.dots if dot.worth}


def test_the_frugal_one_is_named_where_it_was_not_kept(told: Tradeoff) -> None:
    view = trade_view(told, "energy")
    assert view.sentences[0].startswith("Tuned: ")
    assert view.sentences[1].startswith("The defaults: ")
    assert view.sentences[2].startswith("Least of all: ")
    assert "J/tok" in view.sentences[2]


def test_where_nothing_tells_energy_memory_is_left_and_the_reason_is_said() -> None:
    found = of((DEFAULTS, sample(prefill_ms=20, steps_ms=(10,))), silent="package-0: only root may read it")
    energy, memory = trade_choices(found)
    assert (energy.measure, energy.reason) == ("energy", "package-0: only root may read it")
    assert (memory.measure, memory.reason) == ("memory", "")
    assert "Speed against energy: package-0: only root may read it." in to_text(found)


def test_given_watts_are_labelled_at_the_axis_and_at_each_mark() -> None:
    given = GivenPower(load_watts=65.0, idle_watts=15.0)
    found = of((DEFAULTS, sample(prefill_ms=20, steps_ms=(10,))), given=given)
    view = trade_view(found, "energy")
    assert view.x.name == "joules per token (given)"
    assert "(given)" in view.dots[0].reading
    assert "energy tells nothing that time does not" in view.note


def test_candidates_that_cannot_be_drawn_are_counted() -> None:
    found = of(
        (DEFAULTS, sample(prefill_ms=20, steps_ms=(10,), watts=50.0)),
        (FEWER, sample(steps_ms=(8,), why="too short")),
    )
    assert "1 candidate is not drawn" in trade_view(found, "energy").note
    assert "not drawn" not in trade_view(found, "memory").note


def test_a_plot_of_one_part_says_which() -> None:
    found = of((DEFAULTS, sample(steps_ms=(10,), watts=50.0)), parts=("decode",))
    assert trade_view(found, "energy").y.name == "decode, tokens per second"


def test_all_of_it_is_told_as_text(told: Tradeoff) -> None:
    text = to_text(told)
    assert len(text.splitlines()) == len(told.candidates) + 1
    assert "the defaults: " in text
    assert ", tuned: " in text
    assert " W · " in text


def test_the_document_lists_every_candidate_with_its_energy(run: Simulated, told: Tradeoff) -> None:
    found = tune_document(run.result).candidates
    assert found == candidate_facts(told)
    assert [one.standing for one in found][-2:] == ["baseline", "chosen"]
    for one in found:
        assert one.energy_origin == "measured"
        assert one.joules_per_token is not None
        assert one.energy_reason is None
    assert any(one.pareto for one in found)


def test_without_a_sensor_the_document_has_null_and_the_reason() -> None:
    (one,) = candidate_facts(of((DEFAULTS, sample(prefill_ms=20, steps_ms=(10,)))))
    assert (one.joules_per_token, one.energy_origin, one.pareto) == (None, "none", False)
    assert one.energy_reason == "no sensor tells it"
    assert candidate_facts(None) == ()


@pytest.mark.parametrize(
    ("values", "start", "end"),
    [((50.0, 61.0), 50.0, 62.5), ((0.1, 0.9), 0.0, 1.0), ((5.0,), 4.0, 6.0), ((99.0, 101.0), 99.0, 101.0)],
)
def test_axes_end_at_round_numbers(values: tuple[float, ...], start: float, end: float) -> None:
    axis = axis_of(values, "x")
    assert axis.start == pytest.approx(start)
    assert axis.end == pytest.approx(end)
    assert 2 <= len(axis.ticks) <= 8


def test_the_texts_of_an_axis_are_in_its_unit() -> None:
    axis = axis_of((338.0 * 2**20, 474.0 * 2**20), "memory, MiB", unit=2**20)
    assert axis.ticks[0] == (300 * 2**20, "300")
