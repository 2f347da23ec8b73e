"""Claims about what is said when a run was stopped."""

from __future__ import annotations

import pytest

from tunesmith.presentation.stopped import stopped_words


@pytest.mark.parametrize(
    ("samples", "resumable", "said"),
    [
        (12, True, "Stopped. 12 samples are kept; resume the run to go on from there."),
        (1, True, "Stopped. 1 sample is kept; resume the run to go on from there."),
        (3, False, "Stopped. 3 samples are kept."),
        (0, True, "Stopped. Nothing was measured; resume the run to go on from there."),
        (0, False, "Stopped. Nothing was measured."),
    ],
)
def test_it_says_what_is_kept_and_how_to_go_on(samples: int, resumable: bool, said: str) -> None:
    assert stopped_words(samples, resumable=resumable) == said
