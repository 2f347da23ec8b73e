"""Claims about the words for what was made best: where it was no speed, nothing is called fast."""

from __future__ import annotations

from decimal import Decimal

import pytest
from rich.console import Console, RenderableType

from tests.gui.simulated_run import Simulated, laptop_truth, simulated
from tunesmith.domain.gain import faster_sentence, gained, times_words
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.prices import Prices
from tunesmith.domain.profile import FitComparison
from tunesmith.domain.workload import Objective, ObjectiveName
from tunesmith.presentation.candidates import CandidateRow
from tunesmith.presentation.chat import profile_words
from tunesmith.presentation.explain import explain
from tunesmith.presentation.explain_text import explain_report
from tunesmith.presentation.objective_text import given_note
from tunesmith.presentation.profiles import result_sentence
from tunesmith.presentation.safety_text import fit_sentence
from tunesmith.presentation.tune_result_view import result_view
from tunesmith.presentation.tune_text import profile_report, tune_report

TWICE = Quantity(median=2.0, low=1.9, high=2.1, confidence=0.95, samples=(2.0,), noisy=False, interval="mean")


@pytest.fixture(scope="module")
def frugal() -> Simulated:
    return simulated(
        lambda settings: laptop_truth(settings).times(watts=1 / settings.threads), sensor=True,
        objective="efficiency",
    )  # fmt: skip


def printed(parts: list[RenderableType]) -> str:
    console = Console(width=200, record=True, file=None, quiet=False)
    with console.capture() as caught:
        for part in parts:
            console.print(part)
    return caught.get()


@pytest.mark.parametrize("objective", ["efficiency", "cost"])
def test_a_ratio_of_energy_or_money_is_never_called_fast(objective: ObjectiveName) -> None:
    for words in (faster_sentence(objective, "2.0"), times_words(objective, "2.0"), gained(objective)):
        assert "fast" not in words
        assert "speed" not in words
        assert "token" in words


@pytest.mark.parametrize("objective", ["response", "decode", "prefill", "throughput", "memory"])
def test_a_ratio_of_the_others_is_one_of_speed(objective: ObjectiveName) -> None:
    assert gained(objective) == "speed"
    assert times_words(objective, "2.0") == "2.0 times as fast"


def test_a_tune_for_tokens_per_joule_reads_as_one_everywhere(frugal: Simulated) -> None:
    result, profile = frugal.result, frugal.result.profile
    assert profile is not None
    view = result_view(result)
    assert view.headline.startswith("A joule makes ")
    assert view.big_unit == "tokens per joule"
    texts = [
        printed(tune_report(result)), printed(profile_report(profile)), result_sentence(profile),
        profile_words(profile), printed(explain_report(explain(profile, frugal.events))),
    ]  # fmt: skip
    for text in texts:
        assert "faster" not in text
        assert "slower" not in text
        assert "as fast" not in text
    assert "Tokens per joule against defaults" in texts[1]
    assert "times as many tokens of a joule as the defaults" in texts[3]
    assert "Tokens per joule" in texts[4]
    assert "Energy, decode" in texts[0]


def test_an_explanation_says_what_its_ratios_are_of(frugal: Simulated) -> None:
    assert frugal.result.profile is not None
    assert explain(frugal.result.profile, None).objective == "efficiency"


def test_llama_cpps_fit_is_compared_in_what_was_made_best(frugal: Simulated) -> None:
    fit = FitComparison(
        settings=frugal.result.tuned.settings, same_as="baseline", measured=None, speedup=TWICE
    )
    assert fit_sentence(fit, "efficiency").endswith("2.00 (1.90–2.10) times as many tokens of a joule.")
    assert fit_sentence(fit, "response").endswith("2.00 (1.90–2.10) times as fast.")


def test_a_candidate_that_lost_without_a_reason_is_worse() -> None:
    assert CandidateRow("2 threads", rounds=3, ratio=0.9, state="lost").state_text == "worse"


def test_a_cost_without_prices_is_refused_and_not_called_a_tune_for_speed() -> None:
    assert given_note(Objective(name="cost"), None) == ""
    assert "as speed does" in given_note(Objective(name="cost", prices=Prices(hardware=Decimal(900))), None)
