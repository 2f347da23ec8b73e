"""A configuration of the user's own is what a tune has to beat, and llama.cpp's defaults are a candidate."""

from __future__ import annotations

from typing import Any

from tests.services.simulated_source import SimulatedSource
from tests.services.test_tune import SURROUNDINGS, Bench, bench, gain
from tests.tuning.machines import TWO_CORE_VM
from tests.tuning.simulation import CHAT, SimulatedMachine, Speeds
from tunesmith.domain.request import GivenBaseline, TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.services.tune_start import starting_points
from tunesmith.tuning.space import baseline_settings

__all__ = ["bench"]
DEFAULTS = baseline_settings(TWO_CORE_VM, CHAT)


def asked(made: Bench, **settings: Any) -> TuneRequest:
    """A tune that has these settings to beat."""
    given = GivenBaseline(label="my presets · mine", settings=settings)
    return made.request().model_copy(update={"baseline": given})


def source(truth: Any) -> SimulatedSource:
    """Samples of a machine on which something is true."""
    return SimulatedSource(SimulatedMachine(truth))


def slow_mapping(settings: Settings) -> Speeds:
    """Half as fast where the cache is f32."""
    return Speeds() if settings.type_k != "f32" else Speeds().times(prefill=0.5, decode=0.5)


def test_the_configuration_is_the_baseline_and_the_rest_is_as_llama_cpp_has_it(bench: Bench) -> None:
    request = asked(bench, threads=1, n_batch=256)
    baseline, start = starting_points(request, SURROUNDINGS)
    assert baseline == start == DEFAULTS.replace(threads=1, threads_batch=1, n_batch=256, n_ubatch=256)


def test_what_beats_the_configuration_is_compared_with_it(bench: Bench) -> None:
    result, _ = bench.tune(source(gain), asked(bench, flash_attn="on"))
    assert result.outcome == "improved"
    assert result.baseline.settings == DEFAULTS.replace(flash_attn="on")
    assert result.tuned.settings.flash_attn == "off"
    assert result.profile is not None
    assert result.profile.baseline_label == "my presets · mine"
    assert bench.store.profile(result.profile.id).baseline_label == "my presets · mine"


def test_a_configuration_that_nothing_beats_is_said_to_be_best(bench: Bench) -> None:
    result, _ = bench.tune(source(gain), asked(bench, flash_attn="off"))
    assert result.outcome == "defaults_are_best"
    assert result.sentence.startswith("Your settings are best here")
    assert result.tuned.settings == DEFAULTS.replace(flash_attn="off")


def test_llama_cpps_defaults_are_tried_where_no_question_asks_for_them(bench: Bench) -> None:
    result, _ = bench.tune(source(slow_mapping), asked(bench, type_k="f32", n_batch=1024))
    assert result.outcome == "improved"
    assert result.tuned.settings.type_k != "f32"
