"""Own the tests of the live view: events in, a small display state out."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.domain.test_energy import sample, use
from tests.gui.simulated_run import flat_truth, laptop_truth, simulated
from tunesmith.domain.device_reading import DeviceReading
from tunesmith.domain.energy import GivenPower, energy_of
from tunesmith.domain.event_base import Part
from tunesmith.domain.events import (
    CandidateStanding,
    DevicesRead,
    Event,
    PowerRead,
    Progress,
    RunStarted,
    StageStarted,
    TrialFailed,
    TrialMeasured,
    TrialStarted,
)
from tunesmith.domain.measurement import Conditions
from tunesmith.domain.settings import Settings
from tunesmith.domain.worker_events import TokensTimed
from tunesmith.presentation.candidates import CandidateRow
from tunesmith.presentation.live import LiveView
from tunesmith.presentation.series import MOST_POINTS, Series, Ticks
from tunesmith.presentation.tune_result_view import result_view

S = 1_000_000_000
BASELINE = Settings(threads=4, threads_batch=4, n_ctx=1024)


def timed(at: float, part: str = "decode", tokens: int = 10, seconds: float = 0.2) -> Event:
    return TokensTimed.model_validate(
        {"part": part, "tokens": tokens, "elapsed_ns": round(seconds * S), "rss_bytes": 200 * 2**20,
         "mono_ns": round((100 + at) * S)}
    )  # fmt: skip


def folded(*events: Event) -> LiveView:
    view = LiveView()
    view.take_all(events)
    return view


def test_a_long_run_keeps_few_points_and_its_whole_length() -> None:
    view = LiveView()
    begun = time.monotonic()
    view.take_all(timed(number * 0.2) for number in range(24_000))
    assert time.monotonic() - begun < 5
    assert len(view.decode) <= MOST_POINTS
    assert len(view.memory_mib) <= MOST_POINTS
    assert view.decode.seconds[0] < 60
    assert view.decode.seconds[-1] == pytest.approx(23_999 * 0.2)
    assert list(view.decode.seconds) == sorted(view.decode.seconds)


def test_a_point_is_tokens_per_second_at_seconds_since_the_first_event() -> None:
    view = folded(timed(0), timed(1.5, tokens=30))
    assert view.decode.seconds[-1] == pytest.approx(1.5)
    assert view.decode.latest == pytest.approx(150)
    assert view.memory_mib.latest == 200
    assert not len(view.prefill)


def test_the_same_events_give_the_same_state() -> None:
    events = simulated().events
    one, other = folded(*events), folded(*events)
    assert (one.sentences, one.decode.values, one.progress_text) == (
        other.sentences, other.decode.values, other.progress_text,
    )  # fmt: skip


def test_the_baselines_line_is_the_median_of_its_own_samples_without_the_pilot() -> None:
    view = folded(*simulated(laptop_truth).events)
    assert view.baseline_speed("decode") == pytest.approx(61.3, rel=0.05)
    assert view.baseline_speed("prefill") == pytest.approx(690, rel=0.05)


def test_a_part_too_short_to_be_timed_live_gets_a_point_from_its_sample() -> None:
    events = [event for event in simulated().events if not isinstance(event, TokensTimed)]
    view = folded(*events)
    assert len(view.decode) > 50
    assert view.memory_mib.latest is not None


def test_every_candidate_ends_in_a_state_with_its_reason_in_words() -> None:
    view = folded(*simulated(laptop_truth).events)
    rows = [row for stage in view.candidates.stages for row in stage.rows.values()]
    assert {row.state for row in rows} <= {"won", "lost", "tied"}
    assert all(row.why for row in rows if row.out)
    threads = view.candidates.find("threads")
    assert threads is not None
    assert threads.winner == "3 threads"
    assert threads.rows["3 threads"].ratio == pytest.approx(1.33, abs=0.12)
    assert threads.rows["3 threads"].change_text.startswith("+")
    assert threads.rows["4 threads"].change_text == "reference"
    assert 0.05 <= threads.reach <= 1


def test_the_end_is_told_once_and_progress_is_whole() -> None:
    view = folded(*simulated(flat_truth).events)
    assert view.end is not None
    assert view.end.outcome == "defaults_are_best"
    assert view.fraction == 1
    assert view.progress_text == "100%"
    assert view.sentences[-1] == view.end.sentence[:1].upper() + view.end.sentence[1:]


def test_an_estimate_of_time_is_no_surer_than_it_is() -> None:
    view = folded(Progress(step="measuring", fraction=0.42, eta_seconds=78.3))
    assert view.progress_text == "42% · about 1 min 20 s left"
    assert view.step == "Measuring"


def test_a_failure_is_said_and_stands_in_its_row() -> None:
    view = folded(
        StageStarted(stage="s", title="Threads", candidates=("a", "b")),
        TrialFailed(stage="s", candidate="b", digest="d", cause="worker_crashed", message="it died"),
        CandidateStanding(stage="s", candidate="b", rounds=0, ratio=1, low=None, high=None, state="failed",
                          why="worker_crashed: it died"),
    )  # fmt: skip
    row = view.candidates.stages[0].rows["b"]
    assert row.state_text == "could not be measured: worker_crashed: it died"
    assert "b could not be measured: it died" in [s[:1].lower() + s[1:] for s in view.sentences]


def test_a_resumed_run_goes_on_in_time_where_it_was_cut_short() -> None:
    started = RunStarted(kind="tune", model_name="m", baseline=BASELINE, resumed=True, mono_ns=5 * S)
    view = folded(timed(0), timed(10), started, timed(0).model_copy(update={"mono_ns": 7 * S}))
    assert list(view.decode.seconds) == pytest.approx([0, 10, 12])


def test_what_is_measured_can_be_asked_by_time() -> None:
    ticks = Ticks(limit=8)
    for number in range(20):
        ticks.add(float(number), f"c{number}")
    assert ticks.at(19.5) == "c19"
    assert ticks.at(-1) == ""
    assert len(ticks.marks) <= 8
    ticks.add(30, "c19")
    assert ticks.marks[-1] == (19.0, "c19")


def test_the_nearest_value_is_found_only_near() -> None:
    series = Series()
    for second in (0.0, 1.0, 2.0):
        series.add(second, second * 10)
    assert series.near(1.2, within=0.5) == 10
    assert series.near(9, within=0.5) is None


def measured(**conditions: float | None) -> Event:
    told = Conditions.model_validate(
        {"foreign_cores": None, "wait_share": None, "steal_cores": None, **conditions}
    )
    (first,) = [e for e in simulated().events if isinstance(e, TrialMeasured)][:1]
    return first.model_copy(update={"sample": first.sample.model_copy(update={"conditions": told})})


def told(view: LiveView) -> dict[str, str]:
    return {one.kind: one.text for one in view.read_outs}


def test_only_what_can_be_read_is_read_out() -> None:
    assert LiveView().read_outs == ()
    assert told(folded(measured())) == {}
    assert told(folded(measured(temperature_celsius=62.6))) == {"temperature": "63 °C"}
    every = folded(measured(temperature_celsius=62.6, cpu_mhz=3104.2, package_watts=41.3, foreign_cores=0.21))
    assert [one.text for one in every.read_outs] == ["63 °C", "3.1 GHz", "41 W", "other programs 0.2 cores"]
    assert all(one.name and one.tip for one in every.read_outs)


@pytest.mark.parametrize(
    ("conditions", "text"),
    [
        ({"cpu_mhz": 800.0}, "800 MHz"),
        ({"cpu_mhz": 5000.0}, "5.0 GHz"),
        ({"package_watts": 6.28}, "6.3 W"),
        ({"foreign_cores": 0.04}, "quiet machine"),
    ],
)
def test_a_read_out_is_no_longer_than_it_needs(conditions: dict[str, float], text: str) -> None:
    assert list(told(folded(measured(**conditions))).values()) == [text]


def test_what_one_sample_is_too_short_to_tell_stays_as_it_was() -> None:
    view = folded(
        measured(foreign_cores=1.2, package_watts=40, cpu_mhz=3000),
        measured(foreign_cores=None, package_watts=None, cpu_mhz=2000),
    )
    assert told(view) == {"clock": "2.0 GHz", "power": "40 W", "load": "other programs 1.2 cores"}
    assert view.busy
    assert [one.kind for one in view.read_outs if one.warns] == ["load"]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (CandidateRow("a", held=True, rounds=2, ratio=1.0), "reference"),
        (CandidateRow("a"), "–"),
        (CandidateRow("a", rounds=1, ratio=0.92), "about −8%"),
        (CandidateRow("a", rounds=5, ratio=1.124, low=1.12, high=1.128), "+12.4%"),
        (CandidateRow("a", rounds=5, ratio=1.124, low=1.02, high=1.23), "+12%"),
    ],
)
def test_a_change_is_written_to_the_places_its_interval_supports(row: CandidateRow, text: str) -> None:
    assert row.change_text == text


def test_the_current_candidate_is_named() -> None:
    view = folded(TrialStarted(stage="confirm", candidate="tuned", digest="d", round=1, mono_ns=S))
    assert view.candidate == "tuned"
    assert view.step == "Confirming in fresh processes"
    assert view.ticks.marks == [(0.0, "tuned")]


def test_a_gain_is_told_as_a_sentence_a_number_and_the_proof() -> None:
    run = simulated(laptop_truth)
    view = result_view(run.result)
    assert view.improved
    assert view.headline.startswith(f"Answers come {view.big.rstrip('×')} times as fast")
    assert view.big_note.startswith("95% sure of 1.")
    assert {change.setting for change in view.changes} >= {"threads", "threads_batch"}
    assert {row.name for row in view.quantities} >= {"Prefill", "Decode", "TTFT", "ITL", "Peak memory"}
    assert view.saved == f"Saved as {run.result.profile.name}."  # type: ignore[union-attr]


def test_energy_stands_below_the_speeds_where_it_is_told_and_says_if_it_was_given() -> None:
    result = simulated(laptop_truth).result
    assert not any("Energy" in row.name for row in result_view(result).quantities)
    before, after = energy_of([sample(use())]), energy_of([sample(use(decode_j=100.0))])
    view = result_view(replace(result, baseline_energy=before, tuned_energy=after))
    prefill, decode = view.quantities[-2:]
    assert (prefill.name, prefill.before[0], prefill.change) == ("Energy, prefill", "1.00 J/tok", "")
    assert (decode.before[0], decode.after[0], decode.change) == ("2.50 J/tok", "1.25 J/tok", "−50%")
    assert "Energy is what these sensors tell, and no more: package-0." in view.notes
    given = energy_of([sample()], given=GivenPower(load_watts=65.0, idle_watts=15.0))
    view = result_view(replace(result, baseline_energy=given, tuned_energy=given))
    assert view.quantities[-1].name == "Energy, decode (given)"


def test_no_gain_is_told_in_the_same_places() -> None:
    view = result_view(simulated(flat_truth).result)
    assert view.headline == "llama.cpp's defaults are already the best here"
    assert 58 <= float(view.big) <= 64
    assert view.big_unit == "tok/s"
    assert view.reason.startswith("None of ")
    assert not view.changes


@pytest.mark.parametrize(
    ("part", "said"), [("decode", "No limit is drawn"), ("prefill", "No limit of prefill is drawn")]
)
def test_a_limit_comes_with_the_run_and_goes_when_a_sample_is_faster(part: Part, said: str) -> None:
    events = simulated(laptop_truth).events
    begun = next(event for event in events if isinstance(event, RunStarted))
    samples = [event.sample for event in events if isinstance(event, TrialMeasured)]
    fastest = max(getattr(sample, f"{part}_tokens_per_s") or 0.0 for sample in samples)
    for limit, kept in ((fastest * 1.01, fastest * 1.01), (fastest * 0.99, None)):
        told = begun.model_copy(update={f"{part}_limit_tokens_per_s": limit})
        view = folded(*(told if event is begun else event for event in events))
        assert view.limits[part] == kept
        assert any(sentence.startswith(said) for sentence in view.sentences) == (kept is None)


def test_the_power_told_is_a_line_and_a_read_out_in_place_of_the_last_samples() -> None:
    last = PowerRead(watts=43.6, sensors=("package-0", "dram"), core_share=0.0005, mono_ns=3 * S)
    view = folded(PowerRead(watts=41.0, sensors=("package-0",), mono_ns=2 * S), last)
    assert list(view.power_watts.values) == [41.0, 43.6]
    (one,) = view.read_outs
    assert (one.kind, one.text) == ("drawn", "44 W")
    assert "package-0, dram" in one.tip
    assert "0.05% of one core" in one.tip


def test_where_no_power_can_be_read_the_reason_is_a_quiet_line_and_no_plot() -> None:
    view = folded(PowerRead(watts=None, why="package-0: only root may read it"))
    assert not len(view.power_watts)
    (one,) = view.read_outs
    assert (one.kind, one.text) == ("no_power", "no power: package-0: only root may read it")
    assert not one.warns


def device_read(**quantities: Any) -> DevicesRead:
    reading = DeviceReading(pci_id="0000:41:00.0", name="NVIDIA H100", source="nvml", mono_ns=1, **quantities)
    return DevicesRead(readings=(reading,))


def test_a_graphics_device_has_a_read_out_as_last_read() -> None:
    first = device_read(utilization=0.1)
    last = device_read(
        utilization=0.34, temperature_celsius=61.0, power_watts=310.2, clock_mhz=1980.0,
        memory_used_bytes=12 * 2**30, memory_total_bytes=80 * 2**30, throttled=(), foreign_processes=0,
    )  # fmt: skip
    (one,) = folded(first, last).read_outs
    assert (one.kind, one.text) == ("device0", "34% · 61 °C · 310 W · 1.98 GHz · 12.0 GiB of 80.0 GiB")
    assert "NVML" in one.tip
    assert not one.warns


def test_a_clock_held_down_and_others_on_a_device_warn() -> None:
    (hot,) = folded(device_read(throttled=("heat",))).read_outs
    assert hot.warns
    assert "held down: heat" in hot.tip
    shared = device_read(
        foreign_processes=1, foreign_utilization=0.4, missing={"power_watts": "for root alone"}
    )
    (busy,) = folded(shared).read_outs
    assert busy.warns
    assert "1 other program holds memory on it, busy 40% of the time." in busy.tip
    assert "Not told: power (for root alone)." in busy.tip
