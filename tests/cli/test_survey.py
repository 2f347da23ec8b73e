"""Own the claims about ``tunesmith survey``: on a real model, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from tests.support.cli import CommandLine
from tests.support.gguf_writer import tiny_llama
from tunesmith import assets
from tunesmith.cli.survey import restricted_to
from tunesmith.domain.events import Event
from tunesmith.domain.request import SearchRules, TuneRequest
from tunesmith.domain.workload import BUDGETS, Constraints, Objective
from tunesmith.errors import UsageError
from tunesmith.services.surface_files import read_surface
from tunesmith.tuning.replay import ReplayMeter
from tunesmith.tuning.tuner import Tuner

SCHEMA = json.loads((assets.profiles_dir() / "schema/cli/survey-summary.schema.json").read_text("utf-8"))
SMALL = (
    "--workload", "prompt=48,generate=12,depth=32", "--vary", "threads,flash_attn",
    "--axis", "threads=1,2", "--axis", "flash_attn=auto,off", "--rounds", "2",
)  # fmt: skip


@pytest.mark.model
def test_a_surveyed_grid_can_be_searched_again_without_the_model(
    tunesmith: CommandLine, smollm2_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.surface.json.gz"
    done = tunesmith("survey", smollm2_path, *SMALL, "--title", "Tiny", "--output", path, "--json")
    assert done.code == 0, done.err
    document = done.document
    jsonschema.validate(document, SCHEMA)
    assert "Surveying" in done.err
    assert not (tmp_path / "store.sqlite3").exists()
    assert (document["path"], document["title"], document["rounds"]) == (str(path), "Tiny", 2)
    assert set(document["best"]) == {"response", "prefill", "decode"}
    assert all(best["speedup"] >= 1 for best in document["best"].values())

    surface = read_surface(path)
    grid = list(surface.grid())
    assert document["grid"] == len(grid) == len(surface.axes["threads"]) * 2
    assert document["samples"] == 2 * len(surface.cells) == document["cells"] * 2
    assert surface.costs.process > 0
    assert surface.costs.load > 0

    request = TuneRequest(
        model_path="recorded", workload=surface.workload, objective=Objective(), constraints=Constraints(),
        budget=BUDGETS["standard"], rules=SearchRules(vary=tuple(surface.axes)), preset=None, seed=1,
    )  # fmt: skip
    events: list[Event] = []
    meter = ReplayMeter(surface, seed=1)
    tuner = Tuner(
        request, baseline=surface.baseline, machine=surface.machine, meter=meter, emit=events.append
    )
    found = tuner.search(surface.baseline)
    assert found.settings in grid
    assert meter.samples > 6
    assert meter.spent_seconds > surface.costs.process + surface.costs.load


@pytest.mark.model
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to another process")
def test_ctrl_c_ends_a_survey_keeps_nothing_and_says_so(
    tunesmith: CommandLine, smollm2_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.surface.json.gz"
    process = tunesmith.start("survey", smollm2_path, *SMALL, "--rounds", "500", "--output", path)
    assert process.stderr is not None
    while "round 1" not in (line := process.stderr.readline()):
        assert line
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "nothing of it is kept" in err
    assert "Traceback" not in err
    assert [file.name for file in tmp_path.iterdir() if "surface" in file.name] == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--preset", "chat", "--workload", "prompt=8"), 2, "say two things"),
        (("--rounds", "0"), 2, "--rounds is 1 to"),
        (("--vary", " , "), 2, "names no settings"),
        (("--axis", "threads"), 2, "names no values"),
        (("--axis", "threads=0"), 2, "threads cannot be 0"),
        (("--axis", "ctx=4096"), 2, "belongs to the workload"),
        (("--pace", "soon"), 2, "no positive time"),
        (("--affinity", "x"), 2, "no list of CPUs"),
        (("--output", "nowhere/a.gz"), 6, "no folder nowhere"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(
    arguments: tuple[str, ...], code: int, words: str, tunesmith: CommandLine, tmp_path: Path
) -> None:
    model = tiny_llama().write(tmp_path / "tiny.gguf")
    done = tunesmith.inline("survey", model, *arguments)
    assert done.code == code, done.err
    assert words in done.err


def test_an_earlier_survey_is_not_replaced_unasked(
    tunesmith: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = tiny_llama().write(tmp_path / "tiny.gguf")
    kept = tmp_path / "tiny-chat.surface.json.gz"
    kept.write_bytes(b"precious")
    done = tunesmith.inline("survey", model)
    assert done.code == 2
    assert "--output" in done.err
    assert kept.read_bytes() == b"precious"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no processes")
def test_a_survey_can_be_kept_to_some_cpus() -> None:
    before = os.sched_getaffinity(0)
    one = min(before)
    with restricted_to((one,)):
        assert os.sched_getaffinity(0) == {one}
    assert os.sched_getaffinity(0) == before
    with pytest.raises(UsageError, match="may not be used"), restricted_to((4000,)):
        pass
