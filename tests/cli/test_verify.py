"""Claims about ``tunesmith verify`` as scripts and monitoring use it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.services.test_verify import machine, tuned, verify
from tests.store.values import identity
from tests.support.cli import CommandLine
from tests.support.real_profile import claiming, real_profile
from tunesmith import assets
from tunesmith.cli.verify import EXIT_CODES
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.verification import Verification
from tunesmith.presentation.verify_text import prometheus_text, verify_report
from tunesmith.services.profile_files import write_profile

_LINE = re.compile(r'([a-z_]+)\{((?:[a-z0-9_]+="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)*)\} (-?[0-9.e+-]+)')


def schema() -> Any:
    return json.loads((assets.profiles_dir() / "schema/cli/verify.schema.json").read_text("utf-8"))


def metrics(text: str) -> dict[str, list[tuple[str, float]]]:
    """Prometheus's text format, read line by line; anything else fails."""
    found: dict[str, list[tuple[str, float]]] = {}
    for line in text.splitlines():
        if line.startswith("# "):
            assert re.fullmatch(r"# (HELP|TYPE) [a-z_]+ .+", line), line
            continue
        match = _LINE.fullmatch(line)
        assert match, line
        found.setdefault(match[1], []).append((match[2], float(match[3])))
    assert text.endswith("\n")
    return found


@pytest.fixture(scope="module")
def measured(smollm2_path: Path) -> TunedProfile:
    """A profile that was measured a moment ago."""
    return real_profile(smollm2_path)


@pytest.mark.model
def test_beside_burning_cores_nothing_is_told(
    tunesmith: CommandLine, smollm2_path: Path, measured: TunedProfile
) -> None:
    """A claim that is false is not confirmed, and none that is true called false."""
    path = tunesmith.folder / "profile.json"
    write_profile(measured, path)
    burn = [sys.executable, "-c", "while True: pass"]
    burning = [subprocess.Popen(burn) for _ in range(os.cpu_count() or 1)]
    try:
        done = tunesmith(
            "verify", path, "--model", smollm2_path, "--budget", "8s", "--json", "--quiet"
        )  # fmt: skip
    finally:
        for each in burning:
            each.kill()
            each.wait()
    assert done.code == 5, done.out
    assert (done.document["answer"], done.document["cause"]) == ("cannot_tell", "load")
    assert done.document["disturbed"] >= 1


@pytest.mark.model
def test_a_profile_measured_a_moment_ago_holds_and_one_doctored_to_claim_more_has_drifted(
    tunesmith: CommandLine, smollm2_path: Path, measured: TunedProfile
) -> None:
    honest, doctored = tunesmith.folder / "honest.json", tunesmith.folder / "doctored.json"
    write_profile(measured, honest)
    write_profile(claiming(measured, 3.0), doctored)
    for path, wrong in ((honest, "drifted"), (doctored, "holds")):
        prom, kept = tunesmith.folder / "tunesmith.prom", tunesmith.folder / "kept.json"
        done = tunesmith(
            "verify", path, "--model", smollm2_path, "--budget", "6s", "--json", "--quiet",
            "--prometheus", prom, "--output", kept,
        )  # fmt: skip
        assert done.code in (0, 5, 7), done.err
        jsonschema.validate(done.document, schema())
        found = Verification.model_validate_json(done.out)
        assert done.code == EXIT_CODES[found.answer]
        # on a machine that others use it may be that nothing can be told; never the opposite
        assert found.answer != wrong, found.sentence
        assert found.starts >= 1
        assert (found.model_matches, found.build_matches, found.class_matches) == (True, True, True)
        assert Verification.model_validate_json(kept.read_text("utf-8")) == found
        answers = dict(metrics(prom.read_text("utf-8"))["tunesmith_verify_answer"])
        assert next(labels for labels, value in answers.items() if value == 1.0).endswith(
            f'answer="{found.answer}"'
        )
    assert not (tunesmith.folder / "store.sqlite3").exists()


@pytest.mark.model
def test_a_file_of_another_content_is_refused_with_7(tunesmith: CommandLine, smollm2_path: Path) -> None:
    path = tunesmith.folder / "profile.json"
    write_profile(tuned(machine(6)).model_copy(update={"model": identity("00" * 32)}), path)
    done = tunesmith("verify", path, "--model", smollm2_path, "--json", "--quiet")
    assert done.code == 7, done.err
    assert done.document["cause"] == "model"
    assert done.document["starts"] == 0


def test_a_profile_whose_model_is_nowhere_says_how_to_name_it(tunesmith: CommandLine) -> None:
    path = tunesmith.folder / "profile.json"
    write_profile(tuned(machine(6)), path)
    done = tunesmith.inline("verify", path)
    assert done.code == 3
    assert "--model" in done.err


def test_a_margin_of_nothing_is_refused(tunesmith: CommandLine) -> None:
    path = tunesmith.folder / "profile.json"
    write_profile(tuned(machine(6)), path)
    assert tunesmith.inline("verify", path, "--margin", "0%").code == 2


def test_a_profile_that_is_not_there_is_named(tunesmith: CommandLine) -> None:
    tunesmith.inline("profiles", "list")
    assert tunesmith.inline("verify", "nothing").code == 2


def test_the_report_says_the_answer_first() -> None:
    import io

    from rich.console import Console

    out = Console(file=io.StringIO(), width=100)
    for part in verify_report(verify(tuned(machine(6), claim=1.3), machine(7))):
        out.print(part)
    text = out.file.getvalue()  # type: ignore[attr-defined]
    assert text.startswith("The profile has drifted:")
    assert "16 fresh processes" in text


def test_any_name_stays_in_its_label() -> None:
    evil = 'a"} 1\nevil_metric{b="c\\ \x1b[31m ü €'
    found = verify(tuned(machine(6)).model_copy(update={"name": evil}), machine(7))
    read = metrics(prometheus_text(found))
    assert "evil_metric" not in read
    assert len(read["tunesmith_verify_answer"]) == 3
    assert sum(value for _, value in read["tunesmith_verify_answer"]) == 1
    assert read["tunesmith_verify_finished_timestamp_seconds"][0][1] > 1.7e9


def test_what_is_not_known_is_absent() -> None:
    found = verify(tuned(machine(6)), machine(7, busy=lambda _n, _r: True))
    assert "tunesmith_verify_speed_ratio" not in metrics(prometheus_text(found))
