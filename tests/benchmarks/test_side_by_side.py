"""Own the claims about the side-by-side comparison: what the others print is read, and the arithmetic."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from tests.benchmarks.rivals import Place, Rival, Unreadable, all_rivals
from tests.benchmarks.rivals.llama_optimus import LlamaOptimus
from tests.benchmarks.rivals.parameter_scout import ParameterScout
from tests.benchmarks.rivals.tunesmith import Tunesmith
from tests.benchmarks.sides.neutral import bench_arguments, measure_arguments
from tests.benchmarks.sides.record import (
    DEFAULTS,
    READINGS,
    Comparison,
    Sample,
    Search,
    against,
    figure,
    verdict,
)
from tests.benchmarks.sides.report import changes, claims, fill, render
from tests.benchmarks.sides.searches import run_timed, search, shown
from tunesmith.domain.settings import Settings
from tunesmith.domain.statistics import quantity

FOLDER = Path(__file__).parent / "rivals" / "outputs"
BASELINE = Settings(threads=2, threads_batch=2, n_ctx=1024)


def recorded(name: str) -> str:
    """What a tuner printed once, cut down."""
    return (FOLDER / name).read_text("utf-8")


def a_search(contestant: str, settings: Settings | None, seconds: float) -> Search:
    """A search that told its result after some seconds."""
    return Search(
        contestant=contestant, version="1", objective="speed", command="it", result_seconds=seconds,
        seconds=seconds + 5, settings=settings, claim="", failure=None if settings else "found nothing",
    )  # fmt: skip


def a_comparison(speeds: dict[str, float], seconds: dict[str, float], rounds: int = 6) -> Comparison:
    """Contestants with a true speed in all readings, some noise, and a machine that all share."""
    samples = []
    for number in range(rounds):
        weather = 1 + 0.3 * math.sin(number)
        for place, (name, speed) in enumerate(speeds.items()):
            for reading in READINGS:
                noisy = speed * weather * (1 + 0.002 * math.cos(7 * number + place))
                value = 1000 / noisy if reading.kind == "response" else 100 * noisy
                samples.append(
                    Sample(
                        round=number + 1, place=place, contestant=name, reading=reading.name, values=(value,)
                    )
                )
    searches = [
        a_search(name, BASELINE.replace(n_ubatch=place + 1), seconds[name])
        for place, name in enumerate(speeds)
        if name != DEFAULTS
    ]
    return Comparison(
        started="2026-01-01 00:00 UTC", machine="a machine", versions={"llama-bench": "1"}, model="m.gguf",
        model_sha256="0" * 64, rehearsal=False, baseline=BASELINE, samples=tuple(samples),
        searches=tuple(searches),
    )  # fmt: skip


SPEEDS = {DEFAULTS: 1.0, "Tunesmith": 1.1, "llama-optimus": 0.9}
SECONDS = {"Tunesmith": 60.0, "llama-optimus": 900.0}


def test_a_server_command_of_llama_optimus_is_read_as_settings() -> None:
    found = LlamaOptimus().read(recorded("llama_optimus.txt"), BASELINE)
    assert found.settings.threads == found.settings.threads_batch == 2
    assert found.settings.n_ubatch <= found.settings.n_batch
    assert found.settings.n_gpu_layers >= 0
    assert "tg192" in found.claim


def test_a_bare_flash_attention_flag_is_read_as_on_and_none_as_llama_cpps_default() -> None:
    line = " $LLAMA_BIN/llama-server --model $MODEL -t 1 --batch-size 100 --ubatch-size 400 -ngl 7"
    without = LlamaOptimus().read(line, BASELINE)
    bare = LlamaOptimus().read(f'{line}  --override-tensor "blk.=CPU"  --flash-attn ', BASELINE)
    assert without.settings.flash_attn == "auto"
    assert without.notes == ()
    assert bare.settings.flash_attn == "on"
    assert len(bare.notes) == 2
    assert without.settings.n_ubatch == 100  # as llama.cpp cuts it


def test_a_recommendation_of_the_scout_is_read_as_settings() -> None:
    found = ParameterScout().read(recorded("parameter_scout.txt"), BASELINE)
    assert found.settings.threads == found.settings.threads_batch
    assert found.settings.flash_attn == "off"
    assert found.settings.n_batch in (256, 512, 1024)


def test_a_document_of_ours_is_read_as_settings_without_its_context() -> None:
    found = Tunesmith().read(recorded("tunesmith.json"), BASELINE)
    assert found.settings.n_ctx == BASELINE.n_ctx
    assert "times the defaults" in found.claim


@pytest.mark.parametrize("rival", all_rivals(), ids=lambda rival: rival.name)
@pytest.mark.parametrize(
    "output", ["", "Traceback (most recent call last):\n", "{\n", '{"winner": null, "reason": ""}']
)
def test_an_output_without_a_result_is_refused_with_words(rival: Rival, output: str) -> None:
    with pytest.raises(Unreadable, match="it "):
        rival.read(output, BASELINE)


@pytest.mark.parametrize("rival", all_rivals(), ids=lambda rival: rival.name)
def test_a_command_line_is_shown_without_where_things_lie(rival: Rival, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    place = Place(hidden / "m.gguf", hidden / "bin" / "python", hidden / "b" / "llama-bench", tmp_path)
    told = shown(rival.command(place), place)
    assert str(tmp_path) not in told
    assert "m.gguf" in told


def test_the_clock_stops_at_the_result_and_not_at_the_end(tmp_path: Path) -> None:
    program = "import time; print('result', flush=True); time.sleep(0.6)"
    ended = run_timed(
        [sys.executable, "-c", program],
        folder=tmp_path,
        limit_seconds=30,
        is_result=lambda line: line == "result\n",
    )
    assert ended.code == 0
    assert ended.result_seconds is not None
    assert ended.seconds - ended.result_seconds > 0.5


def test_a_search_that_takes_too_long_is_ended_with_its_children_and_said_to_be(tmp_path: Path) -> None:
    class Sleeper(Tunesmith):
        def command(self, place: Place) -> list[str]:
            nap = "[sys.executable, '-c', 'import time; time.sleep(60)']"
            child = f"import subprocess, sys; subprocess.run({nap})"
            return [sys.executable, "-c", child]

    place = Place(tmp_path / "m.gguf", Path(sys.executable), tmp_path / "b" / "llama-bench", tmp_path)
    found = search(Sleeper(), place, version="1", baseline=BASELINE, limit_seconds=0.5)
    assert found.failure == "not finished after 0 s"
    assert found.seconds < 10


def test_llama_bench_gets_the_threads_of_the_part_that_it_measures() -> None:
    settings = BASELINE.replace(threads=1, threads_batch=2, cpu_affinity=(0, 2), flash_attn="off")
    decode, prefill = (
        bench_arguments(settings, next(one for one in READINGS if one.kind == kind))
        for kind in ("decode", "prefill")
    )
    assert decode[decode.index("-t") + 1] == "1"
    assert prefill[prefill.index("-t") + 1] == "2"
    assert decode[decode.index("-C") + 1] == "0x5"
    assert decode[decode.index("-fa") + 1] == "off"


def test_our_own_measurement_gets_what_differs_from_the_defaults() -> None:
    response = next(one for one in READINGS if one.kind == "response")
    same = measure_arguments(BASELINE, BASELINE, response)
    other = measure_arguments(BASELINE.replace(n_ubatch=320, use_extra_bufts=False), BASELINE, response)
    assert set(other) - set(same) == {"--ubatch-size", "320", "--repack", "off"}


def test_a_ratio_is_free_of_what_all_contestants_of_a_round_share() -> None:
    comparison = a_comparison(SPEEDS, SECONDS)
    for name in ("response", "ours", "balanced", "chat decode"):
        found = against(comparison, name, "Tunesmith", DEFAULTS)
        assert found is not None
        assert found.median == pytest.approx(1.1, rel=0.01)
        assert found.low is not None and found.low > 1.08  # noqa: PT018


def test_a_response_is_put_together_from_both_parts() -> None:
    comparison = a_comparison({DEFAULTS: 1.0}, {}, rounds=1)
    speed = next(iter(figure(comparison, DEFAULTS, "chat decode").values()))
    assert figure(comparison, DEFAULTS, "response")[1] == pytest.approx(speed / (256 + 128))


def test_who_ends_with_the_defaults_is_not_measured_apart_from_them() -> None:
    comparison = a_comparison(SPEEDS, SECONDS)
    same = comparison.model_copy(update={"searches": (a_search("Tunesmith", BASELINE, 9.0),)})
    assert list(same.different) == [DEFAULTS]
    ratio = against(same, "response", "Tunesmith", DEFAULTS)
    assert ratio is not None
    assert ratio.samples == (1.0,) * 6


def test_a_failed_process_costs_its_round_and_is_counted() -> None:
    comparison = a_comparison(SPEEDS, SECONDS)
    first = comparison.samples[0].model_copy(update={"values": (), "failure": "CalledProcessError"})
    cut = comparison.model_copy(update={"samples": (first, *comparison.samples[1:])})
    assert 1 not in figure(cut, first.contestant, first.reading)
    assert "of which 1 failed" in render(cut)


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ([1.1, 1.11, 1.1, 1.12], "faster"),
        ([0.995, 1.0, 1.004, 0.998], "not slower"),
        ([0.9, 0.91, 0.9, 0.89], "slower"),
        ([0.8, 1.2, 0.9, 1.1], "no difference shown"),
        ([1.5], "too few rounds to tell"),
    ],
)
def test_a_verdict_says_no_more_than_the_interval(ratios: list[float], said: str) -> None:
    assert verdict(quantity(ratios, interval="mean")) == said


def test_the_goal_is_said_to_be_reached_only_where_both_halves_are() -> None:
    (reached,) = claims(a_comparison(SPEEDS, SECONDS))
    assert "15.0 times as fast" in reached
    assert "reached" in reached
    assert "as meant" in reached
    (slow,) = claims(a_comparison(SPEEDS, {**SECONDS, "Tunesmith": 300.0}))
    assert "missed" in slow
    (worse,) = claims(a_comparison({**SPEEDS, "Tunesmith": 0.8}, SECONDS))
    assert "response slower" in worse
    assert "not all shown" in worse


def test_a_search_that_found_nothing_is_in_the_report_and_not_measured() -> None:
    comparison = a_comparison(SPEEDS, SECONDS)
    broken = a_search("llama-parameter-scout", None, 3.0)
    told = comparison.model_copy(update={"searches": (*comparison.searches, broken)})
    assert "llama-parameter-scout" not in told.contestants
    assert "found nothing" in render(told)


def test_a_record_read_back_gives_the_same_report(tmp_path: Path) -> None:
    comparison = a_comparison(SPEEDS, SECONDS)
    assert render(Comparison.model_validate_json(comparison.model_dump_json())) == render(comparison)


def test_the_published_page_shows_what_the_published_record_says(tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "docs" / "benchmarks"
    page = tmp_path / "page.md"
    published = (folder / "side-by-side.md").read_text("utf-8")
    page.write_text(published, "utf-8")
    fill(page, Comparison.model_validate_json((folder / "side-by-side.json").read_text("utf-8")))
    assert page.read_text("utf-8") == published


def test_changes_are_named_as_llama_cpp_names_them() -> None:
    assert changes(BASELINE, BASELINE) == "nothing"
    assert changes(BASELINE, BASELINE.replace(flash_attn="off", threads=1)) == "threads 1, flash_attn off"
