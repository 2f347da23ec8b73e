"""Claims about what ``doctor`` asks of the network: nothing, unless it is told to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import CommandLine
from tests.support.no_network import no_network
from tunesmith.cli import facts
from tunesmith.services import updates
from tunesmith.services.check import Check
from tunesmith.services.updates import Releases
from tunesmith.settings import Preferences, save_preferences


@pytest.fixture
def command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setattr(facts, "examine", lambda _store: [Check(name="engine", status="ok", what="starts")])
    monkeypatch.setattr(
        updates, "RELEASES", Releases("https://releases.invalid/r", "https://releases.invalid")
    )
    made = CommandLine(tmp_path)
    save_preferences(tmp_path / "config", Preferences(update_notice=True))
    return made


def test_the_network_is_asked_only_when_doctor_is_told_to(command_line: CommandLine) -> None:
    with no_network() as tried:
        done = command_line.inline("doctor", "--json")
        assert [check["name"] for check in done.document["checks"]] == ["engine"]
        assert tried == [], "the window's preference holds for the window"
        done = command_line.inline("doctor", "--json", "--updates")
    assert any("releases.invalid" in one for one in tried)
    checks = {check["name"]: check for check in done.document["checks"]}
    assert checks["updates"]["status"] == "warning"
    assert done.code == 0, "what is out elsewhere is no fault of this installation"
