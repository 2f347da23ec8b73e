"""Own the claims about a tune for sustained speed, from request to stored profile."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from tests.services.simulated_source import SimulatedSource
from tests.services.test_tune import Bench, finished
from tests.support.cli import CommandLine
from tests.support.gguf_writer import tiny_llama
from tests.support.heat import HeatingMachine
from tests.tuning.machines import cores, machine
from tests.tuning.simulation import SimulatedMachine, flat, request
from tunesmith.domain.events import TrialMeasured
from tunesmith.domain.machine import machine_class
from tunesmith.domain.profile_file import profile_file, profile_of
from tunesmith.domain.request import TuneRequest
from tunesmith.domain.workload import BUDGETS, Budget
from tunesmith.errors import Interrupted
from tunesmith.presentation.documents import tune_document
from tunesmith.presentation.kept_soak_text import sustained_text
from tunesmith.presentation.steady_text import held_rows, held_sentence
from tunesmith.presentation.tune_text import profile_report
from tunesmith.services import tune as service
from tunesmith.services.context import Surroundings
from tunesmith.services.verify_rounds import has_baseline
from tunesmith.store import Store

EIGHT = machine(cores(8), default_threads=8)
HALF_USED = Budget(name="custom", seconds=800, max_rounds=24, passes=1)
"""The other half is twelve blocks of 33 seconds."""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A bench on eight cores; no worker is started."""
    found = Surroundings(machine=EIGHT, machine_class=machine_class(EIGHT))
    monkeypatch.setenv("TUNESMITH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(service, "survey_machine", lambda _controls, **_named: found)
    with Store.open(tmp_path / "store.sqlite3") as store:
        yield Bench(tiny_llama(layers=1).write(tmp_path / "tiny.gguf"), store)


def wanted(bench: Bench, budget: Budget = HALF_USED) -> TuneRequest:
    return request(objective="sustained", budget=budget).model_copy(
        update={"model_path": str(bench.model), "warm_start": False}
    )


def hot(**changes: float) -> SimulatedSource:
    return SimulatedSource(HeatingMachine(seed=1, noise=0.01, **changes))  # type: ignore[arg-type]


def test_the_profile_carries_what_the_finalists_held_and_the_one_that_held_most(bench: Bench) -> None:
    result, _ = bench.tune(hot(), wanted(bench))
    profile = result.profile
    assert profile is not None
    assert (profile.settings.threads, profile.settings.flash_attn) == (6, "off")
    assert result.outcome in ("improved", "budget_spent")  # half of it is short for the search
    assert result.sentence.startswith("At steady state answers come 1.2")
    assert "no steady state" not in result.sentence
    assert profile.steady is not None
    assert [one.label for one in profile.steady.settings][1:] == ["fastest while cool", "fewer threads"]
    assert profile.guarantee is not None
    assert profile.guarantee.bound is None
    document = tune_document(result)
    assert document.steady == profile.steady
    assert document.candidates  # none of them by samples of one part alone
    assert profile_of(profile_file(profile)).steady == profile.steady
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(*profile_report(profile))
    shown = console.export_text()
    assert "fewer threads" in shown
    assert "fewer threads holds more than" in shown
    assert profile.held is not None
    assert [name for name, *_ in held_rows(profile.held)] == [
        "Prefill, tok/s", "Decode, tok/s", "Whole request, tok/s",
    ]  # fmt: skip
    assert held_sentence(profile.steady).startswith("Finalists at steady state: fewer threads holds more")
    assert sustained_text(profile, "decode").startswith("12")
    assert not has_baseline(profile, (), EIGHT)


def test_without_heat_it_ends_as_a_tune_for_the_response_does(bench: Bench) -> None:
    result, _ = bench.tune(hot(heats=False), wanted(bench))
    assert result.tuned.settings.threads == 8
    assert result.tuned.settings.flash_attn == "off"


def test_where_nothing_is_better_the_defaults_are_kept(bench: Bench) -> None:
    result, _ = bench.tune(SimulatedSource(SimulatedMachine(flat, seed=1)), wanted(bench))
    assert result.outcome == "defaults_are_best"
    assert result.profile is not None
    assert result.profile.settings == result.baseline.settings
    assert result.profile.steady is not None


def test_a_budget_too_short_for_a_steady_state_says_so(bench: Bench) -> None:
    result, _ = bench.tune(hot(), wanted(bench, BUDGETS["quick"]))
    assert result.sentence.endswith("; no steady state was seen, give it more time")


def test_a_run_stopped_at_steady_state_goes_on_there_and_ends_as_it_would_have(bench: Bench) -> None:
    expected, events = bench.tune(hot(), wanted(bench))
    measured = [event for event in events if isinstance(event, TrialMeasured)]
    first = next(place for place, event in enumerate(measured) if event.stage == "steady")
    assert first + 200 < len(measured)
    now = hot()
    now.stop_before = first + 200
    error, stopped = bench.failure(now, wanted(bench))
    assert isinstance(error, Interrupted)
    assert finished(stopped).outcome == "interrupted"
    now.stop_before = None
    result, _ = bench.tune(now, resume="latest")
    assert result.trials == expected.trials
    assert result.speedup == expected.speedup
    assert result.steady == expected.steady


@pytest.mark.model
def test_a_real_tune_of_a_few_seconds_ends_well(
    tunesmith: CommandLine, smollm2_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "with_ceilings", lambda found, *_, **__: found)
    done = tunesmith.inline(
        "tune", smollm2_path, "--objective", "sustained", "--budget", "4s", "--workload",
        "prompt=16,generate=8", "--vary", "threads,threads_batch", "--json", "--quiet",
    )  # fmt: skip
    assert done.code in (0, 5), done.err
    if done.code == 5:  # others had the machine
        assert done.document["error"] == "noisy"
        return
    told = done.document["steady"]
    assert told["settings"][0]["label"] == "llama.cpp's defaults"
    assert told["rounds"] >= 3
    assert not any(one["settled"] for one in told["settings"])
    assert "no steady state was seen" in done.document["sentence"]
