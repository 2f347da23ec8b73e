"""Own how the memory that a tune left free reads, and how llama.cpp's own --fit compares."""

from __future__ import annotations

from tunesmith.domain.digits import fixed
from tunesmith.domain.gain import times_words
from tunesmith.domain.profile import FitComparison, Safety
from tunesmith.domain.workload import ObjectiveName
from tunesmith.presentation.numbers import bytes_text
from tunesmith.wording import tr


def safety_sentence(safety: Safety | None) -> str:
    """What was really run, and what it left; empty where no device was used."""
    if safety is None or not safety.devices:
        return ""
    left = ", ".join(
        tr(
            "{free} of {device} (at least {margin} are kept)",
            free=bytes_text(room.least_free_bytes), device=room.name, margin=bytes_text(room.margin_bytes),
        )
        for room in safety.devices
    )  # fmt: skip
    return tr(
        "Run with the workload's longest prompt, {tokens} tokens; it left free {left}.",
        tokens=safety.longest_prompt_tokens, left=left,
    )  # fmt: skip


def fit_sentence(fit: FitComparison | None, objective: ObjectiveName) -> str:
    """How what is kept compares with --fit, in what was made best; empty where no device is there."""
    if fit is None:
        return ""
    if fit.same_as == "tuned":
        return tr("llama.cpp's --fit would set the same.")
    if fit.speedup is None:
        if fit.same_as == "baseline":
            return tr("llama.cpp's --fit would leave the defaults as they are.")
        return tr("What llama.cpp's --fit would set was not measured to the end.")
    speedup = fit.speedup
    ratio = fixed(speedup.median, 2)
    if speedup.low is not None and speedup.high is not None:
        ratio = f"{ratio} ({fixed(speedup.low, 2)}–{fixed(speedup.high, 2)})"
    times = times_words(objective, ratio)
    if fit.same_as == "baseline":
        return tr("llama.cpp's --fit would leave the defaults as they are: {times}.", times=times)
    return tr("Against what llama.cpp's --fit would set: {times}.", times=times)
