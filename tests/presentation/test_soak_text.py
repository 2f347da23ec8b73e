"""Claims about how a soak reads."""

from __future__ import annotations

from typing import Any

from tests.tuning.test_soak_findings import device, sample, wobble
from tunesmith.domain.settings import Settings
from tunesmith.domain.soak import MeanConditions, Soaked, SoakSample
from tunesmith.domain.workload import Workload
from tunesmith.presentation.soak_text import (
    CSV_HEAD,
    condition_texts,
    csv_line,
    part_rows,
    part_sentences,
    sample_cells,
    soak_notes,
)
from tunesmith.tuning.soak_findings import findings


def soaked(samples: list[SoakSample], **changed: Any) -> Soaked:
    values: dict[str, Any] = {
        "settings": Settings(threads=2, threads_batch=2, n_ctx=512),
        "workload": Workload(prompt=0, generate=64),
        "sampled": {}, "planned_seconds": 120.0, "seconds": 119.9, "end": "finished", "fault": "",
        "alpha": 0.05,
        "least_ratio": 0.03, "parts": findings(samples), "samples": tuple(samples),
    }  # fmt: skip
    return Soaked(**(values | changed))


def slowing(ratio: float, **read: Any) -> list[SoakSample]:
    return [
        sample(n, 100 * wobble(n) * (ratio if n >= 60 else 1), **(read if n >= 60 else {}))
        for n in range(120)
    ]


def test_a_fall_is_told_with_its_time_its_interval_and_its_cause() -> None:
    told = soaked(slowing(0.8, foreign_cores=0.9))
    rows = dict(part_rows(told.parts[0]))
    assert rows["Burst"].startswith("100.") or rows["Burst"].startswith("99.")
    assert "0.90 cores used by others" in rows["Sustained"]
    assert rows["Drop"].startswith("20.0% (")
    assert rows["Time to throttle"] == "1 min"
    (sentence,) = part_sentences(told.parts[0], told)
    assert sentence.startswith("After 1 min: −20.0% (−20.")
    assert sentence.endswith("Likely cause: another program.")


def test_what_a_device_tells_is_told_apart_from_what_the_processor_tells() -> None:
    told = MeanConditions(
        cpu_mhz=3400.0, temperature_celsius=71.0, package_watts=28.0, device_mhz=1700.0, device_celsius=65.0,
        device_watts=120.0, foreign_cores=None, steal_cores=None, foreign_utilization=None,
        device_throttled=(), throttled_share=None,
    )  # fmt: skip
    assert condition_texts(told) == [
        "3400 MHz", "71 °C", "28.0 W",
        "1700 MHz on the device", "65 °C on the device", "120.0 W on the device",
    ]  # fmt: skip


def test_a_rise_is_no_drop_and_its_cause_is_what_ended() -> None:
    samples = [
        sample(n, 100 * wobble(n) * (1 if n >= 60 else 0.8), foreign_cores=0.0 if n >= 60 else 0.9)
        for n in range(120)
    ]
    told = soaked(samples)
    rows = dict(part_rows(told.parts[0]))
    assert rows["Drop"].startswith("none: 25.0% faster (")
    assert "Time to throttle" not in rows
    assert part_sentences(told.parts[0], told)[0].endswith("the end of this: another program.")


def test_a_steady_speed_is_said_to_be_one() -> None:
    told = soaked([sample(n, 100 * wobble(n)) for n in range(60)])
    assert part_sentences(told.parts[0], told) == ["No change of 3% or more was found."]
    assert "Drop" not in dict(part_rows(told.parts[0]))


def test_how_it_ended_is_told() -> None:
    samples = slowing(0.8)
    assert soak_notes(soaked(samples, end="interrupted"))[0].startswith("Interrupted after 2 min")
    assert "It crashed." in soak_notes(soaked(samples, end="failed", fault="It crashed."))[0]
    assert soak_notes(soaked(samples, paused_seconds=90.0))[0].startswith("It was paused for 1 min 30 s")
    assert "Too few samples" in soak_notes(soaked(samples[:3], parts=()))[-1]


def test_a_line_has_a_cell_for_each_name_and_none_for_what_was_not_read() -> None:
    cells = sample_cells(sample(1, 90.0, devices=(device(clock_mhz=1500.0, throttled=("heat",)),)))
    named = dict(zip(CSV_HEAD, cells, strict=True))
    assert (named["device_mhz"], named["device_throttled"], named["device_watts"]) == (1500.0, "heat", None)
    assert csv_line(("a", None, "b, c")) == 'a,,"b, c"\r\n'


def test_a_line_of_a_comparison_names_the_setting_its_block_and_the_limit_that_was_given() -> None:
    told = sample(1, 90.0).model_copy(update={"setting": 1, "block": 2})
    named = dict(zip(CSV_HEAD, sample_cells(told, "threads=2", 15.0), strict=True))
    assert (named["setting"], named["block"], named["power_limit_watts_given"]) == ("threads=2", 2, 15.0)
    alone = dict(zip(CSV_HEAD, sample_cells(told), strict=True))
    assert alone["setting"] is alone["block"] is alone["power_limit_watts_given"] is None
