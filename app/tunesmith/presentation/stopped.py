"""Own what is said when a run was stopped."""

from __future__ import annotations

from tunesmith.wording import tr, trn


def stopped_words(samples: int, *, resumable: bool) -> str:
    """What a stop leaves behind, and how to go on where that is possible."""
    if samples and resumable:
        return trn(
            "Stopped. {count} sample is kept; resume the run to go on from there.",
            "Stopped. {count} samples are kept; resume the run to go on from there.",
            samples,
        )
    if samples:
        return trn("Stopped. {count} sample is kept.", "Stopped. {count} samples are kept.", samples)
    if resumable:
        return tr("Stopped. Nothing was measured; resume the run to go on from there.")
    return tr("Stopped. Nothing was measured.")
