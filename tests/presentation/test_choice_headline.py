"""Claims about the headline over a choice of a quantization in which the source stays."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.store.values import measurement
from tunesmith.domain.choice import Contender
from tunesmith.presentation.choice_result_view import headline

SOURCE = Contender(label="F16 (source)", quantization="F16", is_source=True, state="picked")
OTHER = Contender(label="Q8_0", quantization="Q8_0", verdict="within")


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (OTHER.model_copy(update={"state": "beyond", "verdict": "beyond"}), "nothing else keeps your limit"),
        (OTHER, "the time ran out before another file's speed was measured"),
        (
            OTHER.model_copy(update={"state": "slower", "measured": measurement()}),
            "already the best here within your limit",
        ),
    ],
)
def test_why_the_source_stays_is_told_truly(other: Contender, words: str) -> None:
    result: Any = SimpleNamespace(
        contenders=(SOURCE, other), pick=SOURCE, outcome="source_is_best", seconds=60.0
    )
    assert words in headline(result).sentence
