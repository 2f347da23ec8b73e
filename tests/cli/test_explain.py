"""Own the claims about ``tunesmith profiles explain``, from a tune on a simulated machine."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.services.simulated_source import SimulatedSource
from tests.store.values import profile
from tests.support.cli import CommandLine
from tests.support.gguf_writer import tiny_llama
from tests.tuning.machines import TWO_CORE_VM
from tests.tuning.simulation import SimulatedMachine, Speeds, request
from tunesmith import assets
from tunesmith.domain.machine import machine_class
from tunesmith.domain.settings import Settings
from tunesmith.services import tune as service
from tunesmith.services.context import Surroundings
from tunesmith.services.profile_files import write_profile
from tunesmith.store import Store

SCHEMA = json.loads((assets.profiles_dir() / "schema/cli/explain.schema.json").read_text("utf-8"))
SURROUNDINGS = Surroundings(machine=TWO_CORE_VM, machine_class=machine_class(TWO_CORE_VM))


def truth(settings: Settings) -> Speeds:
    """Flash attention off is 15% faster, one thread much slower."""
    gain = 1.15 if settings.flash_attn == "off" else 1.0
    slow = 1.0 if settings.threads == settings.threads_batch == 2 else 0.7
    return Speeds().times(prefill=gain * slow, decode=gain * slow)


@pytest.fixture
def tuned(tunesmith: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a profile whose run is in the command line's store."""
    monkeypatch.setattr(service, "survey_machine", lambda _controls, **_named: SURROUNDINGS)
    monkeypatch.setenv("TUNESMITH_CACHE_DIR", tunesmith.environment["TUNESMITH_CACHE_DIR"])
    wanted = request().model_copy(update={"model_path": str(tiny_llama().write(tmp_path / "tiny.gguf"))})
    source = SimulatedSource(SimulatedMachine(truth=truth))
    with Store.open(Path(tunesmith.environment["TUNESMITH_STORE"])) as store:
        session = service.start_tune(wanted, store, make_source=lambda *_: source)
        made = session.result(timeout=120).profile
    assert made is not None
    return made.id


def test_a_profile_is_explained_candidate_by_candidate(tunesmith: CommandLine, tuned: str) -> None:
    done = tunesmith.inline("profiles", "explain", tuned, "--json")
    assert done.code == 0, done.err
    jsonschema.validate(done.document, SCHEMA)
    assert done.document["run_known"]
    assert done.document["sentence"]
    first = done.document["questions"][0]
    assert (first["stage"], first["winner"]) == ("flash_attn", "flash attention off")
    assert [row["state"] for row in first["candidates"]] == ["lost", "won"]
    assert all(row["why"] for question in done.document["questions"] for row in question["candidates"])
    assert done.document["changes"][0]["setting"] == "flash_attn"


def test_people_read_it_as_tables(tunesmith: CommandLine, tuned: str) -> None:
    done = tunesmith.inline("profiles", "explain", tuned)
    assert done.code == 0, done.err
    for words in ("1. Flash attention", "flash attention off", "reference", "slower than", "samples"):
        assert words in done.out
    assert done.err == ""


def test_an_imported_profile_is_told_to_have_no_run_here(tunesmith: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    write_profile(profile(), path)
    assert tunesmith.inline("profiles", "import", path).code == 0
    plain = tunesmith.inline("profiles", "explain", profile().id)
    assert plain.code == 0, plain.err
    assert "is not in this store" in plain.out
    assert "threads" in plain.out
    document = tunesmith.inline("profiles", "explain", profile().id, "--json").document
    jsonschema.validate(document, SCHEMA)
    assert (document["run_known"], document["questions"]) == (False, [])


def test_there_must_be_such_a_profile(tunesmith: CommandLine) -> None:
    done = tunesmith.inline("profiles", "explain", "nothing")
    assert done.code == 2
    assert "nothing" in done.err
