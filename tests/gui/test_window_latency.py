"""Claims about what the benchmark of the event loop says, however the tune ends."""

from __future__ import annotations

from tests.benchmarks.window_latency import report
from tunesmith.errors import NoisyMachineError

LATE_MS = [1.0] * 199 + [60.0]


def said(outcome: object, late_ms: list[float]) -> str:
    return "\n".join(report(outcome, late_ms, wall=10.0, cpu=0.2, drawn=0.1))


def test_it_tells_samples_p99_and_the_worst_also_of_a_tune_too_noisy_to_tell() -> None:
    text = said(NoisyMachineError("The machine was too noisy to tell."), LATE_MS)
    assert text.startswith("the tune ended NoisyMachineError: The machine was too noisy to tell.")
    assert "200 samples in 10 s" in text
    assert "worst 60.0 ms; 1 over 50 ms" in text
    assert "p99 under 50 ms: yes; worst under 200 ms: yes" in text


def test_it_tells_a_result_and_that_an_aim_was_missed() -> None:
    text = said(object(), [*LATE_MS, 300.0, 400.0, 500.0])
    assert text.startswith("the tune ended with a result")
    assert "p99 under 50 ms: no; worst under 200 ms: no" in text


def test_a_tune_that_ended_at_once_has_no_numbers() -> None:
    assert "0 samples" in said(NoisyMachineError("no"), [])
