"""Own the claims about a comparison at steady state as it runs: it keeps what it measured."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.heat import HotMachine
from tests.tuning.test_steady import WORKLOAD, threads
from tunesmith.domain.events import Event, Progress, TrialMeasured
from tunesmith.domain.steady import SteadyRequest
from tunesmith.errors import Interrupted, StoreError, TunesmithError, WorkerCrashed
from tunesmith.services.session import Controls, Stream
from tunesmith.services.steady import SteadyRun


def comparing(machine: HotMachine, events: list[Event], *, seconds: float = 240) -> SteadyRun:
    return SteadyRun(
        SteadyRequest(
            model_path="m.gguf", workload=WORKLOAD, compared=threads(2, 3), seconds=seconds,
            power_limit_watts=15.0,
        ),
        machine,
        stream=Stream(events.append),
        controls=Controls(),
        clock=machine.clock,
    )  # fmt: skip


def test_a_comparison_tells_how_far_it_is_and_each_sample_with_its_setting() -> None:
    events: list[Event] = []
    compared, code = comparing(HotMachine(), events).run()
    assert code == 0
    assert (compared.end, compared.planned_blocks, compared.block_seconds) == ("finished", 4, 30)
    assert compared.seconds == pytest.approx(240, abs=10)
    assert compared.power_limit_watts == 15.0
    assert len(compared.blocks) == 8
    assert compared.findings is not None
    assert compared.findings.holds_most == 0
    steps = [event.step for event in events if isinstance(event, Progress)]
    assert any(step.startswith("threads=3, block 4: decode 7") for step in steps)
    measured = [event for event in events if isinstance(event, TrialMeasured)]
    assert len(measured) == len(compared.samples)
    assert {event.candidate for event in measured} == {"threads=2", "threads=3"}


@pytest.mark.parametrize(
    ("error", "end", "code"),
    [
        (Interrupted("stopped"), "interrupted", 130), (WorkerCrashed("It crashed."), "failed", 1),
        (StoreError("The disk is full."), "failed", 6),
    ],
)  # fmt: skip
def test_what_was_compared_is_kept_however_it_ends(error: TunesmithError, end: str, code: int) -> None:
    compared, told = comparing(HotMachine(fault=after(150, error)), []).run()
    assert (compared.end, told) == (end, code)
    assert compared.findings is not None
    assert compared.findings.rounds == 2
    assert max(sample.block for sample in compared.samples) == 2


def test_an_end_within_the_first_round_leaves_samples_and_no_findings() -> None:
    compared, _ = comparing(HotMachine(fault=after(20, Interrupted("stopped"))), []).run()
    assert compared.samples
    assert compared.findings is None
    assert compared.blocks == ()


def test_an_end_before_the_first_sample_is_an_error() -> None:
    with pytest.raises(Interrupted):
        comparing(HotMachine(fault=after(-1, Interrupted("stopped"))), []).run()


def after(seconds: float, error: TunesmithError) -> Callable[[float], None]:
    def fault(now: float) -> None:
        if now > seconds:
            raise error

    return fault
