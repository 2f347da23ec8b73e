"""Own the claims about the commands in the guide: Tunesmith knows them, and scripts do as is said."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tunesmith.cli.main import wants_window
from tunesmith.cli.parser import build_parser

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SYNTAX = re.compile(r"[|\[…]|\boptions\b")
"""What is in a line that shows the grammar and not a command."""


def commands(page: Path) -> list[list[str]]:
    """The arguments of every command of a page's code, without what says grammar instead."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    code = "".join(body for kind, body in _FENCED.findall(text) if kind in ("sh", "yaml"))
    code += "".join(f"{line[4:]}\n" for line in _FENCED.sub("", text).splitlines() if line[:4] == "    ")
    found = []
    for line in code.splitlines():
        match = re.search(r"(?:^ *(?:- (?:run: )?|\$ )?|\|\| |; )(tunesmith(?: .*)?)$", line)
        if match is None or _SYNTAX.search(match[1]):
            continue
        words = re.split(r" {3,}(?!--)|\s#|\s2?>|;", match[1])[0]  # what stands beside it in a second column
        found.append(shlex.split(words)[1:])
    return found


def test_every_command_of_the_guide_is_understood() -> None:
    parser, known = build_parser(), 0
    for page in PAGES:
        for arguments in commands(page):
            known += 1
            if wants_window(arguments):
                continue
            headless = arguments[:1] == ["--headless"]
            try:
                parser.parse_args(["tune", *arguments[1:]] if headless else arguments)
            except SystemExit as ended:
                pytest.fail(f"{page.name}: tunesmith {shlex.join(arguments)}: {ended.code}")
    assert known > 50


def block(page: str, mark: str) -> str:
    """The code behind a comment such as ``<!-- gate -->``."""
    text = (DOCS / page).read_text("utf-8").partition(f"<!-- {mark} -->\n")[2]
    found = _FENCED.match(text)
    assert found is not None, mark
    return found[2]


@pytest.mark.skipif(sys.platform == "win32", reason="the script is for a POSIX shell")
@pytest.mark.parametrize(
    ("answer", "code", "says"), [(0, 0, "holds"), (5, 0, "busy"), (7, 7, "drifted"), (3, 3, "")]
)
def test_the_gate_fails_on_what_drifted_and_not_on_a_busy_machine(
    tmp_path: Path, answer: int, code: int, says: str
) -> None:
    stand_in = tmp_path / "tunesmith"
    stand_in.write_text(f"#!/bin/sh\nexit {answer}\n")
    stand_in.chmod(0o755)
    (tmp_path / "gate.sh").write_text(block("ci.md", "gate"))
    command = ["sh", str(tmp_path / "gate.sh"), "profile.json", "my model.gguf"]
    environ = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    assert says in done.stdout


def test_the_jobs_are_such_as_the_services_read() -> None:
    github = yaml.safe_load(block("ci.md", "github"))
    (job,) = github["jobs"].values()
    assert "self-hosted" in job["runs-on"]
    assert [step for step in job["steps"] if "gate.sh" in step.get("run", "")]
    (lab,) = yaml.safe_load(block("ci.md", "gitlab")).values()
    assert lab["allow_failure"]["exit_codes"] == [5]
    assert any(line.startswith("tunesmith verify") for line in lab["script"])
