"""Claims about the sentence that a choice of a quantization ends with."""

from __future__ import annotations

import pytest

from tests.store.values import measurement
from tunesmith.domain.choice import Contender, ContenderState
from tunesmith.domain.quality import Verdict
from tunesmith.services.choose_result import choice_sentence

SOURCE = Contender(label="F16 (source)", quantization="F16", is_source=True, state="picked")


def _other(state: ContenderState, verdict: Verdict, *, raced: bool = False) -> Contender:
    return Contender(
        label="Q8_0", quantization="Q8_0", state=state, verdict=verdict,
        measured=measurement() if raced else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (_other("beyond", "beyond"), "no other file is within the quality limit"),
        (_other("waiting", "within"), "the time ran out before the speed of another file was measured"),
        (_other("tied", "undecided"), "the time ran out before the speed of another file was measured"),
        (_other("slower", "within", raced=True), "no file within the quality limit was proven faster"),
        (_other("tied", "within", raced=True), "no file within the quality limit was proven faster"),
    ],
)
def test_why_the_source_stays_is_told_truly(other: Contender, words: str) -> None:
    assert choice_sentence("source_is_best", SOURCE, (SOURCE, other), None) == f"F16 (source) stays: {words}"
