"""Claims about ``tunesmith machine``."""

from __future__ import annotations

import dataclasses

import pytest

from tests.domain.test_bandwidth import FALLING
from tests.support.cli import CommandLine
from tunesmith.cli import facts
from tunesmith.services.context import Surroundings


def test_memory_is_measured_anew_only_when_asked_for(
    tunesmith: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(found: Surroundings, _store: object) -> Surroundings:
        machine = found.machine.model_copy(update={"memory_bandwidth": FALLING})
        return dataclasses.replace(found, machine=machine)

    monkeypatch.setattr(facts, "remeasured", measure)
    assert tunesmith.inline("machine", "--json").document["machine"]["memory_bandwidth"] is None
    told = tunesmith.inline("machine", "--remeasure", "--json").document["machine"]["memory_bandwidth"]
    assert told["threads"] == 2
    assert told["others"] == []
    assert "16.0 GB/s" in tunesmith.inline("machine", "--remeasure").out
