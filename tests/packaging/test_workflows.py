"""Claims about the workflows for hosted runners: they name what is there, and may do what they need."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.packaging.scripts import FOLDER

ROOT = FOLDER.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SECRETS = {
    "MACOS_CERTIFICATE", "MACOS_CERTIFICATE_PASSWORD", "NOTARY_APPLE_ID", "NOTARY_TEAM_ID", "NOTARY_PASSWORD",
}  # fmt: skip
"""The owner's keys, all of them optional; docs/releasing.md names them."""


def workflow(path: Path) -> dict[str, Any]:
    loaded = yaml.safe_load(path.read_text("utf-8"))
    assert isinstance(loaded, dict)
    return loaded


pytestmark = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def test_every_script_named_is_there(path: Path) -> None:
    text = path.read_text("utf-8").replace("\\", "/")
    named = set(re.findall(r"(?:packaging/[\w./-]+\.\w+|\.ci/\w+)", text))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []
    begun = set(re.findall(r"(?:run: |sudo )(packaging/[\w./-]+\.sh)", text))
    assert [name for name in sorted(begun) if not os.access(ROOT / name, os.X_OK)] == []


def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it(path: Path) -> None:
    lines = [line for line in path.read_text("utf-8").splitlines() if "uses:" in line]
    assert lines
    for line in lines:
        assert re.fullmatch(r" +(- )?uses: actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_only_the_draft_may_be_written(path: Path) -> None:
    found = workflow(path)
    assert found["permissions"] == {}
    for name, job in found["jobs"].items():
        assert job["permissions"] == {"contents": "write" if name == "release" else "read"}
        assert job["timeout-minutes"] <= 150
        checkouts = [step for step in job["steps"] if "checkout" in step.get("uses", "")]
        assert [step["with"]["persist-credentials"] for step in checkouts] == [False]


def test_no_secret_is_needed_but_the_owners_keys(path: Path) -> None:
    text = path.read_text("utf-8")
    assert set(re.findall(r"secrets\.(\w+)", text)) <= SECRETS
    guide = (ROOT / "docs" / "releasing.md").read_text("utf-8")
    for name in set(re.findall(r"(?:secrets|vars)\.(\w+)", text)):
        assert name in guide


def test_nothing_of_a_visitor_is_put_into_a_script(path: Path) -> None:
    for job in workflow(path)["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), "it goes by the environment"
